// Many worlds of data nodes. VIGIL_SIM_NODE_SEEDS: how many (600); VIGIL_SIM_FIRST: the first seed (1);
// VIGIL_SIM_JOBS: on how many threads; VIGIL_SIM_NODE_SEED: just this one, with its trace.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "tests/sim/environment.h"
#include "tests/sim/many_worlds.h"
#include "tests/sim/node_world.h"

using sim::FromEnvironment;
using sim::Jobs;

namespace {

std::string Report(std::uint64_t seed, const sim::NodePlan& plan, const sim::NodeOutcome& outcome) {
  std::string text = fmt::format("seed {}: {}\n", seed, plan.Describe());
  for (const std::string& failure : outcome.failures) text += "  " + failure + "\n";
  return text + fmt::format("  again, with its trace: VIGIL_SIM_NODE_SEED={} sim_tests", seed);
}

void Play(const std::vector<std::uint64_t>& seeds, sim::NodeMutation mutation,
          const std::function<void(std::uint64_t, const sim::NodePlan&, const sim::NodeOutcome&)>& take) {
  sim::PlaySeeds(seeds, Jobs(), [&](std::uint64_t seed) -> std::function<void()> {
    sim::NodeWorld world(seed, false, mutation);
    sim::NodeOutcome outcome = world.Run();
    return [&take, seed, plan = world.plan(), outcome = std::move(outcome)] { take(seed, plan, outcome); };
  });
}

std::vector<std::uint64_t> From(std::uint64_t first, std::uint64_t count) {
  std::vector<std::uint64_t> seeds(count);
  std::iota(seeds.begin(), seeds.end(), first);
  return seeds;
}

bool OnlyOneSeed() {
  return FromEnvironment("VIGIL_SIM_SEED", 0) != 0 || FromEnvironment("VIGIL_SIM_NODE_SEED", 0) != 0;
}

}  // namespace

TEST_CASE("nodes: one seed gives one world, to the last byte") {
  if (OnlyOneSeed()) return;
  for (const std::uint64_t seed : {3, 14, 15}) {
    const sim::NodeOutcome once = sim::NodeWorld(seed, false).Run();
    const sim::NodeOutcome again = sim::NodeWorld(seed, false).Run();
    CHECK(once.trace_hash == again.trace_hash);
    CHECK(once.turns == again.turns);
  }
}

TEST_CASE("nodes: worlds in which a bug was found once") {
  if (OnlyOneSeed()) return;
  std::ifstream file(VIGIL_SOURCE_DIR "/tests/sim/node_seeds.txt");
  std::vector<std::uint64_t> seeds;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && !line.starts_with('#')) seeds.push_back(std::strtoull(line.c_str(), nullptr, 10));
  }
  Play(seeds, sim::NodeMutation::kNone,
       [](std::uint64_t seed, const sim::NodePlan& plan, const sim::NodeOutcome& outcome) {
         if (!outcome.ok()) FAIL_CHECK(Report(seed, plan, outcome));
       });
}

TEST_CASE("nodes: bugs on purpose are caught") {
  if (OnlyOneSeed()) return;
  const std::uint64_t limit = FromEnvironment("VIGIL_SIM_MUTATION_SEEDS", 400);
  constexpr std::uint64_t kAtOnce = 8;
  for (const sim::NodeMutationRow& row : sim::kNodeMutations) {
    std::uint64_t caught_by = 0;
    std::string how;
    for (std::uint64_t first = 1; first <= limit && caught_by == 0; first += kAtOnce) {
      Play(From(first, kAtOnce), row.mutation,
           [&](std::uint64_t seed, const sim::NodePlan&, const sim::NodeOutcome& outcome) {
             if (outcome.ok() || caught_by != 0) return;
             caught_by = seed;
             how = outcome.failures.front();
           });
    }
    CHECK_MESSAGE(caught_by != 0, fmt::format("no checker has seen within {} seeds that {}", limit, row.name));
    fmt::print("nodes: {:<50} seed {:>3}: {}\n", row.name, caught_by, how);
  }
}

TEST_CASE("nodes: histories, offsets and data agree in every world") {
  if (FromEnvironment("VIGIL_SIM_SEED", 0) != 0) return;
  if (const std::uint64_t only = FromEnvironment("VIGIL_SIM_NODE_SEED", 0)) {
    sim::NodeWorld world(only, true);
    const sim::NodeOutcome outcome = world.Run();
    INFO(Report(only, world.plan(), outcome));
    CHECK(outcome.ok());
    return;
  }
  const std::uint64_t first = FromEnvironment("VIGIL_SIM_FIRST", 1);
  const std::uint64_t seeds = FromEnvironment("VIGIL_SIM_NODE_SEEDS", 600);
  sim::NodeOutcome all;
  std::uint64_t failed = 0;
  // Of all worlds: two builds that play alike print the same.
  std::uint64_t hash = 14695981039346656037ULL;
  Play(From(first, seeds), sim::NodeMutation::kNone,
       [&](std::uint64_t seed, const sim::NodePlan& plan, const sim::NodeOutcome& outcome) {
         hash = (hash ^ outcome.trace_hash) * 1099511628211ULL;
         all.turns += outcome.turns;
         all.simulated += outcome.simulated;
         all.writes += outcome.writes;
         all.waits += outcome.waits;
         all.promotions += outcome.promotions;
         all.full_syncs += outcome.full_syncs;
         all.partial_syncs += outcome.partial_syncs;
         all.kills += outcome.kills;
         all.power_losses += outcome.power_losses;
         all.journal_failures += outcome.journal_failures;
         all.compared += outcome.compared;
         all.kept += outcome.kept;
         if (!outcome.ok()) {
           ++failed;
           FAIL_CHECK(Report(seed, plan, outcome));
         }
       });
  fmt::print(
      "nodes: {} worlds, {} failed, {} turns in {} simulated seconds, {} writes, {} waits, {} promotions, {} full and "
      "{} "
      "partial syncs\n",
      seeds, failed, all.turns, all.simulated.count() / 1000, all.writes, all.waits, all.promotions, all.full_syncs,
      all.partial_syncs);
  fmt::print(
      "nodes: {} kills, {} losses of power, {} failures of a journal, {} data sets compared, {} acknowledged writes "
      "looked for after a restart; trace hash {:016x}\n",
      all.kills, all.power_losses, all.journal_failures, all.compared, all.kept, hash);
  // The faults must bite: worlds in which nothing happens prove nothing.
  if (seeds >= 100) {
    const int worlds = static_cast<int>(seeds);
    CHECK(all.writes > 50 * worlds);
    CHECK(all.waits > worlds);
    CHECK(all.full_syncs > worlds);
    CHECK(all.partial_syncs > worlds);
    CHECK(all.kills > worlds);
    CHECK(all.power_losses > worlds / 4);
    CHECK(all.journal_failures > worlds / 20);
    CHECK(all.compared > 20 * worlds);
    CHECK(all.kept > worlds);
  }
}
