#include "sentinel/core/health.h"

#include <algorithm>
#include <array>

#include "sentinel/core/conduct.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/leave.h"
#include "sentinel/core/links.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/restart.h"
#include "sentinel/core/testimony.h"

namespace sentinel {
namespace {

void Arm(State& state, const Watched& watched, TimerKind kind, base::MonoTime at) {
  state.timers.Set(TimerKey{watched.id, kind, 0}, at);
}

// A peer is announced once for every master that it watches with us, as stock does.
void AnnounceDown(State& state, const Watched& watched, Actions& out) {
  const std::string_view event = watched.liveness->down() ? "+sdown" : "-sdown";
  if (watched.replica != nullptr) {
    AnnounceEvent(state, watched.master, event, Describe(state, *watched.master, *watched.replica), 0, out);
  } else if (watched.master != nullptr) {
    AnnounceEvent(state, watched.master, event, Describe(state, *watched.master), 0, out);
  } else if (!HasLeft(*watched.peer)) {
    for (auto& [name, master] : state.masters) {
      if (!master.sentinels.contains(watched.peer->run_id)) continue;
      AnnounceEvent(state, &master, event, Describe(state, master, *watched.peer), 0, out);
    }
  }
}

// It answered a PING within down-after, and was not silent then, only unwell.
bool AnswersWithErrors(const Watched& watched, const base::Now& now) {
  const Liveness& liveness = *watched.liveness;
  return liveness.answered_at && *liveness.answered_at > liveness.proof_at &&
         now.mono - *liveness.answered_at < watched.down_after;
}

void FollowUp(State& state, const Watched& watched, const base::Now& now, Actions& out) {
  if (watched.peer != nullptr) {
    if (watched.liveness->down()) LeaderIsDown(state, watched.peer->run_id, now, out);
  } else if (watched.replica != nullptr) {
    AdvanceFailover(state, *watched.master, now, out);
  } else {
    MasterDownChanged(state, *watched.master, now, out);
  }
}

}  // namespace

base::MonoTime OnBeat(base::MonoTime at, base::Millis period) {
  constexpr std::array<std::int64_t, 6> kBeats = {50, 25, 20, 10, 5, 2};
  for (const std::int64_t beat : kBeats) {
    if (beat * 20 > period.count() || period.count() % beat != 0) continue;
    return base::MonoTime(base::Millis(at.time_since_epoch().count() / beat * beat));
  }
  return at;
}

base::Millis PingPeriod(const Watched& watched) {
  const base::Millis second{1000};
  if (watched.is_master()) return std::clamp(watched.down_after / 20, base::Millis(10), second);
  return std::clamp(watched.down_after / 4, base::Millis(10), second);
}

void SendPing(State& /*state*/, const Watched& watched, const base::Now& now, Actions& out) {
  Link& link = *watched.command;
  if (!link.up() || link.pings > 0 || link.pending >= kMaxPending) return;
  Liveness& liveness = *watched.liveness;
  liveness.pinged_at = now.mono;
  if (!liveness.waiting_since) liveness.waiting_since = now.mono;
  const std::string verb = watched.master != nullptr ? Verb(*watched.master, "PING") : "PING";
  SendOne(link, Command{Request::kPing, "", 0, {verb}}, 0, out);
}

void PingDue(State& state, const Watched& watched, const base::Now& now, Actions& out) {
  SendPing(state, watched, now, out);
  DropIfHalfOpen(state, watched, now, out);
  if (watched.is_master()) WatchSilence(state, *watched.master, now);
  const base::Millis period = PingPeriod(watched);
  Arm(state, watched, TimerKind::kPing, OnBeat(now.mono + period, period));
}

bool IsProofOfLife(const ReplyValue& reply) {
  if (reply.kind != ReplyValue::Kind::kStatus && reply.kind != ReplyValue::Kind::kError) return false;
  constexpr std::array<std::string_view, 3> kAcceptable = {"PONG", "LOADING", "MASTERDOWN"};
  return std::any_of(kAcceptable.begin(), kAcceptable.end(),
                     [&](std::string_view prefix) { return reply.StartsWith(prefix); });
}

void TakePong(State& state, const Watched& watched, const ReplyValue& reply, const base::Now& now, Actions& out) {
  Liveness& liveness = *watched.liveness;
  liveness.answered_at = now.mono;
  watched.command->heard_at = now.mono;
  if (watched.is_master()) MasterAnswered(state, *watched.master, now, out);
  NoteRefusal(state, watched, reply, out);
  if (!IsProofOfLife(reply)) {
    if (liveness.down()) JudgeDown(state, watched, now, out);  // no longer for silence
    if (reply.is_error() && reply.StartsWith("BUSY") && liveness.down() && !liveness.script_kill_sent &&
        watched.master != nullptr) {
      liveness.script_kill_sent = true;
      SendOne(*watched.command, Command{Request::kScriptKill, "", 0, {Verb(*watched.master, "SCRIPT"), "KILL"}}, 0,
              out);
    }
    return;
  }
  liveness.proof_at = now.mono;
  // A last look's PING may be under way behind this one; were it forgotten, a link that has died meanwhile would
  // never look half-open.
  liveness.waiting_since = watched.command->pings > 0 ? liveness.pinged_at : std::nullopt;
  const bool rebooting = watched.is_master() && watched.master->reboot_seen_at.has_value();
  if (rebooting && reply.StartsWith("PONG")) watched.master->reboot_seen_at.reset();
  // Later proof only moves the deadline away, which the timer finds out by itself when it fires.
  if (liveness.down() || rebooting) JudgeDown(state, watched, now, out);
  if (watched.peer != nullptr) NoteAnswer(*watched.peer);
}

DownDeadline DownDeadlineOf(const State& state, const Watched& watched) {
  DownDeadline deadline{watched.liveness->proof_at + watched.down_after, DownCause::kSilence};
  if (!watched.is_master()) return deadline;
  const Master& master = *watched.master;
  if (master.role_reported == Role::kReplica) {
    const base::MonoTime at = master.role_reported_at + master.down_after + 2 * state.periods.info;
    if (at < deadline.at) deadline = {at, DownCause::kRoleMismatch};
  }
  if (master.reboot_seen_at && master.reboot_down_after.count() > 0) {
    const base::MonoTime at = *master.reboot_seen_at + master.reboot_down_after;
    if (at < deadline.at) deadline = {at, DownCause::kReboot};
  }
  if (const auto& at = master.refusal.agreed_at; at && *at < deadline.at) deadline = {*at, DownCause::kRefused};
  if (const auto at = EmptiedSince(master); at && *at < deadline.at) deadline = {*at, DownCause::kEmptied};
  return deadline;
}

void JudgeDown(State& state, const Watched& watched, const base::Now& now, Actions& out) {
  DownDeadline deadline = DownDeadlineOf(state, watched);
  const bool down = now.mono >= deadline.at;
  if (deadline.cause == DownCause::kSilence && AnswersWithErrors(watched, now)) deadline.cause = DownCause::kErrors;
  if (watched.is_master()) watched.master->down_cause = down ? deadline.cause : DownCause::kNone;
  if (down) {
    state.timers.Cancel(TimerKey{watched.id, TimerKind::kDownCheck, 0});
  } else {
    Arm(state, watched, TimerKind::kDownCheck, deadline.at);
  }
  if (down == watched.liveness->down()) return;

  watched.liveness->script_kill_sent = false;
  if (down) {
    watched.liveness->down_since = now.mono;
    if (watched.replica != nullptr && watched.replica->former) watched.replica->former->was_down = true;
  } else {
    watched.liveness->down_since.reset();
    if (watched.replica != nullptr) watched.replica->up_since = now.mono;
    if (watched.replica != nullptr && watched.replica->former) AskInfo(state, watched, now, out);
  }
  if (watched.is_master() && down) NoteDown(state, *watched.master, now);
  if (watched.is_master() && !down) NoteBack(state, *watched.master, now, out);
  AnnounceDown(state, watched, out);
  FollowUp(state, watched, now, out);
}

void ReviewDown(State& state, const Watched& watched, const base::Now& now, Actions& out) {
  if (!watched.liveness->down() && now.mono >= DownDeadlineOf(state, watched).at) {
    Arm(state, watched, TimerKind::kDownCheck, now.mono);
  } else {
    JudgeDown(state, watched, now, out);
  }
}

}  // namespace sentinel
