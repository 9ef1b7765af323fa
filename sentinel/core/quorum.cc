#include "sentinel/core/quorum.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/ids.h"
#include "sentinel/core/candidates.h"
#include "sentinel/core/conflict.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/links.h"
#include "sentinel/core/restart.h"
#include "sentinel/core/testimony.h"

namespace sentinel {
namespace {

using base::Millis;

TimerKey Key(const Master& master, TimerKind kind) {
  return TimerKey{master.id, kind, 0};
}

Millis OpinionLife(const State& state) {
  return 5 * state.periods.ask;
}

}  // namespace

bool CountsAsDown(const State& state, const Opinion& opinion, const base::Now& now) {
  return opinion.down && opinion.at && now.mono - *opinion.at < OpinionLife(state);
}

int VotersOf(const Master& master) {
  return static_cast<int>(master.sentinels.size()) + 1 + master.silent_voters;
}

int MajorityOf(const Master& master) {
  return VotersOf(master) / 2 + 1;
}

QuorumReport CheckQuorum(const State& state, const Master& master) {
  QuorumReport report;
  report.voters = VotersOf(master);
  for (const auto& [id, opinion] : master.sentinels) {
    const Peer* peer = FindPeer(state, id);
    if (peer != nullptr && !peer->liveness.down()) ++report.usable;
  }
  report.quorum_reachable = report.usable >= master.quorum;
  report.majority_reachable = report.usable >= MajorityOf(master);
  return report;
}

void MasterDownChanged(State& state, Master& master, const base::Now& now, Actions& out) {
  PushDown(state, master, out);
  if (master.liveness.down()) {
    AskDue(state, master, now, out);
  } else {
    state.timers.Cancel(Key(master, TimerKind::kAsk));
    // What they said was about the time before.
    for (auto& [id, opinion] : master.sentinels) opinion.asking = 0;
  }
  JudgeObjectiveDown(state, master, now, out);
  AdvanceFailover(state, master, now, out);
}

Command MakeQuestion(const State& state, const Master& master, Request request, std::uint64_t serial, base::Epoch epoch,
                     bool with_vote) {
  return Command{request,
                 master.name,
                 serial,
                 {"SENTINEL", "is-master-down-by-addr", master.address.host, fmt::format("{}", master.address.port),
                  fmt::format("{}", epoch.value), with_vote ? state.my_id.hex : "*"}};
}

void AskPeer(State& state, Master& master, Peer& peer, const base::Now& now, Actions& out) {
  const auto found = master.sentinels.find(peer.run_id);
  if (found == master.sentinels.end() || !peer.command.up() || peer.command.pending >= kMaxPending) return;
  Opinion& opinion = found->second;
  opinion.asking = ++state.last_serial;
  opinion.asked_at = now.mono;
  // The question for votes may leave before our own vote is durable, so that the disks work in parallel: it asks, and
  // promises nothing.
  const bool standing = master.failover.stage == Stage::kWaitStart;
  const base::Epoch epoch = standing ? master.failover.epoch : state.current_epoch;
  Command question = MakeQuestion(state, master, Request::kAsk, opinion.asking, epoch, standing);
  if (master.failover.settles) NameAsKnownTo(master, peer.run_id, question);
  SendOne(peer.command, std::move(question), 0, out);
}

void AskDue(State& state, Master& master, const base::Now& now, Actions& out) {
  if (!master.liveness.down()) return;
  for (auto& [id, opinion] : master.sentinels) {
    Peer* peer = FindPeer(state, id);
    if (peer == nullptr || opinion.asking != 0) continue;
    const bool pushes = peer->words.contains(std::string(kDownPush));
    const Millis pace = pushes ? state.periods.ask : Millis(0);
    if (opinion.asked_at && now.mono - *opinion.asked_at < pace) continue;
    AskPeer(state, master, *peer, now, out);
  }
  state.timers.Set(Key(master, TimerKind::kAsk), now.mono + state.random.Between(Millis(50), Millis(100)));
}

std::optional<PeerAnswer> ParseAnswer(const ReplyValue& reply) {
  using Kind = ReplyValue::Kind;
  if (reply.kind != Kind::kArray || reply.elements.size() != 3) return std::nullopt;
  const ReplyValue& down = reply.elements[0];
  const ReplyValue& leader = reply.elements[1];
  const ReplyValue& epoch = reply.elements[2];
  if (down.kind != Kind::kInteger || leader.kind != Kind::kString || epoch.kind != Kind::kInteger) return std::nullopt;
  PeerAnswer answer;
  answer.down = down.integer == 1;
  if (const auto id = base::ParseHexId<base::RunId>(leader.text)) answer.leader = *id;
  answer.epoch = base::Epoch{static_cast<std::uint64_t>(std::max<std::int64_t>(epoch.integer, 0))};
  return answer;
}

void TakeOpinion(State& state, Peer& peer, const Command& asked, const ReplyValue& reply, const base::Now& now,
                 Actions& out) {
  Master* master = FindMaster(state, asked.master);
  if (master == nullptr) return;
  const auto found = master->sentinels.find(peer.run_id);
  if (found == master->sentinels.end()) return;
  Opinion& opinion = found->second;
  const bool current = opinion.asking == asked.serial;
  if (current) opinion.asking = 0;
  const auto answer = ParseAnswer(reply);
  if (!answer) return;
  // A vote is a fact whenever it was asked for. Whether the master is down is one only of the address that we ask
  // about now. One in an epoch beyond belief (A11) would keep us from ever standing again.
  if (!answer->leader.empty() && answer->epoch >= opinion.vote.epoch && IsWithinReach(state, answer->epoch)) {
    if (answer->epoch != opinion.vote.epoch || answer->leader != opinion.vote.candidate) {
      LogNotice(out, fmt::format("{} voted for {} {}", peer.run_id.hex, answer->leader.hex, answer->epoch.value));
    }
    opinion.vote = Vote{answer->epoch, answer->leader};
  }
  if (current && opinion.conflict.empty()) NoteOpinion(state, *master, opinion, answer->down, now, out);
  CountVotes(state, *master, now, out);
}

void NoteOpinion(State& state, Master& master, Opinion& opinion, bool down, const base::Now& now, Actions& out) {
  opinion.down = down;
  opinion.at = now.mono;
  JudgeObjectiveDown(state, master, now, out);
}

void JudgeObjectiveDown(State& state, Master& master, const base::Now& now, Actions& out) {
  int have = 1;
  std::optional<base::MonoTime> expires;
  for (const auto& [id, opinion] : master.sentinels) {
    if (!CountsAsDown(state, opinion, now)) continue;
    ++have;
    const base::MonoTime at = *opinion.at + OpinionLife(state);
    expires = std::min(expires.value_or(at), at);
  }
  // That it holds less than a replica is a fact that nobody has to confirm: the election has its majority anyway.
  const bool enough = master.down_cause == DownCause::kEmptied ? !IsHeld(master) : have >= master.quorum;
  const bool down = master.liveness.down() && enough;
  if (down && expires) {
    state.timers.Set(Key(master, TimerKind::kOpinionExpiry), *expires);
  } else {
    state.timers.Cancel(Key(master, TimerKind::kOpinionExpiry));
  }
  if (down == master.objective_down_since.has_value()) return;

  if (down) {
    master.objective_down_since = now.mono;
    NoteAgreed(state, master, now);
    AnnounceEvent(state, &master, "+odown",
                  fmt::format("{} #quorum {}/{}", Describe(state, master), have, master.quorum), 0, out);
    JudgeTestimony(state, master, now, out);
    if (master.failover.active()) return;
    StartReads(state, master, now, out);
    ScheduleStand(state, master, now, out);
  } else {
    master.objective_down_since.reset();
    master.retry_delay = Millis(0);
    AnnounceEvent(state, &master, "-odown", Describe(state, master), 0, out);
    JudgeTestimony(state, master, now, out);
    if (!master.failover.active()) StopReads(state, master);
  }
}

}  // namespace sentinel
