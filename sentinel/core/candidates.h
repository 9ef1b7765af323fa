// The two reads of every candidate: what a replica holds is known only when it has stopped working off what it
// received.
//
// Source: spec/decisions.md A5.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Begins to read all replicas; what was read before no longer counts.
void StartReads(State& state, Master& master, const base::Now& now, Actions& out);
// Reads again those whose answers are no longer fresh.
void RefreshReads(State& state, Master& master, const base::Now& now, Actions& out);
void StopReads(State& state, Master& master);

// An INFO that was asked for at `asked_at` has arrived and stands in `replica.info`.
void TakeCandidateRead(State& state, Master& master, Replica& replica, base::MonoTime asked_at, const base::Now& now,
                       Actions& out);

// Between its two reads nothing was applied any more, or there was nobody left to send anything.
bool StandsStill(const Replica& replica);

}  // namespace sentinel
