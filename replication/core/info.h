// INFO: the node's facts as text.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "replication/base/time.h"

namespace replication {

struct NodeState;

// The text of INFO for these section names (none: the default sections; "all" and "everything" as stock).
// Source: the INFO documentation; field names and order as a running redis-server 7.0 prints them.
std::string RenderInfo(const NodeState& state, std::span<const std::string_view> sections, const base::Now& now);

}  // namespace replication
