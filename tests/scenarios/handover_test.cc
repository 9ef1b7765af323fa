// Planned failovers: nothing acknowledged is lost, whatever dies in the middle, and nothing stays stuck.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "tests/scenarios/world.h"

using namespace scenario;

namespace {

constexpr base::Offset kWrites = 40;  // bytes in each millisecond

// Three nodes under write load, three sentinels that know each other.
std::unique_ptr<World> Busy(const std::function<void(Node&)>& make = nullptr, int sentinels = 3) {
  auto world = std::make_unique<World>();
  world->AddNode(7000, 0);
  world->AddNode(7001, 7000);
  world->AddNode(7002, 7000);
  for (const std::uint16_t port : {7000, 7001, 7002}) {
    if (make) make(world->node(port));
  }
  for (int n = 1; n <= sentinels; ++n) world->AddSentinel(n, 2);
  world->Write(kWrites);
  world->Run(Millis(1500));
  return world;
}

void Vigil(Node& node) {
  node.vigil = true;
}
void MinimalRights(Node& node) {
  node.denied = {"client|pause", "client|unpause", "failover"};
}
void NoFailover(Node& node) {
  node.denied = {"failover"};
}

int Masters(World& world) {
  int masters = 0;
  for (const std::uint16_t port : {7000, 7001, 7002}) {
    masters += world.node(port).alive && world.node(port).master_port == 0;
  }
  return masters;
}

// Everybody that runs agrees on one master, which takes writes and which all living nodes follow.
std::string Trouble(World& world) {
  std::uint16_t agreed = 0;
  for (int n = 1; n <= 3; ++n) {
    if (!world.running(n)) continue;
    if (agreed != 0 && world.AddressAt(n) != agreed) return "the sentinels name different masters";
    agreed = world.AddressAt(n);
    if (world.master(n).failover.active()) return fmt::format("sentinel {} has a failover in progress", n);
  }
  Node& master = world.node(agreed);
  if (!master.alive) return "the master is dead";
  if (master.master_port != 0) return fmt::format("{} is no master", agreed);
  if (master.failover_state != "no-failover") return "the master is in a FAILOVER of its own";
  for (const std::uint16_t port : {7000, 7001, 7002}) {
    Node& node = world.node(port);
    if (port == agreed || !node.alive) continue;
    if (node.master_port != agreed || !node.link_up) return fmt::format("{} does not follow {}", port, agreed);
  }
  return {};
}

bool HasLine(World& world, const std::string& text) {
  return world.Trace().find(text) != std::string::npos;
}

void CheckClean(World& world) {
  CHECK(world.RunUntil([&] { return world.AddressAt(1) != 7000 && Trouble(world).empty(); }, Millis(5000)));
  world.Run(Millis(15000));
  CHECK(Trouble(world) == "");
  CHECK(world.Lost() == 0);
  CHECK(world.FullSyncs() == 0);
  CHECK(world.Count(1, "+promoted-slave") == 1);
  CHECK(HasLine(world, "#bytes 0 "));
}

}  // namespace

TEST_CASE("handover: on stock nodes by CLIENT PAUSE and FAILOVER, and nothing is lost") {
  auto world = Busy();
  CHECK(world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster"}) == "+OK\r\n");
  INFO(world->Trace());
  CheckClean(*world);
  CHECK(HasLine(*world, "+failover-mode master mymaster 127.0.0.1 7000 coordinated by CLIENT PAUSE and FAILOVER"));
  CHECK(world->node(7000).paused_until <= world->now());
}

TEST_CASE("handover: on vigil nodes by the node itself") {
  auto world = Busy(&Vigil);
  CHECK(world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster", "COORDINATED"}) == "+OK\r\n");
  CheckClean(*world);
  CHECK(HasLine(*world, "coordinated by FAILOVER of the node"));
  CHECK(world->node(7000).paused_until == MonoTime{});
}

TEST_CASE("handover: without the right to FAILOVER, writes are paused and SLAVEOF does it") {
  auto world = Busy(&NoFailover);
  CHECK(world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster"}) == "+OK\r\n");
  CheckClean(*world);
  CHECK(HasLine(*world, "coordinated by CLIENT PAUSE and SLAVEOF, missing right: failover"));
}

TEST_CASE(
    "handover: with the rights that Redis documents for sentinels, by a dead end, and the missing ones are named") {
  auto world = Busy(&MinimalRights);
  CHECK(world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster"}) == "+OK\r\n");
  CheckClean(*world);
  CHECK(HasLine(*world, "coordinated by SLAVEOF 127.0.0.1 1, missing right: failover client|pause"));
  CHECK(world->node(7000).commands.front() == "127.0.0.1 1");
}

TEST_CASE("handover: writes stop for a few milliseconds only") {
  for (const auto& make : {+[](Node&) {}, &Vigil, &NoFailover, &MinimalRights}) {
    auto world = Busy(make);
    world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster"});
    // From the last write to the old master to the first at the new one.
    base::Offset before = 0;
    MonoTime last{};
    Millis gap{0};
    world->RunUntil(
        [&] {
          base::Offset most = 0;
          for (const std::uint16_t port : {7000, 7001, 7002}) most = std::max(most, world->node(port).offset);
          if (most != before) {
            if (last != MonoTime{}) gap = std::max(gap, world->now() - last);
            last = world->now();
          }
          before = most;
          return false;
        },
        Millis(3000));
    INFO(world->Trace());
    CHECK(world->AddressAt(1) != 7000);
    CHECK(gap < Millis(25));
  }
}

TEST_CASE("handover: on a slow disk nothing is compared before writes have stopped") {
  for (const auto& make : {std::function<void(Node&)>(nullptr), std::function<void(Node&)>(&Vigil),
                           std::function<void(Node&)>(&NoFailover), std::function<void(Node&)>(&MinimalRights)}) {
    for (const int disk : {3, 120, 400}) {  // a pause takes 250 ms
      auto world = Busy(make);
      world->SlowDisk(1, Millis(disk));
      CHECK(world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster", "COORDINATED"}) == "+OK\r\n");
      INFO("disk " << disk << "\n" << world->Trace());
      CheckClean(*world);
    }
  }
}

TEST_CASE("explain: how a planned failover would be done now, and which rights are missing for a gentler one") {
  const auto outlook = [](World& world) {
    const std::string text = world.Ask(1, {"SENTINEL", "EXPLAIN", "mymaster"});
    const std::string field = "planned-failover\r\n$";
    const std::size_t at = text.find(field);
    if (at == std::string::npos) return text;
    const std::size_t begin = text.find("\r\n", at + field.size()) + 2;
    return text.substr(begin, text.find("\r\n", begin) - begin);
  };
  const auto no_slaveof = +[](Node& node) { node.denied = {"failover", "slaveof"}; };
  for (const auto& [make, expected] : std::vector<std::pair<std::function<void(Node&)>, std::string>>{
           {nullptr, "coordinated by CLIENT PAUSE and FAILOVER"},
           {&Vigil, "coordinated by FAILOVER of the node"},
           {&NoFailover, "coordinated by CLIENT PAUSE and SLAVEOF, missing right: failover"},
           {&MinimalRights, "coordinated by SLAVEOF 127.0.0.1 1, missing right: failover client|pause"},
           {no_slaveof, "not possible, missing right: failover slaveof"}}) {
    auto world = Busy(make);
    CHECK(outlook(*world) == expected);
    CHECK(world->node(7000).commands.empty());  // nothing was done by asking
    CHECK(world->node(7000).paused_until == MonoTime{});
  }

  auto world = Busy(&NoFailover);
  CHECK(outlook(*world) == "coordinated by CLIENT PAUSE and SLAVEOF, missing right: failover");
  world->node(7000).denied.clear();
  world->Run(Millis(1100));
  CHECK(outlook(*world) == "coordinated by CLIENT PAUSE and FAILOVER");
  world->Run(Millis(1100));
  world->Freeze(7000);
  const MonoTime asked = world->now();
  CHECK(outlook(*world) == "unknown: the master has not answered what we may do");
  CHECK(world->now() - asked < Millis(600));
  CHECK(outlook(*world) == "unknown: the master has not answered what we may do");
  world->KillSentinel(2);
  world->KillSentinel(3);
  world->Run(Millis(1500));
  CHECK(outlook(*world) == "forced: the master does not answer");
  world->Thaw(7000);
  world->Run(Millis(1000));
  CHECK(world->Ask(1, {"SENTINEL", "SET", "mymaster", "manual-failover", "classic"}) == "+OK\r\n");
  CHECK(outlook(*world) == "forced: manual-failover is classic");
}

TEST_CASE("handover: TIMEOUT holds for a sentinel that stands alone as well") {
  auto world = Busy(nullptr, 1);
  world->Freeze(7001);
  world->Freeze(7002);
  world->Run(Millis(20));
  CHECK(world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster", "TIMEOUT", "300"}) == "+OK\r\n");
  world->Run(Millis(400));
  INFO(world->Trace());
  CHECK_FALSE(world->master(1).failover.active());
  CHECK(world->AddressAt(1) == 7000);
  CHECK(world->node(7000).paused_until <= world->now());
}

TEST_CASE("handover: COORDINATED is refused while the master is down, FORCE and a plain one go without it") {
  for (const std::string form : {"COORDINATED", "", "FORCE"}) {
    auto world = Busy();
    // The other sentinels are away, so that nobody else fails over.
    world->KillSentinel(2);
    world->KillSentinel(3);
    world->KillNode(7000);
    world->Run(Millis(3000));
    std::vector<std::string> words = {"SENTINEL", "FAILOVER", "mymaster"};
    if (!form.empty()) words.push_back(form);
    const std::string reply = world->Ask(1, words);
    INFO(world->Trace());
    if (form == "COORDINATED") {
      CHECK(reply == "-ERR Master 'mymaster' does not answer: it cannot hand over its role\r\n");
      world->Run(Millis(2000));
      CHECK(world->AddressAt(1) == 7000);
      continue;
    }
    CHECK(reply == "+OK\r\n");
    CHECK(world->RunUntil([&] { return world->AddressAt(1) != 7000; }, Millis(5000)));
    CHECK(HasLine(*world, form.empty() ? "forced the master does not answer" : "forced the operator wants it so"));
    CHECK(HasLine(*world, "forced without majority"));
  }
}

TEST_CASE("handover: a master that stops answering in the middle ends a COORDINATED one, a plain one goes on") {
  for (const bool only : {true, false}) {
    auto world = Busy();
    std::vector<std::string> words = {"SENTINEL", "FAILOVER", "mymaster"};
    if (only) words.push_back("COORDINATED");
    world->Ask(1, words);
    world->Freeze(7000);
    world->Run(Millis(1500));
    INFO(world->Trace());
    if (only) {
      CHECK(world->Has(1, "-failover-abort-master-timeout"));
      CHECK_FALSE(HasLine(*world, "+failover-mode master mymaster 127.0.0.1 7000 forced"));
    } else {
      CHECK(HasLine(*world, "+failover-mode master mymaster 127.0.0.1 7000 forced the master does not answer"));
    }
    world->Thaw(7000);
    CHECK(world->RunUntil([&] { return Trouble(*world).empty(); }, Millis(30000)));
  }
}

TEST_CASE("handover: TO takes the replica that was named, and says why it cannot") {
  auto world = Busy();
  const auto to = [&](const std::string& port) {
    return world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster", "TO", "127.0.0.1", port});
  };
  CHECK(to("7009") == "-ERR No such replica of 'mymaster': 127.0.0.1:7009\r\n");
  CHECK(to("x") == "-ERR Invalid port number.\r\n");
  world->node(7001).priority = 0;
  world->Run(Millis(11000));
  CHECK(to("7001") == "-NOGOODSLAVE Replica 127.0.0.1:7001 cannot be promoted: its priority is 0\r\n");
  world->node(7001).priority = 100;
  world->KillNode(7001);
  world->Run(Millis(2000));
  CHECK(to("7001") == "-NOGOODSLAVE Replica 127.0.0.1:7001 cannot be promoted: it is down\r\n");
  world->StartNode(7001);
  world->Run(Millis(12000));
  // 7002 would be the better one by its priority.
  world->node(7002).priority = 10;
  world->Run(Millis(11000));
  CHECK(to("7001") == "+OK\r\n");
  CheckClean(*world);
  CHECK(world->AddressAt(1) == 7001);
  CHECK(world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster", "TIMEOUT", "0"}).starts_with("-ERR TIMEOUT"));
  CHECK(world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster", "NOW"}) == "-ERR syntax error\r\n");
}

TEST_CASE("handover: a replica that does not catch up within TIMEOUT is not promoted, and writes never stopped") {
  auto world = Busy();
  world->node(7001).stuck = world->node(7002).stuck = true;
  world->Run(Millis(200));
  const base::Offset before = world->node(7000).offset;
  CHECK(world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster", "TIMEOUT", "700"}) == "+OK\r\n");
  world->Run(Millis(2000));
  INFO(world->Trace());
  CHECK(world->Has(1, "-failover-abort-slave-timeout"));
  CHECK(world->node(7000).offset - before >= 2000 * kWrites);
  CHECK(world->AddressAt(1) == 7000);
  world->node(7001).stuck = world->node(7002).stuck = false;
  world->Run(Millis(2000));
  world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster"});
  CheckClean(*world);
}

TEST_CASE("handover: a node that rejects FAILOVER's end is a master again, and the attempt is aborted") {
  auto world = Busy();
  // The replica is frozen in the moment of the hand-over: nobody takes over within half a second.
  world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster", "TO", "127.0.0.1", "7001", "COORDINATED"});
  CHECK(world->RunUntil([&] { return world->node(7000).failover_state != "no-failover"; }, Millis(2000)));
  world->Freeze(7001);
  world->Run(Millis(900));
  INFO(world->Trace());
  CHECK(world->Has(1, "-failover-abort-master-timeout"));
  CHECK(world->node(7000).master_port == 0);
  CHECK(world->node(7000).failover_state == "no-failover");
  world->Thaw(7001);
  CHECK(world->RunUntil([&] { return Trouble(*world).empty(); }, Millis(20000)));
  CHECK(world->AddressAt(1) == 7000);
  CHECK(world->Lost() == 0);
}

TEST_CASE("handover: manual-failover classic asks nobody") {
  auto world = Busy();
  CHECK(world->Ask(1, {"SENTINEL", "SET", "mymaster", "manual-failover", "sometimes"}).starts_with("-ERR Invalid"));
  CHECK(world->Ask(1, {"SENTINEL", "SET", "mymaster", "manual-failover", "classic"}) == "+OK\r\n");
  world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster"});
  CHECK(world->RunUntil([&] { return world->AddressAt(1) != 7000 && Trouble(*world).empty(); }, Millis(5000)));
  INFO(world->Trace());
  CHECK(HasLine(*world, "forced manual-failover is classic"));
  // What it cost is said, and is what was lost.
  CHECK(world->Lost() > 0);
  CHECK(HasLine(*world, fmt::format("#bytes {} ", world->node(7000).lost)));
}

TEST_CASE("handover: while another leads, only FORCE goes on") {
  auto world = Busy();
  world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster"});
  world->Run(Millis(4));
  CHECK(world->Ask(2, {"SENTINEL", "FAILOVER", "mymaster"}) == "-INPROG Failover already in progress\r\n");
  CHECK(world->Ask(2, {"SENTINEL", "FAILOVER", "mymaster", "FORCE"}) == "+OK\r\n");
  CHECK(world->RunUntil([&] { return Trouble(*world).empty() && world->AddressAt(1) != 7000; }, Millis(30000)));
}

namespace {

// Every so many milliseconds a life ends; VIGIL_KILL_TRIALS ends one in each.
int StepOfMoments() {
  return std::getenv("VIGIL_KILL_TRIALS") != nullptr ? 1 : 4;
}
int FirstMoment() {
  const char* first = std::getenv("VIGIL_FIRST_MOMENT");
  return first != nullptr ? std::atoi(first) : 0;
}

struct Way {
  const char* name;
  void (*make)(Node&);
};
constexpr Way kWays[] = {
    {"stock", +[](Node&) {}}, {"vigil", &Vigil}, {"no FAILOVER", &NoFailover}, {"minimal rights", &MinimalRights}};

}  // namespace

TEST_CASE("handover: a sentinel that dies at any moment of it leaves nothing stuck and nothing lost") {
  for (const Way& way : kWays) {
    for (int moment = FirstMoment(); moment <= 60; moment += StepOfMoments()) {
      auto world = Busy(way.make);
      world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster"});
      world->Run(Millis(moment));
      world->KillSentinel(1);
      const MonoTime died = world->now();
      const bool mended = world->RunUntil([&] { return Trouble(*world).empty(); }, Millis(20000));
      const auto took = (world->now() - died).count();
      INFO(std::string(way.name) << ", killed after " << moment << " ms, mended after " << took << " ms\n"
                                 << world->Trace());
      CHECK(mended);
      CHECK(took < 10000);
      CHECK(world->Lost() == 0);
      world->StartSentinel(1);
      world->Run(Millis(4000));
      CHECK(world->RunUntil([&] { return Trouble(*world).empty(); }, Millis(10000)));
      CHECK(Masters(*world) == 1);
      CHECK(world->Lost() == 0);
    }
  }
}

TEST_CASE("handover: a master that dies at any moment of it is replaced, the chosen replica as well") {
  for (const Way& way : kWays) {
    for (const std::uint16_t victim : {7000, 7001}) {
      for (int moment = FirstMoment(); moment <= 60; moment += 3 * StepOfMoments()) {
        auto world = Busy(way.make);
        world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster", "TO", "127.0.0.1", "7001"});
        world->Run(Millis(moment));
        world->KillNode(victim);
        const bool mended = world->RunUntil([&] { return Trouble(*world).empty(); }, Millis(30000));
        INFO(std::string(way.name) << ", " << victim << " killed after " << moment << " ms\n" << world->Trace());
        CHECK(mended);
        if (victim == 7001) CHECK(world->Lost() == 0);
        world->StartNode(victim);
        world->Run(Millis(4000));
        CHECK(world->RunUntil([&] { return Trouble(*world).empty(); }, Millis(30000)));
      }
    }
  }
}

TEST_CASE("mending: a master that was left in its dead end is a master again") {
  auto world = Busy(&MinimalRights);
  world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster"});
  CHECK(world->RunUntil([&] { return world->node(7000).master_port == 1; }, Millis(2000)));
  world->KillSentinel(1);
  const MonoTime died = world->now();
  CHECK(world->RunUntil([&] { return world->node(7000).master_port == 0; }, Millis(10000)));
  INFO(world->Trace());
  CHECK(world->now() - died < Millis(6000));
  CHECK((world->Has(2, "+master-restored") || world->Has(3, "+master-restored")));
}

TEST_CASE("mending: who has lost the others since they elected it does not act") {
  auto world = Busy(&MinimalRights);
  world->Ask(1, {"SENTINEL", "FAILOVER", "mymaster"});
  CHECK(world->RunUntil([&] { return world->node(7000).master_port == 1; }, Millis(2000)));
  world->KillSentinel(1);
  const auto elected = [&](int n) { return world->Has(n, "+elected-leader"); };
  CHECK(world->RunUntil([&] { return elected(2) || elected(3); }, Millis(10000)));
  world->Cut(26002, 26003);
  const MonoTime cut = world->now();
  world->Run(Millis(5000));
  INFO(world->Trace());
  CHECK(world->node(7000).master_port == 1);
  CHECK_FALSE((world->Has(2, "+master-restored") || world->Has(3, "+master-restored")));
  const int leader = elected(2) ? 2 : 3;
  CHECK(world->When(leader, "-failover-abort-not-elected", cut) > 0);
  world->Heal(26002, 26003);
  CHECK(world->RunUntil([&] { return world->node(7000).master_port == 0; }, Millis(30000)));
  CHECK((world->Has(2, "+master-restored") || world->Has(3, "+master-restored")));
  CHECK(world->Lost() == 0);
}
