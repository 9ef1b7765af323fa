// Master or replica: how a node changes its role, and what its replicas and its master are told.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "replication/base/ids.h"
#include "replication/core/node.h"
#include "replication/core/psync.h"

namespace replication {

// REPLICAOF NO ONE, and PSYNC ... FAILOVER: the history forks after what was applied; replicas come back by themselves.
void Promote(NodeState& state, const Now& now);
// REPLICAOF <host> <port>: what we hold is kept until the master says that it does not fit.
void Follow(NodeState& state, const base::Endpoint& master, const Now& now);
// Closes the connections of all replicas.
void DisconnectReplicas(NodeState& state);
// What may be sent to replicas: up to what was applied.
StreamWindow WindowOf(const NodeState& state);
// From here on bytes are kept; offsets begin to move on a master.
void OpenBacklog(NodeState& state);

// Time limits of replicas, PING, backlog-ttl.
std::optional<MonoTime> ReplicasDeadline(const NodeState& state);
void OnReplicasDeadline(NodeState& state, const Now& now);
// Output limits, and the trimming of the stream to what somebody may still need. Once per turn.
void KeepStreamWithinLimits(NodeState& state, const Now& now);

struct NodeCommand;
// REPLICAOF, ROLE, PSYNC, SYNC, REPLCONF.
std::span<const NodeCommand> RoleCommands();

}  // namespace replication
