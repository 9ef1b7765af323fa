// A failover from the election to the last replica: one function per stage.
//
// Source: spec/sentinel.md 2.10; spec/decisions.md A3, A4, A5, A12.
#pragma once

#include "replication/base/result.h"
#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// SENTINEL FAILOVER: without asking whether the master is down, and without an election; under a fresh epoch that is
// durable before anything is sent. Errors are the text of the reply: "INPROG Failover already in progress",
// "NOGOODSLAVE No suitable replica to promote".
base::Result<void> StartManualFailover(State& state, Master& master, const base::Now& now, Actions& out);

}  // namespace sentinel
