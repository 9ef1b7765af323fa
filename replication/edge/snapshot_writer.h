// Snapshots into RDB bytes, on threads of their own: for replicas the bytes come back, for the disk they become a
// file.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "replication/base/result.h"
#include "replication/core/node.h"
#include "replication/host/way_back.h"

namespace replication::edge {

class SnapshotWriter {
 public:
  // All on the loop thread.
  struct Callbacks {
    // One batch is used up: the next may follow.
    std::function<void(SnapshotId)> batch_done;
    // Of a snapshot without file: encoded bytes, in order.
    std::function<void(SnapshotId, std::string bytes, bool last)> chunk;
    // All of one that goes through a temporary file is in it, so many bytes; or it cannot be.
    std::function<void(SnapshotId, base::Result<std::uint64_t>)> spilled;
    // Of one with a file: it is durable, or the old file is still there and this is why.
    std::function<void(SnapshotId, base::Result<void>)> saved;
  };

  SnapshotWriter(std::shared_ptr<host::WayBack> way_back, Callbacks callbacks);
  // Gives up what is running and waits for the threads.
  ~SnapshotWriter();
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  void Begin(BeginSnapshot what);
  // Batches of unknown snapshots are dropped: they have failed or were given up.
  void Add(SnapshotBatch batch);
  // From here on its bytes go through a temporary file in that folder, and come back when they are asked for.
  void Spill(SnapshotId id, std::string folder);
  // Gives the next bytes of that file back. Waits for them.
  void Read(SnapshotId id);
  // No callback comes for it any more.
  void Cancel(SnapshotId id);

 private:
  struct Job;

  void Forget(SnapshotId id);

  const std::shared_ptr<host::WayBack> way_back_;
  const Callbacks callbacks_;
  std::map<SnapshotId, std::unique_ptr<Job>> jobs_;
};

}  // namespace replication::edge
