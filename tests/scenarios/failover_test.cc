#include <doctest/doctest.h>

#include "tests/scenarios/world.h"

using scenario::Millis;
using scenario::World;

namespace {

// A master at 7000, replicas at 7001 and 7002, and `sentinels` that have found each other.
void Settle(World& world, int sentinels, int quorum, const std::string& config = "") {
  world.AddNode(7000, 0);
  world.AddNode(7001, 7000);
  world.AddNode(7002, 7000);
  for (int n = 1; n <= sentinels; ++n) world.AddSentinel(n, quorum, config);
  world.Run(Millis(5000));
  for (int n = 1; n <= sentinels; ++n) {
    REQUIRE(world.master(n).replicas.size() == 2);
    REQUIRE(static_cast<int>(world.master(n).sentinels.size()) == sentinels - 1);
  }
}

bool AllAt(World& world, std::uint16_t port, int sentinels) {
  for (int n = 1; n <= sentinels; ++n) {
    if (world.running(n) && world.AddressAt(n) != port) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("failover: a killed master is replaced, and everybody learns it") {
  World world;
  Settle(world, 3, 2);
  world.node(7002).offset = 1500;
  const auto killed = world.now();
  world.KillNode(7000);
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000));
  world.Run(Millis(3000));
  INFO(world.Trace());
  REQUIRE(agreed);
  CHECK(world.When(1, "+switch-master", killed) < 1150);
  CHECK(world.node(7002).master_port == 0);
  CHECK(world.node(7001).master_port == 7002);
}
