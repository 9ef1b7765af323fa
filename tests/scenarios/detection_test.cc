// What looks like a dead master and is not, and what must be noticed without delay.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/scenarios/world.h"

using scenario::Millis;
using scenario::World;

namespace {

constexpr std::uint16_t kMaster = 7000;

// A master at 7000 with clients that write while it lives and is not frozen, replicas at 7001 and 7002, and three
// sentinels that have found each other.
void Settle(World& world, const std::string& config = "", bool writes = true, int stock = 0) {
  // A master is never behind its replicas: one that restarted so would be taken for one that lost data.
  world.AddNode(kMaster, 0).before_info = [&world, writes](scenario::Node& node) {
    if (writes && node.master_port == 0) node.offset = world.now().time_since_epoch().count() * 10 + 7002;
  };
  for (const std::uint16_t port : {7001, 7002}) {
    world.AddNode(port, kMaster).before_info = [&world, writes](scenario::Node& node) {
      if (node.master_port == 0) return;
      const scenario::Node& master = world.node(node.master_port);
      if (writes && master.alive && !master.frozen) {
        node.offset = world.now().time_since_epoch().count() * 10 + node.port;
      }
    };
  }
  for (int n = 1; n <= 3; ++n) {
    world.AddSentinel(n, 2);
    if (n == stock) world.MakeStock(n);
  }
  world.Run(Millis(5000));
  for (int n = 1; n <= 3; ++n) {
    REQUIRE(world.master(n).replicas.size() == 2);
    REQUIRE(world.master(n).sentinels.size() == 2);
    // Settings of ours do not stand in sentinel.conf.
    std::size_t at = 0;
    while (at < config.size()) {
      const std::size_t space = config.find(' ', at);
      const std::size_t end = std::min(config.find('\n', at), config.size());
      REQUIRE(world.Ask(n, {"SENTINEL", "SET", "mymaster", config.substr(at, space - at),
                            config.substr(space + 1, end - space - 1)}) == "+OK\r\n");
      at = end + 1;
    }
  }
}

void CutFromMaster(World& world, bool cut) {
  for (int n = 1; n <= 3; ++n) {
    const auto port = static_cast<std::uint16_t>(26000 + n);
    cut ? world.Cut(port, kMaster) : world.Heal(port, kMaster);
  }
}

bool AllAt(World& world, std::uint16_t port) {
  for (int n = 1; n <= 3; ++n) {
    if (world.running(n) && world.AddressAt(n) != port) return false;
  }
  return true;
}

bool AnyHas(const World& world, const std::string& event) {
  return world.Has(1, event) || world.Has(2, event) || world.Has(3, event);
}

bool NobodyStood(World& world) {
  for (int n = 1; n <= 3; ++n) {
    if (world.state(n).current_epoch.value != 0 || world.Has(n, "+try-failover")) return false;
  }
  return true;
}

// From the master's death until all name another one.
Millis TimeToReplace(World& world, Millis at_most = Millis(5000)) {
  const auto from = world.now();
  REQUIRE(
      world.RunUntil([&] { return !AllAt(world, kMaster) && (AllAt(world, 7001) || AllAt(world, 7002)); }, at_most));
  return world.now() - from;
}

}  // namespace

TEST_CASE("testimony: sentinels alone cut off from a master that its replicas follow leave it alone") {
  World world;
  Settle(world);
  CutFromMaster(world, true);
  world.Run(Millis(10000));
  INFO(world.Trace());
  for (int n = 1; n <= 3; ++n) {
    CHECK(world.Has(n, "+odown"));
    CHECK(world.Count(n, "+testimony-hold") == 1);
  }
  CHECK(NobodyStood(world));
  CutFromMaster(world, false);
  world.Run(Millis(3000));
  for (int n = 1; n <= 3; ++n) {
    CHECK(world.Has(n, "-odown"));
    CHECK(world.Count(n, "-testimony-hold") == 1);
  }
  CHECK(NobodyStood(world));
  CHECK(AllAt(world, kMaster));
  CHECK(world.node(7001).commands.empty());
  CHECK(world.node(7002).commands.empty());
}

TEST_CASE("testimony: the failover is held back for testimony-timeout, and not longer") {
  World world;
  Settle(world);
  const auto cut_at = world.now();
  CutFromMaster(world, true);
  world.Run(Millis(30900));
  INFO(world.Trace());
  CHECK(NobodyStood(world));
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7001) || AllAt(world, 7002); }, Millis(3000)));
  CHECK(world.now() - cut_at > Millis(31000));
  CHECK(AnyHas(world, "-testimony-hold"));
}

TEST_CASE("testimony: setting testimony-timeout to 0 ends the wait") {
  World world;
  Settle(world);
  CutFromMaster(world, true);
  world.Run(Millis(5000));
  REQUIRE(NobodyStood(world));
  const auto set_at = world.now();
  for (int n = 1; n <= 3; ++n) world.Ask(n, {"SENTINEL", "SET", "mymaster", "testimony-timeout", "0"});
  INFO(world.Trace());
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7001) || AllAt(world, 7002); }, Millis(3000)));
  CHECK(world.now() - set_at < Millis(1000));
}

TEST_CASE("testimony: with testimony-timeout 0 it is said, and the failover goes its way") {
  World world;
  Settle(world, "testimony-timeout 0");
  CutFromMaster(world, true);
  const Millis took = TimeToReplace(world);
  INFO(world.Trace());
  CHECK(took < Millis(1150));
  CHECK(AnyHas(world, "+testimony-hold"));
}

TEST_CASE("testimony: when it ends, because the master dies, the failover begins at once") {
  World world;
  Settle(world);
  CutFromMaster(world, true);
  world.Run(Millis(5000));
  REQUIRE(AnyHas(world, "+testimony-hold"));
  world.KillNode(kMaster);
  const Millis took = TimeToReplace(world);
  INFO(world.Trace());
  CHECK(took < Millis(250));
}

TEST_CASE("testimony: when it ends, because the master freezes, the failover comes within down-after") {
  World world;
  Settle(world);
  CutFromMaster(world, true);
  world.Run(Millis(5000));
  REQUIRE(AnyHas(world, "+testimony-hold"));
  world.node(kMaster).frozen = true;
  for (const std::uint16_t port : {7001, 7002}) world.node(port).before_info = nullptr;
  const Millis took = TimeToReplace(world);
  INFO(world.Trace());
  CHECK(took < Millis(1400));
}

TEST_CASE("testimony: a killed, a frozen and an idle master are replaced as fast as without") {
  const auto took = [](const std::string& config, bool writes, int how) {
    World world;
    Settle(world, config, writes);
    if (how == 0) world.KillNode(kMaster);
    if (how == 1) world.Freeze(kMaster);
    if (how == 2) CutFromMaster(world, true);
    const Millis time = TimeToReplace(world);
    INFO(world.Trace());
    CHECK_FALSE(AnyHas(world, "+testimony-hold"));
    return time;
  };
  for (const int how : {0, 1, 2}) {
    CAPTURE(how);
    const bool writes = how != 2;
    const Millis with = took("testimony-timeout 30000", writes, how);
    // A frozen or an idle one's replicas are still asked: that takes a round trip.
    CHECK(with <= took("testimony-timeout 0", writes, how) + Millis(10));
    CHECK(with < Millis(1100));
  }
}

TEST_CASE("testimony: an operator's failover overrides it") {
  World world;
  Settle(world);
  CutFromMaster(world, true);
  world.Run(Millis(3000));
  REQUIRE(AnyHas(world, "+testimony-hold"));
  CHECK(world.Ask(1, {"SENTINEL", "FAILOVER", "mymaster"}) == "+OK\r\n");
  const Millis took = TimeToReplace(world);
  INFO(world.Trace());
  CHECK(took < Millis(1000));
}

TEST_CASE("testimony: one sentinel that is cut off from the replicas too gets no pre-votes from those that hear them") {
  World world;
  Settle(world);
  world.Cut(26001, 7001);
  world.Cut(26001, 7002);
  CutFromMaster(world, true);
  world.Run(Millis(700));
  world.Heal(26001, 7001);  // it could promote one, and has not had two reads of it
  world.Run(Millis(9000));
  INFO(world.Trace());
  CHECK(NobodyStood(world));
  CHECK(AllAt(world, kMaster));
}

TEST_CASE("testimony: who has not heard the replicas yet grants no pre-vote, however late they answer") {
  World world;
  Settle(world, "", false);
  bool flows = false;
  for (const std::uint16_t port : {7001, 7002}) {
    world.node(port).before_info = [&](scenario::Node& node) {
      if (flows && node.master_port != 0) node.offset = world.now().time_since_epoch().count() * 10 + node.port;
    };
  }
  // The first sentinel loses the master a little earlier than the others, and nothing is written until its reads are
  // done: it hears no testimony.
  world.Cut(26001, kMaster);
  world.Run(Millis(100));
  CutFromMaster(world, true);
  REQUIRE(world.RunUntil([&] { return world.Has(1, "+sdown"); }, Millis(2000)));
  world.Run(Millis(10));
  flows = true;
  for (const std::uint16_t port : {7001, 7002}) world.Freeze(port);
  REQUIRE(world.RunUntil([&] { return world.Has(2, "+sdown") && world.Has(3, "+sdown"); }, Millis(500)));
  world.Run(Millis(20));
  for (const std::uint16_t port : {7001, 7002}) world.Thaw(port);
  world.Run(Millis(5000));
  INFO(world.Trace());
  CHECK(world.Has(2, "+testimony-hold"));
  CHECK(NobodyStood(world));
  CHECK(AllAt(world, kMaster));
}

TEST_CASE("testimony: beside a stock voter there is no pre-vote, and still nobody is promoted") {
  World world;
  Settle(world, "", true, 3);
  world.KillSentinel(3);  // a stock sentinel knows no testimony and would fail over: here its vote is what counts
  world.Run(Millis(1500));
  CutFromMaster(world, true);
  world.Run(Millis(10000));
  INFO(world.Trace());
  CHECK(AnyHas(world, "+testimony-hold"));
  CHECK(AllAt(world, kMaster));
  CHECK(world.node(7001).commands.empty());
  CHECK(world.node(7002).commands.empty());
}

TEST_CASE("fast-fail: a killed master is replaced a few round trips after that time, whatever down-after says") {
  World world;
  Settle(world, "fast-fail 200\ndown-after-milliseconds 30000");
  world.KillNode(kMaster);
  const Millis took = TimeToReplace(world);
  INFO(world.Trace());
  CHECK(took >= Millis(200));
  CHECK(took < Millis(260));
  world.Run(Millis(500));
  // Nobody shows the dead one as healthy until down-after has passed once more.
  for (int n = 1; n <= 3; ++n) {
    const auto dead = world.master(n).replicas.find(base::Endpoint{"127.0.0.1", kMaster});
    REQUIRE(dead != world.master(n).replicas.end());
    CHECK(dead->second.liveness.down());
  }
  world.StartNode(kMaster);
  CHECK(world.RunUntil(
      [&] {
        return !world.master(1).replicas.at(base::Endpoint{"127.0.0.1", kMaster}).liveness.down();
      },
      Millis(3000)));
}

TEST_CASE("fast-fail: a frozen master, or one that is back in time, is not what it is about") {
  World world;
  Settle(world, "fast-fail 200\ndown-after-milliseconds 5000\nempty-master follow");  // restarts are another matter
  world.KillNode(kMaster);
  world.Run(Millis(150));
  world.StartNode(kMaster);
  world.Run(Millis(1000));
  world.Freeze(kMaster);
  world.Run(Millis(1000));
  world.Thaw(kMaster);
  world.Run(Millis(2000));
  INFO(world.Trace());
  CHECK_FALSE(AnyHas(world, "+sdown"));
  CHECK(NobodyStood(world));
}

TEST_CASE("fast-fail: a master that is back before the last look ended is left in peace") {
  World world;
  Settle(world, "fast-fail 200\ndown-after-milliseconds 5000\nempty-master follow");  // restarts are another matter
  world.KillNode(kMaster);
  world.Run(Millis(150));
  world.Freeze(7001);  // the candidates answer late, so that the attempt takes its time
  world.Freeze(7002);
  REQUIRE(world.RunUntil([&] { return AnyHas(world, "+try-failover"); }, Millis(1000)));
  world.StartNode(kMaster);
  world.Run(Millis(300));
  world.Thaw(7001);
  world.Thaw(7002);
  world.Run(Millis(3000));
  INFO(world.Trace());
  CHECK(AnyHas(world, "-failover-abort-master-back"));
  CHECK(AllAt(world, kMaster));
  CHECK(world.node(7001).commands.empty());
  CHECK(world.node(7002).commands.empty());
}

TEST_CASE("fast-fail: one of ours that cannot reach the master at all is not a quorum") {
  World world;
  Settle(world, "fast-fail 200\ndown-after-milliseconds 3000");
  world.Cut(26002, kMaster);
  world.Cut(26003, kMaster);
  world.Run(Millis(100));
  world.KillNode(kMaster);
  world.Run(Millis(1000));
  INFO(world.Trace());
  CHECK_FALSE(AnyHas(world, "+odown"));
  const Millis took = TimeToReplace(world);
  CHECK(took > Millis(1500));
}

TEST_CASE("fast-fail: a stock voter switches it off") {
  World world;
  Settle(world, "fast-fail 200", true, 3);
  world.KillNode(kMaster);
  world.Run(Millis(900));
  INFO(world.Trace());
  CHECK_FALSE(AnyHas(world, "+sdown"));
  CHECK(
      world.Ask(1, {"SENTINEL", "CKQUORUM", "mymaster"}) ==
      "+OK 3 usable Sentinels. Quorum and failover authorization can be reached. pre-vote, pushed-down, pause are off: "
      "127.0.0.1:26003 (33333333) is stock. fast-fail is off: sentinel " +
          std::string(40, '3') + " does not speak refused-push\r\n");
  CHECK(world.Ask(1, {"SENTINEL", "EXPLAIN", "mymaster"}).find("fast-fail\r\n$") != std::string::npos);
  CHECK(TimeToReplace(world) < Millis(1000));
}

TEST_CASE("stall: sentinels that all stood still find a master that lived, and look at it anew") {
  for (const int length : {600, 1500, 5000}) {
    World world;
    Settle(world);
    for (int n = 1; n <= 3; ++n) world.StopSentinel(n);
    world.Run(Millis(length));
    for (int n = 1; n <= 3; ++n) world.ContinueSentinel(n);
    world.Run(Millis(3000));
    INFO(world.Trace());
    CHECK_FALSE(AnyHas(world, "+sdown"));
    CHECK(AnyHas(world, "+tilt") == (length > 2000));
    CHECK(world.Ask(1, {"INFO", "sentinel"}).find(length > 2000 ? "sentinel_tilt:1" : "sentinel_tilt:0") !=
          std::string::npos);
  }
}

TEST_CASE("stall: a master that died while the sentinels stood still is replaced, down-after later and no 30 s") {
  World world;
  Settle(world);
  for (int n = 1; n <= 3; ++n) world.StopSentinel(n);
  world.Run(Millis(100));
  world.KillNode(kMaster);
  world.Run(Millis(4900));
  for (int n = 1; n <= 3; ++n) world.ContinueSentinel(n);
  const Millis took = TimeToReplace(world);
  INFO(world.Trace());
  CHECK(AnyHas(world, "+tilt"));
  CHECK(took > Millis(850));
  CHECK(took < Millis(1200));
}

TEST_CASE("stall: a leader that stood still before its last look ended looks once more") {
  World world;
  Settle(world);
  world.KillNode(kMaster);
  REQUIRE(world.RunUntil([&] { return world.Has(1, "+failover-state-send-slaveof-noone"); }, Millis(3000)));
  world.StopSentinel(1);
  world.StartNode(kMaster);  // it is back, and its leader cannot know
  world.Run(Millis(400));
  world.ContinueSentinel(1);
  const auto continued = world.now();
  world.Run(Millis(3000));
  INFO(world.Trace());
  // Whatever it does then rests on answers that were asked for after the stall.
  const std::int64_t promoted = world.When(1, "+failover-state-wait-promotion", continued);
  CHECK((promoted == -1 || promoted >= 2));
}

TEST_CASE("stall: wall clocks that jump neither start a failover nor delay one") {
  World world;
  Settle(world);
  world.JumpWallClock(1, Millis(3600'000));
  world.JumpWallClock(2, Millis(-3600'000));
  world.Run(Millis(3000));
  CHECK(world.Has(1, "+tilt"));
  CHECK(world.Has(2, "+tilt"));
  CHECK_FALSE(world.Has(3, "+tilt"));
  CHECK_FALSE(AnyHas(world, "+sdown"));
  world.KillNode(kMaster);
  const Millis took = TimeToReplace(world);
  INFO(world.Trace());
  CHECK(took < Millis(1100));
}

TEST_CASE("asking: a stock peer is asked every 50 to 100 ms while we hold the master for down, one of ours is not") {
  World world;
  Settle(world, "", true, 3);
  world.Cut(26001, kMaster);  // only the first sentinel loses it
  REQUIRE(world.RunUntil([&] { return world.Has(1, "+sdown"); }, Millis(3000)));
  const base::RunId stock{std::string(40, '3')};
  const base::RunId ours{std::string(40, '2')};
  std::set<scenario::MonoTime> to_stock, to_ours;
  const auto until = world.now() + Millis(1000);
  while (world.now() < until) {
    world.Run(Millis(1));
    if (const auto at = world.master(1).sentinels.at(stock).asked_at) to_stock.insert(*at);
    if (const auto at = world.master(1).sentinels.at(ours).asked_at) to_ours.insert(*at);
  }
  INFO(world.Trace());
  CHECK(to_stock.size() >= 10);
  CHECK(to_stock.size() <= 21);
  CHECK(to_ours.size() <= 2);
}
