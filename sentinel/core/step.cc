#include "sentinel/core/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sentinel/core/changes.h"
#include "sentinel/core/clients.h"
#include "sentinel/core/conduct.h"
#include "sentinel/core/conflict.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/forget.h"
#include "sentinel/core/greeting.h"
#include "sentinel/core/handover.h"
#include "sentinel/core/health.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/invariants.h"
#include "sentinel/core/leave.h"
#include "sentinel/core/links.h"
#include "sentinel/core/members.h"
#include "sentinel/core/mending.h"
#include "sentinel/core/names.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/reconfigure.h"
#include "sentinel/core/reread.h"
#include "sentinel/core/restart.h"
#include "sentinel/core/rights.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/settle.h"
#include "sentinel/core/stall.h"
#include "sentinel/core/survey.h"
#include "sentinel/core/testimony.h"

namespace sentinel {
namespace {

constexpr base::Millis kSaveRetry{500};

// A timer of one master's failover; `master` is alive.
void MasterTimer(State& state, Master& master, TimerKind kind, const base::Now& now, Actions& out) {
  switch (kind) {
    case TimerKind::kHello:
      HelloDue(state, master, now, out);
      // PING goes along, and from then on, every so many periods, comes due together with the hello: one write instead
      // of two.
      PingDue(state, WatchedOf(master), now, out);
      for (auto& [address, replica] : master.replicas) PingDue(state, WatchedOf(master, replica), now, out);
      return;
    case TimerKind::kTestimony:
      return TestimonyDue(state, master, now, out);
    case TimerKind::kAsk:
      return AskDue(state, master, now, out);
    case TimerKind::kOpinionExpiry:
      return JudgeObjectiveDown(state, master, now, out);
    case TimerKind::kStand:
      return StandDue(state, master, now, out);
    case TimerKind::kElection:
      return ElectionOver(state, master, now, out);
    case TimerKind::kPreVote:
      return AskPreVotesAgain(state, master, now, out);
    case TimerKind::kSelect:
      return SelectionDue(state, master, now, out);
    case TimerKind::kLastLook:
      return LastLookDue(state, master, now, out);
    case TimerKind::kPromotion:
      return PromotionDue(state, master, now, out);
    case TimerKind::kLeading:
      return LeadingDue(state, master, now, out);
    case TimerKind::kHandover:
      return HandoverDue(state, master, now, out);
    case TimerKind::kSettle:
      return SettleDue(state, master, now, out);
    case TimerKind::kMending:
      return MendingDue(state, master, now, out);
    case TimerKind::kFailoverTimeout:
      return FailoverTimeoutDue(state, master, now, out);
    case TimerKind::kForget:
      return ForgetLaterDue(state, master, now, out);
    case TimerKind::kPause:
      return PauseOver(state, master, now, out);
    case TimerKind::kConflict:
      return ConflictDue(state, master, now, out);
    case TimerKind::kRestart:
      return RestartDue(state, master, now, out);
    default:
      return;
  }
}

void TimerDue(State& state, const TimerKey& key, const base::Now& now, Actions& out) {
  if (key.kind == TimerKind::kTilt) return TiltOver(state, out);
  if (key.kind == TimerKind::kLeave) return LeaveDue(state, out);
  if (key.kind == TimerKind::kRights) return RightsDue(state, now, out);
  if (key.kind == TimerKind::kScript) return ScriptDue(state, key.detail, now, out);
  if (key.kind == TimerKind::kSaveRetry) {
    out.push_back(SaveState{state.newest_change});
    return;
  }
  const auto watched = FindWatched(state, key.instance);
  if (!watched) return;
  switch (key.kind) {
    case TimerKind::kReconnect:
      return Reconnect(state, *watched, key.detail, now, out);
    case TimerKind::kPing:
      return PingDue(state, *watched, now, out);
    case TimerKind::kDownCheck:
      return JudgeDown(state, *watched, now, out);
    case TimerKind::kInfo:
      return InfoDue(state, *watched, now, out);
    case TimerKind::kSecondRead:
      return AskInfo(state, *watched, now, out);
    case TimerKind::kRoleCheck:
      if (watched->replica != nullptr) CorrectReplica(state, *watched->master, *watched->replica, now, out);
      return;
    case TimerKind::kReconfigure:
      if (watched->replica != nullptr) ReconfigurationPoll(state, *watched->master, *watched->replica, now, out);
      return;
    default:
      if (watched->is_master()) MasterTimer(state, *watched->master, key.kind, now, out);
      return;
  }
}

void Take(State& state, const base::Now& now, const Deadline&, Actions& out) {
  state.wake_at.reset();
  while (const auto key = state.timers.PopDue(now.mono)) TimerDue(state, *key, now, out);
}

void Take(State& state, const base::Now& now, const LinkUp& input, Actions& out) {
  LinkCameUp(state, input, now, out);
}

void Take(State& state, const base::Now& now, const LinkDown& input, Actions& out) {
  LinkWentDown(state, input, now, out);
}

void Take(State& state, const base::Now& now, const ReplyArrived& input, Actions& out) {
  const auto watched = TakePending(state, input);
  if (!watched) return;
  const Command& asked = input.command;
  const ReplyValue& reply = input.reply;
  if (reply.is_error() && reply.StartsWith(kTooLarge)) NoteOffence(state, *watched, reply.text, out);
  switch (asked.request) {
    case Request::kIgnored:
    case Request::kSubscribe:
    case Request::kPush:
    case Request::kScriptKill:
      return;
    case Request::kSlaveOf:  // whether it is a replica now, only a later INFO tells
      return TakeSlaveOf(state, *watched, reply, out);
    case Request::kAuth:
      return NoteAuth(state, *watched, reply, out);
    case Request::kPing:
    case Request::kLastPing:
      TakePong(state, *watched, reply, now, out);
      if (watched->peer != nullptr && !reply.is_error()) AskWords(*watched->peer, out);
      return;
    case Request::kInfo:
      if (watched->node != nullptr) TakeInfo(state, *watched, asked, reply, now, out);
      return;
    case Request::kHello:
      return TakeHelloReply(state, *watched, reply, now);
    case Request::kAsk:
      if (watched->peer != nullptr) TakeOpinion(state, *watched->peer, asked, reply, now, out);
      return;
    case Request::kLastLook:
      if (watched->peer != nullptr) TakeLastLook(state, *watched->peer, asked, reply, now, out);
      return;
    case Request::kWords:
      if (watched->peer == nullptr) return;
      TakeWords(*watched->peer, reply);
      TellStanding(state, *watched->peer, out);
      GreetPeer(state, *watched->peer, reply, out);
      return;
    case Request::kForgets:
      return TakeForgottens(state, reply, now, out);
    case Request::kPauses:
      return TakePauses(state, reply, now, out);
    case Request::kVotersThere:
      if (watched->peer != nullptr) TakeVotersThere(state, *watched->peer, asked.master, reply);
      return;
    case Request::kGoodBye:
      return GoodByeHeard(state, out);
    case Request::kStep:
      if (watched->master != nullptr) TakeStep(state, *watched->master, asked, reply, now, out);
      return;
    case Request::kRights:
      if (watched->is_master()) TakeRights(state, *watched->master, asked, reply, now, out);
      return;
    case Request::kSurvey:
    case Request::kSurveyMaster:
    case Request::kSurveyVote:
      if (watched->peer != nullptr) TakeSurvey(state, *watched->peer, asked, reply, now, out);
      return;
    case Request::kPreVote:
      if (watched->peer != nullptr) TakePreVote(state, *watched->peer, asked, reply, now, out);
      return;
  }
}

void Take(State& state, const base::Now& now, const HelloReceived& input, Actions& out) {
  const auto found = state.links.find(input.link);
  if (found != state.links.end()) ApplyHello(state, input.payload, found->second, now, out);
}

void Take(State& state, const base::Now& now, const ClientArrived& input, Actions& out) {
  WelcomeClient(state, input, now, out);
}

void Take(State& state, const base::Now& now, const ClientCommand& input, Actions& out) {
  RunCommand(state, input, now, out);
}

void Take(State& state, const base::Now& /*now*/, const ClientGone& input, Actions& out) {
  ForgetClient(state, input, out);
}

void Take(State& state, const base::Now& now, const StateSaved& input, Actions& out) {
  if (!input.ok) {
    if (!state.save_failing) {
      out.push_back(LogLine{
          base::LogLevel::kWarning,
          fmt::format("WARNING: Sentinel was not able to save the new configuration on disk!!!: {}", input.error)});
    }
    state.save_failing = true;
    state.timers.Set(TimerKey{InstanceId::kNone, TimerKind::kSaveRetry, 0}, now.mono + kSaveRetry);
    AnswerAfterSave(state, input, now, out);
    return;
  }
  const bool works_again = std::exchange(state.save_failing, false);
  state.timers.Cancel(TimerKey{InstanceId::kNone, TimerKind::kSaveRetry, 0});
  state.durable_change = std::max(state.durable_change, input.through);
  LogNotice(out, "Sentinel new configuration saved on disk");
  if (works_again) SavesWorkAgain(state, now, out);
  AnswerAfterSave(state, input, now, out);
  SendOwedHellos(state, now, out);
  NoteDurable(state, now, out);
  OwnVotesAreDurable(state, now, out);
}

void Take(State& state, const base::Now&, const ScriptStarted& input, Actions&) {
  TakeScriptStarted(state, input);
}

void Take(State& state, const base::Now& now, const ScriptEnded& input, Actions& out) {
  TakeScriptEnded(state, input, now, out);
}

void Take(State& state, const base::Now& now, const NameResolved& input, Actions& out) {
  TakeResolved(state, input, now, out);
}

void Take(State& state, const base::Now& now, const ConfigReread& input, Actions& out) {
  TakeReread(state, input, now, out);
}

void Take(State& state, const base::Now& now, const Stalled& input, Actions& out) {
  TakeStall(state, input.by, now, out);
}

void Take(State& state, const base::Now& now, const Terminate&, Actions& out) {
  Leave(state, now, out);
}

// What every step ends with: failovers that it has finished, and the next deadline when that has moved.
void Finish(State& state, const base::Now& now, Actions& out) {
  if (!state.finished.empty()) {
    for (const std::string& name : std::exchange(state.finished, {})) {
      if (Master* master = FindMaster(state, name)) FinishFailover(state, *master, now, out);
    }
  }
  TakeRemarkable(state, now, out);
  StartScripts(state, now, out);
  const auto next = state.timers.Next();
  if (next && next != state.wake_at) {
    state.wake_at = next;
    out.push_back(WakeAt{*next});
  }
  if (state.check_invariants) [[unlikely]]
    RequireInvariants(state);
}

}  // namespace

void Start(State& state, const base::Now& now, Actions& out) {
  state.started = now;
  if (state.my_id.empty()) {
    state.my_id = base::RunId{state.random.Hex()};
    state.id_change = MarkChanged(state, out);
  }
  LogNotice(out, fmt::format("Sentinel ID is {}", state.my_id.hex));
  for (auto& [name, master] : state.masters) {
    AnnounceEvent(state, &master, "+monitor", fmt::format("{} quorum {}", Describe(state, master), master.quorum), 0,
                  out);
    WatchMaster(state, master, now, out);
  }
  Finish(state, now, out);
}

void Step(State& state, const base::Now& now, const Input& input, Actions& out) {
  CompareClocks(state, now, out);
  std::visit([&](const auto& what) { Take(state, now, what, out); }, input);
  Finish(state, now, out);
}

}  // namespace sentinel
