// Scripts that run too long: who is served meanwhile, who ends them, and what must not happen before they end. The
// expected texts are those of a running redis-server 7.0.15.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "replication/data/data_digest.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

constexpr std::string_view kBusy =
    "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
constexpr std::string_view kEndless = "while true do end";
constexpr std::string_view kEndlessWriter = "redis.call('set','half','1') while true do end";
// Some 40 slices.
constexpr std::string_view kLong =
    "redis.call('rpush','l','1') for i=1,1000000 do i=i+1 end redis.call('rpush','l','2') return 'done'";

struct Busy {
  World world;
  Box& node;
  ClientId caller = 0;
  explicit Busy(const std::function<void(Settings&)>& change = {}) : node(world.Add("node", change)) {
    Slow(node);
    caller = world.Open(node);
  }
  static void Slow(Box& box) { box.clock_step = base::Seconds(3); }
  bool suspended() const { return node.state().scripts.turns.suspended; }
  // The script ends by itself.
  void Finish() {
    for (int i = 0; i < 1000 && suspended(); ++i) world.Settle();
    REQUIRE_FALSE(suspended());
  }
};

}  // namespace

TEST_CASE("script turns: others hear BUSY, and somebody may end it") {
  Busy busy;
  auto& [world, node, caller] = busy;
  CHECK(world.Do(node, {"SCRIPT", "KILL"}) == "-NOTBUSY No scripts in execution right now.\r\n");
  for (const std::string_view script : {kEndless, std::string_view("while true do redis.call('get','a') end"),
                                        std::string_view("while true do pcall(redis.call,'nosuch') end"),
                                        std::string_view("while true do coroutine.wrap(function() while true do end "
                                                         "end)() end")}) {
    INFO(script);
    world.Send(node, caller, {"EVAL", script, "0"});
    REQUIRE(busy.suspended());
    CHECK(node.Said("Slow script detected"));
    CHECK(world.Received(node, caller).empty());
    CHECK(world.Do(node, {"PING"}) == kBusy);
    CHECK(world.Do(node, {"EVAL", "return 1", "0"}) == kBusy);
    CHECK(world.Do(node, {"SHUTDOWN"}) == kBusy);
    CHECK(world.Do(node, {"SHUTDOWN", "SAVE"}) == kBusy);
    CHECK(world.Do(node, {"NOSUCH"}).starts_with("-ERR unknown command"));
    CHECK(world.Do(node, {"UNWATCH"}) == "+OK\r\n");
    CHECK(world.Do(node, {"SCRIPT", "KILL"}) == "+OK\r\n");
    busy.Finish();
    CHECK(world.Received(node, caller).starts_with("-ERR Script killed by user with SCRIPT KILL... script: "));
    CHECK(world.Do(node, {"PING"}) == "+PONG\r\n");
  }
}

TEST_CASE("script turns: a quick script, and any with the threshold at 0, runs in one go") {
  Busy busy([](Settings& settings) { settings.busy_reply_threshold = base::Millis(0); });
  auto& [world, node, caller] = busy;
  CHECK(world.Do(node, {"EVAL", kLong, "0"}) == "$4\r\ndone\r\n");
  CHECK(world.Do(node, {"CONFIG", "SET", "lua-time-limit", "1000000"}) == "+OK\r\n");
  CHECK(world.Do(node, {"EVAL", kLong, "0"}) == "$4\r\ndone\r\n");
  CHECK_FALSE(node.Said("Slow script"));
  CHECK(world.Do(node, {"CONFIG", "GET", "busy-reply-threshold"}) ==
        "*2\r\n$20\r\nbusy-reply-threshold\r\n$7\r\n1000000\r\n");
}

TEST_CASE("script turns: what has written cannot be ended, but the node can") {
  Busy busy;
  auto& [world, node, caller] = busy;
  world.Send(node, caller, {"EVAL", kEndlessWriter, "0"});
  REQUIRE(busy.suspended());
  CHECK(world.Do(node, {"SCRIPT", "KILL"}).starts_with("-UNKILLABLE Sorry the script already executed write commands"));
  CHECK(world.Do(node, {"FUNCTION", "KILL"}).starts_with("-"));
  CHECK_FALSE(node.stopped);
  world.Do(node, {"SHUTDOWN", "NOSAVE"});
  CHECK(node.stopped == 0);
}

TEST_CASE("script turns: what the caller sent behind it, and what it was answered before") {
  Busy busy;
  auto& [world, node, caller] = busy;
  std::string bytes;
  resp::AppendCommand(bytes, {"SET", "a", "1"});
  resp::AppendCommand(bytes, {"EVAL", kLong, "0"});
  resp::AppendCommand(bytes, {"GET", "a"});
  world.SendRaw(node, caller, bytes);
  REQUIRE(busy.suspended());
  CHECK(world.Received(node, caller) == "+OK\r\n");
  busy.Finish();
  CHECK(world.Received(node, caller) == "$4\r\ndone\r\n$1\r\n1\r\n");
}

TEST_CASE("script turns: inside EXEC the rest follows when it has ended") {
  Busy busy;
  auto& [world, node, caller] = busy;
  const ClientId other = world.Open(node);
  for (const auto& words : {std::vector<std::string_view>{"MULTI"},
                            {"SET", "a", "1"},
                            {"EVAL", kLong, "0"},
                            {"EVAL", "return 7", "0"},
                            {"INCR", "a"}}) {
    std::string bytes;
    resp::AppendCommand(bytes, words);
    world.SendRaw(node, caller, bytes);
  }
  world.Received(node, caller);
  world.Send(node, caller, {"EXEC"});
  REQUIRE(busy.suspended());
  CHECK(world.Received(node, caller).empty());
  // A transaction that begins meanwhile cannot be filled.
  world.Send(node, other, {"MULTI"});
  world.Send(node, other, {"INCR", "a"});
  CHECK(world.Received(node, other) == fmt::format("+OK\r\n{}", kBusy));
  busy.Finish();
  CHECK(world.Received(node, caller) == "*4\r\n+OK\r\n$4\r\ndone\r\n:7\r\n:2\r\n");
  world.Send(node, other, {"EXEC"});
  CHECK(world.Received(node, other) == "-EXECABORT Transaction discarded because of previous errors.\r\n");
}

TEST_CASE("script turns: the caller may leave; its script goes on") {
  Busy busy;
  auto& [world, node, caller] = busy;
  world.Send(node, caller, {"EVAL", kLong, "0"});
  REQUIRE(busy.suspended());
  world.Hang(node, caller);
  busy.Finish();
  CHECK(node->clients().Find(caller) == nullptr);
  CHECK(world.Do(node, {"LLEN", "l"}) == ":2\r\n");
}

TEST_CASE("script turns: replicas, blocked clients and keys' ends see all of it or nothing") {
  World world;
  Box& master = world.Add("master");
  Box& replica = world.Add("replica", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  world.Settle();
  Busy::Slow(master);
  const ClientId blocked = world.Open(master);
  world.Send(master, blocked, {"BLPOP", "l", "0"});
  world.Do(master, {"SET", "short", "1", "PX", "50"});
  const ClientId caller = world.Open(master);
  world.Send(master, caller,
             {"EVAL",
              "redis.call('rpush','l','1') for i=1,1000000 do i=i+1 end redis.call('del','l') "
              "redis.call('rpush','l','2') return redis.call('get','short')",
              "0"});
  REQUIRE(master.state().scripts.turns.suspended);
  Box& late = world.Add("late", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  world.Pass(base::Millis(100));
  if (master.state().scripts.turns.suspended) {
    CHECK(world.Received(master, blocked).empty());
    CHECK(world.Do(replica, {"EXISTS", "l"}) == ":0\r\n");
  }
  for (int i = 0; i < 1000 && master.state().scripts.turns.suspended; ++i) world.Settle();
  // Time stood still in it.
  CHECK(world.Received(master, caller) == "$1\r\n1\r\n");
  CHECK(world.Received(master, blocked) == "*2\r\n$1\r\nl\r\n$1\r\n2\r\n");
  CHECK(world.PassUntil([&] { return late.state().link_up() && late.state().applied == master.state().applied; }));
  const auto digest = [](Box& box) { return data::DataDigest(box.node->state().keyspace); };
  CHECK(digest(master) == digest(replica));
  CHECK(digest(master) == digest(late));
}

TEST_CASE("script turns: a replica keeps its master's stream until its script has ended") {
  World world;
  Box& master = world.Add("master");
  Box& replica = world.Add("replica", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  world.Settle();
  Busy::Slow(replica);
  const ClientId caller = world.Open(replica);
  world.Send(replica, caller, {"EVAL", kEndless, "0"});
  REQUIRE(replica.state().scripts.turns.suspended);
  world.Do(master, {"SET", "a", "1"});
  world.Do(master, {"SET", "b", "1"});
  CHECK(replica.state().applied < master.state().applied);
  CHECK(world.Do(replica, {"SCRIPT", "KILL"}) == "+OK\r\n");
  CHECK(world.PassUntil([&] { return replica.state().applied == master.state().applied; }));
  CHECK(world.Do(replica, {"MGET", "a", "b"}) == "*2\r\n$1\r\n1\r\n$1\r\n1\r\n");
  // The same when the link is lost meanwhile.
  world.Send(replica, caller, {"EVAL", kEndless, "0"});
  REQUIRE(replica.state().scripts.turns.suspended);
  world.Do(master, {"SET", "c", "1"});
  world.Cut(replica);
  world.Pass(base::Seconds(2));
  CHECK(world.Do(replica, {"SCRIPT", "KILL"}) == "+OK\r\n");
  CHECK(
      world.PassUntil([&] { return replica.state().link_up() && replica.state().applied == master.state().applied; }));
  CHECK(world.Do(replica, {"GET", "c"}) == "$1\r\n1\r\n");
}

TEST_CASE("script turns: a node that ends takes the script along") {
  Busy busy;
  auto& [world, node, caller] = busy;
  world.Send(node, caller, {"EVAL", kEndlessWriter, "0"});
  REQUIRE(busy.suspended());
  world.Kill(node);
  world.Restart(node);
  CHECK(world.Do(node, {"PING"}) == "+PONG\r\n");
}

TEST_CASE("script turns: SIGTERM ends a script that only reads") {
  Busy busy;
  auto& [world, node, caller] = busy;
  world.Send(node, caller, {"EVAL", kEndless, "0"});
  REQUIRE(busy.suspended());
  node->RequestShutdown(world.now);
  CHECK_FALSE(node.stopped);
  busy.Finish();
  CHECK(node.stopped == 0);
}

TEST_CASE("script turns: nothing is evicted before the script has ended") {
  World world;
  Box& master = world.Add("master", [](Settings& settings) { settings.maxmemory_policy = "allkeys-random"; });
  Box& replica = world.Add("replica", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  world.Settle();
  world.Do(master, {"CONFIG", "SET", "maxmemory", "1mb"});
  Busy::Slow(master);
  const ClientId caller = world.Open(master);
  world.Send(
      master, caller,
      {"EVAL",
       "for i=1,300 do redis.call('set','k'..i,string.rep('x',10000)) end for i=1,3000000 do i=i+1 end return 1", "0"});
  REQUIRE(master.state().scripts.turns.suspended);
  world.Pass(base::Millis(100));
  if (master.state().scripts.turns.suspended) CHECK(world.Do(replica, {"DBSIZE"}) == ":0\r\n");
  for (int i = 0; i < 1000 && master.state().scripts.turns.suspended; ++i) world.Settle();
  CHECK(world.Received(master, caller) == ":1\r\n");
  CHECK(world.PassUntil([&] { return replica.state().applied == master.state().applied; }));
  CHECK(world.Do(master, {"DBSIZE"}) != ":300\r\n");
  CHECK(data::DataDigest(master.node->state().keyspace) == data::DataDigest(replica.node->state().keyspace));
}
