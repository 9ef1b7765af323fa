// What a master's commands did, put into the stream: SELECT where the database changes, MULTI and EXEC around what
// belongs together.
#pragma once

#include <span>
#include <string_view>

#include "replication/data/command.h"
#include "replication/resp/request_parser.h"

namespace replication {

struct NodeState;

// The effects of one command, or of one transaction. More than one are wrapped. `as_sent` stands for effects that are
// the request itself. On a replica, and on a master without backlog, nothing goes anywhere.
// Source: spec/replication.md 1.9; the stream of a running redis-server 7.0.
void Feed(NodeState& state, std::span<const data::Effect> effects, const resp::Words& as_sent);

// A command of our own that belongs to no database: PING, REPLCONF GETACK *. No SELECT before it.
void FeedAlone(NodeState& state, std::initializer_list<std::string_view> words);

// Effects that are not one unit (keys that expired by themselves).
void FeedEach(NodeState& state, std::span<const data::Effect> effects);

}  // namespace replication
