// Plays many seeds on several threads: worlds share nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tests/sim/world.h"

namespace sim {

// Plays `seeds` on `jobs` threads. `play` runs one world on one of them, and returns what is to be done with the
// outcome: that is done one after the other, in the order of the seeds, on the thread that called. When the program is
// ended by a check or by a signal, the seeds that were being played are printed.
void PlaySeeds(const std::vector<std::uint64_t>& seeds, unsigned jobs,
               const std::function<std::function<void()>(std::uint64_t seed)>& play);

// The same for worlds of sentinels.
void PlaySeeds(const std::vector<std::uint64_t>& seeds, unsigned jobs,
               const std::function<void(std::uint64_t seed, const Plan& plan, const Outcome& outcome)>& take,
               Mutation mutation = Mutation::kNone, Cast cast = Cast::kModels);

}  // namespace sim
