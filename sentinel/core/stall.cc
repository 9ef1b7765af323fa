#include "sentinel/core/stall.h"

#include <algorithm>

#include "sentinel/core/events.h"
#include "sentinel/core/failover.h"

namespace sentinel {
namespace {

using base::MonoTime;

// Not beyond the present: what was heard after the stall stands.
void Later(MonoTime& at, base::Millis by, const base::Now& now) {
  at = std::min(at + by, std::max(at, now.mono));
}

void Later(Liveness& liveness, base::Millis by, const base::Now& now) {
  if (liveness.down()) return;  // judged already, and only a sign of life changes it
  Later(liveness.proof_at, by, now);
  if (liveness.waiting_since) Later(*liveness.waiting_since, by, now);
  if (liveness.answered_at) Later(*liveness.answered_at, by, now);
}

void Later(DataNode& node, base::Millis by, const base::Now& now) {
  Later(node.liveness, by, now);
  Later(node.role_reported_at, by, now);
  if (node.hello_heard_at) Later(*node.hello_heard_at, by, now);
}

void Later(Replica::Witness& witness, base::Millis by, const base::Now& now) {
  if (witness.mark_at) Later(*witness.mark_at, by, now);
  if (witness.testified_at) Later(*witness.testified_at, by, now);
}

// Less than this between the clocks is the ordinary work of an NTP daemon.
constexpr base::Millis kClockNoise{100};

void Tilt(State& state, base::Millis by, const base::Now& now, Actions& out) {
  if (by <= state.periods.tilt_trigger) return;
  ++state.total_tilt;
  state.tilt_since = now.mono;
  state.timers.Set(TimerKey{InstanceId::kNone, TimerKind::kTilt, 0}, now.mono + state.periods.tilt_period);
  AnnounceEvent(state, nullptr, "+tilt", "#tilt mode entered", 0, out);
}

}  // namespace

void TakeStall(State& state, base::Millis by, const base::Now& now, Actions& out) {
  if (by.count() <= 0) return;
  for (auto& [name, master] : state.masters) {
    Later(master, by, now);
    if (master.reboot_seen_at) Later(*master.reboot_seen_at, by, now);
    if (master.refusal.since) Later(*master.refusal.since, by, now);
    for (auto& [address, replica] : master.replicas) {
      Later(replica, by, now);
      Later(replica.master_changed_at, by, now);
      Later(replica.up_since, by, now);
      Later(replica.witness, by, now);
    }
  }
  for (auto& [id, peer] : state.peers) Later(peer.liveness, by, now);
  // The timers that judge silence find the new moments when they fire.
  RepeatLastLooks(state, now, out);
  Tilt(state, by, now, out);
}

void CompareClocks(State& state, const base::Now& now, Actions& out) {
  const base::Now last = state.last_step.value_or(now);
  state.last_step = now;
  const base::Millis jump = std::chrono::abs((now.wall - last.wall) - (now.mono - last.mono));
  if (jump <= kClockNoise) return;
  RepeatLastLooks(state, now, out);
  Tilt(state, jump, now, out);
}

void TiltOver(State& state, Actions& out) {
  if (!state.tilt_since) return;
  state.tilt_since.reset();
  AnnounceEvent(state, nullptr, "-tilt", "#tilt mode exited", 0, out);
}

}  // namespace sentinel
