// From the promotion that was seen to the last replica that follows it.
//
// Source: spec/sentinel.md 2.10; spec/decisions.md A12.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// The promoted replica says that it is a master. Makes the new address ours to announce, unless a newer epoch is
// known: then another address will come, and what we promoted is re-pointed to it.
void CompletePromotion(State& state, Master& master, Replica& promoted, const base::Now& now, Actions& out);

// Notes who has moved on, re-points the next ones, and ends the failover when nobody is left.
void AdvanceReconfiguration(State& state, Master& master, const base::Now& now, Actions& out);
// The next look at a replica that was told to follow.
void ReconfigurationPoll(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out);
// failover-timeout is over: the rest is told once, and the failover ends.
void ReconfigurationOver(State& state, Master& master, const base::Now& now, Actions& out);

// The end of the step in which a failover has ended: its new address becomes the master's.
void FinishFailover(State& state, Master& master, const base::Now& now, Actions& out);

}  // namespace sentinel
