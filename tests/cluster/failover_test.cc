// Masters die for real here.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "tests/support/cluster.h"

using namespace support;

namespace {

// Kills the master while a counter is written to it, waits for the switch, and checks what the new master holds.
// Returns the new master's port.
int KillMasterUnderWrites(Cluster& cluster) {
  const int old_port = cluster.AgreedMaster();
  REQUIRE(old_port != 0);
  std::int64_t acknowledged = 0;
  {
    Redis writer(old_port);
    for (int i = 0; i < 500; ++i) {
      const Value reply = writer.Do({"INCR", "counter"});
      if (reply.kind == Value::Kind::kInteger) acknowledged = reply.integer;
    }
    REQUIRE(acknowledged >= 500);
    // Replication is asynchronous in both servers: what this test promises is the failover, so it lets the replicas
    // catch up first.
    REQUIRE(writer.Do({"WAIT", "2", "10000"}).integer == 2);
  }
  cluster.NodeAt(old_port).Kill();
  INFO(Logs(cluster));
  REQUIRE(cluster.WaitNewMaster(old_port));
  const int new_port = cluster.AgreedMaster(old_port);
  CHECK(WaitFor([&] { return InfoField(new_port, "role") == "master"; }));
  CHECK(Ask(new_port, {"GET", "counter"}).text == std::to_string(acknowledged));
  CHECK(WaitFor([&] { return Ask(new_port, {"SET", "after", "1"}).ok(); }));
  return new_port;
}

void CheckWholeFailover(Make nodes, const std::vector<Make>& sentinels) {
  Cluster cluster;
  // A stock sentinel reconnects at most once a second: with less than that it finds the new master down right after
  // the switch, among stock ones too.
  const bool with_stock = std::find(sentinels.begin(), sentinels.end(), Make::kStock) != sentinels.end();
  cluster.Build(nodes, sentinels, with_stock ? 2000 : 500);
  const int old_port = cluster.AgreedMaster();
  const int new_port = KillMasterUnderWrites(cluster);
  INFO(Logs(cluster));
  CHECK(WaitFor([&] { return cluster.AllFollow(new_port); }));
  // The old master comes back on its old configuration and is made a replica.
  cluster.NodeAt(old_port).Start();
  const bool healthy = cluster.WaitHealthy(90000);
  INFO(cluster.Trouble());
  CHECK(healthy);
  CHECK(Ask(old_port, {"GET", "counter"}).text == Ask(new_port, {"GET", "counter"}).text);
  CHECK(cluster.AgreedMaster() == new_port);
}

}  // namespace

TEST_CASE("failover: our sentinels, our nodes") {
  CheckWholeFailover(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs});
}

TEST_CASE("failover: our sentinels, stock redis-server nodes") {
  CheckWholeFailover(Make::kStock, {Make::kOurs, Make::kOurs, Make::kOurs});
}

TEST_CASE("failover: a quorum of two of ours and one stock redis-sentinel") {
  CheckWholeFailover(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kStock});
}

TEST_CASE("failover: a quorum of one of ours and two stock redis-sentinels, stock nodes") {
  CheckWholeFailover(Make::kStock, {Make::kStock, Make::kStock, Make::kOurs});
}

TEST_CASE("failover: by hand, the old master follows the new one and nothing is synced in full") {
  for (const Make nodes : {Make::kOurs, Make::kStock}) {
    CAPTURE(nodes);
    Cluster cluster;
    cluster.Build(nodes, {Make::kOurs, Make::kOurs, Make::kOurs}, 1000);
    const int old_port = cluster.AgreedMaster();
    CHECK(Ask(old_port, {"SET", "k", "v"}).ok());
    CHECK(cluster.sentinels[0]->Do({"SENTINEL", "FAILOVER", Cluster::kName}).ok());
    INFO(Logs(cluster));
    REQUIRE(cluster.WaitNewMaster(old_port));
    const bool healthy = cluster.WaitHealthy();
    INFO(cluster.Trouble());
    CHECK(healthy);
    CHECK(InfoField(old_port, "role") == "slave");
    CHECK(Ask(cluster.AgreedMaster(), {"GET", "k"}).text == "v");
  }
}

TEST_CASE("failover: a frozen master is replaced, and follows when it thaws") {
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, 500);
  const int old_port = cluster.AgreedMaster();
  cluster.NodeAt(old_port).process.Signal(SIGSTOP);
  // A frozen node answers nobody: ask the sentinels alone.
  REQUIRE(cluster.WaitNewMaster(old_port));
  cluster.NodeAt(old_port).process.Signal(SIGCONT);
  INFO(Logs(cluster));
  const bool healthy = cluster.WaitHealthy(90000);
  INFO(cluster.Trouble());
  CHECK(healthy);
}

TEST_CASE("failover: without a majority nobody is promoted") {
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, 300);
  const int old_port = cluster.AgreedMaster();
  cluster.sentinels[1]->Kill();
  cluster.sentinels[2]->Kill();
  cluster.NodeAt(old_port).Kill();
  // Long enough for a sentinel that counts wrongly: it sees the master down, and time for several attempts passes.
  CHECK(WaitFor([&] {
    return Pairs(cluster.sentinels[0]->Do({"SENTINEL", "MASTER", Cluster::kName}))["flags"].find("s_down") !=
           std::string::npos;
  }));
  CHECK_FALSE(WaitFor([&] { return cluster.AgreedMaster(old_port) != 0; }, 3000));
  // With one of them back there are two of three again.
  cluster.sentinels[1]->Start();
  INFO(Logs(cluster));
  CHECK(cluster.WaitNewMaster(old_port));
}
