#include "sentinel/core/mending.h"

#include <algorithm>

#include "sentinel/core/changes.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/links.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/steps.h"

namespace sentinel {
namespace {

using base::Millis;
using base::MonoTime;

constexpr Millis kFailoverHangs{2000};
// A live leader leaves a master in its dead end for half a second at most.
constexpr Millis kDeadEndHangs{1000};
constexpr Millis kLookAgain{500};

bool IsDeadEnd(const base::Endpoint& address) {
  return address.host == kDeadEndHost && address.port == kDeadEndPort;
}

// The replica has grown out of the master's history, or both are of the replica's already.
bool GrewOutOf(const InfoReport& replica, const InfoReport& master) {
  if (replica.replid.empty()) return false;
  return replica.replid2 == master.replid || replica.replid == master.replid;
}

struct Finding {
  Mend mend = Mend::kNone;
  Millis lasts{0};        // it has to have been so for this long
  base::Endpoint master;  // kPublish: whose address is to be told
};

// The replica that took over from this master, if one did; as far as they have told.
const Replica* Successor(const Master& master) {
  for (const auto& [address, replica] : master.replicas) {
    const bool is_master = replica.role_reported == Role::kMaster && !replica.liveness.down() && replica.info_at;
    if (is_master && GrewOutOf(replica.info, master.info)) return &replica;
  }
  return nullptr;
}

Finding Look(const Master& master) {
  const InfoReport& info = master.info;
  if (!info.failover_state.empty() && info.failover_state != "no-failover") return {Mend::kAbort, kFailoverHangs, {}};
  if (IsDeadEnd(info.master)) {
    const Replica* successor = Successor(master);
    if (successor != nullptr) return {Mend::kPublish, kDeadEndHangs, successor->address};
    return {Mend::kRestore, kDeadEndHangs, {}};
  }
  const auto followed = master.replicas.find(info.master);
  if (followed == master.replicas.end()) return {};  // an operator's doing, perhaps: stock's rule for wrong roles
  const Replica& replica = followed->second;
  if (replica.liveness.down()) {
    // It was promoted, and died before anybody was told. What the master has is the best there is.
    return info.master_link_up ? Finding{} : Finding{Mend::kRestore, kDeadEndHangs, {}};
  }
  if (replica.role_reported == Role::kMaster && GrewOutOf(replica.info, info)) {
    return {Mend::kPublish, Millis(0), followed->first};
  }
  return {};
}

}  // namespace

void JudgeMending(State& state, Master& master, const base::Now& now, Actions& out) {
  const bool wrong = master.role_reported == Role::kReplica && master.info_at && !master.liveness.down();
  if (!wrong || master.failover.active()) {
    if (!wrong) master.mend = Mend::kNone;
    return;
  }
  // It is looked at again while it lasts, whatever it turns out to be: the replica may not have said yet what it is.
  state.timers.SetNoLater(TimerKey{master.id, TimerKind::kMending, 0}, now.mono + kLookAgain);
  const Finding finding = Look(master);
  const bool lasts = now.mono - master.role_reported_at >= finding.lasts;
  const Mend before = std::exchange(master.mend, lasts ? finding.mend : Mend::kNone);
  if (master.mend == Mend::kNone) {
    const auto followed = master.replicas.find(master.info.master);
    if (followed != master.replicas.end()) AskInfo(state, WatchedOf(master, followed->second), now, out);
  } else if (before != master.mend) {
    ScheduleStand(state, master, now, out);
  }
}

void WatchLeader(State& state, Master& master, const base::Now& now) {
  if (!master.field) return;
  state.timers.Set(TimerKey{master.id, TimerKind::kMending, 0}, std::max(master.field->until, now.mono));
}

void MendingDue(State& state, Master& master, const base::Now& now, Actions& out) {
  if (FieldIsTaken(master, now)) return WatchLeader(state, master, now);
  AskInfo(state, WatchedOf(master), now, out);
  // What a leader that is gone may have promoted is not to be found out by the next ordinary INFO.
  for (auto& [address, replica] : master.replicas) AskInfo(state, WatchedOf(master, replica), now, out);
  if (master.role_reported == Role::kReplica) {
    state.timers.SetNoLater(TimerKey{master.id, TimerKind::kMending, 0}, now.mono + kLookAgain);
  }
}

void PrepareMending(Master& master) {
  if (master.objective_down_since || master.failover.forced) return;
  master.failover.mend = master.mend;
  if (master.mend != Mend::kPublish) return;
  // What was found may be no more: then whatever is best is promoted, as always.
  const Finding finding = Look(master);
  if (finding.mend == Mend::kPublish) master.failover.target = finding.master;
}

bool MendsInPlace(const Failover& failover) {
  return failover.mend == Mend::kRestore || failover.mend == Mend::kAbort;
}

void BeginMending(State& state, Master& master, const base::Now& now, Actions& out) {
  master.failover.stage = Stage::kSelectReplica;
  master.failover.stage_at = now.mono;
  state.timers.Set(TimerKey{master.id, TimerKind::kFailoverTimeout, 0}, now.mono + master.failover_timeout);
  AdvanceFailover(state, master, now, out);
}

void FinishMending(State& state, Master& master, const base::Now& now, Actions& out) {
  Failover& failover = master.failover;
  // Under our epoch the present address is worth more than what the dead leader may have written down.
  const Mend mend = failover.mend;
  master.config_epoch = failover.epoch;
  const ChangeNumber change = MarkChanged(state, out);
  master.address_change = change;
  if (master.command.up()) {
    if (mend == Mend::kAbort) {
      SendOne(master.command, Command{Request::kIgnored, master.name, 0, {Verb(master, "FAILOVER"), "ABORT"}}, change,
              out);
      master.info_asked_at.reset();
      AskInfo(state, WatchedOf(master), now, out);
    } else {
      SendSlaveOf(master, master, nullptr, change, now, out);
    }
  }
  AnnounceEvent(state, &master, "+master-restored", Describe(state, master), change, out);
  for (const TimerKind kind : {TimerKind::kLastLook, TimerKind::kFailoverTimeout}) {
    state.timers.Cancel(TimerKey{master.id, kind, 0});
  }
  state.waiting_for_save.erase(master.name);
  failover = Failover{};
  master.mend = Mend::kNone;
  master.role_reported_at = now.mono;  // it has as long once more before this is tried again
  RetryLater(state, master, now);
  state.timers.Set(TimerKey{master.id, TimerKind::kMending, 0}, now.mono + kLookAgain);
  HelloAtOnce(state, master, now, out);
}

}  // namespace sentinel
