// What a full sync costs either side: the old data, files, memory, and who is told what meanwhile.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "replication/data/data_digest.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

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

bool Same(const Box& a, const Box& b) {
  return data::DataDigest(a.state().keyspace) == data::DataDigest(b.state().keyspace) &&
         a.state().applied == b.state().applied && a.state().history.replid == b.state().history.replid;
}

std::string Field(World& world, Box& box, const std::string& name) {
  const std::string info = world.Do(box, {"INFO"});
  const std::size_t at = info.find("\r\n" + name + ":");
  if (at == std::string::npos) return "missing";
  const std::size_t begin = at + name.size() + 3;
  return info.substr(begin, info.find('\r', begin) - begin);
}

// A replica with data of its own whose full sync stops in the middle.
struct Halfway {
  explicit Halfway(const std::string& diskless_load)
      : replica(world.Add("replica", [&](Settings& settings) { settings.repl_diskless_load = diskless_load; })) {
    Fill(world, master, 0, 300);
    world.Do(replica, {"SET", "old", "1"});
    world.piece = 512;
    world.HoldPayload(replica, 4000);
    world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
    REQUIRE(replica.state().master.stage == MasterLink::Stage::kPayload);
  }
  World world;
  Box& master = world.Add("master");
  Box& replica;
};

}  // namespace

TEST_CASE("full sync: the old data are served until the new ones are there, whatever the name of the way") {
  for (const char* way : {"disabled", "on-empty-db", "swapdb"}) {
    CAPTURE(way);
    Halfway halfway(way);
    auto& [world, master, replica] = halfway;
    CHECK(world.Do(replica, {"GET", "old"}) == "$1\r\n1\r\n");
    CHECK(Field(world, replica, "async_loading") == "1");
    CHECK(Field(world, replica, "loading") == "0");
    world.Isolate(replica, true);
    CHECK(world.Do(replica, {"GET", "old"}) == "$1\r\n1\r\n");
    CHECK(Field(world, replica, "async_loading") == "0");
  }
}

TEST_CASE("full sync: flush-before-load gives the old data up first, and is honestly empty when it fails") {
  Halfway halfway("flush-before-load");
  auto& [world, master, replica] = halfway;
  CHECK(world.Do(replica, {"GET", "old"}) == "-LOADING Redis is loading the dataset in memory\r\n");
  CHECK(Field(world, replica, "loading") == "1");
  CHECK(Field(world, replica, "async_loading") == "0");
  CHECK(replica.state().keyspace.TotalSize() == 0);
  world.Isolate(replica, true);
  CHECK(Field(world, replica, "loading") == "0");
  CHECK(world.Do(replica, {"DBSIZE"}) == ":0\r\n");
  CHECK(replica.state().applied == 0);
  world.HoldPayload(replica, 0);
  world.Isolate(replica, false);
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  world.Settle();
  CHECK(Field(world, replica, "loading") == "0");
  CHECK(Same(master, replica));
}

TEST_CASE("full sync: flush-before-load keeps what it has while the payload is none") {
  World world;
  Box& master = world.Add("master");  // and empty
  Box& replica = world.Add("replica", [](Settings& settings) { settings.repl_diskless_load = "flush-before-load"; });
  world.Do(replica, {"SET", "old", "1"});
  world.piece = 10;
  world.HoldPayload(replica, 1);
  world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
  for (std::size_t bytes = 20; replica.state().master.stage != MasterLink::Stage::kPayload && bytes < 5000;
       bytes += 20) {
    world.HoldPayload(replica, bytes);
    world.Settle();
  }
  REQUIRE(replica.state().master.stage == MasterLink::Stage::kPayload);
  CHECK(world.Do(replica, {"GET", "old"}) == "$1\r\n1\r\n");
}

TEST_CASE("full sync: without diskless sync the length comes first, by way of a file, and our replica reads that too") {
  World world;
  Box& master = world.Add("master", [](Settings& settings) { settings.repl_diskless_sync = false; });
  Fill(world, master, 0, 2000);
  const ClientId client = world.Open(master);
  world.Send(master, client, {"REPLCONF", "capa", "eof", "capa", "psync2"});
  world.Received(master, client);
  world.Send(master, client, {"PSYNC", "?", "-1"});
  const std::string got = world.Received(master, client);
  const std::size_t head = got.find("\r\n$") + 3;
  const std::size_t end = got.find("\r\n", head);
  CHECK(got.substr(head, end - head) == fmt::format("{}", got.size() - end - 2));
  CHECK(got.substr(end + 2, 5) == "REDIS");
  world.Hang(master, client);

  Box& one = world.Add("one", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  Box& two = world.Add("two", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  REQUIRE(world.PassUntil([&] { return one.state().link_up() && two.state().link_up(); }));
  Fill(world, master, 100, 200);
  CHECK(Same(master, one));
  CHECK(Same(master, two));
  CHECK(master.state().snapshots.running.empty());
}

TEST_CASE("full sync: a full disk ends the sync that goes through a file, and it is tried again") {
  World world;
  Box& master = world.Add("master", [](Settings& settings) { settings.repl_diskless_sync = false; });
  Fill(world, master, 0, 100);
  master.disk_fails = true;
  Box& replica = world.Add("replica", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  world.Pass(base::Seconds(3));
  CHECK_FALSE(replica.state().link_up());
  CHECK(master.Said("No space left on device"));
  master.disk_fails = false;
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  CHECK(Same(master, replica));
}

TEST_CASE("full sync: a replica that takes nothing costs no more memory than was allowed") {
  World world;
  Box& master = world.Add("master", [](Settings& settings) { settings.rdbcompression = false; });
  const ClientId writer = world.Open(master);
  const auto fill = [&](char with) {
    for (int i = 0; i < 4000; ++i) {
      std::string bytes;
      resp::AppendCommand(bytes, {"SET", fmt::format("key:{}", i), std::string(12000, with)});
      master->OnClientBytes(writer, bytes, world.now);
    }
    world.Settle();
  };
  fill('a');
  // It asks for everything and never reads: what the world would deliver is taken by nobody.
  Box& replica = world.Add("replica");
  world.HoldPayload(replica, 100);
  world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
  CHECK(Field(world, master, "repl_snapshot_in_progress") == "1");
  for (const char with : {'b', 'c', 'd'}) fill(with);
  // 48 MB of values were overwritten while its payload stood: they lie in the file.
  CHECK(master.Said("goes through a temporary file"));
  std::size_t kept = 0;
  for (const auto& [id, job] : master.state().snapshots.running) kept += job.source->pre_image_bytes();
  CHECK(kept <= (32 << 20));
  CHECK(PayloadMemory(master.state()) <= (40 << 20));
  world.HoldPayload(replica, 0);
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  world.Settle();
  CHECK(Same(master, replica));
  CHECK(Field(world, master, "repl_snapshot_in_progress") == "0");
}

TEST_CASE("full sync: a payload of a later version is refused by name, and the old data stay") {
  World world;
  Box& master = world.Add("master");
  Box& replica = world.Add("replica");
  Fill(world, master, 0, 10);
  world.Do(replica, {"SET", "old", "1"});
  world.ChangeDownstream(replica, [](std::string& bytes) {
    if (const auto at = bytes.find("REDIS0010"); at != std::string::npos) bytes.replace(at, 9, "REDIS0099");
  });
  world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
  world.Pass(base::Seconds(2));
  CHECK_FALSE(replica.state().link_up());
  CHECK(replica.Said("version 99 is not supported"));
  CHECK(world.Do(replica, {"GET", "old"}) == "$1\r\n1\r\n");
  world.ChangeDownstream(replica, {});
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  CHECK(Same(master, replica));
}

TEST_CASE("full sync: what only the former master held is named and counted when it goes") {
  World world;
  Box& old_master = world.Add("old");
  Box& next = world.Add("next", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", old_master.port}; });
  REQUIRE(world.PassUntil([&] { return next.state().link_up(); }));
  Fill(world, old_master, 0, 100);
  const Offset common = next.state().applied;
  world.Isolate(old_master, true);
  Fill(world, old_master, 1000, 2000);
  world.Do(old_master, {"PUBLISH", "__sentinel__:hello", "x"});
  const Offset last = old_master.state().applied;
  const std::string name = old_master.state().history.replid.hex;
  world.Do(next, {"REPLICAOF", "NO", "ONE"});
  Fill(world, next, 0, 10);
  world.Isolate(old_master, false);
  world.Do(old_master, {"REPLICAOF", "127.0.0.1", fmt::format("{}", next.port)});
  REQUIRE(world.PassUntil([&] { return old_master.state().link_up(); }));
  world.Settle();
  CHECK(Same(next, old_master));
  CHECK(next.state().stats.sync_full == 1);
  CHECK(next.state().stats.sync_partial_ok == 0);
  CHECK(old_master.Said(fmt::format("discards 1000 writes ({} bytes, offsets {} to {} of history {})", last - common,
                                    common + 1, last, name)));
  CHECK(Field(world, old_master, "repl_lost_writes") == "1000");
  CHECK(Field(world, old_master, "repl_lost_bytes") == fmt::format("{}", last - common));
  // A replica that starts anew loses nothing: its master has it.
  world.Do(next, {"DEBUG", "CHANGE-REPL-ID"});
  CHECK(Field(world, next, "repl_lost_writes") == "0");
}

TEST_CASE("full sync: a strict replica stops before a command that it does not know") {
  World world;
  Box& master = world.Add("master");
  Box& replica = world.Add("replica", [&](Settings& settings) {
    settings.replicaof = {"127.0.0.1", master.port};
    settings.replica_strict_stream = true;
  });
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  world.Do(master, {"SET", "a", "1"});
  const Offset before = replica.state().applied;
  SUBCASE("alone") {
    world.ChangeDownstream(replica, [](std::string& bytes) {
      if (const auto at = bytes.find("APPEND"); at != std::string::npos) bytes.replace(at, 6, "ZZZZZZ");
    });
    world.Do(master, {"APPEND", "a", "2"});
    CHECK(replica.state().applied == before);
  }
  SUBCASE("in a transaction, of which nothing is done") {
    world.ChangeDownstream(replica, [](std::string& bytes) {
      if (const auto at = bytes.find("APPEND"); at != std::string::npos) bytes.replace(at, 6, "ZZZZZZ");
    });
    const ClientId client = world.Open(master);
    world.SendRaw(master, client, "MULTI\r\nSET b 1\r\nAPPEND a 2\r\nEXEC\r\n");
    CHECK(replica.state().applied == before);
    CHECK(world.Do(replica, {"EXISTS", "b"}) == ":0\r\n");
  }
  CHECK_FALSE(replica.state().link_up());
  CHECK(replica.Said("cannot apply: 'ZZZZZZ'"));
  CHECK(Field(world, replica, "repl_unknown_commands") == "1");
  CHECK(Field(world, replica, "master_link_stopped_by") == "ZZZZZZ");
  world.Pass(base::Seconds(30));
  CHECK_FALSE(replica.state().link_up());
  CHECK(Field(world, replica, "repl_unknown_commands") == "1");
  // Whoever has mended the master, or takes the gap, says so.
  world.ChangeDownstream(replica, {});
  world.Do(replica, {"CONFIG", "SET", "replica-strict-stream", "no"});
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  world.Settle();
  CHECK(Same(master, replica));
  CHECK(Field(world, replica, "master_link_stopped_by") == "missing");
}

TEST_CASE("psync: a replica that is asked for bytes on their way to it lets the asker come back") {
  World world;
  Box& master = world.Add("master");
  const auto follow = [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; };
  Box& slow = world.Add("slow", follow);
  Box& fast = world.Add("fast", follow);
  REQUIRE(world.PassUntil([&] { return slow.state().link_up() && fast.state().link_up(); }));
  Fill(world, master, 0, 50);
  world.HoldDownstream(slow, true);
  Fill(world, master, 50, 100);
  world.Do(fast, {"REPLICAOF", "127.0.0.1", fmt::format("{}", slow.port)});
  world.Pass(base::Seconds(1));
  CHECK_FALSE(fast.state().link_up());
  SUBCASE("and goes on when they have come") {
    world.HoldDownstream(slow, false);
    REQUIRE(world.PassUntil([&] { return fast.state().link_up(); }));
    world.Settle();
    CHECK(Same(master, fast));
    CHECK(slow.state().stats.sync_full == 0);
    CHECK(slow.state().stats.sync_partial_ok == 1);
  }
  SUBCASE("but not for ever: then it has gone its own way") {
    world.Pass(base::Seconds(8));
    CHECK(fast.state().link_up());
    CHECK(slow.state().stats.sync_full == 1);
  }
}

TEST_CASE("failover: a target that took over, and whose answer was lost, is followed") {
  World world;
  Box& master = world.Add("master");
  Box& target = world.Add("target", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  REQUIRE(world.PassUntil([&] { return target.state().link_up(); }));
  Fill(world, master, 0, 20);
  world.HoldPayload(master, 1);  // of what it is answered only the beginning arrives
  world.Do(master, {"FAILOVER", "TO", "127.0.0.1", fmt::format("{}", target.port)});
  world.Pass(base::Millis(10));
  REQUIRE(target.state().is_master());
  CHECK(master.state().failover.stage == Failover::Stage::kInProgress);
  world.Cut(master);
  world.HoldPayload(master, 0);
  REQUIRE(world.PassUntil([&] { return master.state().link_up(); }));
  CHECK_FALSE(master.state().is_master());
  CHECK(master.state().failover.stage == Failover::Stage::kNo);
  CHECK(target.state().stats.sync_full == 0);
  CHECK(Same(target, master));
}

TEST_CASE("full sync: those who wait together share a snapshot, who comes later gets one of their own") {
  World world;
  Box& master = world.Add("master");
  Fill(world, master, 0, 500);
  world.piece = 512;
  std::vector<Box*> replicas;
  const auto add = [&](std::size_t limit) {
    Box& box = world.Add(fmt::format("r{}", replicas.size()));
    world.HoldPayload(box, limit);
    replicas.push_back(&box);
    return &box;
  };
  const auto follow = [&](Box* box) { world.Do(*box, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)}); };
  const auto taken = [&] { return master.state().snapshots.last_id; };
  for (int i = 0; i < 5; ++i) {
    follow(add(3000));
    world.Do(master, {"SET", fmt::format("between:{}", i), "1"});
  }
  // Small payloads are encoded at once, whoever takes them later: each came at another moment, and has one of its own.
  CHECK(taken() == 5);
  CHECK(master.state().stats.sync_full == 5);
  for (Box* box : replicas) world.HoldPayload(*box, 0);
  REQUIRE(
      world.PassUntil([&] { return std::ranges::all_of(replicas, [](Box* box) { return box->state().link_up(); }); }));
  world.Settle();
  for (Box* box : replicas) CHECK(Same(master, *box));
  CHECK(taken() == 5);

  SUBCASE("strangers wait repl-diskless-sync-delay together") {
    world.Do(master, {"CONFIG", "SET", "repl-diskless-sync-delay", "2"});
    std::vector<ClientId> strangers;
    for (int i = 0; i < 3; ++i) {
      const ClientId client = world.Open(master);
      world.Send(master, client, {"REPLCONF", "capa", "eof"});
      world.Send(master, client, {"PSYNC", "?", "-1"});
      strangers.push_back(client);
      world.Pass(base::Millis(300));
    }
    CHECK(taken() == 5);
    world.Pass(base::Seconds(2));
    CHECK(taken() == 6);
    for (const ClientId client : strangers)
      CHECK(world.Received(master, client).find("+FULLRESYNC") != std::string::npos);
  }
  SUBCASE("one of ours does not") {
    world.Do(master, {"CONFIG", "SET", "repl-diskless-sync-delay", "60"});
    world.Do(master, {"DEBUG", "CHANGE-REPL-ID"});
    world.Cut(*replicas[0]);
    world.Settle();
    CHECK(taken() == 6);
  }
}

TEST_CASE("full sync: a failed attempt is repeated at once, then after growing pauses that are never alike") {
  World world;
  Box& master = world.Add("master");
  Box& one = world.Add("one");
  Box& two = world.Add("two");
  Fill(world, master, 0, 50);
  for (Box* box : {&one, &two}) {
    world.ChangeDownstream(*box, [](std::string& bytes) {
      if (const auto at = bytes.find("REDIS0010"); at != std::string::npos) bytes[at] = 'X';
    });
    world.Do(*box, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
  }
  const auto before = master.state().stats.sync_full;
  world.Pass(base::Millis(200));
  CHECK(master.state().stats.sync_full >= before + 4);
  world.Pass(base::Seconds(10));
  const auto later = master.state().stats.sync_full;
  CHECK(one.state().master.retry_at != two.state().master.retry_at);
  world.Pass(base::Seconds(10));
  // At most about two in a second from each by now.
  CHECK(master.state().stats.sync_full - later <= 50);
  for (Box* box : {&one, &two}) world.ChangeDownstream(*box, {});
  REQUIRE(world.PassUntil([&] { return one.state().link_up() && two.state().link_up(); }));
  CHECK(Same(master, one));
}

TEST_CASE("backlog: freed after its ttl without replicas, and its name with it") {
  World world;
  Box& master = world.Add("master", [](Settings& settings) { settings.repl_backlog_ttl = base::Seconds(10); });
  Box& replica = world.Add("replica", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  Fill(world, master, 0, 10);
  const std::string name = master.state().history.replid.hex;
  world.Isolate(replica, true);
  world.Pass(base::Seconds(9));
  CHECK(Field(world, master, "repl_backlog_active") == "1");
  CHECK(master.state().history.replid.hex == name);
  world.Pass(base::Seconds(2));
  CHECK(Field(world, master, "repl_backlog_active") == "0");
  CHECK(Field(world, master, "mem_total_replication_buffers") == "0");
  CHECK(master.state().history.replid.hex != name);
  const Offset stands = master.state().applied;
  Fill(world, master, 10, 20);
  CHECK(master.state().applied == stands);
  world.Isolate(replica, false);
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  CHECK(master.state().stats.sync_full == 2);
  CHECK(Same(master, replica));
  // A replica keeps its own for ever: it may become the master.
  world.Do(replica, {"CONFIG", "SET", "repl-backlog-ttl", "1"});
  world.Pass(base::Seconds(5));
  CHECK(Field(world, replica, "repl_backlog_active") == "1");
}

TEST_CASE("wait: after a demotion nobody waits, and a promoted node counts only its own replicas") {
  World world;
  Box& master = world.Add("master");
  Box& replica = world.Add("replica", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  const ClientId client = world.Open(master);
  world.Send(master, client, {"SET", "k", "v"});
  world.Send(master, client, {"WAIT", "1", "0"});
  CHECK(world.Received(master, client) == "+OK\r\n:1\r\n");
  world.Send(master, client, {"WAIT", "2", "0"});
  CHECK(world.Received(master, client).empty());
  world.Do(replica, {"REPLICAOF", "NO", "ONE"});
  world.Do(master, {"REPLICAOF", "127.0.0.1", fmt::format("{}", replica.port)});
  CHECK(world.Received(master, client).starts_with("-UNBLOCKED force unblock from blocking operation"));
  world.Send(master, client, {"WAIT", "0", "0"});
  CHECK(world.Received(master, client).starts_with("-ERR WAIT cannot be used with replica instances."));
  REQUIRE(world.PassUntil([&] { return master.state().link_up(); }));
  const ClientId writer = world.Open(replica);
  world.Send(replica, writer, {"SET", "k", "w"});
  world.Send(replica, writer, {"WAIT", "1", "0"});
  CHECK(world.Received(replica, writer) == "+OK\r\n:1\r\n");
  // Its own offset of the time before counts in the same history: that write is there, too.
  world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
  world.Do(master, {"REPLICAOF", "NO", "ONE"});
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  world.Send(master, client, {"WAIT", "1", "0"});
  world.Settle();
  CHECK(world.Received(master, client) == ":1\r\n");
}
