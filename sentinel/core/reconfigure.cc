#include "sentinel/core/reconfigure.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/changes.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/foreign.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/members.h"
#include "sentinel/core/names.h"
#include "sentinel/core/restart.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/scripts.h"
#include "sentinel/core/settle.h"
#include "sentinel/core/simulate.h"

namespace sentinel {
namespace {

using base::Millis;

constexpr Millis kFastestPoll{10};
constexpr Millis kSlowestPoll{1000};

void Move(State& state, Master& master, Replica& replica, Reconfiguration to, std::string_view event,
          const base::Now& now, Actions& out) {
  replica.reconfiguration = to;
  replica.reconfiguration_at = now.mono;
  AnnounceEvent(state, &master, event, Describe(state, master, replica), master.failover.change, out);
}

bool IsSyncing(const Replica& replica) {
  return !replica.liveness.down() &&
         (replica.reconfiguration == Reconfiguration::kSent || replica.reconfiguration == Reconfiguration::kInProgress);
}

// What the replica's last INFO says of its progress.
void NoteProgress(State& state, Master& master, Replica& replica, const Replica& promoted, const base::Now& now,
                  Actions& out) {
  const bool follows =
      IsAt(replica.info.master, promoted.address, promoted.hostname) && replica.role_reported == Role::kReplica;
  if (replica.reconfiguration == Reconfiguration::kSent && follows) {
    Move(state, master, replica, Reconfiguration::kInProgress, "+slave-reconf-inprog", now, out);
  }
  if (replica.reconfiguration == Reconfiguration::kInProgress && follows && replica.info.master_link_up) {
    Move(state, master, replica, Reconfiguration::kDone, "+slave-reconf-done", now, out);
  }
  if (replica.reconfiguration == Reconfiguration::kSent &&
      now.mono - *replica.reconfiguration_at >= state.periods.replica_reconf_timeout) {
    Move(state, master, replica, Reconfiguration::kDone, "-slave-reconf-sent-timeout", now, out);
  }
}

void SendReconfiguration(State& state, Master& master, Replica& replica, const Replica& promoted,
                         std::string_view event, const base::Now& now, Actions& out) {
  const base::Endpoint to = ShownEndpoint(state, promoted);
  SendSlaveOf(master, replica, &to, master.failover.change, now, out);
  Move(state, master, replica, Reconfiguration::kSent, event, now, out);
  state.timers.Set(TimerKey{replica.id, TimerKind::kReconfigure, 0}, now.mono + kFastestPoll);
}

void End(State& state, Master& master, Actions& out) {
  for (auto& [address, replica] : master.replicas) {
    state.timers.Cancel(TimerKey{replica.id, TimerKind::kReconfigure, 0});
  }
  state.timers.Cancel(TimerKey{master.id, TimerKind::kFailoverTimeout, 0});
  AnnounceEvent(state, &master, "+failover-end", Describe(state, master), master.failover.change, out);
  master.failover.stage = Stage::kUpdateConfig;
  state.finished.insert(master.name);
}

}  // namespace

void CompletePromotion(State& state, Master& master, Replica& promoted, const base::Now& now, Actions& out) {
  Failover& failover = master.failover;
  if (NewerEpochKnown(master)) {
    AbortFailover(state, master, "-failover-abort-not-elected", now, out);
    return;
  }
  for (const TimerKind kind :
       {TimerKind::kPromotion, TimerKind::kLeading, TimerKind::kAsk, TimerKind::kStand, TimerKind::kHandover}) {
    state.timers.Cancel(TimerKey{master.id, kind, 0});
  }
  master.config_epoch = failover.epoch;
  failover.change = MarkChanged(state, out);
  failover.stage = Stage::kReconfigure;
  failover.stage_at = now.mono;
  NotePromoted(state, master, promoted, now);
  AnnounceEvent(state, &master, "+promoted-slave", Describe(state, master, promoted), failover.change, out);
  if (CrashAfterPromotion(state, out)) return;
  AnnounceEvent(state, &master, "+failover-state-reconf-slaves", Describe(state, master), failover.change, out);
  // Earlier than stock's leader, which says so only when the last replica follows: the address is agreed now.
  AnnounceSwitch(state, master, SwitchRole::kLeader, master.address, promoted.address, failover.change, out);
  // Before anything else reaches its link: a master that still lives, or that is frozen and will read this when it
  // wakes, stops being one.
  // One that came back without its data is first looked at like every master that returns.
  if (failover.forced || !CameBackEmpty(master)) RetireMaster(state, master, promoted, now, out);
  failover.handover = Handover{};
  HelloAtOnce(state, master, now, out);
  for (auto& [address, replica] : master.replicas) replica.reconfiguration = Reconfiguration::kNone;
  state.timers.Set(TimerKey{master.id, TimerKind::kFailoverTimeout, 0}, now.mono + master.failover_timeout);
  AdvanceReconfiguration(state, master, now, out);
}

void AdvanceReconfiguration(State& state, Master& master, const base::Now& now, Actions& out) {
  const Replica* promoted = ReplicaOf(state, master.failover.promoted);
  // A new master that is down is watched, and failed over, as a master.
  if (promoted == nullptr || promoted->liveness.down()) {
    End(state, master, out);
    return;
  }
  int syncing = 0;
  for (auto& [address, replica] : master.replicas) {
    if (replica.id == promoted->id) continue;
    NoteProgress(state, master, replica, *promoted, now, out);
    syncing += IsSyncing(replica);
  }
  bool all_done = true;
  for (auto& [address, replica] : master.replicas) {
    if (replica.id == promoted->id || replica.liveness.down() || !replica.foreign.why.empty()) continue;
    if (replica.reconfiguration == Reconfiguration::kNone && MayBeOrdered(replica) && syncing < master.parallel_syncs) {
      SendReconfiguration(state, master, replica, *promoted, "+slave-reconf-sent", now, out);
      ++syncing;
    }
    all_done &= replica.reconfiguration == Reconfiguration::kDone;
  }
  if (all_done) End(state, master, out);
}

void ReconfigurationPoll(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  if (master.failover.stage != Stage::kReconfigure || !IsSyncing(replica)) return;
  AskInfo(state, WatchedOf(master, replica), now, out);
  // The longer it takes, the less often it is asked.
  const Millis pace = std::clamp(now.mono - *replica.reconfiguration_at, kFastestPoll, kSlowestPoll);
  state.timers.Set(TimerKey{replica.id, TimerKind::kReconfigure, 0}, now.mono + pace);
  AdvanceReconfiguration(state, master, now, out);
}

void ReconfigurationOver(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.failover.stage != Stage::kReconfigure) return;
  AnnounceEvent(state, &master, "+failover-end-for-timeout", Describe(state, master), master.failover.change, out);
  if (const Replica* promoted = ReplicaOf(state, master.failover.promoted)) {
    for (auto& [address, replica] : master.replicas) {
      const bool told = replica.reconfiguration != Reconfiguration::kNone;
      if (replica.id == promoted->id || told || !MayBeOrdered(replica)) continue;
      SendReconfiguration(state, master, replica, *promoted, "+slave-reconf-sent-be", now, out);
    }
  }
  End(state, master, out);
}

void FinishFailover(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.failover.stage != Stage::kUpdateConfig) return;
  // The address has been durable since the promotion was published; what changes now is the list of replicas.
  const CurrentAddress address = AddressOf(state, master);
  MarkChanged(state, out);
  SwitchAddress(state, master, address.endpoint, state.my_id, address.change, now, out);
}

}  // namespace sentinel
