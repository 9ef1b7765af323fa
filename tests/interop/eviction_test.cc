// maxmemory: limits hold, only candidates of the policy go, and replicas follow.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "replication/base/random.h"
#include "replication/base/text.h"
#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

constexpr std::int64_t kLimit = 2 << 20;

std::vector<std::string> Lines(const std::string& policy, const std::vector<std::string>& more = {}) {
  std::vector<std::string> lines = {"enable-debug-command yes", "save \"\"", "maxmemory 2mb",
                                    "maxmemory-policy " + policy};
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

std::int64_t Number(const Member& node, const std::string& field) {
  return base::ParseInt<std::int64_t>(node.Info(field)).value_or(-1);
}

// What the limit is held against.
std::int64_t Judged(const Member& node) {
  return Number(node, "used_memory") - Number(node, "mem_not_counted_for_evict");
}

// Sends all, then takes all answers. Returns how many were errors.
int SendAll(Redis& redis, const std::vector<Request>& requests) {
  int errors = 0;
  for (std::size_t at = 0; at < requests.size(); at += 1000) {
    const std::size_t end = std::min(at + 1000, requests.size());
    for (std::size_t i = at; i < end; ++i) redis.Send(requests[i]);
    for (std::size_t i = at; i < end; ++i) errors += redis.Next().is_error() ? 1 : 0;
  }
  return errors;
}

std::vector<Request> Fill(const std::string& prefix, int count, bool expires) {
  std::vector<Request> requests;
  for (int i = 0; i < count; ++i) {
    Request words = {"SET", fmt::format("{}:{}", prefix, i), std::string(300, 'v')};
    if (expires) words.insert(words.end(), {"EX", fmt::format("{}", 10000 + i)});
    requests.push_back(words);
  }
  return requests;
}

std::int64_t Count(Redis& redis, const std::string& pattern) {
  return static_cast<std::int64_t>(redis.Do({"KEYS", pattern}).elements.size());
}

}  // namespace

TEST_CASE("eviction: the limit holds under load, and a stock replica ends with equal data (all policies)") {
  for (const std::string policy : {"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu",
                                   "volatile-random", "volatile-ttl"}) {
    CAPTURE(policy);
    const bool lazily = policy == "allkeys-lfu";
    Cluster cluster;
    Member& master = cluster.AddNode(Make::kOurs, nullptr,
                                     Lines(policy, {lazily ? "lazyfree-lazy-eviction yes" : "maxmemory-samples 10"}));
    Member& replica = cluster.AddNode(Make::kStock, &master, {"enable-debug-command yes", "save \"\""});
    Redis redis(master.port, 20000);
    const bool is_volatile = policy.starts_with("volatile");
    if (is_volatile) REQUIRE(SendAll(redis, Fill("kept", 1000, false)) == 0);
    REQUIRE(SendAll(redis, Fill("goes", 12000, is_volatile)) == 0);
    REQUIRE(SendAll(redis, {{"SELECT", "3"}}) == 0);
    REQUIRE(SendAll(redis, Fill("goes", 3000, is_volatile)) == 0);
    std::vector<Request> lists;
    for (int i = 0; i < 3000; ++i) lists.push_back({"RPUSH", fmt::format("list:{}", i % 40), std::string(50, 'e')});
    SendAll(redis, lists);
    REQUIRE(SendAll(redis, {{"SELECT", "0"}}) == 0);

    CHECK(Number(master, "evicted_keys") > 5000);
    CHECK(Judged(master) <= kLimit + 64 * 1024);
    CHECK(Judged(master) > kLimit / 2);
    if (is_volatile) CHECK(Count(redis, "kept:*") == 1000);
    // Whoever asks takes memory himself, for which another key may have to go.
    CHECK(WaitFor([&] { return master.Do({"DEBUG", "DIGEST"}) == replica.Do({"DEBUG", "DIGEST"}); }));
    CHECK(replica.Info("unexpected_error_replies") == "0");
  }
}

TEST_CASE("eviction: used keys stay, unused ones go (allkeys-lfu), and the soonest go first (volatile-ttl)") {
  Cluster cluster;
  Member& by_use = cluster.AddNode(Make::kOurs, nullptr, Lines("allkeys-lfu", {"maxmemory-samples 10"}));
  Redis redis(by_use.port, 20000);
  REQUIRE(SendAll(redis, Fill("hot", 200, false)) == 0);
  std::vector<Request> reads;
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 200; ++i) reads.push_back({"GET", fmt::format("hot:{}", i)});
  }
  REQUIRE(SendAll(redis, reads) == 0);
  CHECK(redis.Do({"OBJECT", "FREQ", "hot:7"}).integer > 5);
  REQUIRE(SendAll(redis, Fill("cold", 15000, false)) == 0);
  CHECK(Count(redis, "hot:*") >= 190);
  CHECK(redis.Do({"OBJECT", "IDLETIME", "hot:7"}).is_error());

  Member& by_time = cluster.AddNode(Make::kOurs, nullptr, Lines("volatile-ttl"));
  Redis other(by_time.port, 20000);
  REQUIRE(SendAll(other, Fill("goes", 9000, true)) == 0);
  const std::int64_t left = other.Do({"DBSIZE"}).integer;
  CHECK(left < 9000);
  // Later keys live longer: just the first have gone.
  CHECK(other.Do({"EXISTS", fmt::format("goes:{}", 9000 - left)}).integer == 1);
  CHECK(other.Do({"EXISTS", fmt::format("goes:{}", 9000 - left - 1)}).integer == 0);
}

TEST_CASE("eviction: without candidates writes are refused like stock does") {
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, {"save \"\""});
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, {"save \"\""});
  for (Member* node : {&stock, &ours}) {
    CAPTURE(node == &ours);
    Redis redis(node->port, 20000);
    REQUIRE(SendAll(redis, Fill("key", 3000, false)) == 0);
    REQUIRE(redis.Do({"RPUSH", "list", "a", "b"}).integer == 2);
    REQUIRE(redis.Do({"MULTI"}).ok());
    REQUIRE(redis.Do({"SET", "queued", "1"}).text == "QUEUED");
    Redis admin(node->port, 20000);
    REQUIRE(admin.Do({"CONFIG", "SET", "maxmemory", "500k"}).ok());
    const std::string refused = "OOM command not allowed when used memory > 'maxmemory'.";
    CHECK(redis.Do({"GET", "key:1"}).text == refused);  // whatever is queued now
    CHECK(redis.Do({"EXEC"}).text == "EXECABORT Transaction discarded because of: " + refused);
    CHECK(redis.Do({"SET", "more", "1"}).text == refused);
    CHECK(redis.Do({"LPUSH", "list", "c"}).text == refused);
    CHECK(redis.Do({"GET", "key:1"}).text == std::string(300, 'v'));
    CHECK(redis.Do({"LPOP", "list"}).text == "a");
    CHECK(redis.Do({"DEL", "key:1"}).integer == 1);
    REQUIRE(redis.Do({"MULTI"}).ok());
    CHECK(redis.Do({"GET", "key:2"}).text == refused);
    CHECK(redis.Do({"DISCARD"}).ok());
    // A policy that finds nothing is none.
    REQUIRE(redis.Do({"CONFIG", "SET", "maxmemory-policy", "volatile-lru"}).ok());
    CHECK(redis.Do({"SET", "more", "1"}).text == refused);
    // One that does makes room at once.
    REQUIRE(redis.Do({"CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru"}).ok());
    CHECK(redis.Do({"SET", "more", "1"}).ok());
    CHECK(Number(*node, "evicted_keys") == 0);
  }
}

TEST_CASE("eviction: how keys were used survives in the file, ours and stock's") {
  for (const std::string policy : {"allkeys-lru", "allkeys-lfu"}) {
    for (const Make writer : {Make::kOurs, Make::kStock}) {
      CAPTURE(policy);
      Cluster cluster;
      const std::vector<std::string> lines = {"save \"\"", "maxmemory-policy " + policy};
      Member& node = cluster.AddNode(writer, nullptr, lines);
      const bool lru = policy == "allkeys-lru";
      // No small number: without a limit stock has one value for all keys that hold the same, and one mark.
      REQUIRE(node.Do({"SET", "a", "text"}).ok());
      const std::string payload = node.Do({"DUMP", "a"}).text;
      REQUIRE(node.Do({"RESTORE", "old", "0", payload, lru ? "IDLETIME" : "FREQ", lru ? "5000" : "77"}).ok());
      REQUIRE(node.Do({"SAVE"}).ok());
      Process check({StockProgram("redis-check-rdb"), node.directory + "/dump.rdb"}, node.directory + "/check.log");
      CHECK(check.Wait(20000) == 0);
      node.Kill();
      node.make = writer == Make::kOurs ? Make::kStock : Make::kOurs;
      node.Start();
      REQUIRE(WaitFor([&] { return node.Info("loading") == "0"; }));
      const std::int64_t mark = node.Do({"OBJECT", lru ? "IDLETIME" : "FREQ", "old"}).integer;
      if (lru) {
        CHECK(mark >= 4999);
        CHECK(mark < 5060);
      } else {
        CHECK(mark >= 76);
        CHECK(mark <= 77);
      }
    }
  }
}
