// The data set on disk: SAVE, BGSAVE, save points, and SHUTDOWN which may save first.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "replication/base/result.h"
#include "replication/core/node.h"

namespace replication {

struct Saving {
  SnapshotId running = 0;          // 0: none
  std::vector<ClientId> waiting;   // SAVE: answered when it is done
  bool scheduled = false;          // another save is to follow
  bool last_ok = true;             // rdb_last_bgsave_status
  base::WallTime last_saved_at{};  // LASTSAVE
  MonoTime last_saved_mono{};
  std::optional<MonoTime> not_before;  // after a failure: when a save point may be tried again
  std::int64_t last_took_sec = -1;     // rdb_last_bgsave_time_sec
  std::uint64_t saves = 0;             // since the start
};

struct Shutdown {
  enum class Stage { kNo, kWaitReplicas, kSaving, kStopping };
  Stage stage = Stage::kNo;
  bool save = false;
  bool nosave = false;
  bool now = false;
  bool force = false;
  std::optional<base::Millis> again;  // DEBUG RESTART: the process begins anew, after so long
  std::optional<MonoTime> until;  // for the replicas
  Offset offset = 0;              // what they should have
  SnapshotId saving = 0;          // the save that is of the moment of the decision
  std::vector<ClientId> asked_by;
};

// The text of the error when it cannot begin; empty when it has begun.
std::string BeginSave(NodeState& state, const Now& now);
void OnSaved(NodeState& state, SnapshotId id, const base::Result<void>& result, const Now& now);
std::optional<MonoTime> SavingDeadline(const NodeState& state);
// Begins a save when a save point is reached or one is scheduled.
void CheckSavePoints(NodeState& state, const Now& now);

void BeginShutdown(NodeState& state, const Shutdown& how, const Now& now);
// Goes on when the replicas have everything, or the time is over.
void CheckShutdown(NodeState& state, const Now& now);

struct NodeCommand;
// SAVE, BGSAVE, LASTSAVE, SHUTDOWN.
std::span<const NodeCommand> SavingCommands();

}  // namespace replication
