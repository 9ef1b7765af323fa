// Sentinels that die in the middle of a failover: whatever they left half done, the others finish.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/cluster.h"

using namespace support;

namespace {

int FromEnvironment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

// Restores what a trial has killed, and waits until nothing is left of it.
void Restore(Cluster& cluster, Member& victim, const std::string& id, int old_port) {
  INFO(Logs(cluster));
  REQUIRE(cluster.WaitNewMaster(old_port));
  if (!victim.process.running()) victim.Start();
  cluster.NodeAt(old_port).Start();
  const bool healthy = cluster.WaitHealthy(120000);
  INFO(cluster.Trouble());
  REQUIRE(healthy);
  CHECK(victim.Do({"SENTINEL", "MYID"}).text == id);
}

// What a leader says on its way, in order; the first two are said by all.
const std::vector<std::string> kStages = {
    "+sdown master",
    "+odown master",
    "+try-failover",
    "+elected-leader",
    "+selected-slave",
    "+failover-state-send-slaveof-noone",
    "+failover-state-wait-promotion",
    "+promoted-slave",
    "+switch-master",
    "+slave-reconf-sent",
    "+failover-end master",
};

}  // namespace

// Whoever is the first to say it is killed at once. VIGIL_STAGES=all: every stage (scripts/chaos stages).
TEST_CASE("sentinel death: killed at a stage of a failover, the others finish it") {
  std::vector<std::string> stages = {"+try-failover", "+failover-state-wait-promotion", "+switch-master"};
  if (std::getenv("VIGIL_STAGES") != nullptr) stages = kStages;
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, 300);
  for (const std::string& stage : stages) {
    CAPTURE(stage);
    const int old_port = cluster.AgreedMaster();
    REQUIRE(old_port != 0);
    std::vector<std::size_t> read;  // of each log, before this trial
    std::vector<std::string> ids;
    for (const auto& sentinel : cluster.sentinels) {
      read.push_back(sentinel->process.log().size());
      ids.push_back(sentinel->Do({"SENTINEL", "MYID"}).text);
    }
    cluster.NodeAt(old_port).Kill();
    std::size_t victim = cluster.sentinels.size();
    for (const auto began = std::chrono::steady_clock::now();
         victim == cluster.sentinels.size() && std::chrono::steady_clock::now() - began < std::chrono::seconds(30);) {
      for (std::size_t i = 0; i < cluster.sentinels.size(); ++i) {
        if (cluster.sentinels[i]->process.log().find(" " + stage, read[i]) == std::string::npos) continue;
        cluster.sentinels[i]->Kill();
        victim = i;
        break;
      }
    }
    REQUIRE(victim < cluster.sentinels.size());
    Restore(cluster, *cluster.sentinels[victim], ids[victim], old_port);
  }
}

// Any sentinel, at any moment, not only where it says something. VIGIL_KILL_TRIALS: how often (scripts/chaos kill).
TEST_CASE("sentinel death: killed at any moment of a failover, the cluster converges") {
  const int trials = FromEnvironment("VIGIL_KILL_TRIALS", 2);
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, 300);
  for (int trial = 0; trial < trials; ++trial) {
    CAPTURE(trial);
    const int old_port = cluster.AgreedMaster();
    REQUIRE(old_port != 0);
    Member& victim = *cluster.sentinels[static_cast<std::size_t>(trial) % 3];
    const std::string id = victim.Do({"SENTINEL", "MYID"}).text;
    cluster.NodeAt(old_port).Kill();
    // Spread over the failover: from well before the master counts as down to after the switch.
    std::this_thread::sleep_for(std::chrono::milliseconds(260 + trial * 37 % 160));
    victim.Kill();
    Restore(cluster, victim, id, old_port);
  }
}
