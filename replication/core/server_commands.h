// Commands about the server as a whole: INFO, CONFIG, SELECT ...
#pragma once

#include <span>

#include "replication/core/state.h"

namespace replication {

std::span<const NodeCommand> ServerCommands();
// DEBUG.
std::span<const NodeCommand> DebugCommands();
// What there is nothing of here, and how that is said: CLUSTER, READONLY, READWRITE, ASKING, MODULE.
std::span<const NodeCommand> AbsentCommands();
// LOLWUT.
std::span<const NodeCommand> FunCommands();

// For the row of a container by itself: "config" without a word behind it.
void OnlyWithSubcommand(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now,
                        resp::ReplyWriter& reply);

// From this machine: what is allowed to "local".
bool IsLocal(const NodeClient& client);

// What follows from settings that have changed: the password, what the edge has a hand in.
void UseSettings(NodeState& state);

// The edge has written the configuration file, or not: whoever waits for it is answered.
void AnswerConfigRewrite(NodeState& state, std::uint64_t ticket, const base::Result<void>& result);

}  // namespace replication
