// One append-only directory, ours and stock redis-server 7.0 in turn.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/support/cluster.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"appendonly yes", "enable-debug-command yes"};

// Every type, transactions, expiries, scripts, two databases.
void Fill(const Member& node, const std::string& prefix) {
  Redis redis(node.port, 20000);
  int sent = 0;
  const auto send = [&](const std::vector<std::string>& words) {
    redis.Send(words);
    ++sent;
  };
  for (int i = 0; i < 300; ++i) {
    const std::string key = prefix + std::to_string(i);
    const std::string number = std::to_string(i);
    send({"SET", key, std::string(static_cast<std::size_t>(i), 's')});
    send({"SET", key + "e", "v", "EX", "3600"});
    send({"SET", key + "gone", "v", "PX", "1"});
    send({"APPEND", key, std::string("bin\0\r\n#x", 8)});
    send({"HSET", prefix + "hash" + std::to_string(i % 7), "f" + number, number});
    send({"HINCRBYFLOAT", prefix + "hash", "f", "0.1"});
    send({"RPUSH", prefix + "list" + std::to_string(i % 5), number, std::string(static_cast<std::size_t>(i), 'l')});
    send({"SADD", prefix + "set" + std::to_string(i % 3), number, "t" + number});
    send({"SPOP", prefix + "set0"});
    send({"ZADD", prefix + "zset", std::to_string(i * 0.5), "m" + number});
    send({"XADD", prefix + "stream", "*", "f", number});
    send({"PFADD", prefix + "hll", number});
    send({"SETBIT", prefix + "bits", std::to_string(i * 3), "1"});
    send({"MULTI"});
    send({"INCR", prefix + "counter"});
    send({"LPUSH", prefix + "multi", number});
    send({"EXEC"});
    send({"EVAL", "redis.call('INCR', KEYS[1]) return redis.call('RPUSH', KEYS[2], ARGV[1])", "2", prefix + "s1",
          prefix + "s2", number});
    if (i == 150) send({"SELECT", "3"});
    if (i % 10 == 0) send({"DEL", prefix + std::to_string(i / 2)});
  }
  for (int i = 0; i < sent; ++i) REQUIRE(redis.Next().kind != Value::Kind::kNone);
}

void CheckByStock(const Member& node) {
  const std::string manifest = node.directory + "/appendonlydir/appendonly.aof.manifest";
  Process check({StockProgram("redis-check-aof"), manifest}, node.directory + ".check");
  const auto code = check.Wait(20000);
  INFO(check.log());
  CHECK(code == 0);
}

void TakeTurns(Make first, bool rewrite) {
  Cluster cluster;
  Member& node = cluster.AddNode(first, nullptr, kLines);
  const auto change = [&](Make make, bool kill) {
    // What is due is deleted by the one that has it, so that the other does not at another moment.
    Redis redis(node.port, 20000);
    for (const char* db : {"0", "3"}) {
      REQUIRE(redis.Do({"SELECT", db}).ok());
      for (const char* prefix : {"p", "after", "q", "r"}) {
        std::vector<std::string> gone = {"EXISTS"};
        for (int i = 0; i < 300; ++i) gone.push_back(prefix + std::to_string(i) + "gone");
        REQUIRE(WaitFor([&] { return redis.Do(gone).integer == 0; }));
      }
    }
    const std::string before = redis.Do({"DEBUG", "DIGEST"}).text;
    if (kill) {
      node.Kill();
    } else {
      node.process.Signal(SIGTERM);
      REQUIRE(node.process.Wait(20000) == 0);
    }
    CheckByStock(node);
    node.make = make;
    node.Start();
    REQUIRE(WaitFor([&] { return node.Info("loading") == "0"; }));
    CHECK(node.Do({"DEBUG", "DIGEST"}).text == before);
  };
  const Make other = first == Make::kOurs ? Make::kStock : Make::kOurs;
  Fill(node, "p");
  if (rewrite) {
    node.Do({"BGREWRITEAOF"});
    REQUIRE(WaitFor([&] { return node.Info("aof_rewrite_in_progress") == "0"; }));
    Fill(node, "after");
  }
  INFO(Logs(cluster));
  change(other, true);
  Fill(node, "q");
  change(first, true);
  Fill(node, "r");
  change(other, false);
  change(first, true);
  CHECK(node.Do({"DBSIZE"}).integer > 100);
}

}  // namespace

TEST_CASE("journal: stock starts on our directory with all data, appends, and we start on that") {
  if (StockProgram("redis-server").empty()) return SaySkipped("journal: interop", "no stock redis-server");
  SUBCASE("as it grew") {
    TakeTurns(Make::kOurs, false);
  }
  SUBCASE("after a rewrite") {
    TakeTurns(Make::kOurs, true);
  }
}

TEST_CASE("journal: we start on a stock server's directory with all data, and it on what we made of it") {
  if (StockProgram("redis-server").empty()) return SaySkipped("journal: interop", "no stock redis-server");
  SUBCASE("as it grew") {
    TakeTurns(Make::kStock, false);
  }
  SUBCASE("after a rewrite") {
    TakeTurns(Make::kStock, true);
  }
}

TEST_CASE("journal: what stock appended is kept, under a history of which nobody may go on") {
  if (StockProgram("redis-server").empty()) return SaySkipped("journal: interop", "no stock redis-server");
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, kLines);
  REQUIRE(node.Do({"SET", "ours", "1"}).ok());
  const std::string replid = node.Info("master_replid");
  node.Kill();
  node.make = Make::kStock;
  node.Start();
  CHECK(node.Do({"GET", "ours"}).text == "1");
  REQUIRE(node.Do({"SET", "theirs", "2"}).ok());
  node.Kill();
  node.make = Make::kOurs;
  node.Start();
  CHECK(node.Do({"GET", "ours"}).text == "1");
  CHECK(node.Do({"GET", "theirs"}).text == "2");
  CHECK(node.Info("master_replid") != replid);
  CHECK(node.Info("master_replid2") == std::string(40, '0'));
}
