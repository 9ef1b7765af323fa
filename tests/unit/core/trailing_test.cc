// What a node may give up of the end of its stream before it asks to go on in another's.
#include "replication/core/trailing.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "replication/base/text.h"
#include "replication/data/data_digest.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

const ReplicationId kOld{std::string(40, 'a')};
const ReplicationId kNew{std::string(40, 'b')};
const ReplicationId kRestarted{std::string(40, 'c')};

// A successor that has all of kOld up to `fork`, and goes on as kNew.
OtherHistory Successor(Offset fork) {
  return {History{kNew, kOld, fork + 1}, fork + 500};
}

bool Carries(std::string_view line) {
  return CarriesData(base::Split(line, ' '));
}

bool Same(const Box& a, const Box& b) {
  return data::DataDigest(a.state().keyspace) == data::DataDigest(b.state().keyspace) &&
         a.state().applied == b.state().applied && a.state().history.replid == b.state().history.replid;
}

std::string Follow(World& world, Box& replica, const Box& master) {
  return world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
}

// A master with two replicas; the chosen one is promoted, and meanwhile the other two are told something more.
struct Three {
  World world;
  Box& old_master = world.Add("old");
  Box& chosen = world.Add("chosen");
  Box& sibling = world.Add("sibling");

  Three() {
    for (Box* replica : {&chosen, &sibling}) {
      Follow(world, *replica, old_master);
      REQUIRE(world.PassUntil([&] { return replica->state().link_up(); }));
    }
    world.Do(old_master, {"SET", "kept", "1"});
  }
  void Promote() { CHECK(world.Do(chosen, {"REPLICAOF", "NO", "ONE"}) == "+OK\r\n"); }
  void Greet(Box& box) { world.Do(box, {"PUBLISH", "__sentinel__:hello", "127.0.0.1,26379,..."}); }
  void FollowChosen(Box& box) {
    Follow(world, box, chosen);
    REQUIRE(world.PassUntil([&] { return box.state().link_up(); }));
    world.Do(chosen, {"SET", "new", "1"});
    world.Settle();
    CHECK(Same(box, chosen));
  }
};

}  // namespace

TEST_CASE("trailing: what is data and what is not") {
  CHECK_FALSE(Carries("PING"));
  CHECK_FALSE(Carries("ping"));
  CHECK_FALSE(Carries("REPLCONF GETACK *"));
  CHECK_FALSE(Carries("SELECT 3"));
  CHECK_FALSE(Carries("PUBLISH __sentinel__:hello 127.0.0.1,26379"));
  CHECK(Carries("PUBLISH news 1"));
  CHECK(Carries("SET a 1"));
  CHECK(Carries("EXEC"));
  CHECK(Carries("FLUSHALL"));
}

TEST_CASE("trailing: a former master forgets what its successor lacks, if that is no data") {
  const History ours{kOld, History::NoId(), -1};
  // Nothing is in the way: it asks as it is.
  CHECK_FALSE(WhereToGoOn(ours, 100, 100, Successor(100)).has_value());
  CHECK_FALSE(WhereToGoOn(ours, 100, 90, Successor(120)).has_value());
  // Its data end at 90, and so far the successor has everything.
  const auto ground = WhereToGoOn(ours, 100, 90, Successor(95));
  REQUIRE(ground.has_value());
  CHECK(ground->replid == kOld);
  CHECK(ground->last == 95);
  CHECK(WhereToGoOn(ours, 100, 90, Successor(90))->last == 90);
  // A byte of data is lacking there: all must be sent anew.
  CHECK_FALSE(WhereToGoOn(ours, 100, 91, Successor(90)).has_value());
  // Somebody else's history.
  CHECK_FALSE(WhereToGoOn(ours, 100, 90, {History{kNew, kRestarted, 96}, 500}).has_value());
}

TEST_CASE("trailing: one that has not forked is behind by its offset") {
  const History ours{kOld, History::NoId(), -1};
  CHECK(WhereToGoOn(ours, 100, 90, {ours, 93})->last == 93);
  CHECK_FALSE(WhereToGoOn(ours, 100, 90, {ours, 100}).has_value());
  CHECK_FALSE(WhereToGoOn(ours, 100, 90, {ours, 89}).has_value());
}

TEST_CASE("trailing: a master that restarted goes back to its former name while it has written nothing since") {
  const History ours{kRestarted, kOld, 101};  // its file ended at 100
  const auto ground = WhereToGoOn(ours, 120, 100, Successor(150));
  REQUIRE(ground.has_value());
  CHECK(ground->replid == kOld);
  CHECK(ground->last == 100);
  CHECK(WhereToGoOn(ours, 120, 90, Successor(95))->last == 95);
  CHECK_FALSE(WhereToGoOn(ours, 120, 100, Successor(99)).has_value());
  CHECK_FALSE(WhereToGoOn(ours, 120, 110, Successor(150)).has_value());  // it has written
}

TEST_CASE("trailing: INFO is understood, and nonsense is not") {
  const auto other = ParseOtherHistory(
      fmt::format("# Replication\r\nrole:master\r\nmaster_replid:{}\r\nmaster_replid2:{}\r\nmaster_repl_offset:595\r\n"
                  "second_repl_offset:96\r\n",
                  kNew.hex, kOld.hex));
  REQUIRE(other.has_value());
  CHECK(other->history.replid == kNew);
  CHECK(other->history.replid2 == kOld);
  CHECK(other->history.second_offset == 96);
  CHECK(other->last == 595);
  CHECK_FALSE(ParseOtherHistory("").has_value());
  CHECK_FALSE(ParseOtherHistory("master_replid:xyz\r\nmaster_repl_offset:5\r\n").has_value());
  CHECK_FALSE(ParseOtherHistory(fmt::format("master_replid:{}\r\n", kNew.hex)).has_value());
  CHECK_FALSE(ParseOtherHistory(fmt::format("master_replid:{}\r\nmaster_repl_offset:-9\r\n", kNew.hex)).has_value());
}

TEST_CASE("trailing: an idle failover costs no full sync, however much is said to the old master meanwhile") {
  Three three;
  auto& [world, old_master, chosen, sibling] = three;
  three.Promote();
  three.Greet(old_master);
  world.Pass(base::Seconds(25));  // PING in the stream
  three.Greet(old_master);
  REQUIRE(old_master.state().applied > chosen.state().history.second_offset);
  REQUIRE(sibling.state().applied == old_master.state().applied);
  three.FollowChosen(old_master);
  three.FollowChosen(sibling);  // it heard the same, and is ahead as well
  CHECK(chosen.state().stats.sync_full == 0);
  CHECK(chosen.state().stats.sync_partial_ok == 2);
}

TEST_CASE("trailing: those who follow the old master go on with it") {
  Three three;
  auto& [world, old_master, chosen, sibling] = three;
  three.Promote();
  three.Greet(old_master);
  three.FollowChosen(old_master);
  REQUIRE(world.PassUntil([&] { return sibling.state().link_up(); }));
  world.Do(chosen, {"SET", "more", "1"});
  world.Settle();
  CHECK(Same(sibling, chosen));
  CHECK(old_master.state().stats.sync_full == 2);  // those at the very beginning
}

TEST_CASE("trailing: one write too many, and everything is sent anew") {
  Three three;
  auto& [world, old_master, chosen, sibling] = three;
  three.Promote();
  world.Do(old_master, {"SET", "lost", "1"});
  three.Greet(old_master);
  three.FollowChosen(old_master);
  CHECK(world.Do(old_master, {"GET", "lost"}) == "$-1\r\n");
  CHECK(chosen.state().stats.sync_full == 1);
}

TEST_CASE("trailing: a message of somebody is not given up") {
  Three three;
  auto& [world, old_master, chosen, sibling] = three;
  three.Promote();
  world.Do(old_master, {"PUBLISH", "news", "hello"});
  three.FollowChosen(old_master);
  CHECK(chosen.state().stats.sync_full == 1);
}

TEST_CASE("trailing: a former master that returns from its file goes on, too") {
  Three three;
  auto& [world, old_master, chosen, sibling] = three;
  three.Greet(old_master);
  SUBCASE("its file ends with data") {}
  SUBCASE("its file ends with a greeting that the successor never heard") {
    world.Isolate(old_master, true);
    three.Greet(old_master);
  }
  CHECK(world.Do(old_master, {"SAVE"}) == "+OK\r\n");
  world.Kill(old_master);
  three.Promote();
  world.Do(chosen, {"SET", "meanwhile", "1"});
  world.Isolate(old_master, false);
  world.Restart(old_master);
  three.Greet(old_master);
  SUBCASE("written to before it was found: everything anew") {
    world.Do(old_master, {"SET", "lost", "1"});
    three.FollowChosen(old_master);
    CHECK(chosen.state().stats.sync_full == 1);
    return;
  }
  three.FollowChosen(old_master);
  CHECK(chosen.state().stats.sync_full == 0);
}

TEST_CASE("trailing: who may not ask for INFO asks as it is") {
  World world;
  Box& old_master = world.Add("old");
  Box& chosen = world.Add("chosen");
  Follow(world, chosen, old_master);
  REQUIRE(world.PassUntil([&] { return chosen.state().link_up(); }));
  world.Do(old_master, {"SET", "a", "1"});
  world.Do(chosen, {"REPLICAOF", "NO", "ONE"});
  world.Do(chosen, {"ACL", "SETUSER", "copier", "on", ">p", "-@all", "+psync", "+replconf", "+ping"});
  world.Do(old_master, {"CONFIG", "SET", "masteruser", "copier", "masterauth", "p"});
  world.Do(old_master, {"PUBLISH", "__sentinel__:hello", "x"});
  Follow(world, old_master, chosen);
  REQUIRE(world.PassUntil([&] { return old_master.state().link_up(); }));
  CHECK(chosen.state().stats.sync_full == 1);
  CHECK(Same(old_master, chosen));
}

// The master says SELECT only when the database changes: who has missed that writes into the wrong one.
TEST_CASE("trailing: the stream goes on in the database that it had where it goes on") {
  Three three;
  auto& [world, old_master, chosen, sibling] = three;
  const ClientId writer = world.Open(old_master);
  world.SendRaw(old_master, writer, "SELECT 9\r\nSET ninth 1\r\n");

  SUBCASE("a replica that was promoted, and told to follow again before anybody wrote") {
    three.Promote();
    world.SendRaw(old_master, writer, "SET ninth 2\r\n");
    Follow(world, chosen, old_master);
    REQUIRE(world.PassUntil([&] { return chosen.state().link_up(); }));
    world.SendRaw(old_master, writer, "SET ninth 3\r\n");
    world.Settle();
    CHECK(old_master.state().stats.sync_full == 2);  // those at the very beginning
    CHECK(Same(chosen, old_master));
    return;
  }
  bool from_file = false;
  SUBCASE("a former master that had said SELECT for a greeting") {}
  SUBCASE("a former master that returns from its file") {
    from_file = true;
  }
  three.Promote();
  three.Greet(old_master);
  REQUIRE(old_master.state().stream_db == 0);
  const ClientId other = world.Open(chosen);
  world.SendRaw(chosen, other, "SELECT 9\r\nSET ninth 2\r\n");
  if (from_file) {
    REQUIRE(world.Do(old_master, {"SAVE"}) == "+OK\r\n");
    world.Kill(old_master);
    world.Restart(old_master, [&](Settings& settings) { settings.replicaof = {"127.0.0.1", chosen.port}; });
  } else {
    Follow(world, old_master, chosen);
  }
  REQUIRE(world.PassUntil([&] { return old_master.state().link_up(); }));
  world.SendRaw(chosen, other, "SET ninth 3\r\n");
  world.Settle();
  CHECK(chosen.state().stats.sync_full == 0);
  CHECK(Same(old_master, chosen));
}
