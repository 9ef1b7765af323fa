// The whole sentinel as one function.
#pragma once

#include "replication/base/time.h"
#include "sentinel/core/action.h"
#include "sentinel/core/input.h"
#include "sentinel/core/state.h"

namespace sentinel {

// To be called once, before the first input, on a state that LoadSettings made: connects, announces +monitor, asks
// for the first save when the file had no id.
void Start(State& state, const base::Now& now, Actions& out);

// Takes in what happened, decides everything that it changes, and says what is to be done. Ends with one WakeAt when
// the next deadline has moved. Never blocks; O(what the input concerns), not O(masters).
void Step(State& state, const base::Now& now, const Input& input, Actions& out);

}  // namespace sentinel
