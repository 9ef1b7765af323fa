// SENTINEL FAILOVER: what an operator may ask for, and why he may not get it.
//
// Source: spec/sentinel.md 1.3; spec/decisions.md A6.
#pragma once

#include "replication/base/result.h"
#include "replication/serve/command_row.h"
#include "sentinel/core/action.h"
#include "sentinel/core/handover.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Longest TIMEOUT: a day.
inline constexpr base::Millis kLongestTimeout{86'400'000};

// `words` are those of SENTINEL FAILOVER <name> [COORDINATED] [FORCE] [TO <host> <port>] [TIMEOUT <ms>], in any order.
// Errors are the text of the reply.
base::Result<ManualWish> ParseManualWish(const serve::Words& words);

// Without asking whether the master is down, and without needing a majority: peers that are silent are overridden
// after 200 ms; one that names another leader, or a newer epoch, ends it. Under a fresh epoch that is durable before
// anything is sent. Errors are the text of the reply: INPROG, NOGOODSLAVE with a reason, ERR.
base::Result<void> StartManualFailover(State& state, Master& master, const ManualWish& wish, const base::Now& now,
                                       Actions& out);

}  // namespace sentinel
