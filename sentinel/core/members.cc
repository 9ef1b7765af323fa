#include "sentinel/core/members.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sentinel/core/candidates.h"
#include "sentinel/core/changes.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/fast_fail.h"
#include "sentinel/core/foreign.h"
#include "sentinel/core/forget.h"
#include "sentinel/core/health.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/links.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/restart.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/steps.h"
#include "sentinel/core/testimony.h"
#include "sentinel/core/watched.h"

namespace sentinel {
namespace {

using base::Millis;

InstanceId NewInstance(State& state, InstanceRef ref) {
  const InstanceId id{++state.last_instance};
  state.instances[id] = std::move(ref);
  return id;
}

InstanceRef RefOf(Master& master) {
  return InstanceRef{InstanceRef::Kind::kMaster, &master, nullptr, nullptr};
}

InstanceRef RefOf(Master& master, Replica& replica) {
  return InstanceRef{InstanceRef::Kind::kReplica, &master, &replica, nullptr};
}

// Everything that is done again and again for one instance.
void SetTimers(State& state, const Watched& watched, const base::Now& now, Actions& out) {
  const Millis period = PingPeriod(watched);
  state.timers.Set(TimerKey{watched.id, TimerKind::kPing, 0}, now.mono + state.random.Between(Millis(1), period));
  if (watched.node != nullptr) {
    state.timers.Set(TimerKey{watched.id, TimerKind::kInfo, 0}, now.mono + std::min(Millis(1000), state.periods.info));
  }
  ReviewDown(state, watched, now, out);
}

void SetMasterTimers(State& state, const Master& master, const base::Now& now) {
  state.timers.Set(TimerKey{master.id, TimerKind::kHello, 0},
                   now.mono + state.random.Between(Millis(1), state.periods.publish));
}

void Unwatch(State& state, const Watched& watched, Actions& out) {
  CloseLinks(state, watched, out);
  state.timers.CancelAll(watched.id);
  state.instances.erase(watched.id);
}

void ComputeDownAfter(State& state, Peer& peer) {
  std::optional<Millis> shortest;
  for (const auto& [name, master] : state.masters) {
    if (!master.sentinels.contains(peer.run_id)) continue;
    shortest = std::min(shortest.value_or(master.down_after), master.down_after);
  }
  peer.down_after = shortest.value_or(state.periods.default_down_after);
}

void ForgetUnlessShared(State& state, const base::RunId& id, Actions& out) {
  for (const auto& [name, master] : state.masters) {
    if (master.sentinels.contains(id)) return;
  }
  Peer* peer = FindPeer(state, id);
  if (peer == nullptr) return;
  Unwatch(state, WatchedOf(*peer), out);
  state.peers.erase(id);
}

void WatchReplica(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  replica.id = NewInstance(state, RefOf(master, replica));
  replica.liveness.proof_at = now.mono;
  replica.up_since = now.mono;
  replica.role_reported = Role::kReplica;
  replica.role_reported_at = now.mono;
  replica.master_changed_at = now.mono;
  const Watched watched = WatchedOf(master, replica);
  SetTimers(state, watched, now, out);
  OpenLinks(state, watched, now, out);
}

void WatchPeer(State& state, Peer& peer, const base::Now& now, Actions& out) {
  ComputeDownAfter(state, peer);
  if (peer.id != InstanceId::kNone) return;
  peer.id = NewInstance(state, InstanceRef{InstanceRef::Kind::kPeer, nullptr, nullptr, &peer});
  peer.liveness.proof_at = now.mono;
  const Watched watched = WatchedOf(peer);
  SetTimers(state, watched, now, out);
  OpenLinks(state, watched, now, out);
}

// The failover and everything that was believed of the present address.
void ForgetJudgement(State& state, Master& master, Actions& out) {
  // What is still to be said to a former master is said; a hand-over that others have overtaken is dropped.
  if (!master.settling) CloseSteps(state, master, out);
  StopReads(state, master);
  ForgetTestimony(state, master, out);
  ForgetRefusals(master);
  for (const TimerKind kind : {TimerKind::kAsk, TimerKind::kOpinionExpiry, TimerKind::kStand, TimerKind::kElection,
                               TimerKind::kSelect, TimerKind::kLastLook, TimerKind::kPromotion, TimerKind::kLeading,
                               TimerKind::kReconfigure, TimerKind::kFailoverTimeout, TimerKind::kHandover,
                               TimerKind::kMending, TimerKind::kConflict, TimerKind::kRestart}) {
    state.timers.Cancel(TimerKey{master.id, kind, 0});
  }
  state.waiting_for_save.erase(master.name);
  master.failover = Failover{};
  master.field.reset();
  EndPreVote(state, master);
  master.survey = Survey{};
  master.restart.reset();
  master.led_replica = {};
  master.mend = Mend::kNone;
  master.objective_down_since.reset();
  master.down_cause = DownCause::kNone;
  master.reboot_seen_at.reset();
  master.retry_delay = Millis(0);
  for (auto& [id, opinion] : master.sentinels) {
    opinion.down = false;
    opinion.at.reset();
    opinion.asking = 0;
    opinion.conflict = {};
  }
}

// The nodes keep their connections and what is known of them: only what they are to us changes.
void SwapNodes(State& state, Master& master, const base::Endpoint& to, bool was_new, const base::Now& now) {
  Replica former;
  static_cast<DataNode&>(former) = std::move(static_cast<DataNode&>(master));
  state.timers.CancelAll(former.id);
  const auto promoted = master.replicas.find(to);
  if (promoted != master.replicas.end()) {
    static_cast<DataNode&>(master) = std::move(static_cast<DataNode&>(promoted->second));
    state.timers.CancelAll(master.id);
    master.replicas.erase(promoted);
    state.instances[master.id] = RefOf(master);
  } else {
    static_cast<DataNode&>(master) = DataNode{};
    master.address = to;
    master.id = NewInstance(state, RefOf(master));
    master.liveness.proof_at = now.mono;
  }
  former.former = FormerMaster{master.config_epoch, former.info.run_id, former.liveness.down(), was_new, false};
  if (!was_new) former.former->history = former.info.replid;
  former.up_since = now.mono;
  // Down for another cause than silence (a port that refuses): as a replica it stays so, too, until it answers.
  if (former.liveness.down()) {
    former.liveness.proof_at = std::min(former.liveness.proof_at, now.mono - master.down_after);
  }
  const base::Endpoint former_address = former.address;
  Replica& entered = master.replicas.insert_or_assign(former_address, std::move(former)).first->second;
  state.instances[entered.id] = RefOf(master, entered);
}

}  // namespace

void WatchMaster(State& state, Master& master, const base::Now& now, Actions& out) {
  master.id = NewInstance(state, RefOf(master));
  master.liveness.proof_at = now.mono;
  master.role_reported = Role::kMaster;
  master.role_reported_at = now.mono;
  SetMasterTimers(state, master, now);
  SetTimers(state, WatchedOf(master), now, out);
  OpenLinks(state, WatchedOf(master), now, out);
  for (auto& [address, replica] : master.replicas) {
    replica.address = address;
    WatchReplica(state, master, replica, now, out);
  }
  for (auto& [id, opinion] : master.sentinels) {
    if (Peer* peer = FindPeer(state, id)) WatchPeer(state, *peer, now, out);
  }
  CountSilentVoters(state, master);
  if (master.pause.until) state.timers.Set(TimerKey{master.id, TimerKind::kPause, 0}, *master.pause.until);
}

base::Result<Master*> AddMaster(State& state, const NewMaster& wanted, const base::Now& now, Actions& out) {
  if (wanted.quorum < 1) return base::Fail(base::ErrorCode::kInvalid, "ERR Quorum must be 1 or greater.");
  if (wanted.address.port == 0) return base::Fail(base::ErrorCode::kInvalid, "ERR Invalid port number.");
  if (state.masters.contains(wanted.name)) {
    return base::Fail(base::ErrorCode::kInvalid, "ERR Duplicate master name.");
  }
  Master& master = state.masters[wanted.name];
  master.name = wanted.name;
  master.address = wanted.address;
  master.hostname = wanted.hostname;
  master.quorum = wanted.quorum;
  master.down_after = state.periods.default_down_after;
  master.failover_timeout = state.periods.default_failover_timeout;
  // One of this name may have been watched before, and voted about.
  master.vote_floor = state.current_epoch;
  master.address_change = MarkChanged(state, out);
  WatchMaster(state, master, now, out);
  AnnounceEvent(state, &master, "+monitor", fmt::format("{} quorum {}", Describe(state, master), master.quorum),
                master.address_change, out);
  return &master;
}

void RemoveMaster(State& state, Master& master, Actions& out) {
  const ChangeNumber change = MarkChanged(state, out);
  AnnounceEvent(state, &master, "-monitor", Describe(state, master), change, out);
  master.settling.reset();
  ForgetJudgement(state, master, out);
  for (auto& [address, replica] : master.replicas) Unwatch(state, WatchedOf(master, replica), out);
  Unwatch(state, WatchedOf(master), out);
  std::vector<base::RunId> peers;
  for (const auto& [id, opinion] : master.sentinels) peers.push_back(id);
  state.masters.erase(master.name);
  for (const base::RunId& id : peers) {
    ForgetUnlessShared(state, id, out);
    if (Peer* peer = FindPeer(state, id)) ComputeDownAfter(state, *peer);
  }
}

void ResetMaster(State& state, Master& master, const base::Now& now, Actions& out) {
  master.settling.reset();
  ForgetJudgement(state, master, out);
  for (auto& [address, replica] : master.replicas) Unwatch(state, WatchedOf(master, replica), out);
  master.replicas.clear();
  std::vector<base::RunId> peers;
  for (const auto& [id, opinion] : master.sentinels) peers.push_back(id);
  master.sentinels.clear();
  master.forgotten.clear();
  master.forget_later.reset();
  master.silent_voters = 0;
  master.replica_limit_told = master.sentinel_limit_told = false;
  for (const base::RunId& id : peers) ForgetUnlessShared(state, id, out);

  CloseLinks(state, WatchedOf(master), out);
  master.liveness = Liveness{};
  master.liveness.proof_at = now.mono;
  master.info = InfoReport{};
  master.info_text.clear();
  master.info_at.reset();
  master.info_asked_at.reset();
  master.role_reported = Role::kMaster;
  master.role_reported_at = now.mono;
  master.stray = {};
  master.stand_after = base::MonoTime{};
  SetTimers(state, WatchedOf(master), now, out);
  OpenLinks(state, WatchedOf(master), now, out);
  AnnounceEvent(state, &master, "+reset-master", Describe(state, master), 0, out);
}

Replica* AddReplica(State& state, Master& master, const base::Endpoint& address, const base::Now& now, Actions& out) {
  const auto [found, added] = master.replicas.try_emplace(address);
  if (!added) return nullptr;
  EndTombstone(state, master, Tombstone{{}, address, {}, {}}, out);
  Replica& replica = found->second;
  replica.address = address;
  WatchReplica(state, master, replica, now, out);
  const ChangeNumber change = MarkChanged(state, out);
  AnnounceEvent(state, &master, "+slave", Describe(state, master, replica), change, out);
  return &replica;
}

Peer& AddPeer(State& state, Master& master, const base::RunId& id, const base::Endpoint& address, const base::Now& now,
              Actions& out) {
  master.sentinels.try_emplace(id);
  Peer& peer = state.peers[id];
  if (peer.id == InstanceId::kNone) {
    peer.run_id = id;
    peer.address = address;
  }
  WatchPeer(state, peer, now, out);
  MarkChanged(state, out);
  EndTombstone(state, master, Tombstone{id, address, {}, {}}, out);
  CountSilentVoters(state, master);
  return peer;
}

void RemovePeer(State& state, Master& master, const base::RunId& id, Actions& out) {
  master.sentinels.erase(id);
  ForgetUnlessShared(state, id, out);
  MarkChanged(state, out);
  CountSilentVoters(state, master);
}

void RemoveReplica(State& state, Master& master, const base::Endpoint& address, Actions& out) {
  const auto found = master.replicas.find(address);
  if (found == master.replicas.end()) return;
  Unwatch(state, WatchedOf(master, found->second), out);
  master.replicas.erase(found);
  MarkChanged(state, out);
}

void SettingsChanged(State& state, Master& master, const base::Now& now, Actions& out) {
  state.timers.SetNoLater(TimerKey{master.id, TimerKind::kHello, 0}, now.mono + state.periods.publish);
  SetTimers(state, WatchedOf(master), now, out);
  for (auto& [address, replica] : master.replicas) SetTimers(state, WatchedOf(master, replica), now, out);
  for (auto& [id, opinion] : master.sentinels) {
    Peer* peer = FindPeer(state, id);
    if (peer == nullptr) continue;
    ComputeDownAfter(state, *peer);
    SetTimers(state, WatchedOf(*peer), now, out);
  }
  JudgeObjectiveDown(state, master, now, out);  // the quorum may be another
  JudgeTestimony(state, master, now, out);
  ScheduleStand(state, master, now, out);  // and what holds a failover back may hold it no longer
}

void CredentialsChanged(State& state, Master* master, const base::Now& now, Actions& out) {
  const auto drop = [&](const Watched& watched) {
    DropLink(state, watched, *watched.command, now, out);
    if (watched.pubsub != nullptr) DropLink(state, watched, *watched.pubsub, now, out);
  };
  if (master == nullptr) {
    for (auto& [id, peer] : state.peers) drop(WatchedOf(peer));
    return;
  }
  drop(WatchedOf(*master));
  for (auto& [address, replica] : master->replicas) drop(WatchedOf(*master, replica));
}

void SwitchAddress(State& state, Master& master, const base::Endpoint& to, const base::RunId& leader,
                   ChangeNumber change, const base::Now& now, Actions& out) {
  base::Endpoint stray = master.stray;
  if (master.failover.slaveof_sent && stray.empty()) {
    if (const Replica* ours = ReplicaOf(state, master.failover.promoted)) stray = ours->address;
  }
  NoteSwitched(state, master, to, leader, now, out);
  const bool was_new = CameBackEmpty(master);
  ForgetJudgement(state, master, out);
  master.stray = {};
  master.led_by = leader;
  master.switched_at = now.mono;
  master.stand_after = base::MonoTime{};  // what came to nothing was about the former master
  NoteFailover(master, now);

  // The same address again: what we promoted in between is not what the others agreed on.
  if (to != master.address) SwapNodes(state, master, to, was_new, now);

  master.address_change = change;
  master.role_reported = Role::kMaster;
  master.role_reported_at = now.mono;
  master.liveness.down_since.reset();
  for (auto& [address, replica] : master.replicas) {
    replica.reconfiguration = Reconfiguration::kNone;
    replica.role_reported = Role::kReplica;
    replica.role_reported_at = now.mono;
    replica.master_changed_at = now.mono;
    AnnounceEvent(state, &master, "+slave", Describe(state, master, replica), change, out);
    // A dead old master stays down; whoever follows the events learns it under its new name.
    if (replica.liveness.down()) {
      AnnounceEvent(state, &master, "+sdown", Describe(state, master, replica), 0, out);
    }
    SetTimers(state, WatchedOf(master, replica), now, out);
    OpenLinks(state, WatchedOf(master, replica), now, out);
  }
  SetMasterTimers(state, master, now);
  if (master.pause.until) state.timers.Set(TimerKey{master.id, TimerKind::kPause, 0}, *master.pause.until);
  SetTimers(state, WatchedOf(master), now, out);
  OpenLinks(state, WatchedOf(master), now, out);
  AskInfo(state, WatchedOf(master), now, out);

  const auto lost = master.replicas.find(stray);
  if (lost != master.replicas.end() && MayBeOrdered(lost->second)) {
    const base::Endpoint shown = ShownEndpoint(state, master);
    SendSlaveOf(master, lost->second, &shown, change, now, out);
  }
}

}  // namespace sentinel
