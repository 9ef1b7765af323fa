#include "sentinel/core/failover.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/candidates.h"
#include "sentinel/core/conflict.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/handover.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/last_look.h"
#include "sentinel/core/links.h"
#include "sentinel/core/mending.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/reconfigure.h"
#include "sentinel/core/restart.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/testimony.h"

namespace sentinel {
namespace {

using base::Millis;
using base::MonoTime;

constexpr Millis kStandstillWait{100};  // for replicas that are still working off what they received
constexpr Millis kWaitAnnouncedAfter{1000};
constexpr Millis kFirstPromotionPoll{5};
constexpr Millis kSlowestPromotionPoll{100};
constexpr Millis kLeadingPeriod{1000};

TimerKey Key(const Master& master, TimerKind kind) {
  return TimerKey{master.id, kind, 0};
}

void Enter(Master& master, Stage stage, const base::Now& now) {
  master.failover.stage = stage;
  master.failover.stage_at = now.mono;
}

bool MayStillAbort(const Failover& failover) {
  return failover.stage == Stage::kWaitStart || failover.stage == Stage::kSelectReplica ||
         (failover.stage == Stage::kSendPromotion && !failover.slaveof_sent);
}

// Could this replica answer the two reads that a candidate owes us?
bool IsAsked(const Replica& replica) {
  return replica.command.up() && !replica.liveness.down() && !(replica.info_at && replica.info.priority == 0);
}

// An operator's TIMEOUT bounds what comes before the hand-over.
MonoTime EndOfStage(const Master& master, const base::Now& now) {
  const MonoTime usual = now.mono + master.failover_timeout;
  if (!master.failover.deadline) return usual;
  return std::max(now.mono + Millis(1), std::min(usual, *master.failover.deadline));
}

// Is it one that this attempt may promote?
bool IsWanted(const Failover& failover, const base::Endpoint& address) {
  return failover.target.empty() || failover.target == address;
}

void Selected(State& state, Master& master, const Candidate& best, const std::vector<Candidate>& ranked,
              const base::Now& now, Actions& out) {
  Replica& replica = master.replicas.at(best.address);
  state.timers.Cancel(Key(master, TimerKind::kSelect));
  StopReads(state, master);
  master.failover.promoted = replica.id;
  master.failover.last_look = Poll{};
  NoteSelected(master, ranked, now);
  ExplainCandidates(ranked, out);
  const std::string name = Describe(state, master, replica);
  AnnounceEvent(state, &master, "+selected-slave", name, master.failover.change, out);
  Enter(master, Stage::kSendPromotion, now);
  AnnounceEvent(state, &master, "+failover-state-send-slaveof-noone", name, master.failover.change, out);
  state.timers.Set(Key(master, TimerKind::kFailoverTimeout), EndOfStage(master, now));
  AdvanceFailover(state, master, now, out);
}

// Has the time passed that replicas are given to stand still, since the first of them has answered twice?
bool StandstillWaited(const Failover& failover, const base::Now& now) {
  return failover.answered_at && now.mono - *failover.answered_at >= kStandstillWait;
}

// Chooses when every replica that can be asked has answered twice and stands still, or when those that answer have
// had their time. Never one that has not answered twice.
void Select(State& state, Master& master, const base::Now& now, Actions& out) {
  Failover& failover = master.failover;
  // A master that is to hand over while it works goes on sending: nobody stands still then.
  const bool moving = failover.forced && !master.liveness.down();
  int asked = 0;
  int answered = 0;
  int ready = 0;
  for (const auto& [address, replica] : master.replicas) {
    if (!IsAsked(replica) || !IsWanted(failover, address)) continue;
    ++asked;
    answered += replica.second_read.has_value();
    ready += replica.second_read && (moving || StandsStill(replica));
  }
  if (answered > 0 && !failover.answered_at) {
    failover.answered_at = now.mono;
    state.timers.Set(Key(master, TimerKind::kSelect), now.mono + kStandstillWait);
  }
  if (ready < asked && answered > 0 && !StandstillWaited(failover, now)) return;

  const std::vector<Candidate> ranked = RankReplicas(state, master, Evidence::kTwoReads, now.mono);
  const auto best = std::find_if(ranked.begin(), ranked.end(), [&](const Candidate& candidate) {
    return candidate.usable() && IsWanted(failover, candidate.address);
  });
  if (best != ranked.end()) {
    const Candidate chosen = *best;
    Selected(state, master, chosen, ranked, now, out);
    return;
  }
  if (answered == asked) {
    ExplainCandidates(ranked, out);
    AbortFailover(state, master, "-failover-abort-no-good-slave", now, out);
    return;
  }
  // A replica that is busy could not be promoted sooner anyway.
  if (!failover.waiting_announced && now.mono - failover.stage_at >= kWaitAnnouncedAfter) {
    failover.waiting_announced = true;
    AnnounceEvent(state, &master, "+failover-waiting-for-replicas", Describe(state, master), 0, out);
  }
  state.timers.Set(Key(master, TimerKind::kSelect), now.mono + kStandstillWait);
}

// The irreversible command.
void Promote(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  Failover& failover = master.failover;
  failover.last_look = Poll{};
  state.timers.Cancel(Key(master, TimerKind::kLastLook));
  if (failover.handover.running()) return StopWrites(state, master, replica, now, out);
  if (failover.mend == Mend::kPublish && replica.role_reported == Role::kMaster) {
    // It is one already, and has clients, perhaps: only its configuration may be missing.
    SendOne(replica.command, Command{Request::kIgnored, master.name, 0, {Verb(master, "CONFIG"), "REWRITE"}},
            failover.change, out);
    PromotionIsOut(state, master, replica, now, out);
    CompletePromotion(state, master, replica, now, out);
    return;
  }
  SendSlaveOf(master, replica, nullptr, failover.change, now, out);
  PromotionIsOut(state, master, replica, now, out);
}

void AdvanceSendPromotion(State& state, Master& master, const base::Now& now, Actions& out) {
  Replica* replica = ReplicaOf(state, master.failover.promoted);
  const bool reachable = replica != nullptr && replica->command.up() && !replica->liveness.down();
  if (!reachable && !master.failover.slaveof_sent) {
    LetReplicaGo(state, master, now, out);
    BeginSelection(state, master, now, out);  // somebody else, then
    return;
  }
  if (!reachable) {
    if (replica == nullptr || replica->liveness.down()) {
      AbortFailover(state, master, "-failover-abort-slave-timeout", now, out);
    }
    return;  // its connection is made anew
  }
  if (!HandoverAllowsLook(state, master, *replica, now, out)) return;
  if (master.failover.last_look.serial == 0) AskLastLook(state, master, now, out);
  switch (JudgeLastLook(state, master)) {
    case LookVerdict::kYes:
      return Promote(state, master, *replica, now, out);
    case LookVerdict::kNo:
      return AbortFailover(state, master, "-failover-abort-not-elected", now, out);
    case LookVerdict::kWait:
      return;
  }
}

// Nobody is promoted: the master itself is told to be one again.
void AdvanceMending(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.failover.last_look.serial == 0) AskLastLook(state, master, now, out);
  switch (JudgeLastLook(state, master)) {
    case LookVerdict::kYes:
      return FinishMending(state, master, now, out);
    case LookVerdict::kNo:
      return AbortFailover(state, master, "-failover-abort-not-elected", now, out);
    case LookVerdict::kWait:
      return;
  }
}

void AdvanceWaitPromotion(State& state, Master& master, const base::Now& now, Actions& out) {
  Replica* replica = ReplicaOf(state, master.failover.promoted);
  if (replica == nullptr || replica->liveness.down()) {
    AbortFailover(state, master, "-failover-abort-slave-timeout", now, out);
  } else if (master.failover.handover.running()) {
    if (MayPublish(master, *replica)) CompletePromotion(state, master, *replica, now, out);
  } else if (replica->role_reported == Role::kMaster) {
    CompletePromotion(state, master, *replica, now, out);
  } else if (!replica->command.up()) {
    // Whether the command has arrived is unknown. It is sent again, after another last look.
    Enter(master, Stage::kSendPromotion, now);
    master.failover.last_look = Poll{};
  }
}

}  // namespace

void PromotionIsOut(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  Failover& failover = master.failover;
  failover.slaveof_sent = true;
  NotePromotionSent(master, now);
  Enter(master, Stage::kWaitPromotion, now);
  AnnounceEvent(state, &master, "+failover-state-wait-promotion", Describe(state, master, replica), failover.change,
                out);
  failover.poll_delay = kFirstPromotionPoll;
  state.timers.Set(Key(master, TimerKind::kPromotion), now.mono + failover.poll_delay);
  state.timers.Set(Key(master, TimerKind::kFailoverTimeout), now.mono + master.failover_timeout);
  LeadingDue(state, master, now, out);
}

void PromotionIsNotOut(Master& master, const base::Now& now) {
  master.failover.slaveof_sent = false;
  master.failover.last_look = Poll{};
  Enter(master, Stage::kSendPromotion, now);
}

void AdvanceFailover(State& state, Master& master, const base::Now& now, Actions& out) {
  Failover& failover = master.failover;
  if (!failover.active() || failover.settles) return;
  if (MayStillAbort(failover) && !failover.forced && failover.mend == Mend::kNone &&
      (!master.liveness.down() || IsHeld(master))) {
    // Whatever it was that made it count as down is gone.
    AbortFailover(state, master, "-failover-abort-master-back", now, out);
    return;
  }
  if (MayStillAbort(failover) && failover.mend != Mend::kNone && master.mend == Mend::kNone &&
      !master.liveness.down()) {
    // Whoever began it has ended it: the master is one again.
    AbortFailover(state, master, "-failover-abort-master-back", now, out);
    return;
  }
  if (MayStillAbort(failover) && !failover.forced && IsHeldByTestimony(master, now)) {
    AbortFailover(state, master, "-failover-abort-testimony", now, out);
    return;
  }
  if (MayStillAbort(failover) && NewerEpochKnown(master)) {
    AbortFailover(state, master, "-failover-abort-not-elected", now, out);
    return;
  }
  switch (failover.stage) {
    case Stage::kNone:
    case Stage::kWaitStart:
    case Stage::kUpdateConfig:
      return;
    case Stage::kSelectReplica:
      if (MendsInPlace(failover)) return AdvanceMending(state, master, now, out);
      Select(state, master, now, out);
      return;
    case Stage::kSendPromotion:
      AdvanceSendPromotion(state, master, now, out);
      return;
    case Stage::kWaitPromotion:
      AdvanceWaitPromotion(state, master, now, out);
      return;
    case Stage::kReconfigure:
      AdvanceReconfiguration(state, master, now, out);
      return;
  }
}

void BeginSelection(State& state, Master& master, const base::Now& now, Actions& out) {
  Enter(master, Stage::kSelectReplica, now);
  master.failover.promoted = InstanceId::kNone;
  master.failover.answered_at.reset();
  AnnounceEvent(state, &master, "+failover-state-select-slave", Describe(state, master), master.failover.change, out);
  RefreshReads(state, master, now, out);
  // It answers, and may have been written to since.
  if (master.down_cause == DownCause::kEmptied) AskInfo(state, WatchedOf(master), now, out);
  state.timers.Set(Key(master, TimerKind::kSelect), now.mono + kStandstillWait);
  state.timers.Set(Key(master, TimerKind::kFailoverTimeout), EndOfStage(master, now));
  AdvanceFailover(state, master, now, out);
}

void SelectionDue(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.failover.stage == Stage::kSelectReplica) Select(state, master, now, out);
}

void TakeLastLook(State& state, Peer& peer, const Command& asked, const ReplyValue& reply, const base::Now& now,
                  Actions& out) {
  TakeOpinion(state, peer, asked, reply, now, out);  // it names a vote, whatever else
  Master* master = FindMaster(state, asked.master);
  if (master == nullptr || master->failover.last_look.serial == 0) return;
  Failover& failover = master->failover;
  if (failover.last_look.serial != asked.serial) return;
  // An answer that waited longer than this, for our own loop perhaps, says too little of now.
  if (now.mono - failover.last_look.asked_at > kLastLookWait) return;
  const auto answer = ParseAnswer(reply);
  const bool yes = answer && answer->leader == state.my_id && answer->epoch == failover.epoch;
  const bool names_another = answer && !answer->leader.empty() && answer->epoch >= failover.epoch;
  (yes ? failover.last_look.yes : failover.last_look.no).insert(peer.run_id);
  if (failover.forced && !yes && names_another && !failover.slaveof_sent) {
    LeaveFieldTo(state, *master, answer->leader, answer->epoch, now, out);
    return;
  }
  if (failover.settles) return ConflictLooked(state, *master, now, out);
  AdvanceFailover(state, *master, now, out);
}

void LastLookDue(State& state, Master& master, const base::Now& now, Actions& out) {
  Failover& failover = master.failover;
  if (failover.last_look.serial == 0 || failover.slaveof_sent) return;
  Replica* replica = ReplicaOf(state, failover.promoted);
  if (failover.forced && failover.stage == Stage::kSendPromotion && replica != nullptr) {
    LogNotice(out, fmt::format("Failover of '{}' is forced without majority", master.name));
    Promote(state, master, *replica, now, out);
  } else if (now.mono - failover.stage_at > kLastLookPatience) {
    AbortFailover(state, master, "-failover-abort-not-elected", now, out);
  } else {
    AskLastLook(state, master, now, out);
  }
}

void RepeatLastLooks(State& state, const base::Now& now, Actions& out) {
  for (auto& [name, master] : state.masters) {
    Failover& failover = master.failover;
    if (failover.last_look.serial == 0 || failover.slaveof_sent) continue;
    failover.last_look = Poll{};
    if (failover.settles) {
      ConflictLooked(state, master, now, out);
    } else {
      AdvanceFailover(state, master, now, out);
    }
  }
}

void PromotionDue(State& state, Master& master, const base::Now& now, Actions& out) {
  Failover& failover = master.failover;
  Replica* replica = ReplicaOf(state, failover.promoted);
  if (failover.stage != Stage::kWaitPromotion || replica == nullptr) return;
  AskInfo(state, WatchedOf(master, *replica), now, out);
  failover.poll_delay = std::min(2 * failover.poll_delay, kSlowestPromotionPoll);
  state.timers.Set(Key(master, TimerKind::kPromotion), now.mono + failover.poll_delay);
}

void LeadingDue(State& state, Master& master, const base::Now& now, Actions& out) {
  const Failover& failover = master.failover;
  const bool leading =
      failover.slaveof_sent && (failover.stage == Stage::kWaitPromotion || failover.stage == Stage::kSendPromotion);
  const Replica* replica = ReplicaOf(state, failover.promoted);
  if (!leading || replica == nullptr) return;
  PushLeading(state, master, replica->address, out);
  state.timers.Set(Key(master, TimerKind::kLeading), now.mono + kLeadingPeriod);
}

void FailoverTimeoutDue(State& state, Master& master, const base::Now& now, Actions& out) {
  switch (master.failover.stage) {
    case Stage::kSelectReplica:
      AbortFailover(state, master, "-failover-abort-no-good-slave", now, out);
      return;
    case Stage::kSendPromotion:
    case Stage::kWaitPromotion:
      AbortFailover(state, master, "-failover-abort-slave-timeout", now, out);
      return;
    case Stage::kReconfigure:
      ReconfigurationOver(state, master, now, out);
      return;
    case Stage::kNone:
    case Stage::kWaitStart:
    case Stage::kUpdateConfig:
      return;
  }
}

void AbortFailover(State& state, Master& master, std::string_view event, const base::Now& now, Actions& out) {
  if (master.failover.slaveof_sent) {
    if (const Replica* replica = ReplicaOf(state, master.failover.promoted)) master.stray = replica->address;
  }
  EndHandover(state, master, now, out);
  for (const TimerKind kind : {TimerKind::kElection, TimerKind::kSelect, TimerKind::kLastLook, TimerKind::kPromotion,
                               TimerKind::kLeading, TimerKind::kFailoverTimeout, TimerKind::kHandover}) {
    state.timers.Cancel(Key(master, kind));
  }
  state.waiting_for_save.erase(master.name);
  NoteAborted(state, master, event, now, out);
  master.failover = Failover{};
  AnnounceEvent(state, &master, event, Describe(state, master), 0, out);
  if (!master.objective_down_since) StopReads(state, master);
  RetryLater(state, master, now);
  ScheduleStand(state, master, now, out);
}

void ExplainCandidates(const std::vector<Candidate>& ranked, Actions& out) {
  for (const Candidate& candidate : ranked) {
    const std::string facts = fmt::format("priority {}, offset {}", candidate.priority, candidate.offset);
    LogNotice(out, candidate.usable() ? fmt::format("candidate {}: {}{}", candidate.address.ToString(), facts,
                                                    candidate.promoted ? ", promoted already" : "")
                                      : fmt::format("candidate {}: not chosen, {} ({})", candidate.address.ToString(),
                                                    candidate.against, facts));
  }
}

}  // namespace sentinel
