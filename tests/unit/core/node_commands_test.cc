// What one node answers, and when: transactions, WAIT, pauses, saves, settings, roles.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "replication/data/data_digest.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

struct One {
  World world;
  Box& node = world.Add("node");
};

struct Pair {
  World world;
  Box& master = world.Add("master");
  Box& replica = world.Add("replica", [this](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
};

std::string Ask(World& world, Box& box, ClientId client, std::initializer_list<std::string_view> words) {
  world.Send(box, client, words);
  return world.Received(box, client);
}

}  // namespace

TEST_CASE("transactions: queued, then run in one go") {
  One one;
  auto& [world, node] = one;
  const ClientId client = world.Open(node);
  CHECK(Ask(world, node, client, {"MULTI"}) == "+OK\r\n");
  CHECK(Ask(world, node, client, {"SET", "a", "1"}) == "+QUEUED\r\n");
  CHECK(Ask(world, node, client, {"INCR", "a"}) == "+QUEUED\r\n");
  CHECK(world.Do(node, {"GET", "a"}) == "$-1\r\n");
  CHECK(Ask(world, node, client, {"EXEC"}) == "*2\r\n+OK\r\n:2\r\n");
  CHECK(Ask(world, node, client, {"EXEC"}) == "-ERR EXEC without MULTI\r\n");
}

TEST_CASE("transactions: a request that is refused while queueing voids all") {
  One one;
  auto& [world, node] = one;
  const ClientId client = world.Open(node);
  world.Send(node, client, {"MULTI"});
  world.Send(node, client, {"SET", "a", "1"});
  world.Send(node, client, {"GET"});
  world.Received(node, client);
  CHECK(Ask(world, node, client, {"EXEC"}) == "-EXECABORT Transaction discarded because of previous errors.\r\n");
  CHECK(world.Do(node, {"GET", "a"}) == "$-1\r\n");
}

TEST_CASE("transactions: an EXEC with a word too many aborts, whether anything was queued or not") {
  One one;
  auto& [world, node] = one;
  const ClientId client = world.Open(node);
  constexpr std::string_view kAborted =
      "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n";
  CHECK(Ask(world, node, client, {"EXEC", "1"}) == kAborted);
  world.Send(node, client, {"MULTI"});
  world.Received(node, client);
  CHECK(Ask(world, node, client, {"EXEC", "1"}) == kAborted);
  CHECK(Ask(world, node, client, {"EXEC"}) == "-ERR EXEC without MULTI\r\n");
}

TEST_CASE("absent: clusters are off, modules there are none, and containers are commands") {
  One one;
  auto& [world, node] = one;
  constexpr std::string_view kOff = "-ERR This instance has cluster support disabled\r\n";
  CHECK(world.Do(node, {"CLUSTER", "INFO"}) == kOff);
  CHECK(world.Do(node, {"CLUSTER", "SLOTS"}) == kOff);
  CHECK(world.Do(node, {"CLUSTER", "KEYSLOT"}) == "-ERR wrong number of arguments for 'cluster|keyslot' command\r\n");
  CHECK(world.Do(node, {"CLUSTER", "NOSUCH"}) == "-ERR unknown subcommand 'NOSUCH'. Try CLUSTER HELP.\r\n");
  CHECK(world.Do(node, {"READONLY"}) == kOff);
  CHECK(world.Do(node, {"MODULE", "LIST"}) == "*0\r\n");
  CHECK(world.Do(node, {"CONFIG"}) == "-ERR wrong number of arguments for 'config' command\r\n");
  CHECK(world.Do(node, {"COMMAND", "LIST", "FILTERBY", "PATTERN", "modul*"}) ==
        "*3\r\n$6\r\nmodule\r\n$11\r\nmodule|help\r\n$11\r\nmodule|list\r\n");
}

TEST_CASE("debug: the digest of single values, and a reply of each type") {
  One one;
  auto& [world, node] = one;
  world.Do(node, {"SET", "a", "1"});
  const std::string digest = world.Do(node, {"DEBUG", "DIGEST-VALUE", "a"});
  world.Do(node, {"RENAME", "a", "b"});
  CHECK(world.Do(node, {"DEBUG", "DIGEST-VALUE", "b"}) == digest);
  CHECK(world.Do(node, {"DEBUG", "DIGEST-VALUE", "a"}) == "*1\r\n+" + std::string(40, '0') + "\r\n");
  CHECK(world.Do(node, {"DEBUG", "DIGEST-VALUE"}) == "*0\r\n");
  CHECK(world.Do(node, {"DEBUG", "PROTOCOL", "map"}) == "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n");
  CHECK(world.Do(node, {"DEBUG", "PROTOCOL", "push"}) == "-ERR RESP2 is not supported by this command\r\n");
  CHECK(world.Do(node, {"DEBUG", "ERROR", "MY mistake"}) == "-MY mistake\r\n");
}

TEST_CASE("client reply: off, what SUBSCRIBE tells comes all the same") {
  One one;
  auto& [world, node] = one;
  const ClientId client = world.Open(node);
  CHECK(Ask(world, node, client, {"CLIENT", "REPLY", "OFF"}).empty());
  CHECK(Ask(world, node, client, {"SUBSCRIBE", "c"}) == "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
  CHECK(Ask(world, node, client, {"PING"}).empty());
  CHECK(Ask(world, node, client, {"RESET"}) == "+RESET\r\n");
  CHECK(Ask(world, node, client, {"CLIENT", "REPLY", "SKIP"}).empty());
  CHECK(Ask(world, node, client, {"RESET"}).empty());
  CHECK(Ask(world, node, client, {"PING"}) == "+PONG\r\n");
}

TEST_CASE("transactions: DISCARD forgets, nesting is refused") {
  One one;
  auto& [world, node] = one;
  const ClientId client = world.Open(node);
  world.Send(node, client, {"MULTI"});
  world.Send(node, client, {"SET", "a", "1"});
  world.Received(node, client);
  CHECK(Ask(world, node, client, {"MULTI"}) == "-ERR MULTI calls can not be nested\r\n");
  CHECK(Ask(world, node, client, {"DISCARD"}) == "+OK\r\n");
  CHECK(Ask(world, node, client, {"DISCARD"}) == "-ERR DISCARD without MULTI\r\n");
  CHECK(world.Do(node, {"DBSIZE"}) == ":0\r\n");
}

TEST_CASE("transactions: a watched key that changed voids the transaction") {
  One one;
  auto& [world, node] = one;
  const ClientId client = world.Open(node);
  world.Do(node, {"SET", "k", "1"});
  const auto run = [&] {
    world.Send(node, client, {"MULTI"});
    world.Send(node, client, {"SET", "mine", "1"});
    world.Received(node, client);
    return Ask(world, node, client, {"EXEC"});
  };
  const std::string ran = "*1\r\n+OK\r\n";
  world.Send(node, client, {"WATCH", "k"});
  SUBCASE("by a write") {
    world.Do(node, {"SET", "k", "2"});
    CHECK(run() == "*-1\r\n");
  }
  SUBCASE("by FLUSHALL") {
    world.Do(node, {"FLUSHALL"});
    CHECK(run() == "*-1\r\n");
  }
  SUBCASE("by its expiry, also when nobody has deleted it yet") {
    world.Send(node, client, {"UNWATCH"});
    world.Do(node, {"DEBUG", "SET-ACTIVE-EXPIRE", "0"});
    world.Do(node, {"PEXPIRE", "k", "100"});
    world.Send(node, client, {"WATCH", "k"});
    world.Pass(base::Millis(200));
    CHECK(run() == "*-1\r\n");
  }
  SUBCASE("not by a write to another key, nor in another database") {
    world.Do(node, {"SET", "other", "2"});
    const ClientId second = world.Open(node);
    world.Send(node, second, {"SELECT", "1"});
    world.Send(node, second, {"SET", "k", "2"});
    CHECK(run() == ran);
  }
  SUBCASE("not after UNWATCH") {
    world.Do(node, {"SET", "k", "2"});
    world.Send(node, client, {"UNWATCH"});
    world.Received(node, client);
    CHECK(run() == ran);
  }
  SUBCASE("once, not for ever") {
    world.Do(node, {"SET", "k", "2"});
    CHECK(run() == "*-1\r\n");
    CHECK(run() == ran);
  }
}

TEST_CASE("transactions: what a sentinel sends to promote is answered whole, and its own link lives") {
  Pair pair;
  auto& [world, master, replica] = pair;
  const ClientId sentinel = world.Open(replica);
  const ClientId other = world.Open(replica);
  const ClientId listener = world.Open(replica);
  world.Send(replica, listener, {"SUBSCRIBE", "news"});
  replica.answers_config = false;
  world.SendRaw(replica, sentinel,
                "MULTI\r\nSLAVEOF NO ONE\r\nCONFIG REWRITE\r\nCLIENT KILL TYPE normal\r\nCLIENT KILL TYPE pubsub\r\n"
                "EXEC\r\n");
  CHECK(world.Received(replica, sentinel) == "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
  CHECK(replica.state().is_master());
  CHECK_FALSE(world.IsOpen(replica, other));
  CHECK_FALSE(world.IsOpen(replica, listener));
  REQUIRE(replica.config_tickets.size() == 1);
  const std::uint64_t ticket = replica.config_tickets[0];
  SUBCASE("the file is written") {
    replica->OnConfigWritten(ticket, {}, world.now);
    world.Settle();
    CHECK(world.Received(replica, sentinel) == "*4\r\n+OK\r\n+OK\r\n:1\r\n:1\r\n");
  }
  SUBCASE("it cannot be written: an error in its place, and the promotion stands") {
    replica->OnConfigWritten(ticket, base::Fail(base::ErrorCode::kIo, "Read-only file system"), world.now);
    world.Settle();
    CHECK(world.Received(replica, sentinel) ==
          "*4\r\n+OK\r\n-ERR Rewriting config file: Read-only file system\r\n:1\r\n:1\r\n");
    CHECK(replica.state().is_master());
  }
  CHECK(world.IsOpen(replica, sentinel));
  CHECK(Ask(world, replica, sentinel, {"PING"}) == "+PONG\r\n");
}

TEST_CASE("transactions: writes beside SLAVEOF belong to the history before it") {
  World world;
  Box& node = world.Add("node");
  Box& replica = world.Add("replica", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", node.port}; });
  const Offset before = node.state().applied;
  world.SendRaw(node, world.Open(node), "MULTI\r\nSET x 1\r\nSET y 1\r\nSLAVEOF 127.0.0.1 1\r\nEXEC\r\n");
  CHECK(node.state().applied > before);
  CHECK(replica.state().applied == node.state().applied);
  CHECK(replica.state().keyspace.TotalSize() == 2);
}

TEST_CASE("wait: answered when enough replicas have it") {
  Pair pair;
  auto& [world, master, replica] = pair;
  const ClientId client = world.Open(master);
  world.Send(master, client, {"SET", "a", "1"});
  world.Received(master, client);
  CHECK(Ask(world, master, client, {"WAIT", "1", "1000"}) == ":1\r\n");
  CHECK(replica.state().applied == master.state().applied);
}

TEST_CASE("wait: the time runs out with the number there is") {
  Pair pair;
  auto& [world, master, replica] = pair;
  const ClientId client = world.Open(master);
  world.HoldDownstream(replica, true);
  world.Send(master, client, {"SET", "a", "1"});
  world.Received(master, client);
  world.SendRaw(master, client, "WAIT 1 1000\r\nPING\r\n");
  CHECK(world.Received(master, client).empty());
  world.Pass(base::Millis(999));
  CHECK(world.Received(master, client).empty());
  world.Pass(base::Millis(1));
  CHECK(world.Received(master, client) == ":0\r\n+PONG\r\n");
}

TEST_CASE("wait: for ever means until it is true") {
  Pair pair;
  auto& [world, master, replica] = pair;
  const ClientId client = world.Open(master);
  world.HoldDownstream(replica, true);
  world.Send(master, client, {"SET", "a", "1"});
  world.Received(master, client);
  world.Send(master, client, {"WAIT", "1", "0"});
  world.Pass(base::Seconds(20));
  CHECK(world.Received(master, client).empty());
  world.HoldDownstream(replica, false);
  world.Settle();
  CHECK(world.Received(master, client) == ":1\r\n");
}

TEST_CASE("wait: inside EXEC it does not wait; on a replica it is refused; a demotion ends it") {
  Pair pair;
  auto& [world, master, replica] = pair;
  const ClientId client = world.Open(master);
  world.SendRaw(master, client, "MULTI\r\nWAIT 5 0\r\nEXEC\r\n");
  CHECK(world.Received(master, client) == "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
  CHECK(world.Do(replica, {"WAIT", "1", "0"}).starts_with("-ERR WAIT cannot be used with replica instances."));
  world.Send(master, client, {"WAIT", "5", "0"});
  CHECK(world.Received(master, client).empty());
  world.Do(master, {"REPLICAOF", "127.0.0.1", "1"});
  CHECK(world.Received(master, client).starts_with("-UNBLOCKED "));
}

TEST_CASE("pause: writes wait until it ends, reads do not") {
  Pair pair;
  auto& [world, master, replica] = pair;
  const ClientId client = world.Open(master);
  CHECK(world.Do(master, {"CLIENT", "PAUSE", "1000", "WRITE"}) == "+OK\r\n");
  CHECK(world.Do(master, {"GET", "a"}) == "$-1\r\n");
  world.SendRaw(master, client, "SET a 1\r\nGET a\r\n");
  CHECK(world.Received(master, client).empty());
  const Offset before = master.state().applied;
  SUBCASE("by itself") {
    world.Pass(base::Millis(999));
    CHECK(world.Received(master, client).empty());
    world.Pass(base::Millis(1));
  }
  SUBCASE("by UNPAUSE") {
    CHECK(world.Do(master, {"CLIENT", "UNPAUSE"}) == "+OK\r\n");
  }
  CHECK(world.Received(master, client) == "+OK\r\n$1\r\n1\r\n");
  CHECK(master.state().applied > before);
  CHECK(replica.state().applied == master.state().applied);
}

TEST_CASE("pause: a publish and an EXEC that writes wait too, and nothing expires meanwhile") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Do(master, {"SET", "k", "v", "PX", "100"});
  world.Do(master, {"CLIENT", "PAUSE", "1000", "WRITE"});
  const ClientId one = world.Open(master);
  const ClientId two = world.Open(master);
  world.SendRaw(master, one, "PUBLISH c m\r\n");
  world.SendRaw(master, two, "MULTI\r\nSET a 1\r\nEXEC\r\n");
  CHECK(world.Received(master, one).empty());
  world.Pass(base::Millis(500));
  CHECK(world.Do(master, {"GET", "k"}) == "$-1\r\n");
  CHECK(master.state().keyspace.TotalSize() == 1);
  world.Pass(base::Millis(500));
  CHECK(world.Received(master, one) == ":0\r\n");
  CHECK(world.Received(master, two).ends_with("*1\r\n+OK\r\n"));
  CHECK(master.state().keyspace.TotalSize() == 1);  // a came, k went
}

TEST_CASE("pause: ALL stops everything but its own end") {
  One one;
  auto& [world, node] = one;
  const ClientId client = world.Open(node);
  world.Do(node, {"CLIENT", "PAUSE", "100000"});
  world.Send(node, client, {"PING"});
  CHECK(world.Received(node, client).empty());
  CHECK(world.Do(node, {"CLIENT", "UNPAUSE"}) == "+OK\r\n");
  CHECK(world.Received(node, client) == "+PONG\r\n");
}

TEST_CASE("min-replicas: writes are refused while too few replicas were heard of lately") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Do(master, {"CONFIG", "SET", "min-replicas-to-write", "1", "min-replicas-max-lag", "5"});
  CHECK(world.Do(master, {"SET", "a", "1"}) == "+OK\r\n");
  world.Isolate(replica, true);
  CHECK(world.Do(master, {"SET", "a", "1"}) == "-NOREPLICAS Not enough good replicas to write.\r\n");
  CHECK(world.Do(master, {"GET", "a"}) == "$1\r\n1\r\n");
}

TEST_CASE("stale: without a link and with replica-serve-stale-data no, only what needs no data is served") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Do(master, {"SET", "a", "1"});
  world.Isolate(master, true);
  CHECK(world.Do(replica, {"GET", "a"}) == "$1\r\n1\r\n");
  world.Do(replica, {"CONFIG", "SET", "replica-serve-stale-data", "no"});
  const std::string refused = "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n";
  CHECK(world.Do(replica, {"GET", "a"}) == refused);
  CHECK(world.Do(replica, {"PING"}) == refused);
  CHECK(world.Do(replica, {"INFO"}).starts_with("$"));
  CHECK(world.Do(replica, {"REPLICAOF", "NO", "ONE"}) == "+OK\r\n");
}

TEST_CASE("loading: who asks meanwhile is told so, and INFO answers") {
  World world;
  Box& source = world.Add("source");
  world.Do(source, {"SET", "a", "1"});
  world.Do(source, {"SAVE"});
  const std::string file = source.files.at("dump.rdb");

  struct Quiet : base::Log {
    void Write(base::LogLevel, std::string_view) override {}
  } log;
  Host host;
  Settings settings;
  Node node(settings, 1, log, host, world.now);
  node.BeginLoading(file.size(), world.now);
  const ClientId client = node.OnClient("127.0.0.1:1", "127.0.0.1:2", world.now);
  const auto ask = [&](std::string_view request) {
    node.OnClientBytes(client, request, world.now);
    return std::exchange(node.clients().Find(client)->out, {});
  };
  REQUIRE(node.OnLoadBytes(file.substr(0, 20), world.now));
  const std::string refused = "-LOADING Redis is loading the dataset in memory\r\n";
  CHECK(ask("PING\r\n") == refused);
  CHECK(ask("SLAVEOF NO ONE\r\n") == refused);
  CHECK(ask("GET a\r\n") == refused);
  CHECK(ask("INFO\r\n").find("loading:1") != std::string::npos);
  CHECK_FALSE(node.EndLoading(world.now).has_value());  // the rest is missing
  REQUIRE(node.OnLoadBytes(file.substr(20), world.now));
  REQUIRE(node.EndLoading(world.now));
  node.Start(world.now);
  CHECK(ask("GET a\r\n") == "$1\r\n1\r\n");
}

TEST_CASE("saving: SAVE answers when the file is there, BGSAVE at once") {
  One one;
  auto& [world, node] = one;
  world.Do(node, {"SET", "a", "1"});
  CHECK(node.state().keyspace.dirty() == 1);
  CHECK(world.Do(node, {"SAVE"}) == "+OK\r\n");
  CHECK(node.state().keyspace.dirty() == 0);
  CHECK(node.files.at("dump.rdb").starts_with("REDIS0010"));
  world.Pass(base::Seconds(5));
  CHECK(world.Do(node, {"BGSAVE"}) == "+Background saving started\r\n");
  CHECK(world.Do(node, {"LASTSAVE"}) == fmt::format(":{}\r\n", base::UnixMillis(world.now.wall) / 1000));
  CHECK(node.state().saving.saves == 2);
}

TEST_CASE("saving: a disk that fails stops writes, until a save succeeds") {
  World world;
  Box& node = world.Add("node", [](Settings& settings) { settings.save = {{base::Seconds(3600), 1}}; });
  node.disk_fails = true;
  CHECK(world.Do(node, {"SAVE"}) == "-ERR No space left on device\r\n");
  CHECK(world.Do(node, {"SET", "a", "1"}).starts_with("-MISCONF "));
  CHECK(world.Do(node, {"PING"}).starts_with("-MISCONF "));
  CHECK(world.Do(node, {"GET", "a"}) == "$-1\r\n");
  node.disk_fails = false;
  CHECK(world.Do(node, {"SAVE"}) == "+OK\r\n");
  CHECK(world.Do(node, {"SET", "a", "1"}) == "+OK\r\n");
}

TEST_CASE("saving: a save point is reached when both its time and its changes are") {
  World world;
  Box& node = world.Add("node", [](Settings& settings) { settings.save = {{base::Seconds(60), 3}}; });
  world.Pass(base::Seconds(100));
  world.Do(node, {"SET", "a", "1"});
  world.Do(node, {"SET", "b", "1"});
  CHECK(node.state().saving.saves == 0);
  world.Do(node, {"SET", "c", "1"});
  CHECK(node.state().saving.saves == 1);
  for (const std::string_view key : {"d", "e", "f", "g"}) world.Do(node, {"SET", key, "1"});
  world.Pass(base::Seconds(59));
  CHECK(node.state().saving.saves == 1);
  world.Pass(base::Seconds(2));
  CHECK(node.state().saving.saves == 2);
}

TEST_CASE("saving: an idle node wakes for nothing") {
  One one;
  auto& [world, node] = one;
  world.Do(node, {"SET", "a", "1"});
  CHECK_FALSE(node->NextDeadline().has_value());
}

TEST_CASE("shutdown: saves when there are save points, and stops") {
  World world;
  Box& node = world.Add("node", [](Settings& settings) { settings.save = {{base::Seconds(3600), 1}}; });
  world.Do(node, {"SET", "a", "1"});
  SUBCASE("SHUTDOWN") {
    CHECK(world.Do(node, {"SHUTDOWN"}).empty());
    CHECK(node.files.contains("dump.rdb"));
    CHECK(node.stopped == 0);
  }
  SUBCASE("a signal") {
    node->RequestShutdown(world.now);
    world.Settle();
    CHECK(node.files.contains("dump.rdb"));
    CHECK(node.stopped == 0);
  }
  SUBCASE("NOSAVE") {
    world.Do(node, {"SHUTDOWN", "NOSAVE"});
    CHECK(node.files.empty());
    CHECK(node.stopped == 0);
  }
  SUBCASE("not when the save fails, and life goes on") {
    node.disk_fails = true;
    CHECK(world.Do(node, {"SHUTDOWN"}) == "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    CHECK_FALSE(node.stopped.has_value());
    node.disk_fails = false;
    world.Do(node, {"SAVE"});
    CHECK(world.Do(node, {"SET", "b", "1"}) == "+OK\r\n");
  }
}

TEST_CASE("shutdown: a master waits for what its replicas still lack") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Settle();
  world.HoldDownstream(replica, true);
  world.Do(master, {"SET", "a", "1"});
  const ClientId client = world.Open(master);
  world.Send(master, client, {"SHUTDOWN"});
  CHECK_FALSE(master.stopped.has_value());
  SUBCASE("until they have it") {
    world.HoldDownstream(replica, false);
    world.Settle();
    CHECK(replica.state().keyspace.TotalSize() == 1);
  }
  SUBCASE("at most shutdown-timeout") {
    world.Pass(base::Millis(9990));
    CHECK_FALSE(master.stopped.has_value());
    world.Pass(base::Millis(10));
  }
  SUBCASE("not when it is aborted") {
    CHECK(world.Do(master, {"SHUTDOWN", "ABORT"}) == "+OK\r\n");
    CHECK(world.Received(master, client).starts_with("-ERR Errors trying to SHUTDOWN"));
    CHECK(world.Do(master, {"SET", "b", "1"}) == "+OK\r\n");
    world.Do(master, {"SHUTDOWN", "NOW"});
  }
  CHECK(master.stopped == 0);
}

TEST_CASE("restart: a replica goes on from the offset of its file") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Do(master, {"SET", "a", "1"});
  CHECK(world.Do(replica, {"SAVE"}) == "+OK\r\n");
  world.Kill(replica);
  world.Do(master, {"SET", "b", "1"});
  world.Restart(replica);
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  world.Settle();
  CHECK(data::DataDigest(replica.state().keyspace) == data::DataDigest(master.state().keyspace));
  CHECK(master.state().stats.sync_full == 1);
  CHECK(master.state().stats.sync_partial_ok == 1);
}

TEST_CASE("restart: replicas of a master that comes back from its file go on, under a new name") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Do(master, {"SET", "a", "1"});
  const auto before = master.state().history.replid;
  world.Do(master, {"SAVE"});
  SUBCASE("it wrote nothing after the file") {
    world.Restart(master);
    REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
    CHECK(master.state().stats.sync_full == 0);
  }
  SUBCASE("it wrote more, which the replica has and the file has not: a full sync") {
    world.Do(master, {"SET", "b", "1"});
    world.Restart(master);
    REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
    CHECK(master.state().stats.sync_full == 1);
    CHECK(world.Do(replica, {"GET", "b"}) == "$-1\r\n");
  }
  CHECK(master.state().history.replid != before);
  world.Do(master, {"SET", "c", "1"});
  CHECK(data::DataDigest(replica.state().keyspace) == data::DataDigest(master.state().keyspace));
}

TEST_CASE("restart: keys that expired while a master was down are deleted at its replicas, too") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Do(master, {"SET", "k", "v", "PX", "5000"});
  world.Do(master, {"SAVE"});
  world.Kill(master);
  world.Pass(base::Seconds(10));
  CHECK(replica.state().keyspace.TotalSize() == 1);
  world.Restart(master);
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  world.Settle();
  CHECK(master.state().stats.sync_full == 0);
  CHECK(replica.state().keyspace.TotalSize() == 0);
}

TEST_CASE("role: what masters and replicas say of themselves") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Pass(base::Seconds(2));
  const std::string offset = fmt::format("{}", master.state().applied);
  CHECK(world.Do(master, {"ROLE"}) ==
        fmt::format("*3\r\n$6\r\nmaster\r\n:{}\r\n*1\r\n*3\r\n$9\r\n127.0.0.1\r\n$4\r\n{}\r\n${}\r\n{}\r\n", offset,
                    replica.port, offset.size(), offset));
  CHECK(world.Do(replica, {"ROLE"}) ==
        fmt::format("*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:{}\r\n$9\r\nconnected\r\n:{}\r\n", master.port, offset));
  CHECK(world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)}) ==
        "+OK Already connected to specified master\r\n");
  world.Isolate(master, true);
  CHECK(world.Do(replica, {"ROLE"}).ends_with(":-1\r\n"));
}

TEST_CASE("authentication: without the password nothing is served, and little is read") {
  World world;
  Box& node = world.Add("node", [](Settings& settings) { settings.requirepass = "secret"; });
  const ClientId client = world.Open(node);
  CHECK(Ask(world, node, client, {"GET", "a"}) == "-NOAUTH Authentication required.\r\n");
  SUBCASE("a large argument of a stranger closes the connection") {
    world.SendRaw(node, client, "*2\r\n$3\r\nGET\r\n$100000\r\n");
    CHECK_FALSE(world.IsOpen(node, client));
  }
  SUBCASE("the password lets in, and the limit is gone within the same bytes") {
    std::string bytes;
    resp::AppendCommand(bytes, {"AUTH", "secret"});
    resp::AppendCommand(bytes, {"SET", "a", std::string(100'000, 'x')});
    world.SendRaw(node, client, bytes);
    CHECK(world.Received(node, client) == "+OK\r\n+OK\r\n");
  }
}

TEST_CASE("settings: CONFIG REWRITE takes down the users as they are now") {
  One one;
  auto& [world, node] = one;
  CHECK(world.Do(node, {"ACL", "SETUSER", "a-user-with-a-long-name", "on", "~keys:*", "-@all", "+get",
                        "+config|get"}) == "+OK\r\n");
  CHECK(world.Do(node, {"CONFIG", "REWRITE"}) == "+OK\r\n");
  const auto& users = node.state().settings.users;
  REQUIRE(users.size() == 2);
  CHECK(fmt::format("{}", fmt::join(users[0], " ")) ==
        "a-user-with-a-long-name on ~keys:* resetchannels -@all +get +config|get");
  CHECK(fmt::format("{}", fmt::join(users[1], " ")).starts_with("default on nopass"));
}

TEST_CASE("debug: keys by the thousand, and what a restart would make of them") {
  One one;
  auto& [world, node] = one;
  CHECK(world.Do(node, {"SET", "key:1", "mine"}) == "+OK\r\n");
  CHECK(world.Do(node, {"DEBUG", "POPULATE", "1000"}) == "+OK\r\n");
  CHECK(world.Do(node, {"DEBUG", "POPULATE", "10", "big", "2000"}) == "+OK\r\n");
  CHECK(world.Do(node, {"DBSIZE"}) == ":1010\r\n");
  CHECK(world.Do(node, {"GET", "key:1"}) == "$4\r\nmine\r\n");
  CHECK(world.Do(node, {"GET", "key:2"}) == "$7\r\nvalue:2\r\n");
  CHECK(world.Do(node, {"STRLEN", "big:3"}) == ":2000\r\n");
  CHECK(world.Do(node, {"DEBUG", "POPULATE", "-1"}).starts_with("-ERR value is out of range"));

  world.Do(node, {"RPUSH", "list", "a", "b"});
  world.Do(node, {"EXPIRE", "list", "1000"});
  world.Do(node, {"XADD", "stream", "1-1", "f", "v"});
  const std::string digest = world.Do(node, {"DEBUG", "DIGEST"});
  CHECK(world.Do(node, {"DEBUG", "RELOAD"}) == "+OK\r\n");
  CHECK(world.Do(node, {"DEBUG", "DIGEST"}) == digest);
  CHECK(world.Do(node, {"TTL", "list"}) == ":1000\r\n");
  CHECK(world.Do(node, {"DEBUG", "RELOAD", "NOSAVE"}).starts_with("-ERR unknown subcommand"));

  CHECK(world.Do(node, {"DEBUG", "OBJECT", "none"}) == "-ERR no such key\r\n");
  const std::string object = world.Do(node, {"DEBUG", "OBJECT", "big:3"});
  CHECK(object.starts_with("+Value at:0x"));
  CHECK(object.find(" refcount:1 encoding:raw serializedlength:") != std::string::npos);
  CHECK(world.Do(node, {"DEBUG", "STRINGMATCH-LEN", "5", "x*"}) == ":1\r\n");
  CHECK(world.Do(node, {"DEBUG", "STRINGMATCH-LEN", "5", "y*"}) == ":0\r\n");
  CHECK(world.Do(node, {"DEBUG", "QUICKLIST-PACKED-THRESHOLD", "100B"}) == "+OK\r\n");
  CHECK(world.Do(node, {"DEBUG", "HELP"}).starts_with("*21\r\n+DEBUG "));

  Box& replica = world.Add("replica", [](Settings& settings) { settings.enable_debug_command = DebugCommand::kYes; });
  world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", node.port)});
  REQUIRE(world.PassUntil([&replica] { return replica.state().link_up(); }));
  CHECK(world.Do(node, {"DEBUG", "REPLICATE", "SET", "only", "there"}) == "+OK\r\n");
  world.Settle();
  CHECK(world.Do(node, {"EXISTS", "only"}) == ":0\r\n");
  CHECK(world.Do(replica, {"GET", "only"}) == "$5\r\nthere\r\n");
  CHECK(world.Do(replica, {"DEBUG", "REPLICATE", "PING"}).starts_with("-ERR this node is a replica"));
}

TEST_CASE("debug: SLEEP is asked of the edge, and refused unless the settings allow it") {
  One one;
  auto& [world, node] = one;
  CHECK(world.Do(node, {"DEBUG", "SLEEP", "0.25"}) == "+OK\r\n");
  CHECK(node.frozen == base::Millis(250));
  Box& strict = world.Add("strict", [](Settings& settings) { settings.enable_debug_command = DebugCommand::kNo; });
  CHECK(world.Do(strict, {"DEBUG", "SLEEP", "0"}).starts_with("-ERR DEBUG command not allowed."));
}

TEST_CASE("strings: proto-max-bulk-len bounds what edits make of them") {
  One one;
  auto& [world, node] = one;
  CHECK(world.Do(node, {"CONFIG", "SET", "proto-max-bulk-len", "1mb"}) == "+OK\r\n");
  constexpr std::string_view kTooLong = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
  CHECK(world.Do(node, {"SETRANGE", "k", "1048576", "x"}) == kTooLong);
  CHECK(world.Do(node, {"SETRANGE", "k", "1048575", "x"}) == ":1048576\r\n");
  CHECK(world.Do(node, {"APPEND", "k", "x"}) == kTooLong);
  CHECK(world.Do(node, {"SETBIT", "k", "8388608", "1"}) == "-ERR bit offset is not an integer or out of range\r\n");
  CHECK(world.Do(node, {"SETBIT", "k", "8388607", "1"}) == ":0\r\n");
  CHECK(world.Do(node, {"STRLEN", "k"}) == ":1048576\r\n");
}

TEST_CASE("clients: CLIENT LIST tells what each of them takes") {
  One one;
  auto& [world, node] = one;
  const ClientId client = world.Open(node);
  const auto field = [&](std::string_view name) {
    const std::string line = serve::DescribeClient(*node.state().Find(client), world.now);
    const std::size_t at = line.find(fmt::format(" {}=", name)) + name.size() + 2;
    return std::stoul(line.substr(at));
  };
  const std::size_t idle = field("tot-mem");
  CHECK(idle > 0);
  CHECK(field("multi-mem") == 0);
  world.Send(node, client, {"MULTI"});
  world.Send(node, client, {"SET", "k", std::string(10'000, 'x')});
  CHECK(field("multi-mem") > 10'000);
  CHECK(field("tot-mem") > idle + 10'000);
  world.SendRaw(node, client, "*2\r\n$3\r\nGET\r\n$5\r\nhel");
  CHECK(field("qbuf") == 20);
}
