// The master's stream, applied: each byte kept as received, each command run, the offset credited when it is done.
#pragma once

#include <string_view>

#include "replication/core/state.h"

namespace replication {

// Takes stream bytes, torn anywhere. Credit is given per command, and for MULTI ... EXEC only when EXEC has run: what
// our replicas are sent, and what we ask to go on from, always ends between units.
void ApplyStream(NodeState& state, std::string_view bytes, const Now& now);

// Applies what has been taken and waits, because a script ran for long. Nothing to do is no error.
void ApplyReceived(NodeState& state, const Now& now);

// Hands a data set that nobody needs any more to whoever frees it.
void DiscardAll(NodeState& state, data::Keyspace& keyspace);

}  // namespace replication
