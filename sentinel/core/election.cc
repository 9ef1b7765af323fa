#include "sentinel/core/election.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <utility>

#include "sentinel/core/candidates.h"
#include "sentinel/core/choose_replica.h"
#include "sentinel/core/conflict.h"
#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/links.h"
#include "sentinel/core/mending.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/simulate.h"
#include "sentinel/core/testimony.h"
#include "sentinel/core/vote.h"

namespace sentinel {
namespace {

using base::Millis;
using base::MonoTime;

constexpr Millis kRankStep{20};
constexpr Millis kPatienceWithOurs{3000};
constexpr Millis kPatienceWithStock{10000};
constexpr Millis kPreVoteTimeout{200};
constexpr Millis kAskAgain{5};
constexpr Millis kForcedTimeout{200};
constexpr Millis kShortestAttempt{1000};
constexpr Millis kFirstRetry{200};
constexpr Millis kLongestRetry{10000};
constexpr Millis kFailoverWindow{60000};
constexpr std::size_t kManyFailovers = 3;
constexpr std::size_t kRemembered = 32;  // failovers; the waits have long stopped growing

// Two things share the election timer of a master, never at once.
constexpr std::uint64_t kAttempt = 0;
constexpr std::uint64_t kPreVotes = 1;

TimerKey ElectionKey(const Master& master, std::uint64_t detail) {
  return TimerKey{master.id, TimerKind::kElection, detail};
}

TimerKey AskAgainKey(const Master& master) {
  return TimerKey{master.id, TimerKind::kPreVote, 0};
}

bool IsLive(const Peer& peer) {
  return peer.command.up() && !peer.liveness.down();
}

std::vector<Peer*> LivePeers(State& state, const Master& master) {
  std::vector<Peer*> live;
  for (const auto& [id, opinion] : master.sentinels) {
    Peer* peer = FindPeer(state, id);
    if (peer != nullptr && IsLive(*peer)) live.push_back(peer);
  }
  return live;
}

// Why anybody should stand: it is down, or it answers and is not what it should be.
bool HasCause(const Master& master) {
  return master.objective_down_since || master.mend != Mend::kNone;
}

int VotesNeeded(const Master& master) {
  return std::max(MajorityOf(master), master.quorum);
}

bool AllPreVote(const State& state, const Master& master) {
  return std::all_of(master.sentinels.begin(), master.sentinels.end(), [&](const auto& entry) {
    const Peer* peer = FindPeer(state, entry.first);
    return peer != nullptr && peer->words.contains(std::string(kPreVote));
  });
}

// "Sun Nov 22 16:09:27 2026", as ctime() prints it, in UTC.
std::string CalendarTime(base::WallTime at) {
  using namespace std::chrono;
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_seconds moment{seconds(base::UnixMillis(at) / 1000)};
  const sys_days day = floor<days>(moment);
  const year_month_day date(day);
  const hh_mm_ss time(moment - day);
  return fmt::format("{} {} {:2} {:02}:{:02}:{:02} {}", kDays[weekday(day).c_encoding()],
                     kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     static_cast<int>(date.year()));
}

// Until when no failover will be started, and why: once for each such wait, beside stock's line in the log.
void TellDelay(State& state, Master& master, MonoTime until, std::string_view why, const base::Now& now, Actions& out) {
  if (master.delay_told && *master.delay_told >= until) return;
  master.delay_told = until;
  LogNotice(out, fmt::format("Next failover delay: I will not start a failover before {}",
                             CalendarTime(now.wall + (until - now.mono))));
  AnnounceEvent(state, &master, "+failover-delayed",
                fmt::format("{} {} ms #{}", Describe(state, master), (until - now.mono).count(), why), 0, out);
}

void JudgePreVotes(State& state, Master& master, bool over, const base::Now& now, Actions& out) {
  const int needed = VotesNeeded(master);
  const int yes = 1 + static_cast<int>(master.pre_vote.yes.size());
  const int no = static_cast<int>(master.pre_vote.no.size());
  if (!HasCause(master) || master.failover.active()) {
    EndPreVote(state, master);  // it has come back meanwhile: nobody has to stand
  } else if (IsHeldByTestimony(master, now) || IsPaused(master, now)) {
    EndPreVote(state, master);
    ScheduleStand(state, master, now, out);
  } else if (!over && IsTestimonyOpen(master, now)) {
    state.timers.SetNoLater(AskAgainKey(master), now.mono + kAskAgain);  // what holds for others holds for ourselves
  } else if (yes >= needed) {
    EndPreVote(state, master);
    Stand(state, master, false, now, out);
  } else if (over || no > VotersOf(master) - needed) {
    EndPreVote(state, master);
    RetryLater(state, master, now);
    ScheduleStand(state, master, now, out);
  }
}

void AskPreVotes(State& state, Master& master, const base::Now& now, Actions& out) {
  master.pre_vote = Poll{};
  master.pre_vote.serial = ++state.last_serial;
  master.pre_vote.asked_at = now.mono;
  master.pre_vote.epoch = state.current_epoch.Next();
  state.timers.Set(ElectionKey(master, kPreVotes), now.mono + kPreVoteTimeout);
  for (Peer* peer : LivePeers(state, master)) SendPreVote(state, master, *peer, out);
  JudgePreVotes(state, master, false, now, out);
}

void Elected(State& state, Master& master, const base::Now& now, Actions& out) {
  state.timers.Cancel(ElectionKey(master, kAttempt));
  NoteElected(state, master, now);
  AnnounceEvent(state, &master, "+elected-leader", Describe(state, master), master.failover.change, out);
  if (master.failover.settles) return ConflictElectionWon(state, master, now, out);
  if (CrashAfterElection(state, out)) return;
  if (MendsInPlace(master.failover)) return BeginMending(state, master, now, out);
  BeginSelection(state, master, now, out);
}

void NotElected(State& state, Master& master, const base::Now& now, Actions& out) {
  AbortFailover(state, master, "-failover-abort-not-elected", now, out);
}

}  // namespace

int RankOf(State& state, const Master& master) {
  int ours = 1;
  int before_me = 0;
  for (const Peer* peer : LivePeers(state, master)) {
    if (!peer->ours()) continue;
    ++ours;
    before_me += peer->run_id < state.my_id;
  }
  // The circle of ids begins elsewhere for another name.
  const int first = std::accumulate(master.name.begin(), master.name.end(), 0,
                                    [](int sum, char c) { return sum + static_cast<unsigned char>(c); }) %
                    ours;
  return (before_me - first + ours) % ours;
}

void EndPreVote(State& state, Master& master) {
  master.pre_vote = Poll{};
  state.timers.Cancel(ElectionKey(master, kPreVotes));
  state.timers.Cancel(AskAgainKey(master));
}

bool MajorityInReach(State& state, const Master& master) {
  return 1 + static_cast<int>(LivePeers(state, master).size()) >= VotesNeeded(master);
}

bool FieldIsTaken(const Master& master, const base::Now& now) {
  return master.field && now.mono < master.field->until;
}

void ScheduleStand(State& state, Master& master, const base::Now& now, Actions& out) {
  const TimerKey timer{master.id, TimerKind::kStand, 0};
  if (!HasCause(master) || master.failover.active()) {
    state.timers.Cancel(timer);
    return;
  }
  MonoTime at = std::max(now.mono, master.stand_after);
  if (FieldIsTaken(master, now)) at = std::max(at, master.field->until);
  if (IsHeldByTestimony(master, now)) at = std::max(at, TestimonyTimeoutAt(master));
  if (const Millis back_off = BackOffOf(master, now); back_off.count() > 0) {
    at = std::max(at, now.mono + back_off);
    TellDelay(state, master, now.mono + back_off, "back-off", now, out);
  }
  if (IsPaused(master, now)) {
    at = std::max(at, *master.pause.until);
    TellDelay(state, master, *master.pause.until, "paused", now, out);
  }
  state.timers.Set(timer, at + RankOf(state, master) * kRankStep);
}

void StandDue(State& state, Master& master, const base::Now& now, Actions& out) {
  if (!HasCause(master) || master.failover.active() || master.pre_vote.serial != 0) return;
  if (FieldIsTaken(master, now) || now.mono < master.stand_after || BackOffOf(master, now).count() > 0 ||
      IsHeldByTestimony(master, now) || IsPaused(master, now)) {
    ScheduleStand(state, master, now, out);
    return;
  }
  // What cannot succeed does not raise the epoch.
  if (state.save_failing) {
    master.stand_after = now.mono + kFirstRetry;
    ScheduleStand(state, master, now, out);
    return;
  }
  const std::vector<Candidate> ranked = RankReplicas(state, master, Evidence::kAnyInfo, now.mono);
  if (BestOf(ranked) == nullptr && master.objective_down_since) {
    ExplainCandidates(ranked, out);
    AnnounceEvent(state, &master, "-failover-abort-no-good-slave", Describe(state, master), 0, out);
    RetryLater(state, master, now);
    ScheduleStand(state, master, now, out);
    return;
  }
  if (!MajorityInReach(state, master)) {
    RetryLater(state, master, now);
    ScheduleStand(state, master, now, out);
    return;
  }
  if (AllPreVote(state, master)) {
    AskPreVotes(state, master, now, out);
  } else {
    Stand(state, master, false, now, out);
  }
}

void Stand(State& state, Master& master, bool forced, const base::Now& now, Actions& out) {
  EndPreVote(state, master);
  master.field.reset();
  AdoptEpoch(state, state.current_epoch.Next(), out);
  Failover failover;
  failover.stage = Stage::kWaitStart;
  failover.epoch = state.current_epoch;
  failover.serial = ++state.last_serial;
  failover.forced = forced;
  failover.started_at = now.mono;
  failover.stage_at = now.mono;
  master.failover = std::move(failover);
  NoteStanding(state, master, now);
  PrepareMending(master);
  AnnounceEvent(state, &master, "+try-failover", Describe(state, master), state.epoch_change, out);
  const Vote own = CastVote(state, master, VoteRequest{state.current_epoch, state.my_id}, now, out);
  master.failover.change = own.change;
  state.waiting_for_save.insert(master.name);
  for (Peer* peer : LivePeers(state, master)) AskPeer(state, master, *peer, now, out);

  const Millis patience = std::min(
      {state.periods.election_timeout, master.failover_timeout, std::max(kShortestAttempt, 2 * master.retry_delay)});
  state.timers.Set(ElectionKey(master, kAttempt), now.mono + (forced ? kForcedTimeout : patience));
  if (!master.reads_since) StartReads(state, master, now, out);
  CountVotes(state, master, now, out);
}

void CountVotes(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.failover.stage != Stage::kWaitStart) return;
  const base::Epoch epoch = master.failover.epoch;
  // Votes for the epoch in which we stand, not for whichever is current by now.
  std::map<base::RunId, int> votes;
  int open = 0;  // who may still tell us of a vote
  const bool own_counts = master.failover.forced || state.Durable(master.vote.change);
  if (master.vote.epoch == epoch) {
    if (own_counts) {
      ++votes[master.vote.candidate];
    } else {
      ++open;
    }
  }
  for (const auto& [id, opinion] : master.sentinels) {
    const Peer* peer = FindPeer(state, id);
    if (opinion.vote.epoch == epoch) {
      ++votes[opinion.vote.candidate];
    } else if (opinion.vote.epoch < epoch && peer != nullptr && IsLive(*peer)) {
      ++open;
    }
  }
  const int needed = VotesNeeded(master);
  if (votes[state.my_id] >= needed) {
    Elected(state, master, now, out);
    return;
  }
  for (const auto& [candidate, count] : votes) {
    const bool won = count >= MajorityOf(master);
    const bool contradicts_force = master.failover.forced && !candidate.empty();
    if (candidate == state.my_id || (!won && !contradicts_force)) continue;
    LeaveFieldTo(state, master, candidate, epoch, now, out);
    return;
  }
  if (NewerEpochKnown(master)) {
    NotElected(state, master, now, out);
  } else if (!master.failover.forced && votes[state.my_id] + open < needed) {
    NotElected(state, master, now, out);  // split: whatever is still to come, it will not be enough
  }
}

void ElectionOver(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.pre_vote.serial != 0) {
    JudgePreVotes(state, master, true, now, out);
    return;
  }
  if (master.failover.stage != Stage::kWaitStart) return;
  if (!master.failover.forced) {
    NotElected(state, master, now, out);
    return;
  }
  LogNotice(out, fmt::format("Failover of '{}' is forced without majority", master.name));
  Elected(state, master, now, out);
}

void OwnVotesAreDurable(State& state, const base::Now& now, Actions& out) {
  const std::set<std::string> waiting = state.waiting_for_save;
  for (const std::string& name : waiting) {
    Master* master = FindMaster(state, name);
    if (master != nullptr && !state.Durable(master->vote.change)) continue;
    state.waiting_for_save.erase(name);
    if (master == nullptr) continue;
    CountVotes(state, *master, now, out);
    AdvanceFailover(state, *master, now, out);
  }
}

void SavesWorkAgain(State& state, const base::Now& now, Actions& out) {
  for (auto& [name, master] : state.masters) {
    master.retry_delay = Millis(0);
    master.stand_after = MonoTime{};
    ScheduleStand(state, master, now, out);
  }
}

void TakePreVote(State& state, Peer& peer, const Command& asked, const ReplyValue& reply, const base::Now& now,
                 Actions& out) {
  Master* master = FindMaster(state, asked.master);
  if (master == nullptr || master->pre_vote.serial == 0 || master->pre_vote.serial != asked.serial) return;
  const bool number = reply.kind == ReplyValue::Kind::kInteger;
  if (number && reply.integer == static_cast<std::int64_t>(PreVote::kNotYet)) {
    master->pre_vote.not_yet.insert(peer.run_id);
    state.timers.SetNoLater(AskAgainKey(*master), now.mono + kAskAgain);
    return;
  }
  const bool granted = number && reply.integer == static_cast<std::int64_t>(PreVote::kYes);
  (granted ? master->pre_vote.yes : master->pre_vote.no).insert(peer.run_id);
  JudgePreVotes(state, *master, false, now, out);
}

void AskPreVotesAgain(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.pre_vote.serial == 0) return;
  for (const base::RunId& id : std::exchange(master.pre_vote.not_yet, {})) {
    Peer* peer = FindPeer(state, id);
    if (peer != nullptr && IsLive(*peer)) SendPreVote(state, master, *peer, out);
  }
  JudgePreVotes(state, master, false, now, out);
}

void LeaveFieldTo(State& state, Master& master, const base::RunId& leader, base::Epoch epoch, const base::Now& now,
                  Actions& out) {
  const Peer* peer = FindPeer(state, leader);
  const bool ours = peer != nullptr && peer->ours();
  master.field = Field{leader, epoch, now.mono + (ours ? kPatienceWithOurs : kPatienceWithStock), now.mono};
  EndPreVote(state, master);
  WatchLeader(state, master, now);
  const bool reversible = master.failover.active() && !master.failover.slaveof_sent &&
                          master.failover.stage != Stage::kReconfigure && master.failover.stage != Stage::kUpdateConfig;
  if (reversible) {
    NotElected(state, master, now, out);
  } else {
    ScheduleStand(state, master, now, out);
  }
}

void LeaderIsDown(State& state, const base::RunId& leader, const base::Now& now, Actions& out) {
  for (auto& [name, master] : state.masters) {
    if (!master.field || master.field->leader != leader) continue;
    master.field.reset();
    ScheduleStand(state, master, now, out);
    MendingDue(state, master, now, out);
  }
}

bool NewerEpochKnown(const Master& master) {
  const base::Epoch epoch = master.failover.epoch;
  return master.vote.epoch > epoch || master.config_epoch > epoch ||
         std::any_of(master.sentinels.begin(), master.sentinels.end(),
                     [&](const auto& entry) { return entry.second.vote.epoch > epoch; });
}

void RetryLater(State& state, Master& master, const base::Now& now) {
  const Millis least = std::max(master.retry_delay, kFirstRetry);
  const Millis most = std::min(3 * least, kLongestRetry);
  master.stand_after = now.mono + state.random.Between(std::min(least, most), most);
  master.retry_delay = std::min(2 * least, kLongestRetry);
}

void NoteFailover(Master& master, const base::Now& now) {
  std::vector<MonoTime>& recent = master.recent_failovers;
  // The waits that are our own doing do not make a master look calm.
  const Millis calm = kFailoverWindow + (recent.size() < kManyFailovers ? Millis(0) : kFailoverWindow);
  if (!recent.empty() && now.mono - recent.back() > calm) recent.clear();
  if (recent.size() < kManyFailovers) {
    std::erase_if(recent, [&](MonoTime at) { return now.mono - at > kFailoverWindow; });
  }
  if (recent.size() >= kRemembered) recent.erase(recent.begin());
  recent.push_back(now.mono);
}

Millis BackOffOf(const Master& master, const base::Now& now) {
  const std::vector<MonoTime>& recent = master.recent_failovers;
  if (recent.size() < kManyFailovers) return Millis(0);
  const std::size_t doublings = std::min<std::size_t>(recent.size() - kManyFailovers, 6);
  const Millis wait = std::min(Millis(1000 << doublings), kFailoverWindow);
  return std::max(recent.back() + wait - now.mono, Millis(0));
}

}  // namespace sentinel
