#include "sentinel/core/candidates.h"

#include "sentinel/core/inquiry.h"
#include "sentinel/core/watched.h"

namespace sentinel {
namespace {

using base::Millis;

constexpr Millis kBetweenReads{5};
constexpr Millis kFresh{500};

void Forget(State& state, Replica& replica) {
  replica.first_read.reset();
  replica.second_read.reset();
  state.timers.Cancel(TimerKey{replica.id, TimerKind::kSecondRead, 0});
}

}  // namespace

void StartReads(State& state, Master& master, const base::Now& now, Actions& out) {
  master.reads_since = now.mono;
  for (auto& [address, replica] : master.replicas) {
    Forget(state, replica);
    // One that is under way already does not count; its answer brings on the next.
    AskInfo(state, WatchedOf(master, replica), now, out);
  }
}

void RefreshReads(State& state, Master& master, const base::Now& now, Actions& out) {
  if (!master.reads_since) {
    StartReads(state, master, now, out);
    return;
  }
  for (auto& [address, replica] : master.replicas) {
    const bool fresh =
        replica.second_read ? now.mono - replica.second_read->at <= kFresh : replica.first_read.has_value();
    if (fresh && replica.second_read && !StandsStill(replica)) {
      state.timers.Set(TimerKey{replica.id, TimerKind::kSecondRead, 0}, now.mono + Millis(1));
    }
    if (fresh) continue;
    Forget(state, replica);
    AskInfo(state, WatchedOf(master, replica), now, out);
  }
}

void StopReads(State& state, Master& master) {
  master.reads_since.reset();
  for (auto& [address, replica] : master.replicas) Forget(state, replica);
}

void TakeCandidateRead(State& state, Master& master, Replica& replica, base::MonoTime asked_at, const base::Now& now,
                       Actions& out) {
  if (!master.reads_since) return;
  const TimerKey timer{replica.id, TimerKind::kSecondRead, 0};
  if (asked_at < *master.reads_since) {
    AskInfo(state, WatchedOf(master, replica), now, out);
    return;
  }
  const Replica::Read read{now.mono, replica.info};
  if (!replica.first_read) {
    replica.first_read = read;
    state.timers.Set(timer, now.mono + kBetweenReads);
    return;
  }
  const base::MonoTime last = replica.second_read ? replica.second_read->at : replica.first_read->at;
  if (asked_at < last + kBetweenReads) {
    state.timers.SetNoLater(timer, last + kBetweenReads);
    return;
  }
  if (replica.second_read) replica.first_read = std::move(replica.second_read);
  replica.second_read = read;
  // Only the one that is about to choose goes on asking: for the others two answers are enough to begin with.
  if (!StandsStill(replica) && master.failover.stage == Stage::kSelectReplica) {
    state.timers.Set(timer, now.mono + kBetweenReads);
  }
}

bool StandsStill(const Replica& replica) {
  if (!replica.first_read || !replica.second_read) return false;
  const InfoReport& now = replica.second_read->info;
  return now.role == Role::kMaster || !now.master_link_up || now.offset == replica.first_read->info.offset;
}

}  // namespace sentinel
