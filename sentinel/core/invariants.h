// What must be true after every step, whatever happened.
#pragma once

#include <string>
#include <vector>

#include "sentinel/core/state.h"

namespace sentinel {

// One line per violation; empty when all is well. O(state).
std::vector<std::string> CheckInvariants(const State& state);
// Stops the program with the first violation. Called after each step of a state that has `check_invariants`.
void RequireInvariants(const State& state);

}  // namespace sentinel
