// Durable changes: each has a number, and what others will rely on waits for a save that covers it.
//
// Source: spec/decisions.md A10.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// To be called after anything that the config file holds has changed. Returns the change's number, and asks for a
// save: several in one step cost one write.
ChangeNumber MarkChanged(State& state, Actions& out);

// Hands what clients have been given (serve::Client::out of every woken client) to the edge as Reply actions that
// rest on `change`; marks for closing become CloseClient. To be called wherever the bytes of one promise end, so that
// a reply never takes along a number that is not its own.
void FlushClients(State& state, ChangeNumber change, Actions& out);

}  // namespace sentinel
