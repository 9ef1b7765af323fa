// Quorums of 1 to 5 sentinels, ours and stock redis-sentinel mixed, and a stock quorum that becomes ours and is
// stock again.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/cluster.h"

using namespace support;

namespace {

constexpr Make kO = Make::kOurs;
constexpr Make kS = Make::kStock;

enum class Fault { kKilled, kFrozen };

struct Mixture {
  std::vector<Make> sentinels;
  Make nodes;
  Fault fault;
};

std::string Name(const Mixture& mixture) {
  std::string name;
  for (const Make make : mixture.sentinels) name += make == kO ? 'O' : 'S';
  return fmt::format("sentinels {}, {} nodes, master {}", name, mixture.nodes == kO ? "our" : "stock",
                     mixture.fault == Fault::kKilled ? "killed" : "frozen");
}

bool WithStock(const std::vector<Make>& makes) {
  return std::find(makes.begin(), makes.end(), kS) != makes.end();
}

// A master, one replica and the sentinels of the mixture; the master fails, the replica follows, and the old master
// becomes a replica of it when it is back.
void FailOver(const Mixture& mixture) {
  CAPTURE(Name(mixture));
  Cluster cluster;
  Member& master = cluster.AddNode(mixture.nodes);
  Member& replica = cluster.AddNode(mixture.nodes, &master);
  const int count = static_cast<int>(mixture.sentinels.size());
  for (const Make make : mixture.sentinels)
    cluster.AddSentinel(make, count / 2 + 1, WithStock(mixture.sentinels) ? 1500 : 500);
  REQUIRE_MESSAGE(cluster.WaitHealthy(), cluster.Trouble() << Logs(cluster));
  {
    Redis redis(master.port);
    CHECK(redis.Do({"SET", "k", "v"}).ok());
    CHECK(redis.Do({"WAIT", "1", "10000"}).integer == 1);
  }
  if (mixture.fault == Fault::kKilled) {
    master.Kill();
  } else {
    master.process.Signal(SIGSTOP);
  }
  INFO(Logs(cluster));
  REQUIRE(cluster.WaitNewMaster(master.port));
  CHECK(cluster.AgreedMaster() == replica.port);
  CHECK(replica.Do({"GET", "k"}).text == "v");
  if (mixture.fault == Fault::kKilled) {
    master.Start();
  } else {
    master.process.Signal(SIGCONT);
  }
  const bool healthy = cluster.WaitHealthy(90000);
  INFO(cluster.Trouble());
  CHECK(healthy);
  CHECK(cluster.AgreedMaster() == replica.port);
}

struct Seen {
  std::string id, address, epoch;
  bool operator==(const Seen&) const = default;
};

Seen Look(const Member& sentinel) {
  auto master = Pairs(sentinel.Do({"SENTINEL", "MASTER", Cluster::kName}));
  return {sentinel.Do({"SENTINEL", "MYID"}).text, master["ip"] + ":" + master["port"], master["config-epoch"]};
}

// Ends `sentinel` as an operator does, and starts the other make on its files: nothing that it said is forgotten.
void Exchange(Cluster& cluster, Member& sentinel, Make make) {
  const Seen before = Look(sentinel);
  sentinel.process.Signal(SIGTERM);
  CHECK(sentinel.process.Wait(20000) == 0);
  sentinel.make = make;
  sentinel.Start();
  const Seen after = Look(sentinel);
  INFO(ReadTextFile(sentinel.config_path));
  CHECK(after.id == before.id);
  CHECK(after.address == before.address);
  CHECK(after.epoch == before.epoch);
  const bool healthy = cluster.WaitHealthy(90000);
  INFO(cluster.Trouble());
  INFO(Logs(cluster));
  REQUIRE(healthy);
}

void KillAndRestore(Cluster& cluster) {
  const int old_port = cluster.AgreedMaster();
  REQUIRE(old_port != 0);
  const std::string epoch_before = Look(*cluster.sentinels[0]).epoch;
  cluster.NodeAt(old_port).Kill();
  INFO(Logs(cluster));
  REQUIRE(cluster.WaitNewMaster(old_port, 90000));
  cluster.NodeAt(old_port).Start();
  const bool healthy = cluster.WaitHealthy(90000);
  INFO(cluster.Trouble());
  REQUIRE(healthy);
  CHECK(std::stoll(Look(*cluster.sentinels[0]).epoch) > std::stoll(epoch_before));
  for (const auto& sentinel : cluster.sentinels) CHECK(Look(*sentinel).epoch == Look(*cluster.sentinels[0]).epoch);
}

}  // namespace

// What matters most of the mixtures; the rest stands behind VIGIL_MIXTURES=all (scripts/chaos mixtures).
TEST_CASE("mixed quorum: one to five sentinels, ours and stock, fail over and take the old master back") {
  for (const Mixture& mixture : std::vector<Mixture>{
           {{kO}, kS, Fault::kKilled},
           {{kO, kS}, kO, Fault::kFrozen},
           {{kO, kO, kS, kS, kS}, kS, Fault::kKilled},
       }) {
    FailOver(mixture);
  }
}

TEST_CASE("mixed quorum: every mixture of one to five") {
  if (std::getenv("VIGIL_MIXTURES") == nullptr) return;
  for (int count = 1; count <= 5; ++count) {
    for (int ours = 1; ours <= count; ++ours) {
      std::vector<Make> makes(static_cast<std::size_t>(ours), kO);
      makes.resize(static_cast<std::size_t>(count), kS);
      for (const Fault fault : {Fault::kKilled, Fault::kFrozen}) {
        // The nodes alternate: both makes are met by every count.
        FailOver({makes, (ours + (fault == Fault::kFrozen ? 1 : 0)) % 2 == 0 ? kO : kS, fault});
      }
    }
  }
}

// VIGIL_THERE_AND_BACK: how many failovers on the way: 0 none, 1 in the middle only (ordinary run), 2 after every step.
TEST_CASE("there and back: a stock quorum becomes ours one by one, and stock again on the same files") {
  const char* asked = std::getenv("VIGIL_THERE_AND_BACK");
  const int failovers = asked == nullptr ? 1 : std::atoi(asked);
  Cluster cluster;
  cluster.Build(kS, {kS, kS, kS}, 2000);
  KillAndRestore(cluster);  // epochs that stock made
  for (const Make make : {kO, kS}) {
    for (const auto& sentinel : cluster.sentinels) {
      Exchange(cluster, *sentinel, make);
      const bool middle = sentinel == cluster.sentinels[1];
      if (failovers == 2 || (failovers == 1 && middle && make == kO)) KillAndRestore(cluster);
    }
  }
  for (const auto& sentinel : cluster.sentinels) {
    const std::string log = sentinel->process.log();
    CHECK(log.find("FATAL") == std::string::npos);
    CHECK(log.find("Bad directive") == std::string::npos);
  }
}
