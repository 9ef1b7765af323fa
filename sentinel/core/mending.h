// What a leader that died in the middle of a planned failover left behind on a master that still answers: nothing stays
// stuck (A6b). A pause of its writes expires by itself; for the rest, ours stand for election.
//
// Source: spec/decisions.md A6b.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// The master's INFO has come, or somebody who was to do this is gone: looks what has to be done, and stands for it.
void JudgeMending(State& state, Master& master, const base::Now& now, Actions& out);

// A leader has the field, or has lost it: when its patience ends, the master is asked what it is.
void WatchLeader(State& state, Master& master, const base::Now& now);
void MendingDue(State& state, Master& master, const base::Now& now, Actions& out);

// We stand for `master.mend`: what the attempt is about.
void PrepareMending(Master& master);
// Is the attempt about the master itself, which is told to be one again? Otherwise it goes on as every failover does:
// with the replica that has been promoted.
bool MendsInPlace(const Failover& failover);
// We are elected for such an attempt: a last look comes first.
void BeginMending(State& state, Master& master, const base::Now& now, Actions& out);
// It allows what has to be done.
void FinishMending(State& state, Master& master, const base::Now& now, Actions& out);

}  // namespace sentinel
