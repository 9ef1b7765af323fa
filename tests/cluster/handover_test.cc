// Planned failovers with real processes: what a writer that stays on its connection was told is never lost, and no
// replica needs more than the bytes that it misses.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "tests/support/cluster.h"

using namespace support;

namespace {

// Counts up on one connection until that is refused or closed.
class Writer {
 public:
  explicit Writer(int port) : thread_([this, port] { Write(port); }) {}
  ~Writer() {
    stop_ = true;
    thread_.join();
  }
  long acknowledged() const { return acknowledged_; }
  bool ended() const { return ended_; }

 private:
  void Write(int port) {
    Redis redis(port, 20000);
    while (!stop_) {
      const Value reply = redis.Do({"INCR", "counter"});
      if (reply.kind != Value::Kind::kInteger) break;
      acknowledged_ = reply.integer;
      std::this_thread::sleep_for(std::chrono::microseconds(800));
    }
    ended_ = true;
  }
  std::atomic<long> acknowledged_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

long FullSyncs(const Cluster& cluster) {
  long syncs = 0;
  for (const auto& node : cluster.nodes) syncs += std::stol("0" + node->Info("sync_full"));
  return syncs;
}

// One planned failover under writes; `expected` stands in the event that says how it was done.
void HandOver(Cluster& cluster, const std::string& expected) {
  const int old_port = cluster.AgreedMaster();
  REQUIRE(old_port != 0);
  const long syncs = FullSyncs(cluster);
  Member& leader = *cluster.sentinels[0];
  long acknowledged = 0;
  {
    Writer writer(old_port);
    REQUIRE(WaitFor([&] { return writer.acknowledged() > 100; }));
    const Value reply = leader.Do({"SENTINEL", "FAILOVER", Cluster::kName});
    INFO(reply.ToString());
    REQUIRE(reply.ok());
    CHECK(cluster.WaitNewMaster(old_port));
    CHECK(WaitFor([&] { return writer.ended(); }));
    acknowledged = writer.acknowledged();
  }
  INFO(leader.process.log());
  const bool healthy = cluster.WaitHealthy();
  INFO(cluster.Trouble());
  CHECK(healthy);
  const int new_port = cluster.AgreedMaster();
  const Value counter = Ask(new_port, {"GET", "counter"});
  CHECK(std::stol("0" + counter.text) >= acknowledged);
  CHECK(FullSyncs(cluster) == syncs);
  CHECK(leader.process.log().find(expected) != std::string::npos);
  CHECK(leader.process.log().find("#bytes 0 ") != std::string::npos);
}

}  // namespace

TEST_CASE("handover: on vigil nodes nothing acknowledged is lost and nobody syncs in full") {
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs});
  HandOver(cluster, "coordinated by FAILOVER of the node");
}

TEST_CASE("handover: on stock nodes, with a stock sentinel in the quorum, nothing is lost either") {
  if (StockProgram("redis-server").empty()) return;
  Cluster cluster;
  cluster.Build(Make::kStock, {Make::kOurs, Make::kOurs, Make::kStock});
  HandOver(cluster, "coordinated by CLIENT PAUSE and FAILOVER");
}

TEST_CASE("handover: with the rights that Redis documents for sentinels a dead end does it, and the event says so") {
  if (StockProgram("redis-server").empty()) return;
  Cluster cluster;
  const std::string user =
      "user watcher on >secret allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info "
      "+client|setname +client|kill +script|kill";
  Member& master = cluster.AddNode(Make::kStock, nullptr, {user});
  cluster.AddNode(Make::kStock, &master, {user});
  cluster.AddNode(Make::kStock, &master, {user});
  for (int i = 0; i < 3; ++i) {
    cluster.AddSentinel(Make::kOurs, 2, 1000,
                        {fmt::format("sentinel auth-user {} watcher", Cluster::kName),
                         fmt::format("sentinel auth-pass {} secret", Cluster::kName)});
  }
  const bool healthy = cluster.WaitHealthy();
  INFO(cluster.Trouble());
  REQUIRE(healthy);
  HandOver(cluster, "coordinated by SLAVEOF 127.0.0.1 1, missing right: failover client|pause");
}

TEST_CASE("handover: COORDINATED is refused while the master is dead") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs);
  cluster.AddNode(Make::kOurs, &master);
  cluster.AddSentinel(Make::kOurs, 2, 500);  // a quorum that it cannot reach: nothing happens by itself
  REQUIRE(cluster.WaitHealthy());
  master.Kill();
  Member& sentinel = *cluster.sentinels[0];
  REQUIRE(WaitFor([&] {
    return Pairs(sentinel.Do({"SENTINEL", "MASTER", Cluster::kName}))["flags"].find("s_down") != std::string::npos;
  }));
  CHECK(sentinel.Do({"SENTINEL", "FAILOVER", Cluster::kName, "COORDINATED"}).is_error());
  CHECK(sentinel.Do({"SENTINEL", "FAILOVER", Cluster::kName}).ok());
  CHECK(cluster.WaitNewMaster(master.port));
  CHECK(sentinel.process.log().find("forced the master does not answer") != std::string::npos);
}
