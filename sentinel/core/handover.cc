#include "sentinel/core/handover.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/links.h"
#include "sentinel/core/rights.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/settle.h"
#include "sentinel/core/steps.h"

namespace sentinel {
namespace {

using base::Millis;
using Method = HandoverMethod;
using HStage = HandoverStage;

// An answer that takes longer than this (or than T, when that is less) is none: the master is not working.
constexpr Millis kLongestSilence{2000};
constexpr Millis kLongestPause{500};
// As old as this the proof may be that the replica had everything.
constexpr Millis kMoments{50};
constexpr Millis kPoll{1};
constexpr Millis kSlowPoll{20};
constexpr Millis kSwitchPatience{500};
constexpr Millis kUndoPatience{1000};
constexpr int kMaxStops = 2;

void Enter(State& state, Master& master, HStage stage, Millis look_again, const base::Now& now) {
  Handover& handover = master.failover.handover;
  handover.stage = stage;
  handover.stage_at = now.mono;
  state.timers.Set(TimerKey{master.id, TimerKind::kHandover, 0}, now.mono + look_again);
}

bool ByFailover(Method method) {
  return method == Method::kNodeFailover || method == Method::kPausedFailover;
}
bool ByPause(Method method) {
  return method == Method::kPausedFailover || method == Method::kPausedSlaveOf;
}

void AnnounceMode(State& state, const Master& master, std::string_view mode, std::string_view reason, Actions& out) {
  AnnounceEvent(state, &master, "+failover-mode", fmt::format("{} {} {}", Describe(state, master), mode, reason),
                master.failover.change, out);
}

void AnnounceMethod(State& state, const Master& master, Actions& out) {
  const Handover& handover = master.failover.handover;
  std::string text(MethodName(handover.method));
  if (!handover.missing.empty()) text += ", missing right: " + handover.missing;
  AnnounceMode(state, master, "coordinated", text, out);
}

// No hand-over is possible: an operator who insisted on one gets none, otherwise it goes on without the master.
void GoOnWithout(State& state, Master& master, std::string_view reason, const base::Now& now, Actions& out) {
  if (master.failover.handover.only) {
    LogNotice(out, fmt::format("No hand-over from '{}': {}", master.name, reason));
    AbortFailover(state, master, "-failover-abort-master-timeout", now, out);
    return;
  }
  TakeBackHandover(state, master, now, out);
  EndSteps(state, master, now, out);
  master.failover.handover = Handover{};
  AnnounceMode(state, master, "forced", reason, out);
  AdvanceFailover(state, master, now, out);
}

bool IsSilent(const Master& master, const base::Now& now) {
  const Handover& handover = master.failover.handover;
  const Millis patience = std::min(kLongestSilence, master.down_after);
  return master.liveness.down() || (handover.silent_since && now.mono - *handover.silent_since >= patience);
}

void NoteMissing(Handover& handover, std::string_view right) {
  if (handover.missing.find(right) != std::string::npos) return;
  if (!handover.missing.empty()) handover.missing += " ";
  handover.missing += right;
}

void TakeProbe(State& state, Master& master, const ReplyValue& reply, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  if (reply.kind != ReplyValue::Kind::kString) {
    NoteMissing(handover, "info");
    GoOnWithout(state, master, "missing right: info", now, out);
    return;
  }
  const InfoReport info = ParseInfo(reply.text);
  if (info.role != Role::kMaster) {
    GoOnWithout(state, master, "the master says that it is a replica", now, out);
    return;
  }
  if (!info.failover_state.empty() && info.failover_state != "no-failover") {
    LogNotice(out, fmt::format("'{}' is in a FAILOVER of its own", master.name));
    AbortFailover(state, master, "-failover-abort-master-timeout", now, out);
    return;
  }
  handover.probed = true;
  handover.method = ChooseMethod(handover.may_failover, handover.may_pause, info);
  AnnounceMethod(state, master, out);
  Enter(state, master, HStage::kCatchUp, kPoll, now);
  AdvanceFailover(state, master, now, out);
}

void AskGoal(State& state, Master& master, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  if (handover.goal_asked) return;
  if (!SayStep(state, master, StepKind::kGoal, {Verb(master, "INFO")}, 0, now, out)) return;
  handover.goal_asked = true;
  handover.goal.reset();
  handover.goal_at = now.mono;
}

bool HasReached(const Handover& handover, const Replica& replica) {
  return handover.goal && replica.info_at && replica.info.role == Role::kReplica &&
         replica.info.replid == handover.history && replica.info.offset >= *handover.goal;
}

// The master's offset is read first, the replica's then: when that has reached the other within moments, so short is
// the time by which it lags.
void CatchUp(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  if (now.mono >= *master.failover.deadline) {
    AbortFailover(state, master, "-failover-abort-slave-timeout", now, out);
    return;
  }
  // What stops writes waits for the disk, the question for offsets behind it does not: it would overtake, and what was
  // compared would be of a master that still writes.
  if (!state.Durable(master.failover.change)) return;
  if (!handover.goal) return AskGoal(state, master, now, out);
  if (!HasReached(handover, replica)) {
    AskInfo(state, WatchedOf(master, replica), now, out);
    return;
  }
  const bool moments = now.mono - handover.goal_at <= kMoments;
  handover.goal.reset();
  if (moments) {
    Enter(state, master, HStage::kReady, kSlowPoll, now);
  } else {
    AskGoal(state, master, now, out);
  }
}

Millis PauseOf(const Master& master) {
  return std::max(std::min(kLongestPause, master.down_after / 4), Millis(2));
}

// Where the replica is to be found by the master, and how long a vigil-node may try.
std::vector<std::string> FailoverWords(const Master& master, const Replica& replica, const base::Now& now) {
  std::vector<std::string> words = {Verb(master, "FAILOVER"), "TO", replica.address.host,
                                    fmt::format("{}", replica.address.port)};
  if (master.failover.handover.method == Method::kPausedFailover) {
    words.insert(words.end(), {"FORCE", "TIMEOUT", "1"});  // we have compared
  } else {
    // Writes wait there meanwhile, also when we have died: not for longer than we would let them.
    const Millis rest = std::clamp(*master.failover.deadline - now.mono, Millis(1), kSwitchPatience);
    words.insert(words.end(), {"TIMEOUT", fmt::format("{}", rest.count())});
  }
  return words;
}

void Switch(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  const Handover& handover = master.failover.handover;
  if (ByFailover(handover.method)) {
    SayStep(state, master, StepKind::kSwitch, FailoverWords(master, replica, now), master.failover.change, now, out);
  } else {
    SendSlaveOf(master, replica, nullptr, master.failover.change, now, out);
  }
  Enter(state, master, HStage::kSwitch, kPoll, now);
  PromotionIsOut(state, master, replica, now, out);
}

// Writes may go on, and all of it is tried once more; not for ever.
void TryAgain(State& state, Master& master, const base::Now& now, Actions& out) {
  TakeBackHandover(state, master, now, out);
  Handover& handover = master.failover.handover;
  if (handover.stops >= kMaxStops) {
    AbortFailover(state, master, "-failover-abort-slave-timeout", now, out);
    return;
  }
  handover.goal.reset();
  master.failover.last_look = Poll{};
  Enter(state, master, HStage::kCatchUp, kPoll, now);
}

// The master becomes a replica of nobody.
void Fence(State& state, Master& master, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  SayStep(state, master, StepKind::kStop,
          {Verb(master, "SLAVEOF"), std::string(kDeadEndHost), fmt::format("{}", kDeadEndPort)}, master.failover.change,
          now, out);
  handover.fenced = true;
  handover.stopped_at = now.mono;
  handover.pause = kLongestPause;
  handover.goal.reset();
  AskGoal(state, master, now, out);
}

void Compare(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  // A node that cannot be reached stays in its dead end.
  if (handover.fenced && !master.steps.up()) return;
  if (now.mono - handover.stopped_at >= std::max(handover.pause / 2, Millis(1))) {
    TryAgain(state, master, now, out);
    return;
  }
  if (!handover.goal) return AskGoal(state, master, now, out);
  if (!HasReached(handover, replica)) {
    AskInfo(state, WatchedOf(master, replica), now, out);
  } else if (replica.info.offset > *handover.goal) {
    handover.goal.reset();  // a PING of the master's own has gone into the stream
    AskGoal(state, master, now, out);
  } else if (handover.method == Method::kPausedSlaveOf && !handover.fenced) {
    // A pause ends by itself, and the SLAVEOF that makes the former master follow the new one waits until the promotion
    // is durable. So it stops being a master before, and what it had then is compared once more.
    Fence(state, master, now, out);
  } else {
    Switch(state, master, replica, now, out);
  }
}

void BeginUndo(State& state, Master& master, const base::Now& now, Actions& out) {
  TakeBackHandover(state, master, now, out);
  SayStep(state, master, StepKind::kUndo, {Verb(master, "INFO")}, 0, now, out);
  Enter(state, master, HStage::kUndo, kSlowPoll, now);
}

void TakeUndone(State& state, Master& master, const ReplyValue& reply, const base::Now& now, Actions& out) {
  if (master.failover.handover.stage != HStage::kUndo || reply.kind != ReplyValue::Kind::kString) return;
  const InfoReport info = ParseInfo(reply.text);
  Replica* replica = ReplicaOf(state, master.failover.promoted);
  if (info.role == Role::kMaster) {
    if (replica != nullptr && replica->command.up() && replica->role_reported == Role::kMaster) {
      SendSlaveOf(master, *replica, &master.address, master.failover.change, now, out);
    }
    AbortFailover(state, master, "-failover-abort-master-timeout", now, out);
  } else if (replica != nullptr && replica->role_reported == Role::kMaster) {
    Enter(state, master, HStage::kSwitch, kPoll, now);  // it has happened after all
    AdvanceFailover(state, master, now, out);
  }
}

// FAILOVER was refused: nothing has happened by it.
void TakeRefusal(State& state, Master& master, const ReplyValue& reply, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  LogNotice(out, fmt::format("'{}' refuses FAILOVER: {}", master.name, reply.text));
  if (IsForbidden(reply)) NoteMissing(handover, "failover");
  handover.may_failover = false;
  const bool paused = handover.method == Method::kPausedFailover;
  handover.method = handover.may_pause ? Method::kPausedSlaveOf : Method::kDeadEnd;
  AnnounceMethod(state, master, out);
  handover.goal.reset();
  PromotionIsNotOut(master, now);
  Enter(state, master, paused ? HStage::kStop : HStage::kCatchUp, kPoll, now);
  AdvanceFailover(state, master, now, out);
}

// Writes could not be stopped: the right has gone since we looked.
void TakeStopRefusal(State& state, Master& master, const ReplyValue& reply, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  LogNotice(out, fmt::format("'{}' does not let us stop its writes: {}", master.name, reply.text));
  if (std::exchange(handover.fenced, false)) {
    NoteMissing(handover, "slaveof");
    GoOnWithout(state, master, "missing right: " + handover.missing, now, out);
    return;
  }
  handover.stopped = false;
  NoteMissing(handover, "client|pause");
  handover.may_pause = false;
  handover.method = Method::kDeadEnd;
  AnnounceMethod(state, master, out);
  handover.goal.reset();
  Enter(state, master, HStage::kCatchUp, kPoll, now);
  AdvanceFailover(state, master, now, out);
}

// What a node that was asked for FAILOVER says while it does it. INFO is also what makes it look at its time limit.
void TakePoke(State& state, Master& master, const ReplyValue& reply, const base::Now& now, Actions& out) {
  if (master.failover.handover.stage != HStage::kSwitch || reply.kind != ReplyValue::Kind::kString) return;
  const InfoReport info = ParseInfo(reply.text);
  // It has given it up by itself.
  if (info.role == Role::kMaster && info.failover_state == "no-failover") BeginUndo(state, master, now, out);
}

void TakeGoal(State& state, Master& master, const ReplyValue& reply, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  handover.goal_asked = false;
  if (reply.kind != ReplyValue::Kind::kString) return;
  const InfoReport info = ParseInfo(reply.text);
  if (info.role != (handover.fenced ? Role::kReplica : Role::kMaster)) {
    GoOnWithout(state, master, handover.fenced ? "it goes on being a master" : "the master says that it is a replica",
                now, out);
    return;
  }
  handover.goal = info.master_offset;
  handover.history = info.replid;
  AdvanceFailover(state, master, now, out);
}

}  // namespace

std::string_view MethodName(Method method) {
  switch (method) {
    case Method::kNodeFailover:
      return "by FAILOVER of the node";
    case Method::kPausedFailover:
      return "by CLIENT PAUSE and FAILOVER";
    case Method::kPausedSlaveOf:
      return "by CLIENT PAUSE and SLAVEOF";
    case Method::kDeadEnd:
      return "by SLAVEOF 127.0.0.1 1";
  }
  return "";
}

HandoverMethod ChooseMethod(bool may_failover, bool may_pause, const InfoReport& info) {
  if (info.vigil && may_failover) return Method::kNodeFailover;
  const bool knows_failover = !info.failover_state.empty();
  if (may_pause && may_failover && knows_failover) return Method::kPausedFailover;
  return may_pause ? Method::kPausedSlaveOf : Method::kDeadEnd;
}

void BeginHandover(State& state, Master& master, const ManualWish& wish, const base::Now& now, Actions& out) {
  Failover& failover = master.failover;
  failover.deadline = failover.started_at + wish.timeout.value_or(master.failover_timeout);
  if (failover.stage == Stage::kSelectReplica) {  // elected at once: it stands alone
    state.timers.SetNoLater(TimerKey{master.id, TimerKind::kFailoverTimeout, 0}, *failover.deadline);
  }
  const bool answers = !master.liveness.down() && master.command.up();
  std::string_view forced;
  if (!wish.coordinated) {
    if (wish.force) {
      forced = "the operator wants it so";
    } else if (master.classic_failover) {
      forced = "manual-failover is classic";
    } else if (!answers) {
      forced = "the master does not answer";
    }
  }
  if (!forced.empty()) {
    AnnounceMode(state, master, "forced", forced, out);
    return;
  }
  CloseSteps(state, master, out);
  master.settling.reset();
  failover.handover.only = wish.coordinated;
  failover.handover.silent_since = now.mono;
  Enter(state, master, HStage::kProbe, kSlowPoll, now);
  OpenSteps(state, master, now, out);
}

bool HandoverAllowsLook(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  switch (master.failover.handover.stage) {
    case HStage::kNone:
    case HStage::kReady:
      return true;
    case HStage::kCatchUp:
      CatchUp(state, master, replica, now, out);
      return master.failover.stage == Stage::kSendPromotion && master.failover.handover.stage == HStage::kReady;
    case HStage::kStop:
      Compare(state, master, replica, now, out);
      return false;
    case HStage::kProbe:
    case HStage::kSwitch:
    case HStage::kUndo:
      return false;
  }
  return true;
}

void StopWrites(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  if (handover.stage != HStage::kReady) return;
  handover.goal.reset();
  if (!master.steps.up()) return Enter(state, master, HStage::kCatchUp, kPoll, now);
  if (handover.method == Method::kNodeFailover) return Switch(state, master, replica, now, out);
  handover.stopped = true;
  ++handover.stops;
  Enter(state, master, HStage::kStop, kPoll, now);
  if (!ByPause(handover.method)) return Fence(state, master, now, out);
  handover.pause = PauseOf(master);
  handover.stopped_at = now.mono;
  SayStep(state, master, StepKind::kStop,
          {Verb(master, "CLIENT"), "PAUSE", fmt::format("{}", handover.pause.count()), "WRITE"}, master.failover.change,
          now, out);
  AskGoal(state, master, now, out);
}

bool MayPublish(const Master& master, const Replica& replica) {
  const HStage stage = master.failover.handover.stage;
  return replica.role_reported == Role::kMaster && stage != HStage::kUndo;
}

void HandoverDue(State& state, Master& master, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  if (!handover.running()) return;
  const bool waits = handover.stage == HStage::kProbe || handover.stage == HStage::kReady;
  const bool slow = waits || (handover.stage == HStage::kCatchUp && now.mono - handover.stage_at > Millis(100));
  state.timers.Set(TimerKey{master.id, TimerKind::kHandover, 0}, now.mono + (slow ? kSlowPoll : kPoll));
  Replica* replica = ReplicaOf(state, master.failover.promoted);
  if (handover.stage == HStage::kSwitch) {
    if (now.mono - handover.stage_at >= kSwitchPatience) return BeginUndo(state, master, now, out);
    if (replica != nullptr) AskInfo(state, WatchedOf(master, *replica), now, out);
    if (ByFailover(handover.method) && handover.open == 0) {
      SayStep(state, master, StepKind::kPoke, {Verb(master, "INFO")}, 0, now, out);
    }
    return;
  }
  if (handover.stage == HStage::kUndo) {
    if (now.mono - handover.stage_at < kUndoPatience) return;
    if (replica != nullptr && replica->role_reported == Role::kMaster && !master.steps.up()) {
      Enter(state, master, HStage::kSwitch, kPoll, now);
      AdvanceFailover(state, master, now, out);
    } else {
      AbortFailover(state, master, "-failover-abort-master-timeout", now, out);
    }
    return;
  }
  if (IsSilent(master, now)) return GoOnWithout(state, master, "the master does not answer", now, out);
  AdvanceFailover(state, master, now, out);
}

void StepsLinkUp(State& state, Master& master, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  if (!handover.running() || handover.probed) return;
  // Refused by their arguments, or, before those are looked at, for want of the right.
  SayStep(state, master, StepKind::kProbeFailover,
          {Verb(master, "FAILOVER"), "TO", std::string(kDeadEndHost), "1", "FORCE"}, 0, now, out);
  SayStep(state, master, StepKind::kProbePause, {Verb(master, "CLIENT"), "PAUSE", "none", "WRITE"}, 0, now, out);
  SayStep(state, master, StepKind::kProbeInfo, {Verb(master, "INFO")}, 0, now, out);
}

void StepsLinkDown(State& state, Master& master, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  if (!handover.running()) return SettleDue(state, master, now, out);
  handover.open = 0;
  handover.goal_asked = false;
  if (!handover.silent_since) handover.silent_since = now.mono;
  // A pause expires by itself; in a dead end the comparison goes on, as long as it may take.
  if (handover.stage == HStage::kStop && !handover.fenced) {
    handover.stopped = false;
    handover.goal.reset();
    master.failover.last_look = Poll{};
    Enter(state, master, HStage::kCatchUp, kPoll, now);
  }
  state.timers.Set(TimerKey{master.steps_id, TimerKind::kSettle, 0}, now.mono + kSlowPoll);  // connects again
}

void TakeStep(State& state, Master& master, const Command& asked, const ReplyValue& reply, const base::Now& now,
              Actions& out) {
  const auto step = static_cast<StepKind>(asked.serial);
  if (step == StepKind::kCompare || step == StepKind::kLast) return TakeSettled(state, master, step, reply, out);
  Handover& handover = master.failover.handover;
  if (!handover.running()) return;
  handover.open = std::max(0, handover.open - 1);
  handover.silent_since.reset();
  if (handover.open > 0) handover.silent_since = now.mono;
  switch (step) {
    case StepKind::kProbeFailover:
      handover.may_failover = !IsForbidden(reply);
      if (!handover.may_failover) NoteMissing(handover, "failover");
      return;
    case StepKind::kProbePause:
      handover.may_pause = !IsForbidden(reply);
      if (!handover.may_pause) NoteMissing(handover, "client|pause");
      return;
    case StepKind::kProbeInfo:
      return TakeProbe(state, master, reply, now, out);
    case StepKind::kGoal:
      return TakeGoal(state, master, reply, now, out);
    case StepKind::kStop:
      if (reply.is_error() && handover.stage == HStage::kStop) TakeStopRefusal(state, master, reply, now, out);
      return;
    case StepKind::kSwitch:
      if (reply.is_error() && handover.stage == HStage::kSwitch) TakeRefusal(state, master, reply, now, out);
      return;
    case StepKind::kPoke:
      return TakePoke(state, master, reply, now, out);
    case StepKind::kUndo:
      return TakeUndone(state, master, reply, now, out);
    case StepKind::kCompare:
    case StepKind::kLast:
      return;
  }
}

void EndHandover(State& state, Master& master, const base::Now& now, Actions& out) {
  if (!master.failover.handover.running()) return;
  // Whoever leads in a newer epoch may be doing the same to the master by now.
  if (!NewerEpochKnown(master)) TakeBackHandover(state, master, now, out);
  EndSteps(state, master, now, out);
}

void LetReplicaGo(State& state, Master& master, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  if (!handover.running() || handover.stage == HStage::kProbe) return;
  TakeBackHandover(state, master, now, out);
  handover.goal.reset();
  Enter(state, master, HStage::kCatchUp, kSlowPoll, now);
}

void TakeBackHandover(State& state, Master& master, const base::Now& now, Actions& out) {
  Handover& handover = master.failover.handover;
  const bool switched = handover.stage == HStage::kSwitch;
  const ChangeNumber change = master.failover.change;
  if (switched && ByFailover(handover.method)) {
    SayIgnored(state, master, {Verb(master, "FAILOVER"), "ABORT"}, change, out);
  }
  if (switched && !ByFailover(handover.method)) {
    Replica* replica = ReplicaOf(state, master.failover.promoted);
    if (replica != nullptr && replica->command.up()) {
      SendSlaveOf(master, *replica, &master.address, change, now, out);
    }
  }
  if (!std::exchange(handover.stopped, false)) return;
  if (std::exchange(handover.fenced, false)) {
    SayIgnored(state, master, {Verb(master, "SLAVEOF"), "NO", "ONE"}, change, out);
  }
  if (ByPause(handover.method)) {
    SayIgnored(state, master, {Verb(master, "CLIENT"), "UNPAUSE"}, change, out);
  }
}

}  // namespace sentinel
