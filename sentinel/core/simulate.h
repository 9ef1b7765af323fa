// SENTINEL SIMULATE-FAILURE: the process ends with exit code 99 at a chosen moment of a failover that it leads.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/call.h"
#include "sentinel/core/state.h"

namespace sentinel {

// SENTINEL SIMULATE-FAILURE [crash-after-election] [crash-after-promotion] [help].
void SimulateFailureCommand(Call& call);

// The moments. True: the process ends before anything that is asked for later leaves.
bool CrashAfterElection(const State& state, Actions& out);
bool CrashAfterPromotion(const State& state, Actions& out);

}  // namespace sentinel
