// A delayed replica: what it shows when, what stops it, what it survives.
#include "replication/core/delay.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "replication/data/data_digest.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

struct Delayed {
  World world;
  Box& master = world.Add("master", [](Settings& settings) { settings.repl_backlog_size = 16 << 20; });
  Box& replica = world.Add("replica", [this](Settings& settings) {
    settings.replicaof = {"127.0.0.1", master.port};
    settings.replica_apply_delay = base::Seconds(10);
    settings.repl_backlog_size = 16 << 20;
  });

  Delayed() {
    REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  }

  std::string On(Box& box, std::initializer_list<std::string_view> words) { return world.Do(box, words); }
  std::string Digest(const Box& box) const { return data::DataDigest(box.state().keyspace); }
  bool HasReceivedAll() const { return Received(replica.state()) == master.state().applied; }
  // The offset that REPLDELAY PENDING tells of the first command that fits.
  Offset OffsetOf(std::string_view pattern) {
    const std::string reply = On(replica, {"REPLDELAY", "PENDING", "COUNT", "1", "MATCH", pattern});
    REQUIRE(reply.starts_with("*1\r\n*4\r\n:"));
    return std::stoll(reply.substr(9));
  }
};

}  // namespace

TEST_CASE("delay: what the master writes is received at once and shown when it is due") {
  Delayed one;
  auto& [world, master, replica] = one;
  one.On(master, {"SET", "k", "1"});
  world.Settle();
  CHECK(one.HasReceivedAll());
  CHECK(one.On(replica, {"GET", "k"}) == "$-1\r\n");
  CHECK(one.On(replica, {"INFO", "replication"}).find("slave_priority:0\r\n") != std::string::npos);
  CHECK(one.On(replica, {"INFO", "replication"}).find("slave_apply_delay_secs:10\r\n") != std::string::npos);
  world.Pass(base::Seconds(9));
  CHECK(one.On(replica, {"GET", "k"}) == "$-1\r\n");
  // It acknowledges what it has applied, and nothing else.
  const ClientId client = world.Open(master);
  world.Send(master, client, {"SET", "k", "2"});
  world.Send(master, client, {"WAIT", "1", "100"});
  world.Pass(base::Millis(200));
  CHECK(world.Received(master, client) == "+OK\r\n:0\r\n");
  world.Pass(base::Millis(1900));
  CHECK(one.On(replica, {"GET", "k"}) == "$1\r\n1\r\n");
  world.Pass(base::Seconds(10));
  CHECK(one.On(replica, {"GET", "k"}) == "$1\r\n2\r\n");
  CHECK(one.Digest(replica) == one.Digest(master));
}

TEST_CASE("delay: a mistake is found, everything before it applied, and the node promoted") {
  Delayed one;
  auto& [world, master, replica] = one;
  for (int i = 0; i < 50; ++i) one.On(master, {"SET", fmt::format("k{}", i), "v"});
  world.Pass(base::Seconds(5));
  const ClientId client = world.Open(master);
  for (const auto& words : std::initializer_list<std::initializer_list<std::string_view>>{
           {"MULTI"}, {"RPUSH", "list", "a", "b"}, {"INCR", "n"}, {"EXEC"}}) {
    world.Send(master, client, words);
  }
  const std::string good = one.Digest(master);
  one.On(master, {"FLUSHALL"});
  one.On(master, {"SET", "after", "the fall"});
  world.Pass(base::Seconds(1));
  CHECK(one.On(replica, {"REPLDELAY", "PAUSE"}) == "+OK\r\n");
  world.Pass(base::Seconds(30));
  CHECK(one.Digest(replica) != one.Digest(master));
  CHECK(one.On(replica, {"DBSIZE"}) == ":0\r\n");
  const Offset bad = one.OffsetOf("flushall*");
  const std::string stands = one.On(replica, {"REPLDELAY", "APPLY", "UNTIL", "BEFORE", fmt::format("{}", bad)});
  CHECK(stands.starts_with(":"));
  world.Settle();
  CHECK(one.Digest(replica) == good);
  CHECK(replica.state().applied == std::stoll(stands.substr(1)));
  world.Pass(base::Seconds(60));
  CHECK(one.Digest(replica) == good);
  CHECK(
      one.On(replica, {"REPLDELAY", "APPLY", "UNTIL", "OFFSET", "1"}).starts_with("-ERR offset 1 is applied already"));
  CHECK(one.On(replica, {"REPLDELAY", "APPLY", "UNTIL", "OFFSET", "99999999"})
            .starts_with("-ERR offset 99999999 has not"));

  CHECK(one.On(replica, {"REPLICAOF", "NO", "ONE"}) == "+OK\r\n");
  CHECK(one.Digest(replica) == good);
  CHECK(replica.state().is_master());
  CHECK(one.On(replica, {"SET", "new", "life"}) == "+OK\r\n");
  // The one that made the mistake takes the good data.
  one.On(master, {"REPLICAOF", "127.0.0.1", fmt::format("{}", replica.port)});
  REQUIRE(world.PassUntil([&] { return master.state().link_up(); }));
  world.Settle();
  CHECK(one.Digest(master) == one.Digest(replica));
}

TEST_CASE("delay: a transaction is applied whole or not at all") {
  Delayed one;
  auto& [world, master, replica] = one;
  const ClientId client = world.Open(master);
  world.Send(master, client, {"MULTI"});
  world.Send(master, client, {"SET", "a", "1"});
  world.Send(master, client, {"SET", "b", "1"});
  world.Send(master, client, {"EXEC"});
  world.Settle();
  one.On(replica, {"REPLDELAY", "PAUSE"});
  const Offset end = one.OffsetOf("set b*");
  CHECK(end == one.OffsetOf("set a*"));
  one.On(replica, {"REPLDELAY", "APPLY", "UNTIL", "OFFSET", fmt::format("{}", end - 1)});
  world.Settle();
  CHECK(one.On(replica, {"EXISTS", "a", "b"}) == ":0\r\n");
  one.On(replica, {"REPLDELAY", "APPLY", "UNTIL", "OFFSET", fmt::format("{}", end)});
  world.Settle();
  CHECK(one.On(replica, {"EXISTS", "a", "b"}) == ":2\r\n");
}

TEST_CASE("delay: a lost connection loses nothing of what waits, and delays nothing that is due") {
  Delayed one;
  auto& [world, master, replica] = one;
  one.On(master, {"SET", "a", "1"});
  world.Settle();
  world.Pass(base::Seconds(5));
  one.On(master, {"SET", "b", "1"});
  world.Settle();
  world.Cut(replica);
  one.On(master, {"SET", "c", "1"});
  REQUIRE(world.PassUntil([&] { return replica.state().link_up() && one.HasReceivedAll(); }));
  CHECK(master.state().stats.sync_full == 1);
  CHECK(one.On(replica, {"EXISTS", "a", "b", "c"}) == ":0\r\n");
  world.Pass(base::Millis(6200));
  CHECK(one.On(replica, {"EXISTS", "a", "b", "c"}) == ":1\r\n");
  world.Pass(base::Seconds(11));
  CHECK(one.Digest(replica) == one.Digest(master));
  CHECK(master.state().stats.sync_full == 1);
}

TEST_CASE("delay: without its master it goes on applying what it has") {
  Delayed one;
  auto& [world, master, replica] = one;
  one.On(master, {"SET", "a", "1"});
  world.Settle();
  world.Kill(master);
  world.Pass(base::Seconds(12));
  CHECK_FALSE(replica.state().link_up());
  CHECK(one.On(replica, {"GET", "a"}) == "$1\r\n1\r\n");
}

TEST_CASE("delay: a promotion applies everything first, unless it is paused") {
  Delayed one;
  auto& [world, master, replica] = one;
  one.On(master, {"SET", "a", "1"});
  world.Settle();
  SUBCASE("everything") {
    CHECK(one.On(replica, {"REPLICAOF", "NO", "ONE"}) == "+OK\r\n");
    CHECK(one.On(replica, {"GET", "a"}) == "$1\r\n1\r\n");
    CHECK(one.On(replica, {"INFO", "replication"}).find("slave_apply") == std::string::npos);
  }
  SUBCASE("paused") {
    one.On(replica, {"REPLDELAY", "PAUSE"});
    CHECK(one.On(replica, {"REPLICAOF", "NO", "ONE"}) == "+OK\r\n");
    CHECK(one.On(replica, {"GET", "a"}) == "$-1\r\n");
    CHECK(replica.Said("since REPLDELAY has paused it"));
  }
  CHECK(one.On(replica, {"SET", "b", "1"}) == "+OK\r\n");
}

TEST_CASE("delay: lowered, raised and bounded while it runs") {
  Delayed one;
  auto& [world, master, replica] = one;
  one.On(master, {"SET", "a", "1"});
  world.Settle();
  CHECK(one.On(replica, {"REPLDELAY", "SET", "0"}) == "+OK\r\n");
  world.Settle();
  CHECK(one.On(replica, {"GET", "a"}) == "$1\r\n1\r\n");
  CHECK(one.On(replica, {"CONFIG", "SET", "replica-apply-delay", "10"}) == "+OK\r\n");
  one.On(master, {"SET", "b", "1"});
  world.Settle();
  CHECK(one.On(replica, {"GET", "b"}) == "$-1\r\n");
  // What is too much is applied before its time, oldest first.
  CHECK(one.On(replica, {"CONFIG", "SET", "replica-apply-delay-max-bytes", "10000"}) == "+OK\r\n");
  for (int i = 0; i < 5; ++i) one.On(master, {"SET", fmt::format("large{}", i), std::string(4000, 'x')});
  world.Settle();
  CHECK(one.On(replica, {"GET", "b"}) == "$1\r\n1\r\n");
  CHECK(one.On(replica, {"EXISTS", "large0"}) == ":1\r\n");
  CHECK(one.On(replica, {"EXISTS", "large4"}) == ":0\r\n");
  CHECK(replica.Said("replica-apply-delay-max-bytes"));
  CHECK(one.On(master, {"REPLDELAY", "PAUSE"}).starts_with("-ERR this node is a master"));
}

TEST_CASE("delay: keys expire by the time of the data") {
  Delayed one;
  auto& [world, master, replica] = one;
  one.On(master, {"SET", "k", "v", "PX", "5000"});
  world.Settle();
  world.Pass(base::Millis(11'100));
  // The master has deleted it six seconds ago; here it has four more.
  CHECK(one.On(master, {"EXISTS", "k"}) == ":0\r\n");
  CHECK(one.On(replica, {"EXISTS", "k"}) == ":1\r\n");
  const std::string left = one.On(replica, {"PTTL", "k"});
  CHECK(std::stoll(left.substr(1)) > 2000);
  CHECK(std::stoll(left.substr(1)) < 5000);
  world.Pass(base::Seconds(6));
  CHECK(one.On(replica, {"EXISTS", "k"}) == ":0\r\n");
}

TEST_CASE("delay: a full resync does not take the delayed view away before its time") {
  Delayed one;
  auto& [world, master, replica] = one;
  one.On(master, {"SET", "old", "1"});
  world.Pass(base::Seconds(12));
  CHECK(one.On(replica, {"GET", "old"}) == "$1\r\n1\r\n");
  world.Kill(master);
  world.Restart(master);
  one.On(master, {"SET", "new", "1"});
  world.Pass(base::Seconds(5));
  CHECK(one.On(replica, {"GET", "old"}) == "$1\r\n1\r\n");
  CHECK(one.On(replica, {"INFO", "replication"}).find("slave_resync_put_off:1") != std::string::npos);
  CHECK(replica.Said("would end the delayed view"));
  SUBCASE("until then") {
    REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  }
  SUBCASE("or until somebody takes it") {
    one.On(replica, {"REPLDELAY", "SET", "0"});
    world.Pass(base::Seconds(2));
    REQUIRE(replica.state().link_up());
  }
  CHECK(one.On(replica, {"GET", "old"}) == "$-1\r\n");
  CHECK(one.On(replica, {"GET", "new"}) == "$1\r\n1\r\n");
}
