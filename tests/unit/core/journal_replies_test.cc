// When what a client was answered may leave, with a journal: every order in which the disk's reports can arrive.
#include <doctest/doctest.h>

#include <algorithm>
#include <variant>

#include "replication/core/journal.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

struct Quiet : base::Log {
  void Write(base::LogLevel, std::string_view) override {}
};

// A node that begins its first base: what is written meanwhile is not promised before the base is in place.
struct Beginning {
  World world;  // for the clock
  Quiet log;
  Host host;
  Node node;
  ClientId client = 0;
  SnapshotId base = 0;
  JobId started = 0;
  JobId adopted = 0;

  static Settings Journalling() {
    Settings settings;
    settings.appendonly = true;
    return settings;
  }

  Beginning() : node(Journalling(), 1, log, host, world.now) {
    node.KnowJournalFolder("folder", {}, 1);
    node.BeginJournal(world.now);
    node.Start(world.now);
    client = node.OnClient("127.0.0.1:1", "127.0.0.1:2", world.now);
    Look();
  }

  void Look() {
    node.EndTurn(world.now);
    for (const Wish& wish : node.TakeWishes()) {
      if (const auto* snapshot = std::get_if<BeginSnapshot>(&wish)) base = snapshot->id;
      if (const auto* start = std::get_if<JournalStart>(&wish)) started = start->job;
      if (const auto* append = std::get_if<JournalAppend>(&wish)) started = append->job;
      if (const auto* adopt = std::get_if<JournalAdopt>(&wish)) adopted = adopt->job;
    }
  }
  void Report(JobId job) { node.OnJournalReport({.job = job}, world.now); }
};

}  // namespace

TEST_CASE("journal: a reply that waits for the first base leaves when that is there, whoever was woken before") {
  Beginning one;
  REQUIRE(one.base != 0);
  one.node.OnClientBytes(one.client, "SET k v\r\n", one.world.now);
  one.Look();
  CHECK(one.node.SendableBytes(one.client) == 0);
  one.Report(one.started);
  SUBCASE("the client had its turn in between") {
    CHECK(one.node.SendableBytes(one.client) == 0);
  }
  SUBCASE("both reports came at once") {}
  one.node.OnSaveDone(one.base, {}, one.world.now);
  one.Look();
  REQUIRE(one.adopted != 0);
  one.node.clients().TakeWoken();
  one.Report(one.adopted);
  const auto woken = one.node.clients().TakeWoken();
  CHECK(std::ranges::find(woken, one.client) != woken.end());
  CHECK(one.node.SendableBytes(one.client) == 5);
}
