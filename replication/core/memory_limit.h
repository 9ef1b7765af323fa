// maxmemory: what is counted, what is evicted when it is too much, and when writes are refused.
#pragma once

#include <cstdint>

#include "replication/core/state.h"

namespace replication {

// The bytes that maxmemory judges: the data set by its own counters, and what clients take, replicas excepted. Neither
// the replication stream nor anything that is only being freed counts. O(databases), and O(clients) ten times a second
// at most.
std::uint64_t JudgedMemory(NodeState& state, const Now& now);
// The same without counting clients anew.
std::uint64_t JudgedMemoryNow(const NodeState& state);

// Evicts keys until memory is within its limit, or the share of one round is done (maxmemory-eviction-tenacity): then
// EvictionIsDue() and the next call goes on. Sets MemoryWatch::is_short: nothing more can be evicted, and there is too
// much. Costs nothing without a limit. To be called before each command, never within one.
// Source: "Key eviction" of the Redis documentation.
void KeepMemoryWithinLimit(NodeState& state, const Now& now);
// Closes clients, the one that takes most first, until all together are within maxmemory-clients. Replicas and our master
// are neither counted nor closed; those with CLIENT NO-EVICT ON are counted and spared. O(clients), but not more often than every
// kJudgeClientsEvery; ClientsDeadline() is when to call again. Costs nothing without a limit.
// Source: "Client Eviction" of the Redis documentation.
inline constexpr base::Millis kJudgeClientsEvery{10};
void KeepClientsWithinLimit(NodeState& state, const Now& now);
std::optional<MonoTime> ClientsDeadline(const NodeState& state);

bool EvictionIsDue(const NodeState& state);

}  // namespace replication
