// One run of a script or function for a client: may it run, what may its commands do, and what of it is fed.
#pragma once

#include <functional>

#include "replication/core/script_engine.h"
#include "replication/core/script_turns.h"
#include "replication/core/state.h"

namespace replication {

// Refuses, or calls `run` with what the script may ask for; then its effects are fed. `about` needs no times. One at a
// time; its rights are the client's.
void RunScript(NodeState& state, NodeClient& client, RunningScript about, const ScriptFlags& flags, bool read_only,
               const Now& now, resp::ReplyWriter& reply, const std::function<void(ScriptHost&)>& run);

}  // namespace replication
