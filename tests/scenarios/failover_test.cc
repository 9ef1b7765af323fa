#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "tests/scenarios/world.h"

using scenario::Millis;
using scenario::World;

namespace {

// A master at 7000, replicas at 7001 and 7002, and `sentinels` that have found each other.
void Settle(World& world, int sentinels, int quorum, const std::string& config = "", int stock = 0) {
  world.AddNode(7000, 0);
  world.AddNode(7001, 7000);
  world.AddNode(7002, 7000).offset = 1500;
  for (int n = 1; n <= sentinels; ++n) {
    world.AddSentinel(n, quorum, config);
    if (n == stock) world.MakeStock(n);
  }
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

// No failover under way, one address, and it is a master that everybody alive follows.
bool Settled(World& world, int sentinels) {
  std::uint16_t address = 0;
  for (int n = 1; n <= sentinels; ++n) {
    if (!world.running(n)) continue;
    if (world.master(n).failover.active()) return false;
    if (address == 0) address = world.AddressAt(n);
    if (address != world.AddressAt(n)) return false;
  }
  for (const std::uint16_t port : {7000, 7001, 7002}) {
    const scenario::Node& node = world.node(port);
    if (!node.alive) continue;
    if (node.master_port != (port == address ? 0 : address)) return false;
  }
  return true;
}

// The events of one sentinel after the master's death, from +sdown on; comings and goings of others left out.
std::vector<std::string> Story(const World& world, int n) {
  std::vector<std::string> story;
  bool begun = false;
  for (const std::string& name : world.EventNames(n)) {
    begun |= name == "+sdown";
    if (begun && name != "-role-change" && name != "+role-change") story.push_back(name);
  }
  return story;
}

}  // namespace

TEST_CASE("failover: a killed master is replaced, and everybody learns it") {
  World world;
  Settle(world, 3, 2);
  const auto killed = world.now();
  world.KillNode(7000);
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000));
  world.Run(Millis(1000));
  INFO(world.Trace());
  REQUIRE(agreed);
  CHECK(world.When(1, "+switch-master", killed) < 1050);
  CHECK(world.node(7002).commands == std::vector<std::string>{"NO ONE"});
  CHECK(world.node(7001).commands == std::vector<std::string>{"127.0.0.1 7002"});
  CHECK(Story(world, 1) == std::vector<std::string>{"+sdown",
                                                    "+odown",
                                                    "+new-epoch",
                                                    "+try-failover",
                                                    "+vote-for-leader",
                                                    "+elected-leader",
                                                    "+failover-state-select-slave",
                                                    "+selected-slave",
                                                    "+failover-state-send-slaveof-noone",
                                                    "+failover-state-wait-promotion",
                                                    "+promoted-slave",
                                                    "+failover-state-reconf-slaves",
                                                    "+switch-master",
                                                    "+slave-reconf-sent",
                                                    "+slave-reconf-inprog",
                                                    "+slave-reconf-done",
                                                    "+failover-end",
                                                    "+slave",
                                                    "+sdown",
                                                    "+slave"});
  CHECK(Story(world, 2) == std::vector<std::string>{"+sdown", "+odown", "+new-epoch", "+vote-for-leader",
                                                    "+config-update-from", "+switch-master", "+slave", "+sdown",
                                                    "+slave"});
  CHECK(world.Events(2).back() == "s2 +slave slave 127.0.0.1:7001 127.0.0.1 7001 @ mymaster 127.0.0.1 7002");
  CHECK(world.Has(1, "+elected-leader"));
  CHECK(world.state(1).current_epoch.value == 1);
  CHECK(world.master(1).config_epoch.value == 1);
}

TEST_CASE("failover: a frozen master finds the order to follow when it wakes") {
  World world;
  Settle(world, 3, 2);
  world.Freeze(7000);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000)));
  world.Thaw(7000);
  INFO(world.Trace());
  CHECK(world.RunUntil([&] { return world.node(7000).master_port == 7002; }, Millis(100)));
}

TEST_CASE("failover: two masters in a row") {
  World world;
  Settle(world, 3, 2);
  world.KillNode(7000);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000)));
  world.Run(Millis(500));
  const auto killed = world.now();
  world.KillNode(7002);
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7001, 3); }, Millis(3000));
  INFO(world.Trace());
  REQUIRE(agreed);
  CHECK(world.now() - killed < Millis(1100));
  CHECK(world.state(1).current_epoch.value == 2);
}

TEST_CASE("failover: the new master dies while others are still being re-pointed") {
  World world;
  Settle(world, 3, 2);
  world.node(7001).obeys = false;  // it will never follow
  world.KillNode(7000);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000)));
  world.Run(Millis(200));
  world.KillNode(7002);
  world.node(7001).obeys = true;
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7001, 3); }, Millis(6000));
  INFO(world.Trace());
  CHECK(agreed);
  CHECK(world.node(7001).master_port == 0);
}

TEST_CASE("election: a leader that dies before its promotion is replaced") {
  World world;
  Settle(world, 3, 2);
  world.KillNode(7000);
  REQUIRE(world.RunUntil([&] { return world.Has(1, "+elected-leader"); }, Millis(3000)));
  world.KillSentinel(1);
  const auto died = world.now();
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(8000));
  INFO(world.Trace());
  REQUIRE(agreed);
  // The others leave it the field until it is down itself.
  CHECK(world.now() - died < Millis(1500));
  world.StartSentinel(1);
  CHECK(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000)));
}

TEST_CASE("election: the successor of a leader that died after SLAVEOF NO ONE takes the same replica") {
  World world;
  Settle(world, 3, 2);
  world.KillNode(7000);
  REQUIRE(world.RunUntil([&] { return world.node(7002).master_port == 0; }, Millis(3000)));
  world.KillSentinel(1);
  REQUIRE_FALSE(world.Has(1, "+promoted-slave"));
  world.node(7001).offset = 9000;  // would be chosen otherwise
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(8000));
  INFO(world.Trace());
  REQUIRE(agreed);
  CHECK(world.node(7001).commands == std::vector<std::string>{"127.0.0.1 7002"});
  world.StartSentinel(1);
  world.Run(Millis(5000));
  CHECK(Settled(world, 3));
}

TEST_CASE("election: a split vote is repeated after a fraction of a second") {
  World world;
  Settle(world, 3, 1);
  world.KillSentinel(3);
  world.Run(Millis(2000));
  world.SetLatency(Millis(40));  // longer than the ranks are apart: both stand before they hear of each other
  world.KillNode(7000);
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7002, 2); }, Millis(6000));
  INFO(world.Trace());
  REQUIRE(agreed);
  CHECK((world.Has(1, "-failover-abort-not-elected") || world.Has(2, "-failover-abort-not-elected")));
  CHECK(world.Count(1, "+promoted-slave") + world.Count(2, "+promoted-slave") == 1);
}

TEST_CASE("election: without a majority in reach the epoch stays") {
  World world;
  Settle(world, 3, 1);
  world.KillSentinel(2);
  world.KillSentinel(3);
  world.Run(Millis(2000));
  world.KillNode(7000);
  world.Run(Millis(60000));
  INFO(world.Trace());
  CHECK(world.Has(1, "+odown"));
  CHECK(world.state(1).current_epoch.value == 0);
  CHECK(world.node(7002).commands.empty());
  world.StartSentinel(3);
  CHECK(world.RunUntil([&] { return world.AddressAt(1) == 7002; }, Millis(15000)));
}

TEST_CASE("election: without a usable replica the epoch stays") {
  World world;
  Settle(world, 3, 2);
  world.node(7001).priority = 0;
  world.node(7002).priority = 0;
  world.Run(Millis(12000));
  world.KillNode(7000);
  world.Run(Millis(20000));
  INFO(world.Trace());
  CHECK(world.Has(1, "-failover-abort-no-good-slave"));
  CHECK(world.state(1).current_epoch.value == 0);
  world.node(7001).priority = 10;
  CHECK(world.RunUntil([&] { return AllAt(world, 7001, 3); }, Millis(15000)));
}

TEST_CASE("votes: none leaves before it is durable") {
  World world;
  Settle(world, 3, 2);
  world.FailSaves(2, true);
  world.FailSaves(3, true);
  world.KillNode(7000);
  world.Run(Millis(8000));
  INFO(world.Trace());
  CHECK(world.Has(1, "+try-failover"));
  CHECK_FALSE(world.Has(1, "+elected-leader"));
  CHECK(world.node(7001).commands.empty());
  CHECK(world.node(7002).commands.empty());
  world.FailSaves(2, false);
  world.FailSaves(3, false);
  CHECK(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(30000)));
}

TEST_CASE("votes: our own counts only when it is durable") {
  World world;
  Settle(world, 3, 2);
  world.KillSentinel(3);
  world.Run(Millis(1500));
  world.FailSaves(1, true);
  world.FailSaves(2, true);
  world.KillNode(7000);
  world.Run(Millis(5000));
  INFO(world.Trace());
  CHECK_FALSE(world.Has(1, "+elected-leader"));
  CHECK_FALSE(world.Has(2, "+elected-leader"));
}

TEST_CASE("votes: a sentinel that restarts does not vote twice in one epoch") {
  World world;
  Settle(world, 3, 2);
  const std::string candidate(40, 'c');
  const std::string other(40, 'd');
  const std::vector<std::string> ask = {"SENTINEL", "is-master-down-by-addr", "127.0.0.1", "7000", "5", candidate};
  CHECK(world.Ask(2, ask) == "*3\r\n:0\r\n$40\r\n" + candidate + "\r\n:5\r\n");
  world.KillSentinel(2);
  std::vector<std::string> again = ask;
  again.back() = other;
  SUBCASE("it names the one that it voted for") {
    world.StartSentinel(2);
    world.Run(Millis(100));
    CHECK(world.Ask(2, again) == "*3\r\n:0\r\n$40\r\n" + candidate + "\r\n:5\r\n");
  }
  SUBCASE("nobody is named when <config>.vigil is older than sentinel.conf, or gone") {
    world.Durable(2).vigil.clear();
    world.StartSentinel(2);
    world.Run(Millis(100));
    CHECK(world.Ask(2, again) == "*3\r\n:0\r\n$1\r\n*\r\n:5\r\n");
  }
}

TEST_CASE("last look: a master that answers again is left in peace") {
  World world;
  Settle(world, 3, 2);
  world.Freeze(7000);
  world.Run(Millis(800));
  world.Freeze(7001);  // the candidates answer late, the master meanwhile
  world.Freeze(7002);
  REQUIRE(world.RunUntil([&] { return world.Has(1, "+failover-state-select-slave"); }, Millis(3000)));
  world.Thaw(7000);
  world.Run(Millis(50));
  world.Thaw(7001);
  world.Thaw(7002);
  world.Run(Millis(5000));
  INFO(world.Trace());
  CHECK(world.Has(1, "-failover-abort-master-back"));
  CHECK(world.node(7001).commands.empty());
  CHECK(world.node(7002).commands.empty());
  CHECK(AllAt(world, 7000, 3));
}

TEST_CASE("last look: a leader that lost its majority does not promote") {
  World world;
  Settle(world, 3, 2);
  world.KillNode(7000);
  world.Run(Millis(800));
  world.Freeze(7001);
  world.Freeze(7002);
  REQUIRE(world.RunUntil([&] { return world.Has(1, "+failover-state-select-slave"); }, Millis(3000)));
  world.Cut(26001, 26002);
  world.Cut(26001, 26003);
  world.Thaw(7001);
  world.Thaw(7002);
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(10000));
  INFO(world.Trace());
  CHECK(agreed);
  CHECK_FALSE(world.Has(1, "+promoted-slave"));
  CHECK(world.Count(2, "+promoted-slave") + world.Count(3, "+promoted-slave") == 1);
}

TEST_CASE("stock: two of ours and one stock complete a failover under ours") {
  World world;
  Settle(world, 3, 2, "", 3);
  CHECK_FALSE(world.master(1).sentinels.empty());
  CHECK_FALSE(world.state(1).peers.at(base::RunId{std::string(40, '3')}).ours());
  world.KillNode(7000);
  const auto killed = world.now();
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000));
  INFO(world.Trace());
  REQUIRE(agreed);
  CHECK(world.now() - killed < Millis(1300));
}

TEST_CASE("manual: the operator's failover takes a few round trips and demotes the old master") {
  World world;
  Settle(world, 3, 2);
  // Nothing is replicated in this world: planned ones are in handover_test.cc.
  for (const int n : {1, 2})
    CHECK(world.Ask(n, {"SENTINEL", "SET", "mymaster", "manual-failover", "classic"}) == "+OK\r\n");
  const auto asked = world.now();
  CHECK(world.Ask(2, {"SENTINEL", "FAILOVER", "mymaster"}) == "+OK\r\n");
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(1000));
  const auto took = world.now() - asked;
  world.Run(Millis(2000));
  INFO(world.Trace());
  REQUIRE(agreed);
  CHECK(took < Millis(60));
  CHECK(world.node(7000).commands == std::vector<std::string>{"127.0.0.1 7002"});
  CHECK(Settled(world, 3));
  CHECK(world.Ask(1, {"SENTINEL", "FAILOVER", "mymaster"}) == "+OK\r\n");
  world.Run(Millis(1000));
  CHECK(Settled(world, 3));
}

TEST_CASE("manual: silence of the others is overridden, a second one is refused") {
  World world;
  Settle(world, 3, 2);
  CHECK(world.Ask(1, {"SENTINEL", "SET", "mymaster", "manual-failover", "classic"}) == "+OK\r\n");
  world.KillSentinel(2);
  world.KillSentinel(3);
  world.Run(Millis(100));
  CHECK(world.Ask(1, {"SENTINEL", "FAILOVER", "mymaster"}) == "+OK\r\n");
  CHECK(world.Ask(1, {"SENTINEL", "FAILOVER", "mymaster"}) == "-INPROG Failover already in progress\r\n");
  const bool done = world.RunUntil([&] { return world.AddressAt(1) == 7002; }, Millis(1000));
  INFO(world.Trace());
  CHECK(done);
}

TEST_CASE("manual: without a usable replica it is refused") {
  World world;
  Settle(world, 1, 1);
  world.KillNode(7001);
  world.KillNode(7002);
  world.Run(Millis(100));
  CHECK(world.Ask(1, {"SENTINEL", "FAILOVER", "mymaster"}) == "-NOGOODSLAVE No suitable replica to promote\r\n");
  CHECK(world.state(1).current_epoch.value == 0);
}

TEST_CASE("candidates: one that still works off what it received is waited for") {
  World world;
  Settle(world, 3, 2);
  world.KillNode(7000);
  // Its link looks up until it has read the rest, and its offset grows past the other's.
  int reads = 0;
  world.RunUntil([&] { return world.Has(1, "+odown"); }, Millis(3000));
  world.node(7001).before_info = [&](scenario::Node& node) {
    if (++reads < 8) node.offset += 200;
  };
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7001, 3); }, Millis(3000));
  INFO(world.Trace());
  CHECK(agreed);
}

TEST_CASE("candidates: a busy replica is not waited for when another has answered") {
  World world;
  Settle(world, 3, 2);
  world.Freeze(7002);
  const auto killed = world.now();
  world.KillNode(7000);
  const bool agreed = world.RunUntil([&] { return AllAt(world, 7001, 3); }, Millis(3000));
  INFO(world.Trace());
  CHECK(agreed);
  CHECK(world.now() - killed < Millis(1300));
}

TEST_CASE("candidates: when none has answered twice, nobody is promoted") {
  World world;
  Settle(world, 3, 2, "sentinel down-after-milliseconds mymaster 3000\n");
  world.KillNode(7000);
  world.Run(Millis(2500));
  world.Freeze(7001);
  world.Freeze(7002);
  world.Run(Millis(2000));
  INFO(world.Trace());
  CHECK(world.Has(1, "+failover-waiting-for-replicas"));
  CHECK(world.node(7001).commands.empty());
  world.Thaw(7001);
  world.Thaw(7002);
  CHECK(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(2000)));
}

TEST_CASE("configuration: a replica that follows somebody else is corrected after failover-timeout") {
  World world;
  Settle(world, 3, 2, "sentinel failover-timeout mymaster 20000\n");
  world.node(7001).master_port = 7002;
  world.Run(Millis(15000));
  CHECK(world.node(7001).master_port == 7002);
  const bool corrected = world.RunUntil([&] { return world.node(7001).master_port == 7000; }, Millis(25000));
  INFO(world.Trace());
  CHECK(corrected);
  CHECK((world.Has(1, "+fix-slave-config") || world.Has(2, "+fix-slave-config") || world.Has(3, "+fix-slave-config")));
}

TEST_CASE("configuration: what a leader that died left behind is re-pointed soon, not after failover-timeout") {
  World world;
  Settle(world, 3, 2);
  world.node(7001).obeys = false;
  world.KillNode(7000);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000)));
  world.KillSentinel(1);
  world.node(7001).obeys = true;
  world.StartSentinel(1);
  const bool followed = world.RunUntil([&] { return world.node(7001).master_port == 7002; }, Millis(25000));
  INFO(world.Trace());
  CHECK(followed);
}

TEST_CASE("configuration: replicas are re-pointed at most parallel-syncs at a time") {
  World world;
  world.AddNode(7003, 7000);
  world.AddNode(7004, 7000);
  world.AddNode(7000, 0);
  world.AddNode(7001, 7000);
  world.AddNode(7002, 7000).offset = 1500;
  world.AddSentinel(1, 1);
  world.Run(Millis(3000));
  world.KillNode(7000);
  int most = 0;
  const bool done = world.RunUntil(
      [&] {
        int syncing = 0;
        for (const auto& [address, replica] : world.master(1).replicas) {
          syncing += replica.reconfiguration == sentinel::Reconfiguration::kSent ||
                     replica.reconfiguration == sentinel::Reconfiguration::kInProgress;
        }
        most = std::max(most, syncing);
        return world.Has(1, "+failover-end");
      },
      Millis(5000));
  INFO(world.Trace());
  CHECK(done);
  CHECK(most == 1);
  CHECK(world.Count(1, "+slave-reconf-done") == 3);
}
