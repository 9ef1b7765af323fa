// Bugs on purpose of data nodes: whether the checkers of replication and journal bite. They sit around the core, where
// it meets its peers, its disk and its worker; the core itself is always the one of production.
#pragma once

#include <array>
#include <string_view>

namespace sim {

enum class NodeMutation {
  kNone,
  kAckTooMuch,         // a replica acknowledges bytes that it has not got yet
  kPartialTooFar,      // a partial resync begins behind the byte that was asked for
  kHistoryUnchecked,   // PSYNC is granted whatever history it names
  kNameKept,           // a promoted replica goes on under its master's replication id
  kNameKeptAtRestart,  // a restarted master goes on under its own
  kSnapshotTorn,       // a piece of a snapshot is left out
  kStreamTorn,         // now and then some bytes of the stream do not reach a replica
  kRepliesFirst,       // acknowledged before it is in the journal
  kSyncSkipped,        // fsync is not called
  kIndexLate,          // the journal's index is written behind its bytes
  kFailureUnheard,     // a disk that refuses goes unnoticed
};

struct NodeMutationRow {
  NodeMutation mutation;
  std::string_view name;
};

inline constexpr std::array kNodeMutations = {
    NodeMutationRow{NodeMutation::kAckTooMuch, "bytes are acknowledged before they arrive"},
    NodeMutationRow{NodeMutation::kPartialTooFar, "a partial resync begins too late in the stream"},
    NodeMutationRow{NodeMutation::kHistoryUnchecked, "a partial resync across histories is granted"},
    NodeMutationRow{NodeMutation::kNameKept, "a promoted replica keeps its master's name"},
    NodeMutationRow{NodeMutation::kNameKeptAtRestart, "a restarted master keeps its name"},
    NodeMutationRow{NodeMutation::kSnapshotTorn, "a piece of a snapshot is left out"},
    NodeMutationRow{NodeMutation::kStreamTorn, "some bytes of the stream are lost"},
    NodeMutationRow{NodeMutation::kRepliesFirst, "a reply leaves before the journal has the write"},
    NodeMutationRow{NodeMutation::kSyncSkipped, "fsync is skipped"},
    NodeMutationRow{NodeMutation::kIndexLate, "the journal's index is written last"},
    NodeMutationRow{NodeMutation::kFailureUnheard, "a disk that refuses goes unnoticed"},
};

}  // namespace sim
