// A network that is merely bad, for as long as asked: delays, stalls, resets, refused connections on every way to
// every node and sentinel. Stock beside ours, under the same faults at the same moments.
//
// VIGIL_SOAK=<seconds> (6), VIGIL_SOAK_SEED=<number>; VIGIL_STOP_TRIALS=<number>: see scripts/chaos.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/cluster.h"

using namespace support;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kDownAfterMs = 1000;

int FromEnvironment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

// How often the sentinels of a cluster have switched; the most that one of them saw.
int Switches(const Cluster& cluster) {
  int most = 0;
  for (const auto& sentinel : cluster.sentinels) {
    const std::string log = sentinel->process.log();
    int seen = 0;
    for (std::size_t at = log.find("+switch-master"); at != std::string::npos; at = log.find("+switch-master", at + 1))
      ++seen;
    most = std::max(most, seen);
  }
  return most;
}

// One spell of bad weather at one member's door.
struct Spell {
  std::size_t member = 0;  // nodes first, then sentinels
  int kind = 0;
  int length_ms = 0;
  int strength_ms = 0;
};

Spell Draw(std::minstd_rand& random) {
  const auto below = [&random](unsigned n) { return static_cast<int>(random() % n); };
  Spell spell;
  spell.member = static_cast<std::size_t>(below(6));
  spell.kind = below(6);
  // Most end before T has passed; the longest stalls are longer, and deserve a failover when they hit the master.
  spell.length_ms = 100 + below(1300);
  spell.strength_ms = 20 + below(380);
  return spell;
}

Proxy& DoorOf(Cluster& cluster, std::size_t member) {
  return member < cluster.nodes.size() ? *cluster.nodes[member]->proxy
                                       : *cluster.sentinels[member - cluster.nodes.size()]->proxy;
}

void Begin(Proxy& proxy, const Spell& spell) {
  switch (spell.kind) {
    case 0:
      proxy.Delay(Proxy::kToServer, spell.strength_ms, spell.strength_ms);
      proxy.Delay(Proxy::kToClient, spell.strength_ms, spell.strength_ms);
      return;
    case 1:
      proxy.Set(Proxy::kToServer, Flow::kStall);
      return;
    case 2:
      proxy.Set(Proxy::kToClient, Flow::kStall);
      return;
    case 3:
      proxy.Cut();
      return;
    case 4:
      proxy.Set(Proxy::kToClient, Flow::kDrop);
      return;
    default:
      proxy.Set(Door::kRefuse);
      proxy.Reset();
  }
}

std::unique_ptr<Cluster> MakeCluster(Make make, bool proxies) {
  auto cluster = std::make_unique<Cluster>();
  if (proxies) cluster->BehindProxies();
  cluster->Build(make, {make, make, make}, kDownAfterMs);
  return cluster;
}

std::string Word(Make make) {
  return make == Make::kOurs ? "ours" : "stock";
}

}  // namespace

TEST_CASE("soak: behind doors that delay, stall, drop and refuse, nothing is stuck when they are good again") {
  const int seconds = FromEnvironment("VIGIL_SOAK", 6);
  const int seed = FromEnvironment("VIGIL_SOAK_SEED", 1);
  CAPTURE(seed);
  std::map<Make, std::unique_ptr<Cluster>> clusters;
  clusters[Make::kOurs] = MakeCluster(Make::kOurs, true);
  const bool compare = std::getenv("VIGIL_SOAK") != nullptr;
  if (compare) clusters[Make::kStock] = MakeCluster(Make::kStock, true);

  std::minstd_rand random(static_cast<unsigned>(seed));
  int spells = 0;
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  while (Clock::now() < end) {
    const Spell spell = Draw(random);
    for (auto& [make, cluster] : clusters) Begin(DoorOf(*cluster, spell.member), spell);
    std::this_thread::sleep_for(std::chrono::milliseconds(spell.length_ms));
    for (auto& [make, cluster] : clusters) DoorOf(*cluster, spell.member).Heal();
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + static_cast<int>(random() % 400)));
    ++spells;
  }
  for (auto& [make, cluster] : clusters) {
    const bool healthy = cluster->WaitHealthy(120000);
    if (compare)
      std::cout << fmt::format("{}: {} failovers in {} s with {} spells (seed {}){}\n", Word(make), Switches(*cluster),
                               seconds, spells, seed, healthy ? "" : ": " + cluster->Trouble());
    if (make == Make::kStock) continue;
    INFO(Logs(*cluster));
    INFO(cluster->Trouble());
    CHECK(healthy);
    for (const auto& sentinel : cluster->sentinels) CHECK(sentinel->process.running());
  }
}

TEST_CASE("soak: a master stopped for a little longer than T, failovers counted beside stock's") {
  const int trials = FromEnvironment("VIGIL_STOP_TRIALS", 0);
  if (trials == 0) return;
  std::map<Make, std::unique_ptr<Cluster>> clusters;
  for (const Make make : {Make::kStock, Make::kOurs}) clusters[make] = MakeCluster(make, false);
  std::minstd_rand random(static_cast<unsigned>(FromEnvironment("VIGIL_SOAK_SEED", 1)));
  for (int trial = 0; trial < trials; ++trial) {
    const int stop_ms = kDownAfterMs + 50 + static_cast<int>(random() % 951);
    std::map<Make, int> stopped;
    for (auto& [make, cluster] : clusters) {
      stopped[make] = cluster->AgreedMaster();
      REQUIRE_MESSAGE(stopped[make] != 0, cluster->Trouble());
      cluster->NodeAt(stopped[make]).process.Signal(SIGSTOP);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(stop_ms));
    for (auto& [make, cluster] : clusters) cluster->NodeAt(stopped[make]).process.Signal(SIGCONT);
    // Attempts that are under way end, one way or the other.
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    for (auto& [make, cluster] : clusters) {
      const bool healthy = cluster->WaitHealthy(120000);
      INFO(cluster->Trouble());
      REQUIRE(healthy);
    }
  }
  for (auto& [make, cluster] : clusters)
    std::cout << fmt::format("{}: {} failovers in {} stops of T + 50 to T + 1000 ms\n", Word(make), Switches(*cluster),
                             trials);
}
