#include "sentinel/core/conflict.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sentinel/core/changes.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/last_look.h"
#include "sentinel/core/links.h"
#include "sentinel/core/members.h"
#include "sentinel/core/names.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/scripts.h"
#include "sentinel/core/survey.h"
#include "sentinel/core/vote.h"

namespace sentinel {
namespace {

using base::Millis;

constexpr Millis kSettleAfter{500};  // a hello that ends it may be on its way
constexpr Millis kRankStep{20};
constexpr Millis kElectionWait{1000};
constexpr Millis kSurveyWait{300};

TimerKey ConflictKey(const Master& master) {
  return TimerKey{master.id, TimerKind::kConflict, 0};
}

// It was claimed lately, and not taken back.
bool Stands(const State& state, const Opinion& opinion, const base::Now& now) {
  return !opinion.conflict.empty() && opinion.conflict_at &&
         now.mono - *opinion.conflict_at < 3 * state.periods.publish;
}

bool InConflict(const State& state, const Master& master, const base::Now& now) {
  return std::any_of(master.sentinels.begin(), master.sentinels.end(),
                     [&](const auto& entry) { return Stands(state, entry.second, now); });
}

struct Supporters {
  int reach = 0;
  int names = 0;         // who name it, whether they reach it or not
  base::RunId smallest;  // of those
};

// We see that it follows another node.
bool IsReplica(const Master& master, const base::Endpoint& address) {
  const auto follows = [](const DataNode& node) { return node.info_at && node.info.role == Role::kReplica; };
  if (address == master.address) return follows(master);
  const auto found = master.replicas.find(KnownAs(master, address));
  return found != master.replicas.end() && follows(found->second);
}

std::map<base::Endpoint, Supporters> Count(const State& state, const Master& master) {
  std::map<base::Endpoint, Supporters> counts;
  const auto add = [&counts](const base::RunId& id, const SurveyAnswer& answer) {
    Supporters& supporters = counts[answer.address];
    supporters.reach += answer.reaches;
    ++supporters.names;
    if (supporters.smallest.empty() || id < supporters.smallest) supporters.smallest = id;
  };
  add(state.my_id, ConfigurationOf(state, master).answer);
  for (const auto& [id, answer] : master.survey.answers) {
    if (answer.complete() && answer.settled) add(id, answer);
  }
  return counts;
}

void EndElection(State& state, Master& master) {
  state.timers.Cancel(TimerKey{master.id, TimerKind::kElection, 0});
  state.timers.Cancel(TimerKey{master.id, TimerKind::kLastLook, 0});
  state.timers.Cancel(ConflictKey(master));
  state.waiting_for_save.erase(master.name);
  master.failover = Failover{};
}

void Publish(State& state, Master& master, const base::Endpoint& address, const base::Now& now, Actions& out) {
  const base::Epoch epoch = master.failover.epoch;
  EndElection(state, master);
  master.config_epoch = epoch;
  const ChangeNumber change = MarkChanged(state, out);
  for (auto& [id, opinion] : master.sentinels) opinion.conflict = {};
  AnnounceEvent(state, &master, "+config-epoch-settled",
                fmt::format("{} #epoch {} {} {}", Describe(state, master), epoch.value, address.host, address.port),
                change, out);
  if (address == master.address) {
    master.address_change = change;
    ScheduleStand(state, master, now, out);  // it may have died meanwhile
  } else {
    AnnounceSwitch(state, master, SwitchRole::kLeader, master.address, address, change, out);
    SwitchAddress(state, master, address, state.my_id, change, now, out);
  }
  HelloAtOnce(state, master, now, out);
}

void Conclude(State& state, Master& master, const base::Now& now, Actions& out) {
  if (!InConflict(state, master, now)) {
    LogNotice(out, fmt::format("The sentinels of '{}' agree again by themselves", master.name));
    EndElection(state, master);
    ScheduleStand(state, master, now, out);
    return;
  }
  const std::map<base::Endpoint, Supporters> counts = Count(state, master);
  const auto reached = std::count_if(counts.begin(), counts.end(), [](const auto& c) { return c.second.reach > 0; });
  if (master.config_epoch.value == 0 && reached > 1) {
    EndElection(state, master);
    ScheduleStand(state, master, now, out);
    LogNotice(out, fmt::format("The sentinels of '{}' have been given different living masters, and no election has "
                               "ever chosen one: use SENTINEL REMOVE and MONITOR on those that are wrong",
                               master.name));
    return;
  }
  // When nobody reaches any of them, the master has died, which makes no master of what is none.
  const auto best = std::max_element(counts.begin(), counts.end(), [&master](const auto& a, const auto& b) {
    if (a.second.reach != b.second.reach) return a.second.reach < b.second.reach;
    if (a.second.reach == 0) {
      const bool a_follows = IsReplica(master, a.first);
      const bool b_follows = IsReplica(master, b.first);
      if (a_follows != b_follows) return a_follows;
      if (a.second.names != b.second.names) return a.second.names < b.second.names;
    }
    return b.second.smallest < a.second.smallest;
  });
  const base::Endpoint address = best->first;
  Publish(state, master, address, now, out);
}

void StandToSettle(State& state, Master& master, const base::Now& now, Actions& out) {
  master.field.reset();
  AdoptEpoch(state, state.current_epoch.Next(), out);
  Failover election;
  election.stage = Stage::kWaitStart;
  election.settles = true;
  election.epoch = state.current_epoch;
  election.serial = ++state.last_serial;
  election.started_at = election.stage_at = now.mono;
  master.failover = std::move(election);
  const Vote own = CastVote(state, master, VoteRequest{state.current_epoch, state.my_id}, now, out);
  master.failover.change = own.change;
  state.waiting_for_save.insert(master.name);
  for (const auto& [id, opinion] : master.sentinels) {
    if (Peer* peer = FindPeer(state, id)) AskPeer(state, master, *peer, now, out);
  }
  state.timers.Set(TimerKey{master.id, TimerKind::kElection, 0}, now.mono + kElectionWait);
  CountVotes(state, master, now, out);
}

}  // namespace

void NoteConflict(State& state, Master& master, Opinion& opinion, const Hello& hello, const base::Now& now,
                  Actions& out) {
  opinion.conflict_at = now.mono;
  if (opinion.conflict != hello.master) {
    opinion.conflict = hello.master;
    opinion.down = false;  // what it said was about another address
    AnnounceEvent(state, &master, "-config-epoch-conflict",
                  fmt::format("{} #epoch {} {} {} by {}", Describe(state, master), hello.config_epoch.value,
                              hello.master.host, hello.master.port, hello.run_id.hex),
                  0, out);
  }
  if (state.timers.At(ConflictKey(master))) return;
  state.timers.Set(ConflictKey(master), now.mono + kSettleAfter + RankOf(state, master) * kRankStep);
}

void ConflictDue(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.failover.settles && master.failover.stage == Stage::kSelectReplica) {
    ConflictLooked(state, master, now, out);
    return;
  }
  // A master that is down is replaced, which settles it as well. The next hello brings us back here.
  if (master.failover.active() || master.objective_down_since || FieldIsTaken(master, now)) return;
  if (IsPaused(master, now) || now.mono < master.stand_after || !InConflict(state, master, now)) return;
  if (state.save_failing || !MajorityInReach(state, master)) return;
  StandToSettle(state, master, now, out);
}

void ConflictElectionWon(State& state, Master& master, const base::Now& now, Actions& out) {
  master.failover.stage = Stage::kSelectReplica;
  master.failover.stage_at = now.mono;
  BeginSurvey(state, master, now, out);
  state.timers.Set(ConflictKey(master), now.mono + kSurveyWait);
}

void SurveyOfConflict(State& state, Master& master, const base::Now& now, Actions& out) {
  if (!master.failover.settles || master.failover.stage != Stage::kSelectReplica) return;
  const auto answered = std::count_if(master.survey.answers.begin(), master.survey.answers.end(),
                                      [](const auto& entry) { return entry.second.complete(); });
  if (answered == static_cast<std::ptrdiff_t>(master.sentinels.size())) ConflictLooked(state, master, now, out);
}

void ConflictLooked(State& state, Master& master, const base::Now& now, Actions& out) {
  if (NewerEpochKnown(master)) {
    AbortFailover(state, master, "-failover-abort-not-elected", now, out);
    return;
  }
  // What is held against it comes with the look's own timer.
  state.timers.Set(ConflictKey(master), master.failover.stage_at + kSurveyWait + kLastLookPatience + kLastLookWait);
  if (master.failover.last_look.serial == 0) AskLastLook(state, master, now, out);
  switch (JudgeLastLook(state, master)) {
    case LookVerdict::kYes:
      return Conclude(state, master, now, out);
    case LookVerdict::kNo:
      return AbortFailover(state, master, "-failover-abort-not-elected", now, out);
    case LookVerdict::kWait:
      return;
  }
}

void NameAsKnownTo(const Master& master, const base::RunId& peer, Command& question) {
  const auto found = master.sentinels.find(peer);
  if (found == master.sentinels.end() || found->second.conflict.empty()) return;
  question.words.at(2) = found->second.conflict.host;
  question.words.at(3) = fmt::format("{}", found->second.conflict.port);
}

}  // namespace sentinel
