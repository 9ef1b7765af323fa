// Full syncs as the one who gives them: who waits, one snapshot for those who wait together, their payload.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/base/time.h"
#include "replication/core/node.h"
#include "replication/core/replica_table.h"
#include "replication/data/snapshot.h"

namespace replication {

// A running snapshot, for a file or for replicas.
struct SnapshotJob {
  SnapshotId id = 0;
  std::unique_ptr<data::Snapshot> source;
  bool walked = false;  // its last batch was given out
  int in_flight = 0;    // batches at the worker
  MonoTime began_at{};
  std::shared_ptr<FullSync> sync;    // null: for the file
  std::uint64_t dirty_at_begin = 0;  // for the file
};

struct Snapshots {
  std::map<SnapshotId, SnapshotJob> running;
  SnapshotId last_id = 0;
  std::int64_t last_full_sync_ms = -1;
};

// A client becomes a replica that waits for a full sync.
void WaitForFullSync(NodeState& state, Replica& replica, const Now& now);
// Begins the snapshot of those who wait, if its time has come and one may run.
void BeginFullSyncs(NodeState& state, const Now& now);
std::optional<MonoTime> FullSyncDeadline(const NodeState& state);

// Begins a snapshot of this moment. Null when too many run. `file` as in BeginSnapshot.
SnapshotJob* StartSnapshot(NodeState& state, std::string file, const Now& now);
// Ends it without result; its replicas are disconnected.
void AbortSnapshot(NodeState& state, SnapshotId id, std::string_view reason);
bool SnapshotsWait(const NodeState& state);
void WalkSnapshots(NodeState& state, std::size_t budget, std::vector<SnapshotBatch>& out, const Now& now);
void OnPayloadChunk(NodeState& state, SnapshotId id, std::string_view bytes, bool last, const Now& now);
// Its payload is sent completely.
void PutOnline(NodeState& state, Replica& replica, const Now& now);
// The replica is gone: a payload that nobody else wants is given up.
void LeaveFullSync(NodeState& state, Replica& replica);
// Payload bytes that may be sent to it now: [payload_cursor, this).
Offset PayloadLimit(const Replica& replica);
// Forgets payload bytes that all have been sent.
void TrimPayload(NodeState& state, FullSync& sync);

}  // namespace replication
