// The nodes of a topology as a tree: each below the one that it follows. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "sentinel/cli/terminal.h"
#include "sentinel/cli/topology.h"

namespace cli {

// One line per node; those that follow nobody we know stand at the left, the master first. Ends with a line feed.
std::string RenderTree(const Topology& topology, const Paint& paint);

// {"master": ..., "roots": [{"address", "role", "delay_seconds", ..., "replicas": [...]}]}
nlohmann::ordered_json TreeJson(const Topology& topology);

}  // namespace cli
