// A topology as text for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>
#include "sentinel/cli/terminal.h"

#include "sentinel/cli/topology.h"

namespace cli {

// One word for the state: "OK", "DEGRADED", "FAILING-OVER", "DOWN", or "UNKNOWN" without the right password.
std::string StateWord(const Topology& topology);

// "master", "replica", or "?" when it does not answer or does not say.
std::string RoleWord(const NodeView& node);

// The first line says whether the master is writable and where; then the nodes, the sentinels, the problems.
std::string RenderStatus(const Topology& topology, const Paint& paint);

// One master of the below.
nlohmann::ordered_json TopologyJson(const Topology& topology);

// The text of a value; bytes that are no UTF-8 are replaced, never thrown over. `indent` -1: in one line.
std::string Dump(const nlohmann::ordered_json& value, int indent = 2);

// {"masters": [...], "healthy": true}. Unknown numbers are null, unknown addresses too.
std::string RenderStatusJson(const std::vector<Topology>& topologies);

}  // namespace cli
