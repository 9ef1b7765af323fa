// Full syncs in their two forms, and what an operator sees when roles change: ours and stock redis-server 7.0.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "tests/interop/torture_load.h"
#include "tests/support/cluster.h"

using namespace support;

namespace {

const std::vector<std::string> kDebug = {"enable-debug-command yes"};

std::vector<std::string> With(std::vector<std::string> more) {
  more.insert(more.end(), kDebug.begin(), kDebug.end());
  return more;
}

void Load(const Member& node, int requests) {
  interop::RandomRequests random(7);
  std::vector<interop::Words> batch;
  for (int i = 0; i < requests; ++i) random.Append(batch);
  Redis redis(node.port, 20000);
  for (const auto& words : batch) redis.Send(words);
  redis.Send({"SELECT", "0"});
  redis.Send({"SET", "big", std::string(3 << 20, 'B')});
  for (std::size_t i = 0; i < batch.size() + 2; ++i) redis.Next();
}

void CheckEqual(const Member& a, const Member& b) {
  const bool equal = WaitFor([&] {
    return b.Info("master_link_status") != "down" && a.Info("master_repl_offset") == b.Info("master_repl_offset") &&
           a.Do({"DEBUG", "DIGEST"}, 20000) == b.Do({"DEBUG", "DIGEST"}, 20000);
  });
  INFO(a.process.log());
  INFO(b.process.log());
  CHECK(equal);
}

bool HasStock() {
  return !StockProgram("redis-server").empty();
}

}  // namespace

TEST_CASE("full sync: told by its length, from a file, it is understood by everybody") {
  struct Way {
    Make master;
    Make replica;
    const char* load;
  };
  for (const Way& way :
       {Way{Make::kOurs, Make::kStock, "disabled"}, Way{Make::kOurs, Make::kStock, "swapdb"},
        Way{Make::kOurs, Make::kOurs, "flush-before-load"}, Way{Make::kStock, Make::kOurs, "swapdb"}}) {
    if (!HasStock() && (way.master == Make::kStock || way.replica == Make::kStock)) continue;
    CAPTURE(way.master == Make::kOurs);
    CAPTURE(way.load);
    Cluster cluster;
    Member& master = cluster.AddNode(way.master, nullptr, With({"repl-diskless-sync no"}));
    Load(master, 3000);
    Member& one = cluster.AddNode(way.replica, &master, With({fmt::format("repl-diskless-load {}", way.load)}));
    Member& two = cluster.AddNode(way.replica, &master, With({fmt::format("repl-diskless-load {}", way.load)}));
    Load(master, 300);
    CheckEqual(master, one);
    CheckEqual(master, two);
    if (way.master == Make::kOurs) {
      CHECK(master.process.log().find("through a temporary file") != std::string::npos);
    }
  }
}

TEST_CASE("failover: to a replica that stands still, it ends in time and writes go on") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs);
  Member& replica = cluster.AddNode(Make::kOurs, &master);
  REQUIRE(WaitFor([&] { return replica.Info("master_link_status") == "up"; }));
  REQUIRE(WaitFor([&] { return master.AllInfo()["slave0"].find("state=online") != std::string::npos; }));
  replica.process.Signal(SIGSTOP);
  REQUIRE(master.Do({"SET", "withheld", "1"}).ok());
  Redis writer(master.port, 20000);
  const auto began = std::chrono::steady_clock::now();
  REQUIRE(master.Do({"FAILOVER", "TO", "127.0.0.1", std::to_string(replica.announced), "TIMEOUT", "500"}).ok());
  CHECK(master.Info("master_failover_state") == "waiting-for-sync");
  CHECK(writer.Do({"SET", "waits", "1"}).ok());
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(master.Info("master_failover_state") == "no-failover");
  CHECK(master.Info("role") == "master");
  CHECK(took >= std::chrono::milliseconds(500));
  CHECK(took < std::chrono::milliseconds(3000));  // 600 on a machine of its own
  MESSAGE("writes resumed after " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
  replica.process.Signal(SIGCONT);
}

TEST_CASE("full sync: an isolated master's own thousand writes go, and it says which") {
  for (const Make make : {Make::kStock, Make::kOurs}) {
    if (make == Make::kStock && !HasStock()) continue;
    CAPTURE(make == Make::kStock);
    Cluster cluster;
    cluster.BehindProxies();
    Member& old_master = cluster.AddNode(Make::kOurs, nullptr, kDebug);
    Member& next = cluster.AddNode(make, &old_master, kDebug);
    REQUIRE(WaitFor([&] { return next.Info("master_link_status") == "up"; }));
    Load(old_master, 200);
    CheckEqual(old_master, next);
    old_master.proxy->Cut();
    Redis redis(old_master.port, 20000);
    for (int i = 0; i < 1000; ++i) redis.Send({"SET", "own:" + std::to_string(i), "1"});
    for (int i = 0; i < 1000; ++i) REQUIRE(redis.Next().ok());
    REQUIRE(next.Do({"REPLICAOF", "NO", "ONE"}).ok());
    REQUIRE(next.Do({"SET", "new", "1"}).ok());
    const std::string full = next.Info("sync_full");
    const std::string partial = next.Info("sync_partial_ok");
    old_master.proxy->Heal();
    REQUIRE(old_master.Do({"REPLICAOF", "127.0.0.1", std::to_string(next.announced)}).ok());
    CheckEqual(next, old_master);
    CHECK(std::stoi(next.Info("sync_full")) == std::stoi(full) + 1);
    CHECK(next.Info("sync_partial_ok") == partial);
    CHECK(old_master.process.log().find("This full sync discards 100") != std::string::npos);
    CHECK(std::stoi(old_master.Info("repl_lost_writes")) >= 1000);
  }
}
