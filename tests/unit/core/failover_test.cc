// The FAILOVER command: a master hands over to a replica.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "replication/data/data_digest.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

struct Three {
  World world;
  Box& master = world.Add("master");
  Box& one = world.Add("one", [this](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  Box& two = world.Add("two", [this](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });

  std::string Port(const Box& box) { return fmt::format("{}", box.port); }
  // From here on the replica lacks a write.
  void Withhold(Box& replica) {
    world.HoldDownstream(replica, true);
    world.Do(master, {"SET", "withheld", "1"});
  }
  std::string State(Box& box) {
    const std::string info = world.Do(box, {"INFO", "replication"});
    const std::size_t at = info.find("master_failover_state:") + 22;
    return info.substr(at, info.find('\r', at) - at);
  }
};

}  // namespace

TEST_CASE("failover: the roles change, nothing is lost and nobody needs a full sync") {
  Three three;
  auto& [world, master, one, two] = three;
  world.Do(master, {"SET", "a", "1"});
  const ClientId writer = world.Open(master);
  SUBCASE("to a chosen replica") {
    CHECK(world.Do(master, {"FAILOVER", "TO", "127.0.0.1", three.Port(one)}) == "+OK\r\n");
  }
  SUBCASE("a write that comes meanwhile waits, and is then told to go elsewhere") {
    three.Withhold(one);
    world.Do(master, {"FAILOVER", "TO", "127.0.0.1", three.Port(one)});
    CHECK(three.State(master) == "waiting-for-sync");
    world.Send(master, writer, {"SET", "b", "1"});
    CHECK(world.Received(master, writer).empty());
    world.Pass(base::Seconds(12));  // no PING may come behind what the replica is to have
    world.HoldDownstream(one, false);
    world.Settle();
    CHECK(world.Received(master, writer).starts_with("-READONLY"));
  }
  REQUIRE(one.state().is_master());
  REQUIRE(world.PassUntil([&] { return master.state().link_up(); }));
  CHECK(three.State(master) == "no-failover");
  CHECK(master.state().applied == one.state().applied);
  CHECK(one.state().stats.sync_full == 0);
  CHECK(one.state().stats.sync_partial_ok == 1);
  CHECK(world.Do(one, {"SET", "c", "1"}) == "+OK\r\n");
  CHECK(data::DataDigest(master.state().keyspace) == data::DataDigest(one.state().keyspace));
  CHECK(world.Do(master, {"GET", "b"}) == "$-1\r\n");
  // The second replica hangs behind the old master now, in the same history.
  REQUIRE(world.PassUntil([&] { return two.state().link_up(); }));
  CHECK(data::DataDigest(two.state().keyspace) == data::DataDigest(one.state().keyspace));
}

TEST_CASE("failover: without a target the first replica that has everything takes over") {
  Three three;
  auto& [world, master, one, two] = three;
  three.Withhold(one);
  CHECK(world.Do(master, {"FAILOVER"}) == "+OK\r\n");
  CHECK(two.state().is_master());
  CHECK_FALSE(master.state().is_master());
}

TEST_CASE("failover: a replica that never catches up ends it in time") {
  Three three;
  auto& [world, master, one, two] = three;
  three.Withhold(one);
  const ClientId writer = world.Open(master);
  SUBCASE("by going back, and the writes that waited are done") {
    world.Do(master, {"FAILOVER", "TO", "127.0.0.1", three.Port(one), "TIMEOUT", "500"});
    world.Send(master, writer, {"SET", "b", "1"});
    world.Pass(base::Millis(500));
    CHECK(world.Received(master, writer) == "+OK\r\n");
    CHECK(master.state().is_master());
    CHECK(three.State(master) == "no-failover");
  }
  SUBCASE("by ABORT") {
    world.Do(master, {"FAILOVER", "TO", "127.0.0.1", three.Port(one)});
    world.Send(master, writer, {"SET", "b", "1"});
    CHECK(world.Do(master, {"FAILOVER", "ABORT"}) == "+OK\r\n");
    CHECK(world.Received(master, writer) == "+OK\r\n");
    CHECK(master.state().is_master());
  }
  SUBCASE("by FORCE: it takes over without what it lacks, and the old master starts anew") {
    world.Do(master, {"FAILOVER", "TO", "127.0.0.1", three.Port(one), "FORCE", "TIMEOUT", "500"});
    static_cast<void>(one.ReadMasterNow(one.state().master.link));  // it never arrives
    world.Pass(base::Millis(500));
    REQUIRE(world.PassUntil([&] { return master.state().link_up(); }));
    CHECK(one.state().is_master());
    CHECK(one.state().stats.sync_full == 1);
    CHECK(world.Do(master, {"GET", "withheld"}) == "$-1\r\n");
  }
}

TEST_CASE("failover: a target that refuses leaves us master") {
  Three three;
  auto& [world, master, one, two] = three;
  three.Withhold(one);
  world.Do(master, {"FAILOVER", "TO", "127.0.0.1", three.Port(one), "FORCE", "TIMEOUT", "500"});
  // Somebody else promotes it in between, so that there is nothing to take over.
  world.Do(one, {"REPLICAOF", "NO", "ONE"});
  const ClientId writer = world.Open(master);
  world.Send(master, writer, {"SET", "b", "1"});
  world.Pass(base::Millis(500));
  REQUIRE(world.PassUntil([&] { return three.State(master) == "no-failover"; }));
  CHECK(master.Said("Failover target rejected psync request"));
  CHECK(master.state().is_master());
  CHECK(world.Received(master, writer) == "+OK\r\n");
}

TEST_CASE("failover: what makes no sense is refused") {
  Three three;
  auto& [world, master, one, two] = three;
  CHECK(world.Do(one, {"FAILOVER"}) == "-ERR FAILOVER is not valid when server is a replica.\r\n");
  CHECK(world.Do(master, {"FAILOVER", "ABORT"}) == "-ERR No failover in progress.\r\n");
  CHECK(world.Do(master, {"FAILOVER", "TO", "127.0.0.1", "1"}) ==
        "-ERR FAILOVER target HOST and PORT is not a replica.\r\n");
  CHECK(world.Do(master, {"FAILOVER", "TO", "127.0.0.1", three.Port(one), "FORCE"}) ==
        "-ERR FAILOVER with force option requires both a timeout and target HOST and IP.\r\n");
  CHECK(world.Do(master, {"FAILOVER", "TIMEOUT", "0"}) == "-ERR FAILOVER timeout must be greater than 0\r\n");
  CHECK(world.Do(master, {"FAILOVER", "SIDEWAYS"}) == "-ERR syntax error\r\n");
  Box& lonely = world.Add("lonely");
  CHECK(world.Do(lonely, {"FAILOVER"}) == "-ERR FAILOVER requires connected replicas.\r\n");
  three.Withhold(one);
  world.Do(master, {"FAILOVER", "TO", "127.0.0.1", three.Port(one)});
  CHECK(world.Do(master, {"FAILOVER"}) == "-ERR FAILOVER already in progress.\r\n");
  CHECK(world.Do(master, {"REPLICAOF", "NO", "ONE"}) == "-ERR REPLICAOF not allowed while failing over.\r\n");
}
