// What must hold in every state of a node, whatever happened. For tests and the simulator.
#pragma once

#include <string>
#include <vector>

namespace replication {

struct NodeState;

// One line for each rule that is broken; empty is well. O(clients + replicas).
std::vector<std::string> BrokenInvariants(const NodeState& state);

}  // namespace replication
