// Commands about the server as a whole: INFO, CONFIG, SELECT, DEBUG ...
#pragma once

#include <span>

#include "replication/core/state.h"

namespace replication {

std::span<const NodeCommand> ServerCommands();

// What follows from settings that have changed: the password, what the edge has a hand in.
void UseSettings(NodeState& state);

// The edge has written the configuration file, or not: whoever waits for it is answered.
void AnswerConfigRewrite(NodeState& state, std::uint64_t ticket, const base::Result<void>& result);

}  // namespace replication
