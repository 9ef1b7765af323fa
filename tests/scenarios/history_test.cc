// What is written down while a failover happens, and what is still known after a restart.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/evidence.h"
#include "sentinel/core/history.h"
#include "tests/scenarios/world.h"

using namespace sentinel;
using scenario::Millis;
using scenario::World;

namespace {

void Settle(World& world, int sentinels, int quorum, int nodes = 3) {
  for (int i = 0; i < nodes; ++i) {
    world.AddNode(static_cast<std::uint16_t>(7000 + i), i == 0 ? std::uint16_t{0} : std::uint16_t{7000});
  }
  for (int n = 1; n <= sentinels; ++n) world.AddSentinel(n, quorum);
  world.Run(Millis(15000));
}

const Decision& Last(World& world, int n) {
  const auto& decisions = world.master(n).chronicle.decisions;
  if (decisions.empty()) throw std::runtime_error("nothing was written down");
  return decisions.back();
}

// Behind which something may have been noted since, such as that the old master was demoted.
const Decision& LastFailover(World& world, int n) {
  const auto& decisions = world.master(n).chronicle.decisions;
  const auto found = std::find_if(decisions.rbegin(), decisions.rend(),
                                  [](const Decision& decision) { return decision.outcome != Outcome::kNoted; });
  if (found == decisions.rend()) throw std::runtime_error("no failover was written down");
  return *found;
}

std::optional<Millis> EndOf(const Decision& decision, Phase phase) {
  return decision.ended[static_cast<std::size_t>(phase)];
}

int LeaderOf(World& world, int sentinels) {
  for (int n = 1; n <= sentinels; ++n) {
    if (world.Has(n, "+elected-leader")) return n;
  }
  return 0;
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("history: a killed master: every sentinel knows why, who agreed, who voted, whom and how long") {
  World world;
  Settle(world, 3, 2);
  world.node(7002).priority = 0;
  world.Run(Millis(11000));
  world.KillNode(7000);
  REQUIRE(world.RunUntil(
      [&] {
        return world.Has(1, "+switch-master") && world.Has(2, "+switch-master") && world.Has(3, "+switch-master");
      },
      Millis(10000)));
  world.Run(Millis(3000));
  const int leader = LeaderOf(world, 3);
  INFO(world.Trace());
  for (int n = 1; n <= 3; ++n) {
    CAPTURE(n);
    const Decision& decision = Last(world, n);
    CHECK(world.master(n).chronicle.decisions.size() == 1);
    CHECK(decision.kind == "failover");
    CHECK(decision.outcome == Outcome::kSwitched);
    CHECK(decision.cause == "silence");
    CHECK(Contains(decision.detail, "no acceptable answer to PING for 1"));
    CHECK(decision.from.port == 7000);
    CHECK(decision.to.port == 7001);
    CHECK(decision.epoch == world.master(n).config_epoch);
    CHECK(decision.led_by == world.state(leader).my_id);
    CHECK(decision.told_by.empty() == (n == leader));
    CHECK(std::ranges::count_if(decision.agreed, &Agreement::down) >= 2);
    CHECK(decision.votes.size() >= 2);
    CHECK(std::ranges::count(decision.votes, world.state(leader).my_id, &Ballot::candidate) >= 2);
    REQUIRE(decision.replicas.size() == 2);
    CHECK(decision.replicas[0].address.port == 7001);
    CHECK(decision.replicas[0].rank == 1);
    CHECK(decision.replicas[0].offset == 1000);
    CHECK(decision.replicas[1].rank == 0);
    CHECK(decision.replicas[1].reason == "its priority is 0");
    // The steps follow each other, and the first is the down-after period.
    Millis before{0};
    for (const auto& ended : decision.ended) {
      REQUIRE(ended.has_value());
      CHECK(*ended >= before);
      before = *ended;
    }
    CHECK(EndOf(decision, Phase::kDetection)->count() >= 1000);
    CHECK(EndOf(decision, Phase::kPublication)->count() < 1200);
    // Its last bytes died with it: nobody can say that nothing is lost.
    CHECK(decision.loss.kind == LossKind::kUnknown);
    CHECK(Contains(decision.loss.how, "kept the old history up to 1000"));
    CHECK(Contains(Summary(world.state(n), decision), "acknowledged data lost: unknown"));
  }
}

TEST_CASE("history: the old master comes back with what it wrote: then the loss is known") {
  World world;
  Settle(world, 3, 2);
  std::int64_t lost = 0;
  SUBCASE("it wrote on while nobody heard it") {
    lost = 250;
  }
  SUBCASE("it had written nothing more") {
    lost = 0;
  }
  world.Freeze(7000);
  REQUIRE(world.RunUntil([&] { return world.Has(1, "+switch-master"); }, Millis(10000)));
  world.node(7000).offset += lost;
  world.Run(Millis(2000));
  world.Thaw(7000);
  const auto known = [&](int n) { return LastFailover(world, n).loss.kind != LossKind::kUnknown; };
  const bool settled = world.RunUntil([&] { return known(1) && known(2) && known(3); }, Millis(30000));
  INFO(world.Trace());
  for (int n = 1; n <= 3; ++n) INFO(LastFailover(world, n).loss.how);
  REQUIRE(settled);
  for (int n = 1; n <= 3; ++n) {
    const Decision& decision = LastFailover(world, n);
    CHECK(decision.loss.kind == (lost == 0 ? LossKind::kExact : LossKind::kAtMost));
    CHECK(decision.loss.bytes == lost);
  }
}

TEST_CASE("history: it outlives a restart, and a stock sentinel in between") {
  World world;
  Settle(world, 3, 2);
  world.KillNode(7000);
  REQUIRE(world.RunUntil([&] { return world.AddressAt(1) != 7000 && world.AddressAt(2) != 7000; }, Millis(10000)));
  world.Run(Millis(3000));
  const std::string before = world.Ask(1, {"SENTINEL", "HISTORY", "mymaster"});
  CHECK(Contains(before, "failover from 127.0.0.1:7000 to "));
  world.KillSentinel(1);
  SUBCASE("ours again") {}
  SUBCASE("stock was there and has voted") {
    std::string& config = world.Durable(1).config;
    const std::size_t at = config.find("sentinel leader-epoch mymaster ");
    REQUIRE(at != std::string::npos);
    config.replace(at, config.find('\n', at) - at, "sentinel leader-epoch mymaster 77");
  }
  const bool stock_was_there = Contains(world.Durable(1).config, "leader-epoch mymaster 77");
  world.StartSentinel(1);
  if (stock_was_there) CHECK(world.master(1).vote.candidate.empty());
  CHECK(world.master(1).chronicle.decisions.size() == 1);
  CHECK(Contains(world.Ask(1, {"SENTINEL", "HISTORY", "mymaster"}), "failover from 127.0.0.1:7000 to "));
}

TEST_CASE("history: a master that answers in time, and attempts that come to nothing, are written down") {
  World world;
  Settle(world, 3, 2);
  SUBCASE("nobody else saw it: no decision") {
    world.Cut(26001, 7000);
    world.Run(Millis(2000));
    world.Heal(26001, 7000);
    world.Run(Millis(20000));
    CHECK(world.Has(1, "+sdown"));
    CHECK(world.master(1).chronicle.decisions.empty());
  }
  SUBCASE("agreed upon, and back at the last look") {
    world.Freeze(7000);
    world.Run(Millis(800));
    world.Freeze(7001);
    world.Freeze(7002);
    REQUIRE(world.RunUntil([&] { return world.Has(1, "+failover-state-select-slave"); }, Millis(3000)));
    world.Thaw(7000);
    world.Run(Millis(1000));
    world.Thaw(7001);
    world.Thaw(7002);
    world.Run(Millis(3000));
    const Decision& decision = Last(world, 1);
    CHECK(decision.outcome == Outcome::kMasterBack);
    CHECK(std::ranges::any_of(
        decision.remarks, [](const std::string& remark) { return Contains(remark, "-failover-abort-master-back"); }));
  }
  SUBCASE("no replica that can be chosen, until there is one") {
    world.node(7001).priority = 0;
    world.node(7002).priority = 0;
    world.Run(Millis(11000));
    world.KillNode(7000);
    world.Run(Millis(5000));
    CHECK(Contains(world.Ask(1, {"SENTINEL", "EXPLAIN", "mymaster"}), "could NOT succeed: no replica can be chosen"));
    world.node(7002).priority = 10;
    REQUIRE(world.RunUntil([&] { return world.AddressAt(1) == 7002; }, Millis(60000)));
    world.Run(Millis(3000));
    CHECK(Last(world, 1).outcome == Outcome::kSwitched);
    CHECK(EndOf(Last(world, 1), Phase::kElection)->count() > 5000);
  }
}

TEST_CASE("history: an operator's failover says that it was one") {
  World world;
  Settle(world, 3, 2);
  CHECK(world.Ask(2, {"SENTINEL", "SET", "mymaster", "manual-failover", "classic"}) == "+OK\r\n");
  CHECK(world.Ask(2, {"SENTINEL", "FAILOVER", "mymaster"}) == "+OK\r\n");
  REQUIRE(world.RunUntil([&] { return world.AddressAt(1) != 7000 && world.AddressAt(2) != 7000; }, Millis(10000)));
  world.Run(Millis(3000));
  for (int n = 1; n <= 3; ++n) {
    CAPTURE(n);
    const Decision& decision = Last(world, n);
    CHECK(decision.kind == "manual-failover");
    CHECK(decision.cause == "operator");
    CHECK(decision.led_by == world.state(2).my_id);
    CHECK_FALSE(EndOf(decision, Phase::kDetection).has_value());
    CHECK(EndOf(decision, Phase::kPromotion).has_value());
  }
}

TEST_CASE("history: after an operator's failover under load it says what was lost, on every sentinel") {
  World world;
  Settle(world, 3, 2);
  world.Write(40);
  world.Run(Millis(1500));
  std::vector<std::string> order = {"SENTINEL", "FAILOVER", "mymaster"};
  SUBCASE("coordinated, on stock nodes") {
    order.emplace_back("COORDINATED");
  }
  SUBCASE("coordinated, on vigil nodes") {
    for (const std::uint16_t port : {7000, 7001, 7002}) world.node(port).vigil = true;
    order.emplace_back("COORDINATED");
  }
  SUBCASE("coordinated, with SLAVEOF alone") {
    for (const std::uint16_t port : {7000, 7001, 7002}) world.node(port).denied = {"client|pause", "failover"};
    order.emplace_back("COORDINATED");
  }
  SUBCASE("by force") {
    order.emplace_back("FORCE");
  }
  const bool forced = order.back() == "FORCE";
  CAPTURE(order.back());
  CHECK(world.Ask(1, order) == "+OK\r\n");
  const auto known = [&](int n) {
    const auto& decisions = world.master(n).chronicle.decisions;
    return !decisions.empty() && decisions.back().loss.kind != LossKind::kUnknown;
  };
  const bool settled = world.RunUntil([&] { return known(1) && known(2) && known(3); }, Millis(15000));
  INFO(world.Trace());
  REQUIRE(settled);
  for (int n = 1; n <= 3; ++n) {
    CAPTURE(n);
    const Decision& decision = Last(world, n);
    CAPTURE(decision.loss.how);
    CHECK(decision.kind == "manual-failover");
    CHECK(decision.led_by == world.state(1).my_id);
    if (forced) {
      // The other replica may have held more than the promoted one, too: that is no loss beside the master's.
      CHECK(decision.loss.bytes >= world.node(7000).lost);
      CHECK((decision.loss.kind == LossKind::kExact) == (decision.loss.bytes == 0));
    } else {
      CHECK(decision.loss.kind == LossKind::kExact);
      CHECK(decision.loss.bytes == 0);
      CHECK(world.Lost() == 0);
    }
  }
}

TEST_CASE("history: bounded, and so is the file") {
  World world;
  Settle(world, 1, 1);
  Actions out;
  const base::Now now{world.now(), base::FromUnixMillis(1700000000000)};
  for (int i = 0; i < 100; ++i) {
    NoteDecision(world.state(1), world.master(1), "test", std::string(1000, 'x'), now, out);
  }
  CHECK(world.master(1).chronicle.decisions.size() == kDecisionsPerMaster);
  CHECK(world.master(1).chronicle.decisions.back().number == 100);
  CHECK(world.master(1).chronicle.decisions.back().detail.size() == kRemarkLength);
  const std::string text = RenderVigil(world.state(1), "");
  CHECK(text.size() < 32 * 400);
  CHECK(RenderVigil(world.state(1), text) == text);
}

TEST_CASE("explain: in peace it names who would be promoted, by whose votes, and what stock switches off") {
  World world;
  Settle(world, 3, 2);
  std::string text = world.Ask(1, {"SENTINEL", "EXPLAIN", "mymaster"});
  CHECK(Contains(text, "If 127.0.0.1:7000 fell silent now, it would count as down after 1000 ms, and 127.0.0.1:700"));
  CHECK(Contains(text, "would be promoted with the votes of 2 of 3 sentinels"));
  CHECK(Contains(text, "pre-vote\r\n$8\r\npossible"));
  CHECK(world.Ask(1, {"SENTINEL", "CKQUORUM", "mymaster"}) ==
        "+OK 3 usable Sentinels. Quorum and failover authorization can be reached\r\n");
  world.KillSentinel(2);
  world.KillSentinel(3);
  world.Run(Millis(2000));
  text = world.Ask(1, {"SENTINEL", "EXPLAIN", "mymaster"});
  CHECK(Contains(text, "could NOT succeed: only 1 of 3 sentinels can be counted on and 2 are needed"));
  CHECK(Contains(text, "127.0.0.1:26002 (22222222)"));

  World mixed;
  for (int i = 0; i < 2; ++i) {
    mixed.AddNode(static_cast<std::uint16_t>(7000 + i), i == 0 ? std::uint16_t{0} : std::uint16_t{7000});
  }
  for (int n = 1; n <= 3; ++n) mixed.AddSentinel(n, 2);
  mixed.MakeStock(3);
  mixed.Run(Millis(15000));
  text = mixed.Ask(1, {"SENTINEL", "EXPLAIN", "mymaster"});
  CHECK(Contains(text, "pushed-down\r\n$40\r\noff: 127.0.0.1:26003 (33333333) is stock"));
  CHECK(Contains(text, "empty-master-refusal\r\n$28\r\noff: 127.0.0.1:7001 is stock"));
  CHECK(mixed.Ask(1, {"SENTINEL", "CKQUORUM", "mymaster"}) ==
        "+OK 3 usable Sentinels. Quorum and failover authorization can be reached. pre-vote, pushed-down, pause are "
        "off: 127.0.0.1:26003 (33333333) is stock\r\n");
}

TEST_CASE("history: the address leaves in the turn in which it is durable, however slow the disk") {
  World world;
  Settle(world, 3, 2);
  for (int n = 1; n <= 3; ++n) world.SlowDisk(n, Millis(40));
  world.KillNode(7000);
  const auto start = world.now();
  REQUIRE(world.RunUntil(
      [&] {
        return world.Has(1, "+switch-master") && world.Has(2, "+switch-master") && world.Has(3, "+switch-master");
      },
      Millis(10000)));
  world.Run(Millis(3000));
  const int leader = LeaderOf(world, 3);
  INFO(world.Trace());
  const Decision& decision = Last(world, leader);
  const auto took = *EndOf(decision, Phase::kPublication) - *EndOf(decision, Phase::kPromotion);
  CHECK(took.count() >= 40);
  CHECK(took.count() <= 80);  // a save may have been under way
  for (int n = 1; n <= 3; ++n) {
    if (n == leader) continue;
    // One way through the network lies between.
    const auto heard = world.When(n, "+switch-master", start) - world.When(leader, "+promoted-slave", start);
    CHECK(heard - took.count() <= 2);
  }
}

TEST_CASE("history: a frozen master that synchronizes before it answers INFO still tells what it wrote beyond") {
  World world;
  Settle(world, 3, 2);
  world.Freeze(7000);
  REQUIRE(
      world.RunUntil([&] { return world.Has(1, "+switch-master") && world.Has(2, "+switch-master"); }, Millis(9000)));
  scenario::Node& former = world.node(7000);
  const scenario::Node& master = world.node(Last(world, LeaderOf(world, 3)).to.port);
  former.offset = master.second_offset - 1 + 134;
  // Its configuration is on a slow disk: until its CONFIG REWRITE is answered, it has synchronized.
  former.after_exec = [&](scenario::Node& node) {
    if (node.master_port == 0) return;
    node.replid = master.replid;
    node.replid2.clear();
    node.offset = master.offset;
  };
  world.Thaw(7000);
  const auto counted = [&] { return Last(world, LeaderOf(world, 3)).loss.kind == LossKind::kAtMost; };
  world.RunUntil(counted, Millis(9000));
  INFO(Last(world, LeaderOf(world, 3)).loss.how);
  CHECK(Last(world, LeaderOf(world, 3)).loss.bytes == 134);
}
