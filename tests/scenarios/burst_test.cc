// Many masters that fail in one moment: their elections share one epoch and one disk, and nothing else.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/scenarios/world.h"

using scenario::Millis;
using scenario::World;

namespace {

constexpr int kMasters = 40;

std::string NameOf(int i) {
  return fmt::format("shard{:02}", i);
}
std::uint16_t PortOf(int i) {
  return static_cast<std::uint16_t>(8000 + 2 * i);
}

// `mymaster` at 7000 and forty more, each with a replica on the port behind its own, and three sentinels.
void Settle(World& world, int stock = 0) {
  std::string config;
  world.AddNode(7000, 0);
  world.AddNode(7001, 7000);
  for (int i = 0; i < kMasters; ++i) {
    world.AddNode(PortOf(i), 0);
    world.AddNode(static_cast<std::uint16_t>(PortOf(i) + 1), PortOf(i));
    config += fmt::format("sentinel monitor {0} 127.0.0.1 {1} 2\nsentinel down-after-milliseconds {0} 1000\n",
                          NameOf(i), PortOf(i));
  }
  for (int n = 1; n <= 3; ++n) {
    world.AddSentinel(n, 2, config);
    if (n == stock) world.MakeStock(n);
  }
  world.Run(Millis(5000));
  for (int n = 1; n <= 3; ++n) {
    for (const auto& [name, master] : world.state(n).masters) {
      REQUIRE(master.replicas.size() == 1);
      REQUIRE(master.sentinels.size() == 2);
    }
  }
}

bool AllReplaced(World& world) {
  for (int n = 1; n <= 3; ++n) {
    for (int i = 0; i < kMasters; ++i) {
      if (world.state(n).masters.at(NameOf(i)).address.port != PortOf(i) + 1) return false;
    }
  }
  return true;
}

Millis TimeToReplaceAll(World& world) {
  const auto from = world.now();
  for (int i = 0; i < kMasters; ++i) world.KillNode(PortOf(i));
  REQUIRE(world.RunUntil([&] { return AllReplaced(world); }, Millis(20000)));
  return world.now() - from;
}

}  // namespace

TEST_CASE("burst: forty masters that die in one moment are replaced as soon as one, each sentinel leading some") {
  World world;
  Settle(world);
  const Millis took = TimeToReplaceAll(world);
  INFO(world.Trace());
  CHECK(took < Millis(1200));
  for (int n = 1; n <= 3; ++n) {
    CHECK(world.Count(n, "+elected-leader") >= kMasters / 5);
    CHECK(world.Count(n, "-failover-abort-not-elected") == 0);
  }
  CHECK(world.AddressAt(1) == 7000);
}

TEST_CASE("burst: a slow disk delays all of them alike, once for the vote and once for the address") {
  World world;
  Settle(world);
  for (int n = 1; n <= 3; ++n) world.SlowDisk(n, Millis(40));
  const Millis took = TimeToReplaceAll(world);
  INFO(world.Trace());
  // The voters' save, the candidate's own, the promotion's, and the wait for one that is under way: beyond what a fast
  // disk takes. One save for each vote would take 600 ms longer.
  CHECK(took < Millis(1200));
}

TEST_CASE("burst: a stock voter, who refuses what is older than its clock, is outvoted or asked again") {
  World world;
  Settle(world, 3);
  const Millis took = TimeToReplaceAll(world);
  INFO(world.Trace());
  CHECK(took < Millis(4000));
}
