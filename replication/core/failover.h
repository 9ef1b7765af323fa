// FAILOVER: a master hands its role to one of its replicas, and no write is lost or done twice.
//
// Writes are held; when the replica has acknowledged everything, we become its replica and our PSYNC asks it to take
// over. Its answer ends it. If it refuses, or somebody says ABORT, we are the master again.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "replication/core/node.h"

namespace replication {

struct Failover {
  enum class Stage { kNo, kWaitForSync, kInProgress };
  Stage stage = Stage::kNo;
  base::Endpoint target;  // empty: whichever replica is the first to have everything
  bool force = false;     // when the time is over, go on with a target that lacks something
  std::optional<MonoTime> until;
  Offset offset = 0;  // what the new master must have
  // It was asked to take over, on a link that has broken since: if it is a master now, it has.
  bool asked = false;
};

// INFO's word: no-failover, waiting-for-sync, failover-in-progress.
std::string_view FailoverName(const Failover& failover);

// After each ACK and at the deadline: goes on, or gives up.
void CheckFailover(NodeState& state, const Now& now);
// The target has answered our PSYNC: `accepted`, or not.
void EndFailover(NodeState& state, bool accepted, const Now& now);

struct NodeCommand;
// FAILOVER.
std::span<const NodeCommand> FailoverCommands();

}  // namespace replication
