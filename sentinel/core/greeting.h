// What happens when a peer has said which words it speaks: what it is becomes known, and what it may have to tell of
// members and pauses is asked.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

// After TakeWords(): `reply` is the same answer to SENTINEL VIGIL.
void GreetPeer(State& state, Peer& peer, const ReplyValue& reply, Actions& out);

}  // namespace sentinel
