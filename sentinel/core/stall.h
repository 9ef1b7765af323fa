// Time in which our own loop did not run: it is not held against those we watch.
//
// Source: spec/sentinel.md 2.13; spec/decisions.md A2.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Moves what counts silence and claims later by `by`. Detection takes longer; a leadership does not last longer.
// Shown as +tilt beyond the TILT trigger, but nothing is frozen. O(instances).
void TakeStall(State& state, base::Millis by, const base::Now& now, Actions& out);
void TiltOver(State& state, Actions& out);

}  // namespace sentinel
