// What a full sync takes from a node that has written under a name of its own: said before it is gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "replication/core/history.h"

namespace replication {

struct NodeState;
struct OtherHistory;

// The bytes [first, last] of `replid`, which the master that is to replace them never had.
struct Loss {
  ReplicationId replid;
  Offset first = 0;
  Offset last = 0;
  std::optional<std::uint64_t> writes;  // commands among them that change data; empty: not all are held any more
};

// Empty: nothing that a client wrote is lost. `theirs` is what the master said of its history; without it everything
// that we have named ourselves counts as ours alone. O(bytes of the loss), at most 16 MiB.
std::optional<Loss> WhatOnlyWeHold(const NodeState& state, const std::optional<OtherHistory>& theirs);

// For the log: how many writes and bytes, which offsets of which history.
std::string DescribeLoss(const Loss& loss);

}  // namespace replication
