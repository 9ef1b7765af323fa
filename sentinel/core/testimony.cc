#include "sentinel/core/testimony.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/health.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/watched.h"

namespace sentinel {
namespace {

using base::Millis;
using base::MonoTime;

// For a replica's answer to the decisive read, and before that read for its moment to come.
constexpr Millis kReadPatience{50};

TimerKey Key(const Master& master) {
  return TimerKey{master.id, TimerKind::kTestimony, 0};
}

// Answers of any sort end a silence: a master that says -MISCONF is not cut off from us.
MonoTime LastReply(const Master& master) {
  return std::max(master.liveness.proof_at, master.liveness.answered_at.value_or(MonoTime{}));
}

bool HearsItsMaster(const Master& master, const Replica& replica) {
  const InfoReport& info = replica.info;
  return info.role == Role::kReplica && info.master_link_up && !info.delayed && !info.loading &&
         info.read_offset >= 0 && FollowsAgreed(master, replica);
}

bool TimeIsSpent(const Master& master, const base::Now& now) {
  return master.testimony_timeout.count() > 0 && master.testimony.seen_at && now.mono >= TestimonyTimeoutAt(master);
}

void AnnounceHold(State& state, const Master& master, const Replica& witness, Actions& out) {
  const std::string held = master.testimony_timeout.count() > 0
                               ? fmt::format("failover held for at most {} ms", master.testimony_timeout.count())
                               : "failover not held";
  AnnounceEvent(state, &master, "+testimony-hold",
                fmt::format("{} #{} still hears it, {}", Describe(state, master), witness.address.ToString(), held), 0,
                out);
}

void AnnounceEnd(State& state, const Master& master, std::string_view why, Actions& out) {
  AnnounceEvent(state, &master, "-testimony-hold", fmt::format("{} #{}", Describe(state, master), why), 0, out);
}

// What one read says of the time since the read before.
void Weigh(const Master& master, Replica& replica, MonoTime asked_at) {
  Replica::Witness& witness = replica.witness;
  const base::Offset offset = replica.info.read_offset;
  if (!HearsItsMaster(master, replica)) {
    witness = {};
    return;
  }
  if (!witness.mark_at || offset < witness.mark) {
    witness = {asked_at, offset, std::nullopt};
    return;
  }
  const bool apart = asked_at - *witness.mark_at >= master.down_after / 2;
  if (!apart || asked_at - LastReply(master) < master.down_after) return;
  witness.testified_at = offset > witness.mark ? std::optional(asked_at) : std::nullopt;
  witness.mark_at = asked_at;
  witness.mark = offset;
}

}  // namespace

void WatchSilence(State& state, const Master& master, const base::Now& now) {
  const MonoTime last = LastReply(master);
  // A timer that followed every answer would be moved twenty times per down-after, for nothing.
  if (now.mono - last <= master.down_after / 4 || master.testimony.asked_at || state.timers.At(Key(master))) return;
  state.timers.Set(Key(master), std::max(now.mono, last + master.down_after / 2));
}

void TestimonyDue(State& state, Master& master, const base::Now& now, Actions& out) {
  const MonoTime last = LastReply(master);
  const Millis silence = now.mono - last;
  if (silence < master.down_after / 2) {  // it has answered meanwhile
    MasterAnswered(state, master, now, out);
    return;
  }
  Testimony& testimony = master.testimony;
  testimony.asked_at = now.mono;
  for (auto& [address, replica] : master.replicas) AskInfo(state, WatchedOf(master, replica), now, out);
  if (silence < master.down_after) {
    state.timers.Set(Key(master), std::max(last + master.down_after, now.mono + master.down_after / 2));
    return;
  }
  JudgeTestimony(state, master, now, out);
  // Without testimony the ordinary reads are enough to find one that begins later.
  if (WitnessFor(master, now) == nullptr || TimeIsSpent(master, now)) return;
  MonoTime next = now.mono + PingPeriod(WatchedOf(master));
  if (IsHeldByTestimony(master, now)) next = std::min(next, TestimonyTimeoutAt(master));
  state.timers.Set(Key(master), next);
}

void TakeTestimonyRead(State& state, Master& master, Replica& replica, MonoTime asked_at, const base::Now& now,
                       Actions& out) {
  Testimony& testimony = master.testimony;
  if (!testimony.asked_at) return;
  // One that was under way already says too little of now; its answer brings on the one that is wanted.
  if (asked_at < *testimony.asked_at) AskInfo(state, WatchedOf(master, replica), now, out);
  if (asked_at - LastReply(master) < master.down_after / 2) return;
  Weigh(master, replica, asked_at);
  replica.witness.read_at = asked_at;
  JudgeTestimony(state, master, now, out);
  if (WitnessFor(master, now) == nullptr || TimeIsSpent(master, now)) return;
  state.timers.SetNoLater(Key(master), now.mono + PingPeriod(WatchedOf(master)));
}

void MasterAnswered(State& state, Master& master, const base::Now& now, Actions& out) {
  if (!master.testimony.asked_at) return;
  ForgetTestimony(state, master, out);
  if (master.objective_down_since && !master.failover.active()) ScheduleStand(state, master, now, out);
}

void ForgetTestimony(State& state, Master& master, Actions& out) {
  state.timers.Cancel(Key(master));
  for (auto& [address, replica] : master.replicas) replica.witness = {};
  if (master.testimony.announced) AnnounceEnd(state, master, "its silence is over", out);
  master.testimony = Testimony{};
}

void JudgeTestimony(State& state, Master& master, const base::Now& now, Actions& out) {
  Testimony& testimony = master.testimony;
  const Replica* witness = WitnessFor(master, now);
  if (witness != nullptr && !testimony.seen_at) testimony.seen_at = now.mono;
  const bool spent = TimeIsSpent(master, now);
  const bool shown = witness != nullptr && master.objective_down_since && !spent;
  if (shown == testimony.announced) return;
  testimony.announced = shown;
  if (shown) {
    AnnounceHold(state, master, *witness, out);
    return;
  }
  AnnounceEnd(state, master,
              spent                          ? "testimony-timeout"
              : !master.objective_down_since ? "it is no longer objectively down"
                                             : "no replica hears it any more",
              out);
  if (master.objective_down_since && !master.failover.active()) ScheduleStand(state, master, now, out);
}

const Replica* WitnessFor(const Master& master, const base::Now& now) {
  if (!master.liveness.down() || master.down_cause != DownCause::kSilence) return nullptr;
  for (const auto& [address, replica] : master.replicas) {
    const auto& testified_at = replica.witness.testified_at;
    // The next pair of reads is complete half of down-after later, and its answers take their time.
    const bool fresh = testified_at && now.mono - *testified_at <= 3 * master.down_after / 2;
    if (fresh && !replica.liveness.down()) return &replica;
  }
  return nullptr;
}

bool IsTestimonyOpen(const Master& master, const base::Now& now) {
  const Testimony& testimony = master.testimony;
  if (master.testimony_timeout.count() == 0 || TimeIsSpent(master, now) || !testimony.asked_at) return false;
  const MonoTime silent_since = LastReply(master);
  const MonoTime decisive_at = silent_since + master.down_after;
  const Millis patience = std::min(kReadPatience, master.down_after / 10);
  const bool soon = now.mono < decisive_at && now.mono + patience >= decisive_at;
  const bool asked = *testimony.asked_at >= decisive_at && now.mono - *testimony.asked_at < patience;
  if (!soon && !asked) return false;
  if (asked && master.down_cause != DownCause::kSilence) return false;
  return std::any_of(master.replicas.begin(), master.replicas.end(), [&](const auto& entry) {
    const Replica& replica = entry.second;
    // One whose link was down at the first read, or who has not answered it, will not testify.
    if (!replica.witness.mark_at || replica.liveness.down() || !replica.command.up()) return false;
    return soon || !replica.witness.read_at || *replica.witness.read_at < *testimony.asked_at;
  });
}

bool IsHeldByTestimony(const Master& master, const base::Now& now) {
  return master.testimony_timeout.count() > 0 && !TimeIsSpent(master, now) && WitnessFor(master, now) != nullptr;
}

MonoTime TestimonyTimeoutAt(const Master& master) {
  return *master.testimony.seen_at + master.testimony_timeout;
}

}  // namespace sentinel
