// Host names: resolved by the edge, connected to when the answer has come.
//
// Source: spec/sentinel.md 1.7.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/input.h"
#include "sentinel/core/state.h"
#include "sentinel/core/watched.h"

namespace sentinel {

// True when the instance's host still is a name; asks for its address then.
bool NeedsResolving(const Watched& watched, Actions& out);
// Gives the address to every instance that waits for it, and connects.
void TakeResolved(State& state, const NameResolved& resolved, const base::Now& now, Actions& out);

}  // namespace sentinel
