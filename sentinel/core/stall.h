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

// Every step begins with this. Elapsed time is monotonic and does not care about the wall clock; but when the two have
// not advanced alike, one of them jumped, or the machine slept, and a last look has to be repeated. Beyond the TILT
// trigger it is shown as +tilt. O(1) unless they jumped.
void CompareClocks(State& state, const base::Now& now, Actions& out);

}  // namespace sentinel
