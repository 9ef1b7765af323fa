// INFO: when a node is asked, and what its answer changes.
//
// Source: spec/sentinel.md 2.3, 2.4.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"
#include "sentinel/core/watched.h"

namespace sentinel {

// The question itself; its serial is the moment at which it was asked.
Command InfoCommand(const Master& master, const base::Now& now);
// Sends INFO when the link is up and none is under way.
void AskInfo(State& state, const Watched& watched, const base::Now& now, Actions& out);
// The INFO timer.
void InfoDue(State& state, const Watched& watched, const base::Now& now, Actions& out);
// Has the next INFO sent no later than after `wait`.
void AskInfoWithin(State& state, const Watched& watched, base::Millis wait, const base::Now& now);
void TakeInfo(State& state, const Watched& watched, const Command& asked, const ReplyValue& reply, const base::Now& now,
              Actions& out);

}  // namespace sentinel
