// What operators say of members: forgetting, pausing, leaving.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "replication/base/text.h"
#include "sentinel/core/forget.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/quorum.h"
#include "tests/scenarios/world.h"

using scenario::Millis;
using scenario::World;

namespace {

void Settle(World& world, int sentinels, int quorum = 2, int stock = 0) {
  world.AddNode(7000, 0);
  world.AddNode(7001, 7000);
  world.AddNode(7002, 7000).offset = 1500;
  for (int n = 1; n <= sentinels; ++n) {
    world.AddSentinel(n, quorum);
    if (n == stock) world.MakeStock(n);
  }
  world.Run(Millis(5000));
  for (int n = 1; n <= sentinels; ++n) {
    REQUIRE(world.master(n).replicas.size() == 2);
    REQUIRE(static_cast<int>(world.master(n).sentinels.size()) == sentinels - 1);
  }
}

std::string Id(int n) {
  return std::string(40, static_cast<char>('0' + n));
}

bool AllAt(World& world, std::uint16_t port, int sentinels) {
  for (int n = 1; n <= sentinels; ++n) {
    if (world.running(n) && world.AddressAt(n) != port) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("pause: no failover while it lasts, one right after RESUME") {
  World world;
  Settle(world, 3);
  CHECK(world.Ask(1, {"SENTINEL", "PAUSE", "mymaster", "60000", "moving", "racks"}) == "+OK\r\n");
  world.Run(Millis(100));
  for (int n = 1; n <= 3; ++n) {
    CHECK(world.Has(n, "+pause"));
    CHECK(world.master(n).pause.reason == "moving racks");
  }
  world.KillNode(7000);
  world.Run(Millis(10000));
  INFO(world.Trace());
  CHECK(AllAt(world, 7000, 3));
  for (int n = 1; n <= 3; ++n) {
    CHECK(world.Has(n, "+odown"));
    CHECK(world.Has(n, "+failover-delayed"));
    CHECK_FALSE(world.Has(n, "+try-failover"));
  }
  // From another sentinel than the one that was paused.
  const auto resumed = world.now();
  CHECK(world.Ask(3, {"SENTINEL", "RESUME", "mymaster"}) == "+OK\r\n");
  CHECK(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(3000)));
  CHECK(world.now() - resumed < Millis(1500));
  for (int n = 1; n <= 3; ++n) CHECK(world.Has(n, "-pause"));
}

TEST_CASE("pause: it expires by itself, and the failover follows") {
  World world;
  Settle(world, 3);
  const auto paused = world.now();
  CHECK(world.Ask(2, {"SENTINEL", "PAUSE", "mymaster", "8000"}) == "+OK\r\n");
  world.KillNode(7000);
  CHECK(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(12000)));
  INFO(world.Trace());
  CHECK(world.now() - paused >= Millis(8000));
  CHECK(world.now() - paused < Millis(9500));
}

TEST_CASE("pause: an operator's failover runs all the same, and repairs wait") {
  World world;
  Settle(world, 3);
  CHECK(world.Ask(1, {"SENTINEL", "PAUSE", "mymaster", "40000"}) == "+OK\r\n");
  world.Run(Millis(100));
  // A replica that somebody has made a master is left alone until the pause is over.
  world.node(7001).master_port = 0;
  world.Run(Millis(30000));
  INFO(world.Trace());
  CHECK(world.node(7001).commands.empty());
  CHECK(world.RunUntil([&] { return world.node(7001).master_port == 7000; }, Millis(20000)));
  CHECK(world.Ask(1, {"SENTINEL", "PAUSE", "mymaster", "60000"}) == "+OK\r\n");
  world.Run(Millis(100));
  CHECK(world.Ask(2, {"SENTINEL", "SET", "mymaster", "manual-failover", "classic"}) == "+OK\r\n");
  CHECK(world.Ask(2, {"SENTINEL", "FAILOVER", "mymaster"}) == "+OK\r\n");
  CHECK(world.RunUntil([&] { return !AllAt(world, 7000, 1); }, Millis(5000)));
}

TEST_CASE("pause: a sentinel that was away asks for it, and one that dies keeps it") {
  World world;
  Settle(world, 3);
  world.KillSentinel(3);
  world.Run(Millis(2000));
  CHECK(world.Ask(1, {"SENTINEL", "PAUSE", "mymaster", "60000"}) == "+OK\r\n");
  world.StartSentinel(3);
  CHECK(world.RunUntil([&] { return world.Has(3, "+pause"); }, Millis(1000)));
  world.KillSentinel(1);
  world.StartSentinel(1);
  CHECK(sentinel::IsPaused(world.master(1), base::Now{world.now(), {}}));
  world.KillNode(7000);
  world.Run(Millis(8000));
  INFO(world.Trace());
  CHECK(AllAt(world, 7000, 3));
  // The older word of one that was away does not end a newer pause, nor bring back an older one.
  world.KillSentinel(2);
  world.Run(Millis(1500));
  CHECK(world.Ask(1, {"SENTINEL", "RESUME", "mymaster"}) == "+OK\r\n");
  world.StartSentinel(2);
  CHECK(world.RunUntil([&] { return world.master(2).pause.length.count() == 0; }, Millis(2000)));
  CHECK(world.RunUntil([&] { return AllAt(world, 7002, 3); }, Millis(5000)));
}

TEST_CASE("pause: refused while a stock sentinel votes, unless ANYWAY") {
  World world;
  Settle(world, 3, 2, 3);
  const std::string refused = world.Ask(1, {"SENTINEL", "PAUSE", "mymaster", "60000"});
  CHECK(refused.starts_with("-ERR sentinel " + Id(3)));
  CHECK_FALSE(world.Has(1, "+pause"));
  CHECK(world.Ask(1, {"SENTINEL", "PAUSE", "mymaster", "60000", "ANYWAY", "test"}) == "+OK\r\n");
  CHECK(world.master(1).pause.reason == "test");
  CHECK(world.Ask(1, {"SENTINEL", "PAUSE", "mymaster", "0"}).starts_with("-ERR"));
  CHECK(world.Ask(1, {"SENTINEL", "PAUSE", "mymaster", "9999999999999"}).starts_with("-ERR"));
  CHECK(world.Ask(1, {"SENTINEL", "PAUSE", "mymaster", "1000", "a\nb"}).starts_with("-ERR"));
  CHECK(world.Ask(1, {"SENTINEL", "PAUSE", "nobody", "1000"}) == "-ERR No such master with that name\r\n");
}

TEST_CASE("pause: its +OK waits for the disk, and fails with it") {
  World world;
  Settle(world, 3);
  world.FailSaves(1, true);
  CHECK(world.Ask(1, {"SENTINEL", "PAUSE", "mymaster", "60000"}).starts_with("-ERR Failed to save"));
  CHECK_FALSE(world.Has(2, "+pause"));  // nobody is told what may be lost
  world.FailSaves(1, false);
  world.Run(Millis(3000));
  CHECK(world.Has(2, "+pause"));
}

TEST_CASE("pause: an attempt that has promoted nobody yet is given up") {
  World world;
  Settle(world, 3);
  world.KillNode(7000);
  world.Run(Millis(700));
  for (const std::uint16_t port : {7001, 7002}) world.Freeze(port);  // selection waits for them
  const auto standing = [&] {
    for (int n = 1; n <= 3; ++n) {
      if (world.Has(n, "+elected-leader")) return n;
    }
    return 0;
  };
  REQUIRE(world.RunUntil([&] { return standing() != 0; }, Millis(3000)));
  CHECK(world.Ask(standing() % 3 + 1, {"SENTINEL", "PAUSE", "mymaster", "60000"}) == "+OK\r\n");
  world.Run(Millis(100));
  for (const std::uint16_t port : {7001, 7002}) world.Thaw(port);
  world.Run(Millis(8000));
  INFO(world.Trace());
  CHECK(world.Has(standing(), "-failover-abort-paused"));
  CHECK(AllAt(world, 7000, 3));
}

TEST_CASE("forget: a dead sentinel goes everywhere, and stays gone over restarts") {
  World world;
  Settle(world, 5, 2);
  CHECK(world.Ask(1, {"SENTINEL", "FORGET", "mymaster", Id(5)}).find("it is alive") != std::string::npos);
  world.KillSentinel(5);
  world.KillSentinel(4);  // and one that is away while the other is forgotten
  world.Run(Millis(2000));
  CHECK(world.Ask(1, {"SENTINEL", "FORGET", "mymaster", Id(5)}).starts_with("+OK"));
  world.Run(Millis(500));
  INFO(world.Trace());
  for (int n = 1; n <= 3; ++n) {
    CHECK(world.Has(n, "+forget"));
    CHECK(world.master(n).sentinels.size() == 3);
    CHECK(sentinel::MajorityOf(world.master(n)) == 3);
  }
  world.StartSentinel(4);
  CHECK(world.RunUntil([&] { return world.Has(4, "+forget"); }, Millis(3000)));
  CHECK(world.master(4).sentinels.size() == 3);
  world.KillSentinel(1);
  world.StartSentinel(1);
  world.Run(Millis(5000));
  CHECK(world.master(1).sentinels.size() == 3);
  CHECK(world.master(1).forgotten.size() == 1);
  // Its own hello ends it.
  world.StartSentinel(5);
  CHECK(world.RunUntil([&] { return world.master(2).sentinels.size() == 4; }, Millis(5000)));
  CHECK(world.Has(2, "-forget"));
  CHECK(world.RunUntil([&] { return world.master(1).forgotten.empty() && world.master(4).forgotten.empty(); },
                       Millis(5000)));
}

TEST_CASE("forget: with a stock voter the majority stays what it computes, until RESET there") {
  World world;
  Settle(world, 5, 2, 4);
  world.KillSentinel(5);
  world.Run(Millis(2000));
  const std::string reply = world.Ask(1, {"SENTINEL", "FORGET", "mymaster", Id(5)});
  INFO(world.Trace());
  CHECK(reply == "+OK, but the majority stays 3 of 5 until SENTINEL RESET mymaster was given to " + Id(4) + "\r\n");
  world.Run(Millis(5000));
  CHECK(world.master(4).sentinels.size() == 4);  // it knows nothing of forgetting
  for (int n = 1; n <= 3; ++n) {
    CHECK(world.master(n).sentinels.size() == 3);
    CHECK(sentinel::VotersOf(world.master(n)) == 5);
  }
  CHECK(world.Ask(4, {"SENTINEL", "RESET", "mymaster"}) == ":1\r\n");
  CHECK(world.RunUntil([&] { return sentinel::VotersOf(world.master(1)) == 4; }, Millis(10000)));
  CHECK(world.RunUntil([&] { return sentinel::VotersOf(world.master(2)) == 4; }, Millis(5000)));
}

TEST_CASE("forget: a dead replica, by its address or its id; not one that is alive, attached or the master") {
  World world;
  Settle(world, 3);
  CHECK(world.Ask(1, {"SENTINEL", "FORGET", "mymaster", "127.0.0.1:7001"}).find("it is alive") != std::string::npos);
  CHECK(world.Ask(1, {"SENTINEL", "FORGET", "mymaster", "127.0.0.1:7000"}).starts_with("-ERR No such replica"));
  CHECK(world.Ask(1, {"SENTINEL", "FORGET", "mymaster", "127.0.0.1:7099"}).starts_with("-ERR No such replica"));
  CHECK(world.Ask(1, {"SENTINEL", "FORGET", "mymaster", ""}).starts_with("-ERR No such replica"));
  world.KillNode(7001);
  REQUIRE(world.RunUntil([&] { return world.master(1).replicas.begin()->second.liveness.down(); }, Millis(5000)));
  CHECK(world.Ask(1, {"SENTINEL", "FORGET", "mymaster", "127.0.0.1:7001"}).find("attached") != std::string::npos);
  world.Run(Millis(12000));  // the master's next INFO
  CHECK(world.Ask(1, {"SENTINEL", "FORGET", "mymaster", "127.0.0.1", "7001"}) == "+OK\r\n");
  world.Run(Millis(500));
  INFO(world.Trace());
  for (int n = 1; n <= 3; ++n) CHECK(world.master(n).replicas.size() == 1);
  world.KillSentinel(2);
  world.StartSentinel(2);
  world.Run(Millis(15000));
  for (int n = 1; n <= 3; ++n) CHECK(world.master(n).replicas.size() == 1);
  // Attached again: the master's INFO brings it back.
  world.StartNode(7001);
  CHECK(world.RunUntil([&] { return world.master(3).replicas.size() == 2; }, Millis(15000)));
  CHECK(world.Has(3, "-forget"));
}

TEST_CASE("forget: a peer that still finds it alive forgets it as soon as it does not") {
  World world;
  Settle(world, 3);
  world.Ask(2, {"SENTINEL", "SET", "mymaster", "down-after-milliseconds", "20000"});
  world.KillNode(7001);
  world.Run(Millis(12000));  // the master's next INFO
  REQUIRE_FALSE(world.master(2).replicas.begin()->second.liveness.down());
  CHECK(world.Ask(1, {"SENTINEL", "FORGET", "mymaster", "127.0.0.1:7001"}) == "+OK\r\n");
  world.Run(Millis(1000));
  INFO(world.Trace());
  CHECK(world.master(1).replicas.size() == 1);
  CHECK(world.master(2).replicas.size() == 2);
  CHECK(world.RunUntil([&] { return world.Has(2, "+forget"); }, Millis(9000)));
  CHECK(world.master(2).replicas.size() == 1);
}

TEST_CASE("forget: who is heard of after all is not forgotten") {
  World world;
  Settle(world, 3);
  world.Ask(2, {"SENTINEL", "SET", "mymaster", "down-after-milliseconds", "20000"});
  world.KillNode(7001);
  world.Run(Millis(12000));
  REQUIRE(world.Ask(1, {"SENTINEL", "FORGET", "mymaster", "127.0.0.1:7001"}) == "+OK\r\n");
  world.Run(Millis(1000));
  world.StartNode(7001);
  world.Run(Millis(2000));
  world.KillNode(7001);
  world.Run(Millis(30000));
  INFO(world.Trace());
  CHECK_FALSE(world.Has(2, "+forget"));
  CHECK(world.master(2).replicas.size() == 2);
}

TEST_CASE("good-bye: who leaves in good order raises no alarm, and no majority changes") {
  World world;
  Settle(world, 3);
  world.Ask(3, {"SHUTDOWN"});
  world.Run(Millis(300));
  world.KillSentinel(3);
  world.Run(Millis(10000));
  INFO(world.Trace());
  for (int n = 1; n <= 2; ++n) {
    CHECK_FALSE(world.Has(n, "+sdown"));
    CHECK(world.state(n).peers.at(base::RunId{Id(3)}).liveness.down());
    CHECK(sentinel::VotersOf(world.master(n)) == 3);
  }
  world.StartSentinel(3);
  world.Run(Millis(3000));
  CHECK_FALSE(world.state(1).peers.at(base::RunId{Id(3)}).left_at.has_value());
  CHECK_FALSE(world.Has(1, "-sdown"));
  // The next time it dies without a word.
  world.KillSentinel(3);
  CHECK(world.RunUntil([&] { return world.Has(1, "+sdown") && world.Has(2, "+sdown"); }, Millis(5000)));
}

TEST_CASE("adopt-epoch: durable before its answer, never backwards, and peers are told") {
  World world;
  Settle(world, 3);
  CHECK(world.Ask(1, {"SENTINEL", "ADOPT-EPOCH", "500"}) == "+OK\r\n");
  CHECK(world.Ask(1, {"SENTINEL", "ADOPT-EPOCH", "499"}).starts_with("-ERR the epoch is 500 already"));
  CHECK(world.Ask(1, {"SENTINEL", "ADOPT-EPOCH", "-1"}).starts_with("-ERR"));
  CHECK(world.Ask(1, {"SENTINEL", "ADOPT-EPOCH", "18446744073709551615"}).starts_with("-ERR"));
  world.KillSentinel(1);
  world.StartSentinel(1);
  CHECK(world.state(1).current_epoch.value == 500);
  CHECK(world.RunUntil([&] { return world.state(3).current_epoch.value == 500; }, Millis(5000)));
  // Too far for the others to believe of one, until it is said there too.
  CHECK(world.Ask(1, {"SENTINEL", "ADOPT-EPOCH", "5000000"}) == "+OK\r\n");
  world.Run(Millis(5000));
  CHECK(world.state(2).current_epoch.value == 500);
  CHECK(world.Has(2, "-epoch-jump"));
  CHECK(world.Ask(2, {"SENTINEL", "ADOPT-EPOCH", "5000000"}) == "+OK\r\n");
  CHECK(world.state(2).current_epoch.value == 5000000);
}

TEST_CASE("back-off: many failovers within a minute delay the next one, which is announced") {
  World world;
  Settle(world, 3);
  std::uint16_t master = 7000;
  for (int round = 0; round < 5; ++round) {
    world.KillNode(master);
    const std::uint16_t old = master;
    REQUIRE(world.RunUntil([&] { return world.AddressAt(1) != old && AllAt(world, world.AddressAt(1), 3); },
                           Millis(20000)));
    master = world.AddressAt(1);
    if (round == 4) break;
    world.StartNode(old);
    REQUIRE(world.RunUntil([&] { return world.node(old).master_port == master; }, Millis(30000)));
  }
  world.KillNode(master);
  REQUIRE(world.RunUntil([&] { return world.Has(1, "+failover-delayed"); }, Millis(20000)));
  INFO(world.Trace());
  CHECK(world.Ask(1, {"SENTINEL", "MASTER", "mymaster"}).find("failover-delayed-for") != std::string::npos);
  CHECK(world.Count(1, "+failover-delayed") == 1);
}

TEST_CASE("names: a master whose name stands for another address is reached there, without a failover") {
  World world;
  world.AddNode(7000, 0);
  world.AddNode(7100, 0);
  world.SetName("db.example", "127.0.0.1");
  for (int n = 1; n <= 3; ++n) {
    world.AddSentinel(n, 2,
                      "sentinel resolve-hostnames yes\nsentinel monitor named db.example 7100 2\n"
                      "sentinel down-after-milliseconds named 3000\n");
  }
  world.Run(Millis(5000));
  for (int n = 1; n <= 3; ++n) {
    CHECK(world.state(n).masters.at("named").address.host == "127.0.0.1");
    CHECK(world.state(n).masters.at("named").command.up());
    CHECK(world.state(n).masters.at("named").sentinels.size() == 2);
  }
  world.KillNode(7100);
  world.node(7100).host = "127.0.0.9";
  world.SetName("db.example", "127.0.0.9");
  world.StartNode(7100);
  world.Run(Millis(2500));
  INFO(world.Trace());
  for (int n = 1; n <= 3; ++n) {
    CHECK(world.Has(n, "+host-moved"));
    CHECK(world.state(n).masters.at("named").address.host == "127.0.0.9");
    CHECK(world.state(n).masters.at("named").command.up());
    CHECK_FALSE(world.Has(n, "+sdown"));
  }
  world.Run(Millis(5000));
  for (int n = 1; n <= 3; ++n) {
    CHECK_FALSE(world.Has(n, "+sdown"));
    CHECK_FALSE(world.Has(n, "-config-epoch-conflict"));
  }
}
