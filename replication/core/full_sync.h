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

// Somebody who asked to go on at a byte that we, a replica ourselves, had not received yet: we soon may have.
struct AheadOfUs {
  base::ReplicationId replid;
  base::Offset offset = 0;
  MonoTime since{};
};

struct Snapshots {
  std::map<SnapshotId, SnapshotJob> running;
  SnapshotId last_id = 0;
  std::int64_t last_full_sync_ms = -1;
  std::map<std::string, AheadOfUs> ahead;  // by address and port of who asked
};

// A client becomes a replica that waits for a full sync.
void WaitForFullSync(NodeState& state, Replica& replica, const Now& now);
// Begins the snapshot of those who wait, if its time has come and one may run.
void BeginFullSyncs(NodeState& state, const Now& now);
std::optional<MonoTime> FullSyncDeadline(const NodeState& state);

// Begins a snapshot of this moment. Null when too many run. `file` and `spill` as in BeginSnapshot.
SnapshotJob* StartSnapshot(NodeState& state, std::string file, const Now& now, bool spill = false);
// Ends it without result; its replicas are disconnected.
void AbortSnapshot(NodeState& state, SnapshotId id, std::string_view reason);
bool SnapshotsWait(const NodeState& state);
void WalkSnapshots(NodeState& state, std::size_t budget, std::vector<SnapshotBatch>& out, const Now& now);
// The last byte of a payload that goes through a file was written: it has `bytes` of them; or the file failed.
void OnPayloadSpilled(NodeState& state, SnapshotId id, const base::Result<std::uint64_t>& bytes, const Now& now);
void OnPayloadChunk(NodeState& state, SnapshotId id, std::string_view bytes, bool last, const Now& now);
// Its payload is sent completely.
void PutOnline(NodeState& state, Replica& replica, const Now& now);
// The replica is gone: a payload that nobody else wants is given up.
void LeaveFullSync(NodeState& state, Replica& replica);
// Payload bytes that may be sent to it now: [payload_cursor, this).
Offset PayloadLimit(const Replica& replica);
// Memory of all payloads on their way.
std::uint64_t PayloadMemory(const NodeState& state);
// Once per turn: values kept for snapshots are bounded. Beyond a little, payloads whose sockets are slow go through a
// file, so that the walk gets on; beyond a lot, the snapshot is given up.
void KeepSnapshotsWithinLimits(NodeState& state, const Now& now);
// Forgets payload bytes that all have been sent.
void TrimPayload(NodeState& state, FullSync& sync);

}  // namespace replication
