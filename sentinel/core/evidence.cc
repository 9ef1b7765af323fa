#include "sentinel/core/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sentinel/core/changes.h"
#include "sentinel/core/decision_text.h"
#include "sentinel/core/events.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/restart.h"

namespace sentinel {
namespace {

using base::Millis;
using base::MonoTime;

constexpr std::string_view kFailover = "failover";
constexpr std::string_view kManualFailover = "manual-failover";

struct RemarkableEvent {
  std::string_view event;
  bool alone;  // a decision of its own when no failover is under way
};
constexpr std::array kRemarkables = {
    RemarkableEvent{"+testimony-hold", false},
    RemarkableEvent{"-testimony-hold", false},
    RemarkableEvent{"+failover-mode", false},
    RemarkableEvent{"+failover-waiting-for-replicas", false},
    RemarkableEvent{"+reboot", false},
    RemarkableEvent{"+tilt", false},
    RemarkableEvent{"-config-epoch-conflict", true},
    RemarkableEvent{"+convert-to-slave", true},
    RemarkableEvent{"+pause", true},
    RemarkableEvent{"-pause", true},
    RemarkableEvent{"+forget", true},
    RemarkableEvent{"-forget", true},
    RemarkableEvent{"-auth-failed", false},
};

Decision* OpenOf(Master& master) {
  std::vector<Decision>& all = master.chronicle.decisions;
  const auto found = std::find_if(all.rbegin(), all.rend(), [](const Decision& decision) { return decision.open(); });
  if (found == all.rend()) return nullptr;
  found->line.clear();  // the caller writes
  return &*found;
}

// What repeats itself must not push out of the list what is worth remembering.
bool RepeatsTheLast(const Master& master, const State::Remarkable& seen) {
  const std::vector<Decision>& all = master.chronicle.decisions;
  return !all.empty() && all.back().outcome == Outcome::kNoted && all.back().kind == seen.event &&
         all.back().detail == Clean(seen.payload);
}

// The newest that brought an address, or is about to.
Decision* LastSwitchOf(Master& master) {
  std::vector<Decision>& all = master.chronicle.decisions;
  const auto found =
      std::find_if(all.rbegin(), all.rend(), [](const Decision& decision) { return !decision.to.empty(); });
  return found == all.rend() ? nullptr : &*found;
}

Decision& Append(Master& master, Decision decision) {
  std::vector<Decision>& all = master.chronicle.decisions;
  if (all.size() >= kDecisionsPerMaster) all.erase(all.begin());
  decision.number = ++master.chronicle.last_number;
  all.push_back(std::move(decision));
  return all.back();
}

Decision& Open(Master& master, std::string_view kind, MonoTime began, const base::Now& now) {
  Decision decision;
  decision.kind = kind;
  decision.noticed = now.wall;
  decision.began = now.wall - (now.mono - began);
  decision.began_mono = began;
  decision.from = master.address;
  decision.old_replid = master.info.replid;
  if (CameBackEmpty(master)) {
    decision.old_replid = master.restart->histories.back();  // what it says now is of another history
  } else if (master.info_at && master.info.role == Role::kMaster) {
    decision.last_known = master.info.master_offset;
    decision.last_known_age = std::max(master.liveness.proof_at - *master.info_at, Millis(0));
  }
  decision.quorum = master.quorum;
  decision.voters = VotersOf(master);
  return Append(master, std::move(decision));
}

void AddRemark(Decision& decision, std::string_view text, const base::Now& now) {
  const std::string clean = Clean(text);
  if (!decision.remarks.empty() && decision.remarks.back().ends_with(": " + clean)) return;
  // The first ones tell how it began, the last ones how it ends: what repeats itself in between gives way.
  if (decision.remarks.size() >= kRemarksPerDecision) {
    decision.remarks.erase(decision.remarks.begin() + kRemarksPerDecision / 2);
  }
  decision.remarks.push_back(Clean(fmt::format("+{} ms: {}", (now.mono - decision.began_mono).count(), clean)));
}

// Phases that are done again are forgotten with all that followed.
void End(Decision& decision, Phase phase, const base::Now& now) {
  const auto index = static_cast<std::size_t>(phase);
  decision.ended[index] = std::max(now.mono - decision.began_mono, Millis(0));
  for (std::size_t later = index + 1; later < kPhases; ++later) decision.ended[later].reset();
}

std::string_view CauseWord(DownCause cause) {
  switch (cause) {
    case DownCause::kSilence:
      return "silence";
    case DownCause::kRoleMismatch:
      return "role-mismatch";
    case DownCause::kReboot:
      return "reboot";
    case DownCause::kErrors:
      return "errors";
    case DownCause::kRefused:
      return "refused";
    case DownCause::kEmptied:
      return "empty-master";
    default:
      return "other";
  }
}

std::string CauseSentence(const Master& master, const base::Now& now) {
  const auto since = [&](MonoTime at) { return (now.mono - at).count(); };
  switch (master.down_cause) {
    case DownCause::kSilence: {
      std::string text = fmt::format("no acceptable answer to PING for {} ms", since(master.liveness.proof_at));
      if (!master.command.up() && !master.command.last_error.empty()) {
        text += fmt::format("; the connection: {}", master.command.last_error);
      } else if (master.command.up()) {
        text += "; the connection is up";
      }
      return text;
    }
    case DownCause::kErrors:
      return fmt::format("it answers PING with errors that are no proof of life; the last good answer was {} ms ago",
                         since(master.liveness.proof_at));
    case DownCause::kRefused:
      return fmt::format(
          "its process is gone: the connection was lost, its port refuses new ones, and a quorum finds "
          "the same (fast-fail); last proof of life {} ms ago",
          since(master.liveness.proof_at));
    case DownCause::kRoleMismatch:
      return fmt::format("it has reported that it is a replica for {} ms", since(master.role_reported_at));
    case DownCause::kReboot:
      return fmt::format("it restarted {} ms ago and has not said PONG since", since(*master.reboot_seen_at));
    case DownCause::kEmptied:
      return fmt::format("it came back as another process {} ms ago with less than a replica holds",
                         since(master.restart->noticed_at));
    default:
      return fmt::format("its last proof of life was {} ms ago", since(master.liveness.proof_at));
  }
}

MonoTime CauseBegan(const Master& master, const base::Now& now) {
  switch (master.down_cause) {
    case DownCause::kRoleMismatch:
      return master.role_reported_at;
    case DownCause::kReboot:
      return master.reboot_seen_at.value_or(now.mono);
    case DownCause::kEmptied:
      return master.restart->noticed_at;
    default:
      return master.liveness.proof_at;
  }
}

void NoteVotes(const State& state, const Master& master, Decision& decision) {
  decision.votes.clear();
  if (master.vote.epoch == decision.epoch) decision.votes.push_back({state.my_id, master.vote.candidate});
  for (const auto& [id, opinion] : master.sentinels) {
    if (opinion.vote.epoch != decision.epoch || opinion.vote.candidate.empty()) continue;
    if (decision.votes.size() < kListedPerDecision) decision.votes.push_back({id, opinion.vote.candidate});
  }
}

// What puts `best` before `other`.
std::string WhyBefore(const Candidate& best, const Candidate& other) {
  if (best.promoted != other.promoted) return "an earlier leader has promoted it already";
  if (best.named != other.named) return "an earlier leader said that it promotes it";
  if (best.priority != other.priority)
    return fmt::format("its priority {} comes before {}", best.priority, other.priority);
  if (best.offset != other.offset) return fmt::format("it holds {} bytes more", best.offset - other.offset);
  return "it holds as much, and its run id comes first";
}

std::string WhyBehind(const Candidate& best, const Candidate& other) {
  if (best.promoted != other.promoted) return "another was promoted already by an earlier leader";
  if (best.named != other.named) return "an earlier leader named another";
  if (best.priority != other.priority)
    return fmt::format("its priority {} comes after {}", other.priority, best.priority);
  if (best.offset != other.offset) return fmt::format("it holds {} bytes less", best.offset - other.offset);
  return "it holds as much, and its run id comes later";
}

// The old history ends here for the new master: what the old one wrote beyond is lost.
void LearnFork(Decision& decision, const InfoReport& promoted) {
  if (decision.kept >= 0 || promoted.role != Role::kMaster || promoted.replid2.empty()) return;
  if (!decision.old_replid.empty() && decision.old_replid != promoted.replid2) return;
  decision.line.clear();
  decision.old_replid = promoted.replid2;
  decision.kept = std::max<base::Offset>(promoted.second_offset - 1, 0);
  if (decision.loss.kind != LossKind::kUnknown || !decision.loss.how.empty()) return;
  std::string known = "its last offset was never learned";
  if (decision.last_known >= 0) {
    known = fmt::format("its last known offset {} ({} ms before its last proof of life) is {}", decision.last_known,
                        decision.last_known_age.count(), decision.last_known <= decision.kept ? "kept" : "not reached");
  }
  decision.loss.how =
      Clean(fmt::format("the new master kept the old history up to {}; the old master has not been "
                        "seen since: {}",
                        decision.kept, known));
}

void SetLoss(Decision& decision, LossKind kind, std::int64_t bytes, std::string_view how) {
  decision.line.clear();
  decision.loss = Loss{kind, bytes, Clean(how)};
}

// What the returned old master's INFO says of the end of its history. True when something new was learned.
bool SettleLoss(Decision& decision, const InfoReport& info) {
  if (decision.kept < 0 || decision.loss.kind != LossKind::kUnknown) return false;
  const Loss before = decision.loss;
  std::optional<base::Offset> last;
  if (info.role == Role::kReplica && info.replid == decision.old_replid) {
    last = info.master_offset;  // demoted, and still at the end of what it wrote
  } else if (info.role == Role::kReplica && info.replid2 == decision.old_replid && info.second_offset > 0) {
    last = info.second_offset - 1;  // it went on from there without a full sync
  }
  if (last) {
    const std::int64_t beyond = *last - decision.kept;
    if (beyond <= 0) {
      SetLoss(
          decision, LossKind::kExact, 0,
          fmt::format("the old master wrote its history up to {}, the new one kept it up to {}", *last, decision.kept));
    } else {
      SetLoss(decision, LossKind::kAtMost, beyond,
              fmt::format("the old master wrote its history up to {}, the new one kept it up to {}; not all of that "
                          "need have been acknowledged writes",
                          *last, decision.kept));
    }
  } else if (info.role == Role::kMaster && info.replid == decision.old_replid) {
    SetLoss(decision, LossKind::kUnknown, 0,
            fmt::format("the old master is back, still as a master, and holds {} bytes that the new one does not have",
                        std::max<std::int64_t>(info.master_offset - decision.kept, 0)));
  } else if (info.role != Role::kUnknown && !info.replid.empty()) {
    SetLoss(decision, LossKind::kUnknown, 0,
            fmt::format("the old master came back without the history that it wrote; the new one kept that up to {}, "
                        "its last known offset was {}",
                        decision.kept, decision.last_known));
  }
  return decision.loss.kind != before.kind || decision.loss.how != before.how;
}

// To every peer of ours; whoever led it tells it, once its address is durable and again when it knows more.
void Report(State& state, Master& master, const Decision& decision, Actions& out) {
  if (decision.led_by != state.my_id || decision.published_change == 0) return;
  PushDecision(state, master, EncodeDecision(decision), decision.published_change, out);
}

void Keep(State& state, Actions& out) {
  MarkChanged(state, out);
}

}  // namespace

std::vector<Considered> Considerations(const std::vector<Candidate>& ranked) {
  std::vector<Considered> all;
  int rank = 0;
  for (const Candidate& candidate : ranked) {
    if (all.size() >= kListedPerDecision) break;
    Considered considered;
    considered.address = candidate.address;
    considered.priority = candidate.priority;
    considered.offset = candidate.offset;
    considered.replid = candidate.info.replid;
    if (candidate.usable()) considered.rank = ++rank;
    if (!candidate.usable()) {
      considered.reason = Clean(candidate.against);
    } else if (rank == 1) {
      const bool alone = ranked.size() < 2 || !ranked[1].usable();
      considered.reason = alone ? "the only one that can be chosen" : WhyBefore(ranked[0], ranked[1]);
    } else {
      considered.reason = WhyBehind(ranked[0], candidate);
    }
    all.push_back(std::move(considered));
  }
  return all;
}

void NoteDecision(State& state, Master& master, std::string_view kind, std::string_view detail, const base::Now& now,
                  Actions& out) {
  Decision decision;
  decision.kind = Clean(kind);
  decision.detail = Clean(detail);
  decision.outcome = Outcome::kNoted;
  decision.began = decision.noticed = now.wall;
  decision.began_mono = now.mono;
  decision.epoch = master.config_epoch;
  Append(master, std::move(decision));
  Keep(state, out);
}

void Remark(Master& master, std::string_view text, const base::Now& now) {
  if (Decision* decision = OpenOf(master)) AddRemark(*decision, text, now);
}

bool IsRemarkable(std::string_view event) {
  return std::ranges::find(kRemarkables, event, &RemarkableEvent::event) != kRemarkables.end();
}

void TakeRemarkable(State& state, const base::Now& now, Actions& out) {
  if (state.remarkable.empty()) return;
  for (const State::Remarkable& seen : std::exchange(state.remarkable, {})) {
    Master* master = FindMaster(state, seen.master);
    if (master == nullptr) continue;
    const auto row = std::ranges::find(kRemarkables, seen.event, &RemarkableEvent::event);
    if (Decision* decision = OpenOf(*master)) {
      AddRemark(*decision, seen.event + " " + seen.payload, now);
    } else if (row->alone && !RepeatsTheLast(*master, seen)) {
      NoteDecision(state, *master, seen.event, seen.payload, now, out);
    }
  }
}

void NoteDown(State& /*state*/, Master& master, const base::Now& now) {
  if (master.failover.active()) {
    Remark(master, fmt::format("the master counts as down: {}", CauseSentence(master, now)), now);
    return;
  }
  if (Decision* old = OpenOf(master)) old->outcome = Outcome::kAbandoned;
  Decision& decision = Open(master, kFailover, CauseBegan(master, now), now);
  decision.cause = CauseWord(master.down_cause);
  decision.detail = Clean(CauseSentence(master, now));
  End(decision, Phase::kDetection, now);
}

void NoteBack(State& state, Master& master, const base::Now& now, Actions& out) {
  Decision* decision = OpenOf(master);
  if (decision == nullptr) return;
  AddRemark(*decision, "the master answers again", now);
  if (decision->kind != kFailover || master.failover.active()) return;
  if (!decision->ended[static_cast<std::size_t>(Phase::kAgreement)]) {
    // A moment of silence that nobody else saw is no decision.
    std::vector<Decision>& all = master.chronicle.decisions;
    all.erase(all.begin() + (decision - all.data()));
    return;
  }
  decision->outcome = Outcome::kMasterBack;
  Keep(state, out);
}

void NoteAgreed(State& state, Master& master, const base::Now& now) {
  Decision* decision = OpenOf(master);
  if (decision == nullptr || decision->kind != kFailover) return;
  if (decision->ended[static_cast<std::size_t>(Phase::kAgreement)]) return;  // agreed once before; the first counts
  End(*decision, Phase::kAgreement, now);
  decision->quorum = master.quorum;
  decision->voters = VotersOf(master);
  decision->agreed.clear();
  decision->agreed.push_back({state.my_id, true, Millis(0)});
  for (const auto& [id, opinion] : master.sentinels) {
    if (decision->agreed.size() >= kListedPerDecision) break;
    Agreement agreement{id, opinion.down, std::nullopt};
    if (opinion.at) agreement.age = now.mono - *opinion.at;
    decision->agreed.push_back(std::move(agreement));
  }
}

void NoteStanding(State& /*state*/, Master& master, const base::Now& now) {
  Decision* decision = OpenOf(master);
  if (decision == nullptr) {
    decision = &Open(master, master.failover.forced ? kManualFailover : kFailover, now.mono, now);
    decision->cause = master.failover.forced ? "operator" : CauseWord(master.down_cause);
    decision->detail = master.failover.forced ? "asked for with SENTINEL FAILOVER" : "";
  } else if (master.failover.forced) {
    AddRemark(*decision, "an operator asked for a failover", now);
  }
  decision->epoch = master.failover.epoch;
  AddRemark(*decision, fmt::format("stood for election in epoch {}", decision->epoch.value), now);
}

void NoteElected(State& state, Master& master, const base::Now& now) {
  Decision* decision = OpenOf(master);
  if (decision == nullptr) return;
  End(*decision, Phase::kElection, now);
  decision->led_by = state.my_id;
  NoteVotes(state, master, *decision);
}

void NoteSelected(Master& master, const std::vector<Candidate>& ranked, const base::Now& now) {
  Decision* decision = OpenOf(master);
  if (decision == nullptr || ranked.empty()) return;
  End(*decision, Phase::kSelection, now);
  decision->replicas = Considerations(ranked);
}

void NotePromotionSent(Master& master, const base::Now& now) {
  if (Decision* decision = OpenOf(master)) End(*decision, Phase::kLastLook, now);
}

void NotePromoted(State& state, Master& master, const Replica& promoted, const base::Now& now) {
  Decision* decision = OpenOf(master);
  if (decision == nullptr) return;
  End(*decision, Phase::kPromotion, now);
  decision->to = promoted.address;
  decision->led_by = state.my_id;
  decision->published_change = master.failover.change;
  LearnFork(*decision, promoted.info);
  state.publishing.insert(master.name);
}

void NoteAborted(State& state, Master& master, std::string_view event, const base::Now& now, Actions& out) {
  Decision* decision = OpenOf(master);
  if (decision == nullptr) return;
  AddRemark(*decision, fmt::format("the attempt in epoch {} ended: {}", decision->epoch.value, event), now);
  decision->led_by = {};
  if (decision->kind == kManualFailover || event == "-failover-abort-master-back") {
    decision->outcome = decision->kind == kManualFailover ? Outcome::kAbandoned : Outcome::kMasterBack;
    Keep(state, out);
  }
}

void NoteSwitched(State& state, Master& master, const base::Endpoint& to, const base::RunId& leader,
                  const base::Now& now, Actions& out) {
  const bool led_here = leader == state.my_id;
  Decision* decision = OpenOf(master);
  if (decision == nullptr && to == master.address) return;
  if (decision == nullptr) {
    decision = &Open(master, kFailover, now.mono, now);
    decision->cause = "told-by-peer";
    decision->detail = "another sentinel announced a new address";
  }
  if (!led_here && decision->led_by == state.my_id) {
    AddRemark(*decision, "another sentinel's failover came first", now);
    decision->replicas.clear();
  }
  decision->epoch = master.config_epoch;
  decision->led_by = leader;
  decision->to = to;
  if (led_here) {
    End(*decision, Phase::kRepointing, now);
  } else {
    NoteVotes(state, master, *decision);
    End(*decision, Phase::kPublication, now);
  }
  decision->outcome = to == decision->from ? Outcome::kAbandoned : Outcome::kSwitched;
  if (decision->kept < 0 && decision->loss.how.empty()) {
    decision->loss.how = "the new master has not said yet where its history begins";
  }
  Keep(state, out);
  Report(state, master, *decision, out);
}

void NoteInfo(State& state, Master& master, const base::Endpoint& address, const InfoReport& info, Actions& out) {
  Decision* decision = LastSwitchOf(master);
  if (decision == nullptr || decision->loss.kind != LossKind::kUnknown) return;
  bool news = false;
  if (address == decision->to && decision->kept < 0) {
    LearnFork(*decision, info);
    news = decision->kept >= 0;
  } else if (address == decision->from) {
    news = SettleLoss(*decision, info);
  }
  if (!news || decision->open()) return;
  Keep(state, out);
  Report(state, master, *decision, out);
}

void NoteDurable(State& state, const base::Now& now, Actions& out) {
  for (const std::string& name : std::set<std::string>(state.publishing)) {
    Master* master = FindMaster(state, name);
    Decision* decision = master == nullptr ? nullptr : LastSwitchOf(*master);
    if (decision != nullptr && !state.Durable(decision->published_change)) continue;
    state.publishing.erase(name);
    if (decision == nullptr) continue;
    const auto phase = static_cast<std::size_t>(Phase::kPublication);
    const std::optional<Millis> repointed = decision->ended[static_cast<std::size_t>(Phase::kRepointing)];
    const Millis durable = std::max(now.mono - decision->began_mono, Millis(0));
    decision->line.clear();
    // The replicas may have been faster than our disk.
    decision->ended[phase] = repointed ? std::min(durable, *repointed) : durable;
    Report(state, *master, *decision, out);
  }
}

base::Result<void> ApplyReport(State& state, std::string_view name, const base::RunId& from,
                               std::span<const std::string> words, const base::Now& now, Actions& out) {
  auto told = DecodeDecision(words);
  if (!told) return tl::unexpected(told.error());
  Master* master = FindMaster(state, name);
  if (master == nullptr || !master->sentinels.contains(from) || told->led_by != from) return {};
  std::vector<Decision>& all = master->chronicle.decisions;
  const auto known = std::find_if(all.rbegin(), all.rend(), [&](const Decision& decision) {
    return decision.outcome != Outcome::kNoted && (decision.epoch == told->epoch || decision.open());
  });
  if (known == all.rend()) {
    told->told_by = from;
    if (told->open()) told->outcome = Outcome::kInterrupted;  // until it says more
    Append(*master, *std::move(told));
    Keep(state, out);
    return {};
  }
  Decision& mine = *known;
  if (mine.led_by == state.my_id && mine.epoch == told->epoch) return {};
  mine.line.clear();
  mine.kind = told->kind;
  mine.told_by = from;
  mine.led_by = from;
  mine.epoch = told->epoch;
  mine.from = told->from;
  if (!told->to.empty()) mine.to = told->to;
  // The leader's clock, so that its durations add up; what we saw ourselves keeps its place beside them.
  mine.began = told->began;
  mine.began_mono = now.mono - std::max(now.wall - told->began, Millis(0));
  mine.ended = told->ended;
  mine.cause = told->cause;
  if (mine.detail.empty() || told->kind != kFailover) mine.detail = told->detail;
  if (mine.agreed.empty()) mine.agreed = std::move(told->agreed);
  mine.votes = std::move(told->votes);
  mine.replicas = std::move(told->replicas);
  mine.remarks = std::move(told->remarks);
  if (mine.loss.kind == LossKind::kUnknown) mine.loss = std::move(told->loss);
  if (told->kept >= 0) {
    mine.kept = told->kept;
    mine.old_replid = told->old_replid;
  }
  if (told->last_known > mine.last_known) {
    mine.last_known = told->last_known;
    mine.last_known_age = told->last_known_age;
  }
  if (!mine.open()) Keep(state, out);
  return {};
}

}  // namespace sentinel
