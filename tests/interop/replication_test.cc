// Master and replica, ours and stock redis-server 7.0, either way round.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <map>
#include <string>

#include "tests/support/cluster.h"

using namespace support;

namespace {

struct Cast {
  Make master;
  Make replica;
};
constexpr Cast kCasts[] = {
    {Make::kOurs, Make::kStock},
    {Make::kStock, Make::kOurs},
    {Make::kOurs, Make::kOurs},
};

std::string Name(const Cast& cast) {
  const auto word = [](Make make) { return make == Make::kOurs ? "ours" : "stock"; };
  return fmt::format("master {}, replica {}", word(cast.master), word(cast.replica));
}

// Values of every type, size and kind, expiries, two databases.
void Fill(const Member& node, int keys, const std::string& prefix) {
  Redis redis(node.port, 20000);
  int sent = 0;
  const auto send = [&](const std::vector<std::string>& words) {
    redis.Send(words);
    ++sent;
  };
  for (int i = 0; i < keys; ++i) {
    const std::string key = prefix + std::to_string(i);
    switch (i % 13) {
      case 0:
        send({"SET", key, std::to_string(i * 7919)});
        break;
      case 1:
        send({"SET", key, std::string(static_cast<std::size_t>(i % 300), 'x')});
        break;
      case 2:
        send({"SET", key, "expires", "EX", "3600"});
        break;
      case 3:
        send({"INCRBY", key, std::to_string(i)});
        break;
      case 4:
        send({"APPEND", key, std::string("bin\0ary\r\n", 9) + key});
        break;
      case 5:
        send({"SETRANGE", key, std::to_string(i % 50), "range"});
        break;
      case 6:
        send({"MSET", key, "a", key + ":b", "b"});
        break;
      case 7:
        send({"HSET", key, "field", std::to_string(i), "long", std::string(static_cast<std::size_t>(i % 90), 'h')});
        if (i % 4 == 0) send({"HDEL", key, "field", "missing"});
        break;
      case 8:
        send({"SADD", key, std::to_string(i), std::to_string(i * 100000), i % 2 == 0 ? "7" : "text"});
        if (i % 4 == 0) send({"SPOP", key});
        break;
      case 9:
        send({"SADD", prefix + "set", std::to_string(i), "member:" + std::to_string(i)});
        send({"SPOP", prefix + "set", i % 7 == 0 ? "2" : "0"});
        break;
      case 10:
        send({"RPUSH", key, std::to_string(i), std::string(static_cast<std::size_t>(i % 400), 'l'), "z"});
        if (i % 4 == 0) send({"LPOP", key, "2"});
        break;
      case 11:
        send({"LPUSH", prefix + "list", std::to_string(i), std::string(static_cast<std::size_t>(i % 700), 'q')});
        if (i % 7 == 0) send({"RPOPLPUSH", prefix + "list", key});
        break;
      default:
        send({"HINCRBY", key, "count", "2"});
        send({"HINCRBYFLOAT", key, "float", "0.3"});
        send({"HSET", prefix + "large", "field:" + std::to_string(i), key});
        break;
    }
    if (i % 11 == 0) send({"DEL", prefix + std::to_string(i / 2)});
    if (i % 13 == 0) send({"INCRBYFLOAT", prefix + "float", "0.1"});
    if (i == keys / 2) send({"SELECT", "3"});
  }
  send({"SET", prefix + "big", std::string(3 << 20, 'B')});
  for (int i = 0; i < sent; ++i) {
    const Value reply = redis.Next();
    if (reply.kind == Value::Kind::kNone || reply.is_error()) FAIL_CHECK("filling: " << reply.ToString());
  }
}

// All keys with values and expiries, of all databases: equal data, asked as a client would.
std::map<std::string, std::string> Dump(const Member& node) {
  std::map<std::string, std::string> all;
  Redis redis(node.port, 20000);
  for (const char* db : {"0", "3"}) {
    redis.Do({"SELECT", db});
    const Value keys = redis.Do({"KEYS", "*"});
    for (const Value& key : keys.elements) {
      redis.Send({"GET", key.text});
      redis.Send({"PEXPIRETIME", key.text});
    }
    for (const Value& key : keys.elements) {
      const std::string value = redis.Next().text;
      all[std::string(db) + " " + key.text] = value + " " + redis.Next().ToString();
    }
  }
  return all;
}

bool CaughtUp(const Member& master, const Member& replica) {
  return replica.Info("master_link_status") == "up" &&
         replica.Info("slave_repl_offset") == master.Info("master_repl_offset");
}

void CheckEqual(const Member& master, const Member& replica) {
  REQUIRE(WaitFor([&] { return CaughtUp(master, replica); }));
  const auto of_master = Dump(master);
  CHECK(of_master.size() > 50);
  CHECK(of_master == Dump(replica));
  CHECK(master.Do({"DEBUG", "DIGEST"}) == replica.Do({"DEBUG", "DIGEST"}));
}

const std::vector<std::string> kDebug = {"enable-debug-command yes"};

}  // namespace

TEST_CASE("replication: a full sync, then the stream, give equal data") {
  for (const Cast& cast : kCasts) {
    for (const char* diskless : {"repl-diskless-sync yes", "repl-diskless-sync no"}) {
      CAPTURE(Name(cast));
      CAPTURE(diskless);
      Cluster cluster;
      const std::vector<std::string> lines = {kDebug[0], diskless};
      Member& master = cluster.AddNode(cast.master, nullptr, lines);
      Fill(master, 2000, "before:");
      Member& replica = cluster.AddNode(cast.replica, &master, kDebug);
      INFO(Logs(cluster));
      CheckEqual(master, replica);
      Fill(master, 500, "after:");
      CheckEqual(master, replica);
      CHECK(master.Info("sync_full") == "1");
      CHECK(master.Do({"WAIT", "1", "5000"}).integer == 1);
      CHECK(replica.Do({"SET", "x", "y"}).text.starts_with("READONLY"));
    }
  }
}

TEST_CASE("replication: a lost link is continued by a partial resync") {
  for (const Cast& cast : kCasts) {
    CAPTURE(Name(cast));
    Cluster cluster;
    Member& master = cluster.AddNode(cast.master, nullptr, kDebug);
    Member& replica = cluster.AddNode(cast.replica, &master, kDebug);
    Fill(master, 200, "before:");
    CheckEqual(master, replica);
    for (int round = 1; round <= 3; ++round) {
      master.Do({"CLIENT", "KILL", "TYPE", "replica"});
      Fill(master, 300, fmt::format("round{}:", round));
      INFO(Logs(cluster));
      CheckEqual(master, replica);
    }
    CHECK(master.Info("sync_full") == "1");
    CHECK(std::stoi(master.Info("sync_partial_ok")) >= 3);
  }
}

TEST_CASE("replication: beyond the backlog only a full sync helps") {
  for (const Cast& cast : kCasts) {
    CAPTURE(Name(cast));
    Cluster cluster;
    Member& master = cluster.AddNode(cast.master, nullptr, {kDebug[0], "repl-backlog-size 64kb"});
    Member& replica = cluster.AddNode(cast.replica, &master, kDebug);
    Fill(master, 100, "before:");
    CheckEqual(master, replica);
    replica.Kill();
    Fill(master, 500, "meanwhile:");
    replica.Start();
    INFO(Logs(cluster));
    CheckEqual(master, replica);
    CHECK(std::stoi(master.Info("sync_full")) == 2);
  }
}

TEST_CASE("replication: a chain holds equal data at its end, and its middle may be promoted without a full sync") {
  for (const Make middle_make : {Make::kOurs, Make::kStock}) {
    const Make outer = middle_make == Make::kOurs ? Make::kStock : Make::kOurs;
    CAPTURE(middle_make);
    Cluster cluster;
    Member& head = cluster.AddNode(outer, nullptr, kDebug);
    Member& middle = cluster.AddNode(middle_make, &head, kDebug);
    REQUIRE(WaitFor([&] { return CaughtUp(head, middle); }));
    Member& tail = cluster.AddNode(outer, &middle, kDebug);
    INFO(Logs(cluster));
    REQUIRE(WaitFor([&] { return CaughtUp(middle, tail); }));
    Fill(head, 500, "chain:");
    CheckEqual(head, middle);
    CheckEqual(head, tail);
    const std::string full_before = middle.Info("sync_full");
    CHECK(middle.Do({"REPLICAOF", "NO", "ONE"}).ok());
    // The head may have said something more by now (PING): then it could not continue, which is right. What follows
    // the middle must always be able to.
    Fill(middle, 300, "promoted:");
    CheckEqual(middle, tail);
    CHECK(middle.Info("sync_full") == full_before);
    CHECK(middle.Info("role") == "master");
    CHECK(middle.Info("master_replid2") == head.Info("master_replid"));
  }
}

TEST_CASE("replication: a master with writes of its own is synced in full, never continued") {
  for (const Cast& cast : kCasts) {
    CAPTURE(Name(cast));
    Cluster cluster;
    Member& master = cluster.AddNode(cast.master, nullptr, kDebug);
    Member& replica = cluster.AddNode(cast.replica, &master, kDebug);
    Fill(master, 100, "common:");
    CheckEqual(master, replica);
    CHECK(replica.Do({"REPLICAOF", "NO", "ONE"}).ok());
    // Both write: two histories.
    Fill(master, 200, "lost:");
    Fill(replica, 100, "kept:");
    CHECK(master.Do({"REPLICAOF", "127.0.0.1", std::to_string(replica.port)}).ok());
    INFO(Logs(cluster));
    CheckEqual(replica, master);
    CHECK(master.Do({"EXISTS", "lost:0"}).integer == 0);
    CHECK(replica.Info("sync_full") == "1");
  }
}

TEST_CASE("replication: a demoted master of ours that was only greeted meanwhile goes on, whoever its successor is") {
  for (const Make make : {Make::kStock, Make::kOurs}) {
    if (make == Make::kStock && StockProgram("redis-server").empty()) continue;
    CAPTURE(make == Make::kStock);
    for (const bool restarted : {false, true}) {
      CAPTURE(restarted);
      Cluster cluster;
      Member& master = cluster.AddNode(Make::kOurs, nullptr, kDebug);
      Member& successor = cluster.AddNode(make, &master, kDebug);
      Fill(master, 500, "k");
      CheckEqual(master, successor);
      REQUIRE(successor.Do({"REPLICAOF", "NO", "ONE"}).ok());
      for (int i = 0; i < 20; ++i) master.Do({"PUBLISH", "__sentinel__:hello", "127.0.0.1,26379,..."});
      if (restarted) {
        REQUIRE(master.Do({"SAVE"}, 20000).ok());
        master.Kill();
        REQUIRE(successor.Do({"SET", "meanwhile", "1"}).ok());
        master.Start();
        master.Do({"PUBLISH", "__sentinel__:hello", "127.0.0.1,26379,..."});
      }
      const std::string full = successor.Info("sync_full");
      REQUIRE(master.Do({"REPLICAOF", "127.0.0.1", std::to_string(successor.port)}).ok());
      successor.Do({"SET", "new", "1"});
      CheckEqual(successor, master);
      INFO(master.process.log());
      CHECK(successor.Info("sync_full") == full);
      CHECK(successor.Info("sync_partial_ok") == "1");
      // Data that only the former master had must not survive: then everything is sent anew.
      REQUIRE(master.Do({"REPLICAOF", "NO", "ONE"}).ok());
      REQUIRE(successor.Do({"REPLICAOF", "127.0.0.1", std::to_string(master.port)}).ok());
      CheckEqual(master, successor);
      REQUIRE(successor.Do({"REPLICAOF", "NO", "ONE"}).ok());
      REQUIRE(master.Do({"SET", "lost", "1"}).ok());
      REQUIRE(successor.Do({"SET", "kept", "1"}).ok());
      REQUIRE(master.Do({"REPLICAOF", "127.0.0.1", std::to_string(successor.port)}).ok());
      CheckEqual(successor, master);
      CHECK(master.Do({"EXISTS", "lost"}).integer == 0);
    }
  }
}

TEST_CASE("rdb: what we save, redis-check-rdb accepts and stock loads; what stock saves, we load") {
  for (const Make first : {Make::kOurs, Make::kStock}) {
    CAPTURE(first);
    Cluster cluster;
    Member& node = cluster.AddNode(first, nullptr, kDebug);
    Fill(node, 1500, "saved:");
    const auto before = Dump(node);
    const Value digest = node.Do({"DEBUG", "DIGEST"});
    CHECK(node.Do({"SAVE"}, 20000).ok());
    Process check({StockProgram("redis-check-rdb"), node.directory + "/dump.rdb"}, node.directory + "/check.log");
    CHECK(check.Wait(20000) == 0);
    CHECK(check.log().find("RDB looks OK") != std::string::npos);
    node.Kill();
    for (const Make next : {Make::kOurs, Make::kStock}) {
      node.make = next;
      node.Start();
      INFO(Logs(cluster));
      REQUIRE(WaitFor([&] { return node.Info("loading") == "0"; }));
      CHECK(Dump(node) == before);
      CHECK(node.Do({"DEBUG", "DIGEST"}) == digest);
      CHECK(node.Do({"BGSAVE"}).kind == Value::Kind::kStatus);
      REQUIRE(WaitFor([&] { return node.Info("rdb_bgsave_in_progress") == "0"; }));
      CHECK(node.Info("rdb_last_bgsave_status") == "ok");
      node.Kill();
    }
  }
}

TEST_CASE("rdb: a truncated or damaged file is refused with its place, and nothing starts empty") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs);
  Fill(node, 300, "k:");
  CHECK(node.Do({"SAVE"}, 20000).ok());
  node.Kill();
  const std::string path = node.directory + "/dump.rdb";
  const std::string whole = ReadTextFile(path);
  REQUIRE(whole.size() > 1000);
  std::string damaged = whole;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  for (const std::string& bad : {whole.substr(0, whole.size() / 2), damaged, std::string("not a dump at all")}) {
    WriteTextFile(path, bad);
    Process process({OurProgram("vigil-node"), node.config_path}, node.directory + "/refused.log", node.directory);
    const auto code = process.Wait(20000);
    INFO(process.log());
    CHECK(code == 1);
    CHECK(process.log().find("dump.rdb") != std::string::npos);
    CHECK(process.log().find("offset") != std::string::npos);
    CHECK(ReadTextFile(path) == bad);
  }
}

TEST_CASE("replication: killed in the middle of a full sync, either side tries again") {
  for (const Cast& cast : kCasts) {
    CAPTURE(Name(cast));
    Cluster cluster;
    Member& master = cluster.AddNode(cast.master, nullptr, kDebug);
    for (int i = 0; i < 8; ++i) Fill(master, 10, fmt::format("big{}:", i));  // 8 values of 3 MiB
    Member& replica = cluster.AddNode(cast.replica, &master, kDebug);
    for (int round = 0; round < 3; ++round) {
      replica.Kill();
      replica.Start();
      master.Do({"CLIENT", "KILL", "TYPE", "replica"});
    }
    INFO(Logs(cluster));
    CheckEqual(master, replica);
  }
}
