// Two and three nodes, joined: who holds which data and which history after what happened.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "replication/data/data_digest.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

std::string Digest(const Box& box) {
  return data::DataDigest(box.state().keyspace);
}

bool Same(const Box& a, const Box& b) {
  return Digest(a) == Digest(b) && a.state().applied == b.state().applied &&
         a.state().history.replid == b.state().history.replid;
}

bool IsUp(const Box& box) {
  return box.state().link_up();
}

void Follow(World& world, Box& replica, const Box& master) {
  CHECK(world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)}) == "+OK\r\n");
  REQUIRE(world.PassUntil([&] { return IsUp(replica); }));
  world.Settle();
}

std::string Get(World& world, Box& box, std::string_view key) {
  return world.Do(box, {"GET", key});
}

void Fill(World& world, Box& box, int from, int to) {
  const ClientId client = world.Open(box);
  for (int i = from; i < to; ++i) {
    const std::string key = fmt::format("key:{}", i);
    std::string bytes;
    resp::AppendCommand(bytes, {"SET", key, std::string(static_cast<std::size_t>(i % 300), 'v') + key});
    box->OnClientBytes(client, bytes, world.now);
  }
  world.Settle();
  world.Hang(box, client);
}

struct Pair {
  World world;
  Box& master = world.Add("master");
  Box& replica = world.Add("replica");
};

}  // namespace

TEST_CASE("replication: a replica gets everything, then each write") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Fill(world, master, 0, 500);
  world.Do(master, {"SET", "with-expiry", "x", "PX", "50000"});
  Follow(world, replica, master);
  CHECK(Same(master, replica));
  CHECK(master.state().stats.sync_full == 1);

  CHECK(world.Do(master, {"SET", "a", "1"}) == "+OK\r\n");
  CHECK(Get(world, replica, "a") == "$1\r\n1\r\n");
  world.Do(master, {"INCRBY", "a", "41"});
  world.Do(master, {"DEL", "key:7"});
  CHECK(Same(master, replica));
  CHECK(Get(world, replica, "a") == "$2\r\n42\r\n");
  CHECK(Get(world, replica, "key:7") == "$-1\r\n");
}

TEST_CASE("replication: the database of a write is the database on the replica") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  const ClientId client = world.Open(master);
  world.Send(master, client, {"SELECT", "3"});
  world.Send(master, client, {"SET", "in-three", "1"});
  world.Do(master, {"SET", "in-zero", "1"});
  world.Cut(replica);
  world.Send(master, client, {"SET", "in-three", "2"});
  REQUIRE(world.PassUntil([&] { return IsUp(replica); }));
  CHECK(Same(master, replica));
  CHECK(replica.state().keyspace.Size(3) == 1);
  CHECK(replica.state().keyspace.Size(0) == 1);
}

TEST_CASE("replication: a master that comes back to the role names its database anew") {
  Pair pair;
  auto& [world, one, two] = pair;
  Follow(world, two, one);
  const ClientId client = world.Open(one);
  world.SendRaw(one, client, "SELECT 2\r\nSET a 1\r\n");
  world.Do(two, {"REPLICAOF", "NO", "ONE"});
  Follow(world, one, two);
  world.Do(two, {"SET", "b", "1"});
  world.Do(one, {"REPLICAOF", "NO", "ONE"});
  Follow(world, two, one);
  world.SendRaw(one, client, "SET a 2\r\n");  // still in database 2
  CHECK(Same(one, two));
  CHECK(two.state().keyspace.Size(0) == 1);
  CHECK(two.state().stats.sync_full == 0);
}

TEST_CASE("replication: a broken link goes on where it stopped") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  Fill(world, master, 0, 50);
  world.HoldDownstream(replica, true);
  Fill(world, master, 50, 80);
  world.Cut(replica);
  REQUIRE(world.PassUntil([&] { return IsUp(replica); }));
  world.Settle();
  CHECK(Same(master, replica));
  CHECK(master.state().stats.sync_full == 1);
  CHECK(master.state().stats.sync_partial_ok == 1);
}

TEST_CASE("replication: a replica that missed more than the backlog holds starts anew") {
  World world;
  Box& master = world.Add("master", [](Settings& settings) { settings.repl_backlog_size = 16384; });
  Box& replica = world.Add("replica");
  Follow(world, replica, master);
  world.Isolate(replica, true);
  Fill(world, master, 0, 400);
  world.Isolate(replica, false);
  REQUIRE(world.PassUntil([&] { return IsUp(replica); }));
  CHECK(Same(master, replica));
  CHECK(master.state().stats.sync_full == 2);
  CHECK(master.state().stats.sync_partial_err == 1);
}

TEST_CASE("replication: a chain holds the same history from end to end") {
  World world;
  Box& top = world.Add("top");
  Box& middle = world.Add("middle");
  Box& bottom = world.Add("bottom");
  Fill(world, top, 0, 100);
  Follow(world, middle, top);
  Follow(world, bottom, middle);
  Fill(world, top, 100, 200);
  CHECK(Same(top, middle));
  CHECK(Same(middle, bottom));
  SUBCASE("a link in the middle breaks: nobody needs a full sync") {
    world.Cut(middle);
    Fill(world, top, 200, 220);
    REQUIRE(world.PassUntil([&] { return IsUp(middle) && IsUp(bottom); }));
    world.Settle();
    CHECK(Same(top, bottom));
    CHECK(top.state().stats.sync_full == 1);
    CHECK(middle.state().stats.sync_full == 1);
  }
  SUBCASE("the middle is promoted: the bottom goes on under the new name") {
    CHECK(world.Do(middle, {"REPLICAOF", "NO", "ONE"}) == "+OK\r\n");
    REQUIRE(world.PassUntil([&] { return IsUp(bottom); }));
    CHECK(bottom.state().history.replid == middle.state().history.replid);
    CHECK(bottom.state().history.replid2 == top.state().history.replid);
    world.Do(middle, {"SET", "after", "1"});
    CHECK(Same(middle, bottom));
    CHECK(middle.state().stats.sync_full == 1);
    CHECK(middle.state().stats.sync_partial_ok == 1);
  }
}

TEST_CASE("replication: after a failover the old master and the sibling follow without a full sync") {
  World world;
  Box& old_master = world.Add("old");
  Box& chosen = world.Add("chosen");
  Box& sibling = world.Add("sibling");
  Fill(world, old_master, 0, 100);
  Follow(world, chosen, old_master);
  Follow(world, sibling, old_master);
  Fill(world, old_master, 100, 120);
  const Offset at = chosen.state().applied;
  const auto old_id = old_master.state().history.replid;

  CHECK(world.Do(chosen, {"SLAVEOF", "NO", "ONE"}) == "+OK\r\n");
  CHECK(chosen.state().history.replid2 == old_id);
  CHECK(chosen.state().history.second_offset == at + 1);
  CHECK(chosen.state().history.replid != old_id);
  Follow(world, sibling, chosen);
  Follow(world, old_master, chosen);
  world.Do(chosen, {"SET", "new-era", "1"});
  CHECK(Same(chosen, sibling));
  CHECK(Same(chosen, old_master));
  CHECK(chosen.state().stats.sync_full == 0);
  CHECK(chosen.state().stats.sync_partial_ok == 2);
}

TEST_CASE("replication: an old master that wrote more than the new one has must start anew") {
  World world;
  Box& old_master = world.Add("old");
  Box& chosen = world.Add("chosen");
  Follow(world, chosen, old_master);
  Fill(world, old_master, 0, 10);
  world.Isolate(old_master, true);
  world.Do(old_master, {"SET", "lost", "1"});
  world.Do(chosen, {"REPLICAOF", "NO", "ONE"});
  world.Do(chosen, {"SET", "kept", "1"});
  world.Isolate(old_master, false);
  Follow(world, old_master, chosen);
  CHECK(Same(chosen, old_master));
  CHECK(Get(world, old_master, "lost") == "$-1\r\n");
  CHECK(Get(world, old_master, "kept") == "$1\r\n1\r\n");
  CHECK(chosen.state().stats.sync_full == 1);
  CHECK(chosen.state().stats.sync_partial_err == 1);
}

TEST_CASE("replication: a transaction reaches the replica whole, and is credited when EXEC has run") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  const ClientId client = world.Open(master);
  world.Send(master, client, {"MULTI"});
  world.Send(master, client, {"SET", "x", "1"});
  world.Send(master, client, {"INCR", "x"});
  world.Received(master, client);
  world.HoldDownstream(replica, true);
  const Offset before = replica.state().applied;
  world.Send(master, client, {"EXEC"});
  CHECK(world.Received(master, client) == "*2\r\n+OK\r\n:2\r\n");

  const std::string stream = replica.ReadMasterNow(replica.state().master.link);
  const LinkId link = replica.state().master.link;
  REQUIRE(stream.find("MULTI") != std::string::npos);
  const std::size_t exec_at = stream.find("*1\r\n$4\r\nEXEC\r\n");
  REQUIRE(exec_at != std::string::npos);
  const Offset multi_at = static_cast<Offset>(stream.find("*1\r\n$5\r\nMULTI"));
  for (std::size_t i = 0; i < stream.size(); ++i) {
    replica->OnMasterBytes(link, stream.substr(i, 1), world.now);
    if (i + 1 >= static_cast<std::size_t>(multi_at) && i + 1 < stream.size()) {
      REQUIRE(replica.state().applied <= before + multi_at);
      REQUIRE(replica.state().keyspace.TotalSize() == 0);
    }
  }
  CHECK(replica.state().applied == before + static_cast<Offset>(stream.size()));
  CHECK(Get(world, replica, "x") == "$1\r\n2\r\n");
}

TEST_CASE("replication: a link lost inside a transaction leaves nothing of it behind") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  world.HoldDownstream(replica, true);
  const ClientId client = world.Open(master);
  world.SendRaw(master, client, "MULTI\r\nSET x 1\r\nSET y 1\r\nEXEC\r\n");
  const std::string stream = replica.ReadMasterNow(replica.state().master.link);
  const std::size_t middle = stream.find("SET\r\n$1\r\ny");
  REQUIRE(middle != std::string::npos);
  const Offset before = replica.state().applied;
  replica->OnMasterBytes(replica.state().master.link, stream.substr(0, middle), world.now);
  CHECK(replica.state().stream.end() > replica.state().applied + 1);
  SUBCASE("it comes again") {
    world.Cut(replica);
    REQUIRE(world.PassUntil([&] { return IsUp(replica); }));
    CHECK(Same(master, replica));
    CHECK(master.state().stats.sync_partial_ok == 1);
  }
  SUBCASE("a promotion drops it: the new history begins before MULTI") {
    world.Do(replica, {"REPLICAOF", "NO", "ONE"});
    // The SELECT before MULTI is complete, and it is the last that counts.
    CHECK(replica.state().applied < before + static_cast<Offset>(stream.find("MULTI")));
    CHECK(replica.state().keyspace.TotalSize() == 0);
    Follow(world, master, replica);
    CHECK(Same(master, replica));
    CHECK(Get(world, master, "x") == "$-1\r\n");
    CHECK(replica.state().stats.sync_full == 1);
  }
}

TEST_CASE("replication: a promotion applies first what had already arrived") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  world.HoldDownstream(replica, true);
  world.Do(master, {"SET", "on-its-way", "1"});
  CHECK(replica.state().keyspace.TotalSize() == 0);
  world.Do(replica, {"REPLICAOF", "NO", "ONE"});
  CHECK(Get(world, replica, "on-its-way") == "$1\r\n1\r\n");
  CHECK(replica.state().history.second_offset == master.state().applied + 1);
}

TEST_CASE("replication: bytes may be torn anywhere") {
  for (const std::size_t piece : {1UL, 2UL, 3UL, 7UL, 64UL, 1000UL}) {
    CAPTURE(piece);
    World world;
    world.piece = piece;
    Box& master = world.Add("master");
    Box& replica = world.Add("replica");
    Box& bottom = world.Add("bottom");
    Fill(world, master, 0, 20);
    Follow(world, replica, master);
    Follow(world, bottom, replica);
    Fill(world, master, 20, 40);
    world.Cut(replica);
    Fill(world, master, 40, 50);
    REQUIRE(world.PassUntil([&] { return IsUp(replica) && IsUp(bottom); }));
    world.Settle();
    CHECK(Same(master, replica));
    CHECK(Same(master, bottom));
    CHECK(master.state().stats.sync_full == 1);
  }
}

TEST_CASE("replication: a replica refuses writes, unless it was told not to") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  CHECK(world.Do(replica, {"SET", "a", "1"}) == "-READONLY You can't write against a read only replica.\r\n");
  world.Do(replica, {"CONFIG", "SET", "replica-read-only", "no"});
  CHECK(world.Do(replica, {"SET", "a", "1"}) == "+OK\r\n");
  CHECK(replica.state().applied == master.state().applied);  // what it writes by itself stays with it
}

TEST_CASE("replication: what a master publishes is heard at its replicas, what a replica publishes only there") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  const ClientId at_master = world.Open(master);
  const ClientId at_replica = world.Open(replica);
  world.Send(master, at_master, {"SUBSCRIBE", "__sentinel__:hello"});
  world.Send(replica, at_replica, {"SUBSCRIBE", "__sentinel__:hello"});
  world.Received(master, at_master);
  world.Received(replica, at_replica);
  const std::string message = "*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n$5\r\nhello\r\n";
  CHECK(world.Do(master, {"PUBLISH", "__sentinel__:hello", "hello"}) == ":1\r\n");
  CHECK(world.Received(master, at_master) == message);
  CHECK(world.Received(replica, at_replica) == message);
  CHECK(world.Do(replica, {"PUBLISH", "__sentinel__:hello", "hello"}) == ":1\r\n");
  CHECK(world.Received(replica, at_replica) == message);
  CHECK(world.Received(master, at_master).empty());
  CHECK(replica.state().applied == master.state().applied);
}

TEST_CASE("replication: an expired key is deleted by the master, and hidden by the replica until then") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  world.Do(master, {"SET", "k", "v", "PX", "500"});
  world.HoldDownstream(replica, true);
  world.Pass(base::Millis(600));
  CHECK(master.state().keyspace.TotalSize() == 0);
  CHECK(replica.state().keyspace.TotalSize() == 1);
  CHECK(Get(world, replica, "k") == "$-1\r\n");
  world.HoldDownstream(replica, false);
  world.Settle();
  CHECK(replica.state().keyspace.TotalSize() == 0);
  CHECK(Same(master, replica));
}

TEST_CASE("replication: offsets stand still without a backlog, so the first replica gets a new name") {
  World world;
  Box& master = world.Add("master");
  const auto before = master.state().history.replid;
  Fill(world, master, 0, 10);
  CHECK(master.state().applied == 0);
  Box& replica = world.Add("replica");
  Follow(world, replica, master);
  CHECK(master.state().history.replid != before);
  CHECK(Same(master, replica));

  SUBCASE("the backlog is freed when nobody came for repl-backlog-ttl, and the name goes with it") {
    const auto with_replica = master.state().history.replid;
    world.Do(master, {"SET", "x", "1"});
    world.Isolate(replica, true);
    world.Pass(base::Seconds(3590));
    CHECK(master.state().backlog);
    world.Pass(base::Seconds(20));
    CHECK_FALSE(master.state().backlog);
    CHECK(master.state().history.replid != with_replica);
  }
}

TEST_CASE("replication: a full sync that fails leaves the old data in place") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Fill(world, master, 0, 300);
  world.Do(replica, {"SET", "old", "1"});
  world.piece = 512;
  world.HoldPayload(replica, 2000);
  world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
  REQUIRE(replica.state().master.stage == MasterLink::Stage::kPayload);
  CHECK(Get(world, replica, "old") == "$1\r\n1\r\n");
  CHECK(world.Do(replica, {"PING"}) == "+PONG\r\n");
  world.Isolate(replica, true);
  CHECK(Get(world, replica, "old") == "$1\r\n1\r\n");
  world.Isolate(replica, false);
  world.HoldPayload(replica, 0);
  REQUIRE(world.PassUntil([&] { return IsUp(replica); }));
  CHECK(Same(master, replica));
}

TEST_CASE("replication: writes while a payload is under way follow behind it") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Fill(world, master, 0, 300);
  world.piece = 512;
  world.HoldPayload(replica, 2000);
  world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
  REQUIRE(replica.state().master.stage == MasterLink::Stage::kPayload);
  Fill(world, master, 250, 350);
  world.Do(master, {"FLUSHALL"});
  Fill(world, master, 340, 360);
  CHECK_FALSE(IsUp(replica));
  world.HoldPayload(replica, 0);
  REQUIRE(world.PassUntil([&] { return IsUp(replica); }));
  world.Settle();
  CHECK(replica.state().keyspace.TotalSize() == 20);
  CHECK(Same(master, replica));
}

TEST_CASE("replication: two replicas that come together share one snapshot") {
  World world;
  Box& master = world.Add("master");
  Fill(world, master, 0, 50);
  Box& one = world.Add("one", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  Box& two = world.Add("two", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  REQUIRE(world.PassUntil([&] { return IsUp(one) && IsUp(two); }));
  world.Do(master, {"SET", "x", "1"});
  CHECK(Same(master, one));
  CHECK(Same(master, two));
}

TEST_CASE("replication: a silent master is left, and a silent replica dropped, after repl-timeout") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  SUBCASE("an idle link stays up: PING and ACK keep it alive") {
    world.Pass(base::Seconds(300));
    CHECK(IsUp(replica));
    CHECK(master.state().stats.sync_partial_ok == 0);
    CHECK(Same(master, replica));
  }
  SUBCASE("nothing comes through") {
    world.HoldDownstream(replica, true);
    world.Pass(base::Seconds(59));
    CHECK(IsUp(replica));
    world.Pass(base::Seconds(2));
    CHECK(replica.Said("MASTER timeout"));
    REQUIRE(world.PassUntil([&] { return IsUp(replica); }));
    CHECK(Same(master, replica));
    CHECK(master.state().stats.sync_full == 1);
  }
}

TEST_CASE("replication: the way back to a master is tried at once, then ever more seldom") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  const LinkId before = replica.state().master.last_link;
  world.Isolate(master, true);
  world.Settle();
  CHECK(replica.state().master.last_link == before + 1);  // at once: the clock stands still
  world.Pass(base::Seconds(10));
  const LinkId tries = replica.state().master.last_link - before;
  CHECK(tries > 10);
  CHECK(tries < 40);
  world.Isolate(master, false);
  world.Pass(base::Millis(1001));
  CHECK(IsUp(replica));
}

TEST_CASE("replication: a password is asked for and given") {
  World world;
  Box& master = world.Add("master", [](Settings& settings) { settings.requirepass = "secret"; });
  Box& replica = world.Add("replica");
  world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
  world.Pass(base::Seconds(3));
  CHECK_FALSE(IsUp(replica));
  world.Do(replica, {"CONFIG", "SET", "masterauth", "secret"});
  CHECK(world.PassUntil([&] { return IsUp(replica); }));
}

TEST_CASE("replication: a replica that holds an unknown stream says so loudly") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  replica->OnMasterBytes(replica.state().master.link, "*2\r\n$6\r\nFROBNI\r\n$1\r\nx\r\n", world.now);
  CHECK(replica.state().stats.repl_unknown_commands == 1);
  CHECK(replica.Said("FROBNI"));
}

TEST_CASE("replication: a replica that wants a length instead of a mark is told the length") {
  World world;
  Box& master = world.Add("master");
  Fill(world, master, 0, 50);
  const ClientId client = world.Open(master);
  world.Send(master, client, {"PSYNC", "?", "-1"});
  const std::string got = world.Received(master, client);
  const std::string head =
      fmt::format("+FULLRESYNC {} {}\r\n$", master.state().history.replid.hex, master.state().applied);
  REQUIRE(got.starts_with(head));
  const std::size_t end = got.find("\r\n", head.size());
  const std::string payload = got.substr(end + 2);
  CHECK(got.substr(head.size(), end - head.size()) == fmt::format("{}", payload.size()));
  CHECK(payload.starts_with("REDIS0010"));
  world.Do(master, {"SET", "x", "1"});
  CHECK(world.Received(master, client).find("SET") != std::string::npos);  // without waiting for an ACK
}

TEST_CASE("replication: behind a mark no stream byte follows before the first ACK") {
  World world;
  Box& master = world.Add("master");
  const ClientId client = world.Open(master);
  world.Send(master, client, {"REPLCONF", "capa", "eof", "capa", "psync2"});
  CHECK(world.Received(master, client) == "+OK\r\n");
  world.Send(master, client, {"PSYNC", "?", "-1"});
  const std::string got = world.Received(master, client);
  const std::size_t mark = got.find("$EOF:");
  REQUIRE(mark != std::string::npos);
  CHECK(got.ends_with(got.substr(mark + 5, 40)));
  world.Do(master, {"SET", "x", "1"});
  CHECK(world.Received(master, client).empty());
  world.Send(master, client, {"REPLCONF", "ACK", "0"});
  CHECK(world.Received(master, client) == "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\n1\r\n");
}

TEST_CASE("replication: a replica that says something with an answer would lose count, and is dropped") {
  Pair pair;
  auto& [world, master, replica] = pair;
  const ClientId client = world.Open(master);
  world.Send(master, client, {"PSYNC", "?", "-1"});
  world.Send(master, client, {"PING"});
  CHECK_FALSE(world.IsOpen(master, client));
}

TEST_CASE("replication: WAIT does not count a replica whose payload is still on its way") {
  World world;
  world.piece = 1000;
  Box& master = world.Add("master", [](Settings& settings) { settings.rdbcompression = false; });
  Box& replica = world.Add("replica");
  const ClientId writer = world.Open(master);
  world.Send(master, writer, {"SET", "a", std::string(20'000, 'x')});  // before there are offsets at all
  world.HoldPayload(replica, 300);
  world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
  // It takes what its socket holds, and is online for its master before it has loaded it.
  world.HoldPayload(replica, 1 << 30);
  world.HoldDownstream(replica, true);
  world.Pass(base::Millis(300));
  REQUIRE(replica.state().keyspace.TotalSize() == 0);
  world.Received(master, writer);
  world.Send(master, writer, {"WAIT", "1", "200"});
  world.Pass(base::Millis(300));
  CHECK(world.Received(master, writer) == ":0\r\n");
  world.HoldDownstream(replica, false);
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  world.Send(master, writer, {"WAIT", "1", "200"});
  world.Pass(base::Millis(300));
  CHECK(world.Received(master, writer) == ":1\r\n");
}

TEST_CASE("replication: a machine that lost its power and returned counts once") {
  ReplicaTable table;
  const auto at = [](int ms) { return base::MonoTime(base::Millis(ms)); };
  const auto add = [&](ClientId id, int attached, int acked) {
    Replica& replica = table.Add(id);
    replica.ip = "192.0.2.1";
    replica.announced.listening_port = 6379;
    replica.stage = Replica::Stage::kOnline;
    replica.attached_at = at(attached);
    replica.ack_at = at(acked);
    replica.ack = replica.durable = 100;
  };
  add(1, 0, 900);
  CHECK(table.CountAcked(100) == 1);
  add(2, 1000, 1500);  // the first connection has not been heard of since
  CHECK(table.CountAcked(100) == 1);
  CHECK(table.CountDurable(100) == 1);
  CHECK(table.CountGood(at(1600), base::Seconds(10)) == 1);
  // Two that share an address, behind one that translates them: both go on to speak.
  table.Find(1)->ack_at = at(1700);
  CHECK(table.CountAcked(100) == 2);
}

TEST_CASE("replication: a replica whose output grows beyond its limit is dropped, and starts anew") {
  World world;
  Box& master = world.Add("master", [](Settings& settings) {
    settings.repl_backlog_size = 16384;
    settings.replica_limit = OutputLimit{100'000, 0, base::Seconds(0)};
  });
  const ClientId client = world.Open(master);
  world.Send(master, client, {"REPLCONF", "capa", "eof", "capa", "psync2"});
  world.Send(master, client, {"PSYNC", "?", "-1"});  // and never an ACK: its stream is held
  const std::string big(30'000, 'x');
  for (int i = 0; i < 3; ++i) world.Do(master, {"SET", "x", big});
  CHECK(world.IsOpen(master, client));
  world.Do(master, {"SET", "x", big});
  CHECK_FALSE(world.IsOpen(master, client));
  CHECK(master.state().stream.size() <= 16384);
}

TEST_CASE("replication: a master that comes back empty does not take its replica's data") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  Fill(world, master, 0, 50);
  const std::string held = Digest(replica);
  const std::string replid = replica.state().history.replid.hex;
  world.Kill(master);
  master.files.clear();
  world.Restart(master);
  world.Pass(base::Seconds(10));
  CHECK(Digest(replica) == held);
  CHECK(replica.state().history.replid.hex == replid);
  CHECK_FALSE(IsUp(replica));
  CHECK(replica.Said("Full resync refused"));
  CHECK(world.Do(replica, {"INFO", "replication"}).find("master_empty_refused:1") != std::string::npos);

  SUBCASE("it is promoted with all that it holds") {
    CHECK(world.Do(replica, {"REPLICAOF", "NO", "ONE"}) == "+OK\r\n");
    CHECK(Digest(replica) == held);
    Follow(world, master, replica);
    CHECK(Digest(master) == held);
  }
  SUBCASE("the operator allows it") {
    CHECK(world.Do(replica, {"CONFIG", "SET", "replica-accept-empty-master", "yes"}) == "+OK\r\n");
    REQUIRE(world.PassUntil([&] { return IsUp(replica); }));
    CHECK(Same(master, replica));
    CHECK(replica.state().keyspace.TotalSize() == 0);
  }
  SUBCASE("the master holds data again") {
    world.Do(master, {"SET", "new", "1"});
    REQUIRE(world.PassUntil([&] { return IsUp(replica); }));
    CHECK(Same(master, replica));
  }
  SUBCASE("another master, though empty, was chosen by somebody") {
    Box& third = world.Add("third");
    Follow(world, replica, third);
    CHECK(replica.state().keyspace.TotalSize() == 0);
  }
}

TEST_CASE("replication: a replica that restarts with its data refuses an empty master as well") {
  Pair pair;
  auto& [world, master, replica] = pair;
  Follow(world, replica, master);
  Fill(world, master, 0, 50);
  const std::string held = Digest(replica);
  CHECK(world.Do(replica, {"SAVE"}) == "+OK\r\n");
  world.Kill(replica);
  world.Kill(master);
  master.files.clear();
  world.Restart(master);
  world.Restart(replica);
  world.Pass(base::Seconds(10));
  CHECK(Digest(replica) == held);
  CHECK(replica.Said("Full resync refused"));
}
