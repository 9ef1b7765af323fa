// Many worlds. VIGIL_SIM_SEEDS: how many (2000); VIGIL_SIM_FIRST: the first seed (1); VIGIL_SIM_JOBS: on how many
// threads (as many as there are processors); VIGIL_SIM_SEED: just this one, with its trace.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "tests/sim/environment.h"
#include "tests/sim/many_worlds.h"
#include "tests/sim/world.h"

using sim::FromEnvironment;
using sim::Jobs;

namespace {

std::string Report(std::uint64_t seed, const sim::Plan& plan, const sim::Outcome& outcome) {
  std::string text = fmt::format("seed {}: {}\n", seed, plan.Describe());
  for (const std::string& failure : outcome.failures) text += "  " + failure + "\n";
  return text + fmt::format("  again, with its trace: VIGIL_SIM_SEED={} sim_tests", seed);
}

}  // namespace

TEST_CASE("simulator: one seed gives one world, to the last action") {
  for (const std::uint64_t seed : {3, 14, 15}) {
    const sim::Outcome once = sim::World(seed, false).Run();
    const sim::Outcome again = sim::World(seed, false).Run();
    CHECK(once.trace_hash == again.trace_hash);
    CHECK(once.events == again.events);
  }
}

TEST_CASE("simulator: worlds in which a bug was found once") {
  if (FromEnvironment("VIGIL_SIM_SEED", 0) != 0) return;
  std::ifstream file(VIGIL_SOURCE_DIR "/tests/sim/seeds.txt");
  std::vector<std::uint64_t> seeds;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && !line.starts_with('#')) seeds.push_back(std::strtoull(line.c_str(), nullptr, 10));
  }
  REQUIRE(!seeds.empty());
  sim::PlaySeeds(seeds, Jobs(), [](std::uint64_t seed, const sim::Plan& plan, const sim::Outcome& outcome) {
    if (!outcome.ok()) FAIL_CHECK(Report(seed, plan, outcome));
  });
}

TEST_CASE("simulator: bugs on purpose are caught") {
  if (FromEnvironment("VIGIL_SIM_SEED", 0) != 0) return;
  const std::uint64_t limit = FromEnvironment("VIGIL_SIM_MUTATION_SEEDS", 400);
  constexpr std::uint64_t kAtOnce = 8;
  for (const sim::MutationRow& row : sim::kMutations) {
    std::uint64_t caught_by = 0;
    std::string how;
    for (std::uint64_t first = 1; first <= limit && caught_by == 0; first += kAtOnce) {
      std::vector<std::uint64_t> seeds(kAtOnce);
      std::iota(seeds.begin(), seeds.end(), first);
      sim::PlaySeeds(
          seeds, Jobs(),
          [&](std::uint64_t seed, const sim::Plan&, const sim::Outcome& outcome) {
            if (outcome.ok() || caught_by != 0) return;
            caught_by = seed;
            how = outcome.failures.front();
          },
          row.mutation);
    }
    CHECK_MESSAGE(caught_by != 0, fmt::format("no checker has seen within {} seeds that {}", limit, row.name));
    fmt::print("simulator: {:<48} seed {:>3}: {}\n", row.name, caught_by, how);
  }
}

// The data nodes are the real ones, with journals, and clients ask a sentinel before each connection.
TEST_CASE("simulator: the same with the real cores of the data nodes") {
  if (FromEnvironment("VIGIL_SIM_NODE_SEED", 0) != 0) return;
  if (const std::uint64_t only = FromEnvironment("VIGIL_SIM_SEED", 0)) {
    sim::World world(only, true, sim::Mutation::kNone, sim::Cast::kNodes);
    const sim::Outcome outcome = world.Run();
    INFO(Report(only, world.plan(), outcome));
    CHECK(outcome.ok());
    return;
  }
  std::vector<std::uint64_t> drawn(FromEnvironment("VIGIL_SIM_CAST_SEEDS", 100));
  std::iota(drawn.begin(), drawn.end(), FromEnvironment("VIGIL_SIM_FIRST", 1));
  int writes = 0, failovers = 0, failed = 0, full_syncs = 0, partial_syncs = 0, hand_overs = 0;
  std::uint64_t hash = 14695981039346656037ULL;
  const auto take = [&](std::uint64_t seed, const sim::Plan& plan, const sim::Outcome& outcome) {
    hash = (hash ^ outcome.trace_hash) * 1099511628211ULL;
    writes += outcome.writes;
    failovers += outcome.failovers;
    full_syncs += outcome.full_syncs;
    partial_syncs += outcome.partial_syncs;
    hand_overs += outcome.hand_overs;
    if (outcome.ok()) return;
    ++failed;
    FAIL_CHECK(Report(seed, plan, outcome));
  };
  sim::PlaySeeds(drawn, Jobs(), take, sim::Mutation::kNone, sim::Cast::kNodes);
  fmt::print(
      "simulator: {} worlds with real nodes, {} failed, {} promotions, {} hand-overs, {} writes acknowledged, {} full "
      "and {} partial syncs; trace hash {:016x}\n",
      drawn.size(), failed, failovers, hand_overs, writes, full_syncs, partial_syncs, hash);
  if (drawn.size() >= 100) {
    CHECK(failovers > static_cast<int>(drawn.size()) / 2);
    CHECK(writes > static_cast<int>(drawn.size()) * 100);
    CHECK(partial_syncs > static_cast<int>(drawn.size()));
  }
}

TEST_CASE("simulator: safety under faults, agreement after healing, in every world") {
  if (FromEnvironment("VIGIL_SIM_NODE_SEED", 0) != 0) return;
  if (const std::uint64_t only = FromEnvironment("VIGIL_SIM_SEED", 0)) {
    sim::World world(only, true);
    const sim::Outcome outcome = world.Run();
    INFO(Report(only, world.plan(), outcome));
    CHECK(outcome.ok());
    return;
  }
  const std::uint64_t first = FromEnvironment("VIGIL_SIM_FIRST", 1);
  const std::uint64_t seeds = FromEnvironment("VIGIL_SIM_SEEDS", 2000);
  std::uint64_t failed = 0, events = 0;
  int failovers = 0, elections = 0, lost_elections = 0, restarts = 0;
  int pauses = 0, forgotten = 0, stock_majority = 0, holds = 0;
  int empty_masters = 0, foreign = 0, conflicts = 0, returns = 0, hand_overs = 0;
  // Of all worlds: two builds that play alike print the same.
  std::uint64_t hash = 14695981039346656037ULL;
  std::vector<std::uint64_t> drawn(seeds);
  std::iota(drawn.begin(), drawn.end(), first);
  sim::PlaySeeds(drawn, Jobs(), [&](std::uint64_t seed, const sim::Plan& plan, const sim::Outcome& outcome) {
    hash = (hash ^ outcome.trace_hash) * 1099511628211ULL;
    events += outcome.events;
    failovers += outcome.failovers;
    elections += outcome.elections;
    lost_elections += outcome.lost_elections;
    restarts += outcome.restarts;
    pauses += outcome.pauses;
    forgotten += outcome.forgotten;
    stock_majority += outcome.stock_majority;
    holds += outcome.holds;
    empty_masters += outcome.empty_masters;
    foreign += outcome.foreign;
    conflicts += outcome.conflicts;
    returns += outcome.returns;
    hand_overs += outcome.hand_overs;
    if (!outcome.ok()) {
      ++failed;
      FAIL_CHECK(Report(seed, plan, outcome));
    }
  });
  fmt::print(
      "simulator: {} worlds, {} failed, {} steps, {} elections won, {} lost, {} promotions, {} restarts, {} durable "
      "pauses, {} times forgotten, {} looks at a majority beside stock, {} holds\n",
      seeds, failed, events, elections, lost_elections, failovers, restarts, pauses, forgotten, stock_majority, holds);
  fmt::print(
      "simulator: {} empty masters seen, {} addresses reused, {} conflicts settled, {} former masters demoted, {} "
      "hand-overs; trace hash {:016x}\n",
      empty_masters, foreign, conflicts, returns, hand_overs, hash);
  // The faults must bite: worlds in which nothing happens prove nothing.
  if (seeds >= 100) {
    CHECK(failovers > static_cast<int>(seeds) / 2);
    CHECK(restarts > static_cast<int>(seeds) / 4);
    CHECK(lost_elections > 0);
    CHECK(pauses > static_cast<int>(seeds) / 10);
    CHECK(forgotten > 0);
    if (seeds >= 500) CHECK(stock_majority > 0);
    CHECK(holds > static_cast<int>(seeds) / 20);
    CHECK(empty_masters > 0);
    CHECK(foreign > 0);
    CHECK(conflicts > 0);
    CHECK(returns > 0);
    CHECK(hand_overs > 0);
  }
}
