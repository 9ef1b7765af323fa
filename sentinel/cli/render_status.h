// A topology as text for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "sentinel/cli/terminal.h"
#include "sentinel/cli/topology.h"

namespace cli {

// One word for the state: "OK", "DEGRADED", "FAILING-OVER", "DOWN", or "UNKNOWN" without the right password.
std::string StateWord(const Topology& topology);

// The first line says whether the master is writable and where; then the nodes, the sentinels, the problems.
std::string RenderStatus(const Topology& topology, const Paint& paint);

// {"masters": [...], "healthy": true}. Unknown numbers are null, unknown addresses too.
std::string RenderStatusJson(const std::vector<Topology>& topologies);

}  // namespace cli
