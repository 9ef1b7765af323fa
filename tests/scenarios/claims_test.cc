// Who says that it is a master, and who is believed: returning masters, nodes of other clusters, masters that lost
// their data, sentinels that name different addresses.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "tests/scenarios/world.h"

using scenario::Millis;
using scenario::MonoTime;
using scenario::World;

namespace {

void Settle(World& world, int sentinels, const std::string& config = "", const std::vector<int>& stock = {}) {
  world.AddNode(7000, 0);
  world.AddNode(7001, 7000);
  world.AddNode(7002, 7000).offset = 1500;
  world.node(7000).offset = 1500;
  for (int n = 1; n <= sentinels; ++n) {
    world.AddSentinel(n, sentinels / 2 + 1, config);
    if (std::find(stock.begin(), stock.end(), n) != stock.end()) world.MakeStock(n);
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

// The master at 7000 dies, 7002 takes its place, and all have seen 7000 down.
void FailOver(World& world, int sentinels) {
  world.KillNode(7000);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7002, sentinels); }, Millis(5000)));
  world.Run(Millis(3000));
}

// Milliseconds until the node at 7000 follows 7002; -1 when it does not.
std::int64_t Demotion(World& world, Millis at_most) {
  const MonoTime back = world.now();
  const bool demoted = world.RunUntil([&] { return world.node(7000).master_port == 7002; }, at_most);
  return demoted ? (world.now() - back).count() : -1;
}

int CountAll(const World& world, const std::string& event, int sentinels = 3) {
  int count = 0;
  for (int n = 1; n <= sentinels; ++n) count += world.Count(n, event);
  return count;
}

bool Said(const World& world, const std::string& text) {
  return world.Trace().find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("returning: a master that was replaced is a replica within a second of its return, by one command") {
  World world;
  Settle(world, 3);
  FailOver(world, 3);
  world.StartNode(7000);
  const std::int64_t took = Demotion(world, Millis(20000));
  world.Run(Millis(30000));
  INFO(world.Trace());
  REQUIRE(took >= 0);
  CHECK(took <= 1000);
  CHECK(world.node(7000).commands == std::vector<std::string>{"127.0.0.1 7002"});
  CHECK(CountAll(world, "+convert-to-slave") == 1);
  CHECK(CountAll(world, "+beyond-history") == 1);
  CHECK(AllAt(world, 7002, 3));
}

TEST_CASE("returning: stock sentinels are asked in their own words") {
  for (const std::vector<int>& stock : {std::vector<int>{2}, std::vector<int>{2, 3}, std::vector<int>{1, 2, 3}}) {
    CAPTURE(stock.size());
    World world;
    Settle(world, 3, "", stock);
    FailOver(world, 3);
    const std::uint64_t epoch = world.state(1).current_epoch.value;
    world.StartNode(7000);
    const std::int64_t took = Demotion(world, Millis(20000));
    INFO(world.Trace());
    REQUIRE(took >= 0);
    CHECK(took <= 1000);
    // Nobody's vote was cast by the asking.
    for (int n = 1; n <= 3; ++n) CHECK(world.state(n).current_epoch.value == epoch);
  }
}

TEST_CASE(
    "returning: one that was cut off and lives on is demoted as soon as it is reached, and what it wrote is told") {
  World world;
  Settle(world, 3);
  world.Run(Millis(15000));
  for (const std::uint16_t other : {26001, 26002, 26003}) world.Cut(7000, other);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(5000)));
  world.Run(Millis(5000));
  world.node(7000).offset = 1500 + 777;
  for (const std::uint16_t other : {26001, 26002, 26003}) world.Heal(7000, other);
  const std::int64_t took = Demotion(world, Millis(20000));
  INFO(world.Trace());
  REQUIRE(took >= 0);
  CHECK(took <= 1200);  // an attempt to connect that was lost in the cut takes up to a second
  CHECK(Said(world, "+beyond-history slave 127.0.0.1:7000 127.0.0.1 7000 @ mymaster 127.0.0.1 7002 #bytes 777"));
  int recorded = 0;
  for (int n = 1; n <= 3; ++n) {
    if (const auto& divergence = world.master(n).divergence) {
      ++recorded;
      CHECK(divergence->bytes == 777);
      CHECK(divergence->config_epoch.value == 1);
    }
  }
  CHECK(recorded == 1);
}

TEST_CASE("returning: without a majority that names our address it takes stock's 8 s") {
  World world;
  Settle(world, 3);
  FailOver(world, 3);
  world.KillSentinel(2);
  world.KillSentinel(3);
  world.StartNode(7000);
  const std::int64_t took = Demotion(world, Millis(20000));
  INFO(world.Trace());
  CHECK(took >= 8000);
  CHECK(took < 9500);
}

TEST_CASE("returning: votes in a newer epoch hold it back: the claim may be a promotion that is not published yet") {
  World world;
  Settle(world, 3);
  FailOver(world, 3);
  // Both others have voted for somebody in epoch 2, who is about to publish 7000 perhaps.
  for (const int n : {2, 3}) {
    world.Ask(n, {"SENTINEL", "is-master-down-by-addr", "127.0.0.1", "7002", "2", std::string(40, '2')});
  }
  world.StartNode(7000);
  const std::int64_t took = Demotion(world, Millis(20000));
  INFO(world.Trace());
  CHECK(took >= 8000);
}

TEST_CASE("returning: one that does not obey is told again at stock's pace, and does not fill the history") {
  World world;
  Settle(world, 3);
  FailOver(world, 3);
  world.node(7000).obeys = false;
  world.StartNode(7000);
  world.Run(Millis(30000));
  INFO(world.Trace());
  CHECK(world.node(7000).commands.size() >= 3);
  CHECK(world.node(7000).commands.size() <= 12);
  CHECK(CountAll(world, "+beyond-history") <= 3);
  for (int n = 1; n <= 3; ++n) CHECK(world.master(n).chronicle.decisions.size() <= 4);
  world.node(7000).obeys = true;
  CHECK(Demotion(world, Millis(10000)) >= 0);
}

TEST_CASE("returning: one that is loading is demoted when it has loaded") {
  World world;
  Settle(world, 3);
  FailOver(world, 3);
  world.node(7000).loading = true;
  world.StartNode(7000);
  world.Run(Millis(4000));
  CHECK(world.node(7000).master_port == 0);
  world.node(7000).loading = false;
  const std::int64_t took = Demotion(world, Millis(20000));
  INFO(world.Trace());
  REQUIRE(took >= 0);
  CHECK(took <= 500);
}

TEST_CASE("returning: a dead old master stays down in the list of replicas") {
  World world;
  Settle(world, 3);
  world.KillNode(7000);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000)));
  for (int n = 1; n <= 3; ++n) {
    world.RunUntil([&] { return !world.master(n).failover.active(); }, Millis(1000));
    CHECK(world.Ask(n, {"SENTINEL", "REPLICAS", "mymaster"}).find("s_down,slave") != std::string::npos);
  }
}

TEST_CASE("foreign: a node through which another master's sentinels speak is left alone") {
  World world;
  Settle(world, 3);
  FailOver(world, 3);
  world.StartNode(7000);
  const MonoTime end = world.now() + Millis(30000);
  while (world.now() < end) {
    world.PublishAt(7000, fmt::format("127.0.0.1,26999,{},4,other,127.0.0.1,7000,4", std::string(40, '9')));
    world.Run(Millis(200));
  }
  INFO(world.Trace());
  CHECK(world.node(7000).commands.empty());
  for (int n = 1; n <= 3; ++n) CHECK(world.Count(n, "+foreign-node") == 1);
  CHECK(Said(world, "+foreign-node slave 127.0.0.1:7000 127.0.0.1 7000 @ mymaster 127.0.0.1 7002 #hellos of other"));

  // Nor is it promoted, whatever it holds.
  world.node(7000).offset = 1'000'000;
  world.KillNode(7002);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7001, 3); }, Millis(5000)));
  CHECK(world.node(7000).commands.empty());
}

TEST_CASE("foreign: a master whose replicas we do not know is left alone, until they are gone") {
  World world;
  Settle(world, 3);
  FailOver(world, 3);
  world.node(7000).other_replicas = {"127.0.0.1:9999"};
  world.node(7000).replid = std::string(40, 'f');
  world.StartNode(7000);
  world.Run(Millis(30000));
  INFO(world.Trace());
  CHECK(world.node(7000).commands.empty());
  CHECK(Said(world, "#unknown replica 127.0.0.1:9999"));
  world.node(7000).other_replicas.clear();
  CHECK(Demotion(world, Millis(25000)) >= 0);
  world.Run(Millis(15000));
  for (int n = 1; n <= 3; ++n) CHECK(world.Has(n, "-foreign-node"));
}

TEST_CASE("foreign: a former master with our data is one of ours, whatever replicas have come to it meanwhile") {
  World world;
  Settle(world, 3);
  FailOver(world, 3);
  // A node that was started while 7000 was down, and told to follow it.
  world.node(7000).other_replicas = {"127.0.0.1:9999"};
  world.node(7000).replid = std::string(40, 'd');
  world.node(7000).replid2 = std::string(40, 'a');
  world.node(7000).second_offset = 1501;
  world.StartNode(7000);
  const std::int64_t took = Demotion(world, Millis(20000));
  INFO(world.Trace());
  REQUIRE(took >= 0);
  CHECK(took <= 1000);
  CHECK(CountAll(world, "+foreign-node") == 0);
}

TEST_CASE("foreign: nor does it become another cluster's when there has been a second failover meanwhile") {
  World world;
  Settle(world, 3);
  FailOver(world, 3);
  world.KillNode(7002);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7001, 3); }, Millis(15000)));
  // The present master names its own history and that of 7002; what 7000 wrote lies further back.
  world.node(7000).other_replicas = {"127.0.0.1:9999"};
  world.node(7000).replid = std::string(40, 'd');
  world.node(7000).replid2 = std::string(40, 'a');
  world.node(7000).second_offset = 1501;
  world.StartNode(7000);
  world.Run(Millis(500));
  world.KillNode(7000);  // before anybody could demote it
  world.Run(Millis(1000));
  world.node(7000).replid = std::string(40, 'e');
  world.node(7000).replid2 = std::string(40, 'd');
  world.StartNode(7000);
  const bool demoted = world.RunUntil([&] { return world.node(7000).master_port == 7001; }, Millis(20000));
  INFO(world.Trace());
  CHECK(demoted);
  CHECK(CountAll(world, "+foreign-node") == 0);
}

TEST_CASE("foreign: two names for one master are none of that") {
  World world;
  Settle(world, 3);
  for (const int n : {1, 2, 3}) world.Ask(n, {"SENTINEL", "MONITOR", "alias", "127.0.0.1", "7000", "2"});
  world.Run(Millis(5000));
  for (int n = 1; n <= 3; ++n) CHECK(world.Count(n, "+foreign-node") == 0);
}

TEST_CASE("empty master: one that restarts without its data is replaced at once, long before it would count as down") {
  World world;
  Settle(world, 3, "sentinel down-after-milliseconds mymaster 30000\n");
  for (const std::uint16_t port : {7001, 7002}) world.node(port).refuses_empty = true;
  world.KillNode(7000);
  world.Run(Millis(200));
  world.StartNodeEmpty(7000);
  const MonoTime back = world.now();
  const bool switched = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(20000));
  INFO(world.Trace());
  REQUIRE(switched);
  CHECK((world.now() - back).count() < 1000);
  world.Run(Millis(10000));
  CHECK(world.node(7002).keys == 10);
  CHECK(world.node(7001).master_port == 7002);
  CHECK(world.node(7000).master_port == 7002);
  CHECK(Said(world, "+empty-master master mymaster 127.0.0.1 7000 #offset 0 127.0.0.1 700"));
}

TEST_CASE("empty master: replicas that would take its nothing within 300 ms are promoted before") {
  World world;
  Settle(world, 3, "sentinel down-after-milliseconds mymaster 30000\n");
  world.KillNode(7000);
  world.Run(Millis(200));
  world.StartNodeEmpty(7000);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(20000)));
  world.Run(Millis(5000));
  INFO(world.Trace());
  CHECK(world.node(7002).keys == 10);
  CHECK(world.node(7000).master_port == 7002);
}

TEST_CASE("empty master: it is judged when it has loaded, not before") {
  World world;
  Settle(world, 3);
  for (const std::uint16_t port : {7001, 7002}) world.node(port).refuses_empty = true;
  world.KillNode(7000);
  world.Run(Millis(200));
  world.node(7000).loading = true;
  world.StartNodeEmpty(7000);
  world.Run(Millis(5000));
  CHECK(CountAll(world, "+empty-master") == 0);

  SUBCASE("it holds nothing") {
    world.node(7000).loading = false;
    CHECK(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(1000)));
  }
  SUBCASE("it holds everything") {
    world.node(7000).loading = false;
    world.node(7000).keys = 10;
    world.node(7000).offset = 1500;
    world.node(7000).replid2 = std::string(40, 'a');
    world.node(7000).second_offset = 1501;
    world.Run(Millis(5000));
    CHECK(CountAll(world, "+empty-master") == 0);
    CHECK(AllAt(world, 7000, 3));
  }
}

TEST_CASE("empty master: with less than a replica holds is the same as with nothing") {
  World world;
  Settle(world, 3);
  world.KillNode(7000);
  world.Run(Millis(200));
  world.StartNode(7000);
  world.node(7000).offset = 1400;
  world.node(7000).replid2 = world.node(7000).replid;
  world.node(7000).second_offset = 1401;
  world.node(7000).replid = std::string(40, 'd');
  // Replicas that have not reached it yet.
  for (const std::uint16_t port : {7001, 7002}) world.node(port).link_lost_at = world.now() + Millis(500);
  const bool switched = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(1000));
  INFO(world.Trace());
  CHECK(switched);
}

TEST_CASE("empty master: a second restart, soon after one that lost nothing, is judged by the newest history") {
  World world;
  Settle(world, 3);
  for (const std::uint16_t port : {7001, 7002}) world.node(port).refuses_empty = true;
  world.KillNode(7000);
  world.Run(Millis(200));
  world.StartNode(7000);
  world.node(7000).replid = std::string(40, 'd');  // all its data, under another name
  world.Run(Millis(500));
  world.KillNode(7000);
  world.Run(Millis(200));
  world.StartNodeEmpty(7000);
  const bool switched = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000));
  INFO(world.Trace());
  CHECK(switched);
}

namespace {
// The only node with data dies, the empty one that had not synchronized with it is all there is to promote, and then
// the first comes back.
void PromoteTheEmpty(World& world) {
  world.AddNode(7000, 0).refuses_empty = true;
  scenario::Node& empty = world.AddNode(7001, 7000);
  empty.keys = 0;
  empty.offset = 0;
  empty.replid = std::string(40, 'e');
  empty.link_lost_at = world.now() + Millis(3600'000);
  world.node(7000).offset = 1500;
  for (int n = 1; n <= 3; ++n) world.AddSentinel(n, 2);
  world.Run(Millis(5000));
  world.KillNode(7000);
  REQUIRE(world.RunUntil([&] { return AllAt(world, 7001, 3); }, Millis(5000)));
  world.Run(Millis(5000));
}
}  // namespace

TEST_CASE("empty master: one that never held anything is replaced by the node that refuses to be emptied by it") {
  World world;
  PromoteTheEmpty(world);
  world.StartNode(7000);
  const bool switched = world.RunUntil([&] { return AllAt(world, 7000, 3); }, Millis(10000));
  INFO(world.Trace());
  REQUIRE(switched);
  CHECK(Said(world, "+empty-master master mymaster 127.0.0.1 7001 #offset 0 127.0.0.1 7000 #offset 1500 #failover"));
  world.Run(Millis(10000));
  CHECK(world.node(7000).keys == 10);
  CHECK(world.node(7000).master_port == 0);
  CHECK(world.node(7001).master_port == 7000);
  CHECK(AllAt(world, 7000, 3));
}

TEST_CASE("empty master: one that was written to meanwhile stays the master, and so with empty-master follow") {
  World world;
  PromoteTheEmpty(world);
  SUBCASE("written to") {
    world.node(7001).keys = 1;
    world.node(7001).offset = 50;
  }
  SUBCASE("follow") {
    for (const int n : {1, 2, 3}) {
      CHECK(world.Ask(n, {"SENTINEL", "SET", "mymaster", "empty-master", "follow"}) == "+OK\r\n");
    }
  }
  world.StartNode(7000);
  world.Run(Millis(15000));
  INFO(world.Trace());
  CHECK(AllAt(world, 7001, 3));
  CHECK(world.node(7000).master_port == 7001);
}

TEST_CASE("empty master: who held on to the data may have no link for as long as nobody could promote it") {
  World world;
  Settle(world, 3, "sentinel failover-timeout mymaster 3000\n");
  for (const std::uint16_t port : {7001, 7002}) {
    world.node(port).refuses_empty = true;
    for (const std::uint16_t other : {26001, 26002, 26003}) world.Cut(port, other);
  }
  world.Run(Millis(3000));
  world.KillNode(7000);
  world.Run(Millis(200));
  world.StartNodeEmpty(7000);
  world.Run(Millis(15000));
  // Nor does it end there when the empty one restarts.
  const MonoTime lost_at = world.node(7002).link_lost_at;
  world.KillNode(7000);
  for (const std::uint16_t port : {7001, 7002}) world.node(port).link_lost_at = lost_at;
  world.Run(Millis(200));
  world.StartNodeEmpty(7000);
  world.Run(Millis(2000));
  REQUIRE(AllAt(world, 7000, 3));
  for (const std::uint16_t port : {7001, 7002}) {
    for (const std::uint16_t other : {26001, 26002, 26003}) world.Heal(port, other);
  }
  const bool switched = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(20000));
  INFO(world.Trace());
  REQUIRE(switched);
  CHECK(world.node(7002).keys == 10);
}

TEST_CASE("empty master: follow lets it be, hold waits for the operator") {
  World world;
  Settle(world, 3);
  for (const std::uint16_t port : {7001, 7002}) world.node(port).refuses_empty = true;
  std::string policy;
  SUBCASE("follow") {
    policy = "follow";
  }
  SUBCASE("hold") {
    policy = "hold";
  }
  CAPTURE(policy);
  CHECK(world.Ask(1, {"SENTINEL", "SET", "mymaster", "empty-master", "perhaps"}) ==
        "-ERR Invalid argument 'perhaps' for SENTINEL SET 'empty-master'\r\n");
  for (const int n : {1, 2, 3}) {
    CHECK(world.Ask(n, {"SENTINEL", "SET", "mymaster", "empty-master", policy}) == "+OK\r\n");
  }
  world.KillNode(7000);
  world.Run(Millis(200));
  world.StartNodeEmpty(7000);
  world.Run(Millis(10000));
  INFO(world.Trace());
  CHECK(AllAt(world, 7000, 3));
  CHECK(world.node(7000).commands.empty());
  for (int n = 1; n <= 3; ++n) {
    CHECK(world.Count(n, "+empty-master") == 1);
    CHECK(world.master(n).liveness.down() == (policy == "hold"));
    CHECK_FALSE(world.master(n).objective_down_since.has_value());
  }
  // The operator's word.
  if (policy == "hold") {
    CHECK(world.Ask(2, {"SENTINEL", "SET", "mymaster", "empty-master", "failover"}) == "+OK\r\n");
    CHECK(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000)));
  }
}

namespace {

// Replaces a piece of what the sentinel's configuration file holds, for its next start.
void EditConfig(World& world, int n, const std::string& from, const std::string& to) {
  std::string& text = world.Durable(n).config;
  const std::size_t at = text.find(from);
  INFO(text);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

// Sentinel `n` restarts with a configuration in which the master is another one, at the same config epoch.
void Mislead(World& world, int n, std::uint16_t from, std::uint16_t to) {
  world.KillSentinel(n);
  EditConfig(world, n, fmt::format("monitor mymaster 127.0.0.1 {}", from),
             fmt::format("monitor mymaster 127.0.0.1 {}", to));
  const std::string replica = fmt::format("known-replica mymaster 127.0.0.1 {}", to);
  if (world.Durable(n).config.find(replica) != std::string::npos) {
    EditConfig(world, n, replica, fmt::format("known-replica mymaster 127.0.0.1 {}", from));
  }
  world.StartSentinel(n);
}

}  // namespace

TEST_CASE("conflict: two addresses under one config epoch are settled for the one that most reach as a master") {
  for (const int misled : {1, 3}) {
    CAPTURE(misled);
    World world;
    Settle(world, 3);
    FailOver(world, 3);
    world.StartNode(7000);
    world.Run(Millis(5000));
    REQUIRE(world.master(misled).config_epoch.value == 1);
    Mislead(world, misled, 7002, 7001);
    REQUIRE(world.AddressAt(misled) == 7001);
    const bool settled = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(10000));
    INFO(world.Trace());
    REQUIRE(settled);
    CHECK(CountAll(world, "-config-epoch-conflict") >= 2);
    CHECK(CountAll(world, "+config-epoch-settled") == 1);
    world.Run(Millis(20000));
    CHECK(AllAt(world, 7002, 3));
    for (int n = 1; n <= 3; ++n) {
      CHECK(world.master(n).config_epoch.value == 2);
      CHECK_FALSE(world.master(n).failover.active());
    }
    CHECK(world.node(7002).commands == std::vector<std::string>{"NO ONE"});
    CHECK(world.node(7001).master_port == 7002);
  }
}

TEST_CASE("conflict: who has lost the others since they elected it says nothing of the address") {
  World world;
  Settle(world, 3);
  FailOver(world, 3);
  world.StartNode(7000);
  world.Run(Millis(5000));
  std::vector<int> elected(4);
  for (int n = 1; n <= 3; ++n) elected[static_cast<std::size_t>(n)] = world.Count(n, "+elected-leader");
  Mislead(world, 1, 7002, 7001);
  int leader = 0;
  REQUIRE(world.RunUntil(
      [&] {
        for (int n = 1; n <= 3; ++n) {
          if (world.Count(n, "+elected-leader") > elected[static_cast<std::size_t>(n)]) leader = n;
        }
        return leader != 0;
      },
      Millis(10000)));
  for (int n = 1; n <= 3; ++n) {
    if (n != leader) world.Cut(static_cast<std::uint16_t>(26000 + leader), static_cast<std::uint16_t>(26000 + n));
  }
  world.Run(Millis(900));
  INFO(world.Trace());
  CHECK(CountAll(world, "+config-epoch-settled") == 0);
  for (int n = 1; n <= 3; ++n) {
    if (n != leader) world.Heal(static_cast<std::uint16_t>(26000 + leader), static_cast<std::uint16_t>(26000 + n));
  }
  CHECK(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(20000)));
  CHECK(CountAll(world, "+config-epoch-settled") == 1);
}

TEST_CASE("conflict: with a stock sentinel among them it is settled, too") {
  for (const std::vector<int>& stock : {std::vector<int>{2}, std::vector<int>{2, 3}}) {
    CAPTURE(stock.size());
    World world;
    Settle(world, 3, "", stock);
    FailOver(world, 3);
    Mislead(world, 3, 7002, 7001);
    const bool settled = world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(20000));
    INFO(world.Trace());
    CHECK(settled);
  }
}

TEST_CASE("conflict: when the master has died, an address that is none does not win by the smaller id") {
  for (const std::uint16_t wrong : {7001, 7005}) {  // a replica, and a node that is not there
    CAPTURE(wrong);
    World world;
    Settle(world, 3, "sentinel down-after-milliseconds mymaster 5000\nsentinel failover-timeout mymaster 3000\n");
    world.KillNode(7000);
    REQUIRE(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(15000)));
    world.Run(Millis(5000));
    Mislead(world, 1, 7002, wrong);
    world.KillNode(7002);
    REQUIRE(world.RunUntil([&] { return CountAll(world, "+config-epoch-settled") > 0; }, Millis(10000)));
    INFO(world.Trace());
    CHECK(Said(world, "#epoch 2 127.0.0.1 7002"));
    CHECK_FALSE(Said(world, fmt::format("#epoch 2 127.0.0.1 {}", wrong)));
    CHECK(world.RunUntil([&] { return AllAt(world, 7001, 3); }, Millis(40000)));
    const std::vector<std::string>& orders = world.node(7001).commands;
    CHECK(orders.back() == "NO ONE");
    CHECK(std::ranges::count(orders, "NO ONE") == 1);
  }
}

TEST_CASE("conflict: as many for the one as for the other: the sentinel with the smaller id is right") {
  World world;
  Settle(world, 2);
  for (const int n : {1, 2}) {
    world.KillSentinel(n);
    EditConfig(world, n, "config-epoch mymaster 0", "config-epoch mymaster 3");
    EditConfig(world, n, "current-epoch 0", "current-epoch 3");
    world.StartSentinel(n);
  }
  world.node(7001).master_port = 0;  // both are masters
  Mislead(world, 2, 7000, 7001);
  const bool settled =
      world.RunUntil([&] { return AllAt(world, 7000, 2) && !world.master(1).failover.active(); }, Millis(10000));
  world.Run(Millis(20000));
  INFO(world.Trace());
  CHECK(settled);
  CHECK(AllAt(world, 7000, 2));
  CHECK(world.master(1).config_epoch.value == 4);
  CHECK(world.node(7001).master_port == 7000);
}

TEST_CASE("conflict: two living masters of which no election chose any are left to the operator") {
  World world;
  Settle(world, 3);
  world.AddNode(7005, 0);
  Mislead(world, 3, 7000, 7005);
  world.Run(Millis(30000));
  INFO(world.Trace());
  CHECK(world.AddressAt(1) == 7000);
  CHECK(world.AddressAt(3) == 7005);
  CHECK(CountAll(world, "-config-epoch-conflict") >= 2);
  CHECK(world.node(7005).commands.empty());
  CHECK(world.node(7000).commands.empty());
}

TEST_CASE("conflict: one that was configured with a replica's address learns the master's") {
  World world;
  Settle(world, 3);
  Mislead(world, 3, 7000, 7001);
  const bool settled = world.RunUntil([&] { return AllAt(world, 7000, 3); }, Millis(10000));
  INFO(world.Trace());
  CHECK(settled);
}
