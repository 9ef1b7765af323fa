// Planned failovers with real processes: what a writer that stays on its connection was told is never lost, and no
// replica needs more than the bytes that it misses.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

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
void HandOver(Cluster& cluster, const std::string& expected, const std::vector<std::string>& wishes = {}) {
  const int old_port = cluster.AgreedMaster();
  REQUIRE(old_port != 0);
  const long syncs = FullSyncs(cluster);
  Member& leader = *cluster.sentinels[0];
  long acknowledged = 0;
  {
    Writer writer(old_port);
    REQUIRE(WaitFor([&] { return writer.acknowledged() > 100; }));
    std::vector<std::string> words = {"SENTINEL", "FAILOVER", Cluster::kName};
    words.insert(words.end(), wishes.begin(), wishes.end());
    const Value reply = leader.Do(words);
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

// The rights that Redis documents for sentinels: a dead end is all that is left.
const std::string kLeastRights =
    "user watcher on >secret allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info "
    "+client|setname +client|kill +script|kill";

void BuildWithRights(Cluster& cluster, const std::string& rights) {
  Member& master = cluster.AddNode(Make::kStock, nullptr, {rights});
  cluster.AddNode(Make::kStock, &master, {rights});
  cluster.AddNode(Make::kStock, &master, {rights});
  for (int i = 0; i < 3; ++i) {
    cluster.AddSentinel(Make::kOurs, 2, 1000,
                        {fmt::format("sentinel auth-user {} watcher", Cluster::kName),
                         fmt::format("sentinel auth-pass {} secret", Cluster::kName)});
  }
  const bool healthy = cluster.WaitHealthy();
  INFO(cluster.Trouble());
  REQUIRE(healthy);
}

// A port that all running sentinels name, and that takes a write at once: no pause, no dead end, no role in between.
bool Writable(Cluster& cluster) {
  const int port = cluster.AgreedMaster();
  return port != 0 && cluster.NodeAt(port).Do({"SET", "probe", "1"}, 300).ok();
}

// The leader dies as soon as it says `stage`; whatever it had begun, the others leave no trace of it.
// `exact`: nobody syncs in full either; a master that is freed from its dead end may have a replica by then that was
// promoted unseen.
void KilledAt(Cluster& cluster, const std::string& stage, bool exact = true) {
  CAPTURE(stage);
  Member& leader = *cluster.sentinels[0];
  const long syncs = FullSyncs(cluster);
  const std::size_t read = leader.process.log().size();
  long acknowledged = 0;
  {
    Writer writer(cluster.AgreedMaster());
    REQUIRE(WaitFor([&] { return writer.acknowledged() > 50; }));
    REQUIRE(leader.Do({"SENTINEL", "FAILOVER", Cluster::kName}).ok());
    const auto began = std::chrono::steady_clock::now();
    while (leader.process.log().find(stage, read) == std::string::npos &&
           std::chrono::steady_clock::now() - began < std::chrono::seconds(20)) {
    }
    leader.Kill();
    REQUIRE(leader.process.log().find(stage, read) != std::string::npos);
    const bool writable = WaitFor([&] { return Writable(cluster); });
    INFO(Logs(cluster));
    REQUIRE(writable);
    acknowledged = writer.acknowledged();
  }
  INFO(Logs(cluster));
  const int port = cluster.AgreedMaster();
  CHECK(WaitFor([&] { return cluster.AllFollow(port); }));
  CHECK(std::stol("0" + Ask(port, {"GET", "counter"}).text) >= acknowledged);
  if (exact) CHECK(FullSyncs(cluster) == syncs);
  leader.Start();
  const bool healthy = cluster.WaitHealthy();
  INFO(cluster.Trouble());
  REQUIRE(healthy);
}

// VIGIL_STAGES=all: all of them.
std::vector<std::string> Stages(std::vector<std::string> usual) {
  if (std::getenv("VIGIL_STAGES") == nullptr) return usual;
  return {"+failover-mode",
          "+elected-leader",
          "+selected-slave",
          "+failover-state-send-slaveof-noone",
          "+failover-state-wait-promotion",
          "+promoted-slave",
          "+switch-master",
          "+failover-end"};
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
  BuildWithRights(cluster, kLeastRights);
  const Value said = cluster.sentinels[0]->Do({"SENTINEL", "EXPLAIN", Cluster::kName});
  CHECK(said.ToString().find("coordinated by SLAVEOF 127.0.0.1 1, missing right: failover client|pause") !=
        std::string::npos);
  HandOver(cluster, "coordinated by SLAVEOF 127.0.0.1 1, missing right: failover client|pause");
}

TEST_CASE("handover: without the right to FAILOVER writes are paused before the dead end") {
  if (StockProgram("redis-server").empty()) return;
  Cluster cluster;
  BuildWithRights(cluster, kLeastRights + " +client|pause +client|unpause");
  HandOver(cluster, "coordinated by CLIENT PAUSE and SLAVEOF, missing right: failover");
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

TEST_CASE("handover: to the replica that the operator names, whichever it is") {
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs});
  for (const std::size_t target : {1U, 2U, 0U}) {
    CAPTURE(target);
    const int port = cluster.nodes[target]->port;
    HandOver(cluster, "coordinated by FAILOVER of the node",
             {"COORDINATED", "TO", "127.0.0.1", fmt::format("{}", port)});
    CHECK(cluster.AgreedMaster() == port);
  }
  Member& sentinel = *cluster.sentinels[0];
  const Value master = sentinel.Do(
      {"SENTINEL", "FAILOVER", Cluster::kName, "TO", "127.0.0.1", fmt::format("{}", cluster.AgreedMaster())});
  CHECK(master.text.find("ERR No such replica of 'mymaster'") != std::string::npos);
}

TEST_CASE("handover: a replica that does not catch up within TIMEOUT leaves the master as it was") {
  for (const Make make : {Make::kOurs, Make::kStock}) {
    if (make == Make::kStock && StockProgram("redis-server").empty()) continue;
    Cluster cluster;
    Member& master = cluster.AddNode(make);
    Member& replica = cluster.AddNode(make, &master);
    cluster.AddSentinel(Make::kOurs, 1, 10000);
    REQUIRE(cluster.WaitHealthy());
    Member& sentinel = *cluster.sentinels[0];
    Writer writer(master.port);
    REQUIRE(WaitFor([&] { return writer.acknowledged() > 50; }));
    replica.process.Signal(SIGSTOP);
    const auto began = std::chrono::steady_clock::now();
    const Value reply = sentinel.Do({"SENTINEL", "FAILOVER", Cluster::kName, "COORDINATED", "TIMEOUT", "400"});
    INFO(reply.ToString());
    REQUIRE(reply.ok());
    CHECK(WaitFor([&] { return sentinel.process.log().find("-failover-abort-") != std::string::npos; }));
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(8));  // not failover-timeout's 3 minutes
    replica.process.Signal(SIGCONT);
    INFO(sentinel.process.log());
    const long before = writer.acknowledged();
    CHECK(WaitFor([&] { return writer.acknowledged() > before + 50; }));
    CHECK_FALSE(writer.ended());
    CHECK(cluster.AgreedMaster() == master.port);
    CHECK(sentinel.process.log().find("+switch-master") == std::string::npos);
    CHECK(master.Info("role") == "master");
  }
}

TEST_CASE("handover: the sentinel that leads it is killed, on vigil nodes") {
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs});
  for (const std::string& stage : Stages({"+failover-state-wait-promotion", "+switch-master"}))
    KilledAt(cluster, stage);
}

TEST_CASE("handover: the sentinel that leads it is killed while writes are paused (stock nodes)") {
  if (StockProgram("redis-server").empty()) return;
  Cluster cluster;
  cluster.Build(Make::kStock, {Make::kOurs, Make::kOurs, Make::kOurs});
  for (const std::string& stage : Stages({"+failover-state-wait-promotion"})) KilledAt(cluster, stage);
}

TEST_CASE("handover: the sentinel that leads it is killed while the master is in a dead end") {
  if (StockProgram("redis-server").empty()) return;
  Cluster cluster;
  BuildWithRights(cluster, kLeastRights);
  for (const std::string& stage : Stages({"+failover-state-send-slaveof-noone", "+failover-state-wait-promotion"})) {
    KilledAt(cluster, stage, false);
  }
}
