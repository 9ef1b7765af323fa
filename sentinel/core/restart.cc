#include "sentinel/core/restart.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/events.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/health.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/watched.h"

namespace sentinel {
namespace {

using base::Millis;

constexpr Millis kLoadingPoll{100};

// As many processes of a master that restarts again and again are remembered.
constexpr std::size_t kHistories = 4;

// Bytes of the old histories that the new process holds.
base::Offset HeldOf(const InfoReport& info, const Restart& restart) {
  const base::Offset own = std::max<base::Offset>(info.master_offset, 0);
  if (IsOld(restart, info.replid2) && info.second_offset > 0) return std::min(own, info.second_offset - 1);
  return own;
}

base::Offset OffsetOf(const InfoReport& info) {
  return std::max(info.offset, info.read_offset);
}

// The process that is gone now had come without data itself, and got none.
bool HeldNothing(const Master& master) {
  if (CameBackEmpty(master)) return true;
  return master.restart && master.restart->held == 0 && master.info.keys == 0;
}

// The replica of the old history that holds most, of those that have told since the restart; null when none holds more
// than the master.
const Replica* BestHolder(const Master& master, const Restart& restart) {
  const Replica* best = nullptr;
  for (const auto& [address, replica] : master.replicas) {
    const bool told = replica.info_at && *replica.info_at >= restart.noticed_at;
    if (!told || replica.liveness.down() || !IsOld(restart, replica.info.replid)) continue;
    if (replica.info.role != Role::kReplica || OffsetOf(replica.info) <= *restart.held) continue;
    if (best == nullptr || OffsetOf(replica.info) > OffsetOf(best->info)) best = &replica;
  }
  return best;
}

// The replica that holds most of those that refuse what this master offers, because it is empty and knows nothing of
// their history; told since `since`. Null when there is none, or when the master holds a single key.
const Replica* BestRefuser(const Master& master, base::MonoTime since) {
  const InfoReport& offered = master.info;
  if (offered.role != Role::kMaster || offered.loading || offered.keys != 0) return nullptr;
  const Replica* best = nullptr;
  for (const auto& [address, replica] : master.replicas) {
    const InfoReport& info = replica.info;
    if (!info.empty_refused || !replica.info_at || *replica.info_at < since) continue;
    if (replica.liveness.down() || info.role != Role::kReplica || !FollowsAgreed(master, replica)) continue;
    const bool stranger = !info.replid.empty() && info.replid != offered.replid && info.replid != offered.replid2;
    if (!stranger || info.keys <= 0 || OffsetOf(info) <= offered.master_offset) continue;
    if (best == nullptr || OffsetOf(info) > OffsetOf(best->info)) best = &replica;
  }
  return best;
}

// A node that was alone with its data was away, and an empty one was all there was to promote. Now that it is back,
// following that one, it refuses to be emptied: it should be the master. Both are read anew before that is said.
void NoteRefused(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.failover.active() || !master.info_at) return;
  const Replica* holder = BestRefuser(master, base::MonoTime{});
  if (holder == nullptr) return;
  Restart restart;
  restart.refused = true;
  restart.noticed_at = now.mono;
  restart.histories.push_back(holder->info.replid);
  master.restart = std::move(restart);
  AskInfo(state, WatchedOf(master), now, out);
  for (auto& [address, replica] : master.replicas) AskInfo(state, WatchedOf(master, replica), now, out);
}

void AnnounceJudgement(State& state, const Master& master, const Replica* holder, Actions& out) {
  const Restart& restart = *master.restart;
  if (holder == nullptr) {
    AnnounceEvent(state, &master, "-empty-master", Describe(state, master), 0, out);
    return;
  }
  AnnounceEvent(
      state, &master, "+empty-master",
      fmt::format("{} #offset {} {} {} #offset {} #{}", Describe(state, master), *restart.held, holder->address.host,
                  holder->address.port, OffsetOf(holder->info), PolicyWord(master.empty_master)),
      0, out);
}

}  // namespace

void NoteRestart(State& state, Master& master, const base::Now& now, Actions& out) {
  Restart restart;
  restart.noticed_at = now.mono;
  restart.gone_at = HeldNothing(master) ? master.restart->gone_at : master.liveness.down_since.value_or(now.mono);
  if (master.restart) {
    restart.histories = std::move(master.restart->histories);
    // Until it is judged anew, what was known of it holds.
    restart.emptied_at = master.restart->emptied_at;
  }
  master.restart.reset();
  if (!master.info.replid.empty()) restart.histories.push_back(master.info.replid);
  if (restart.histories.size() > kHistories) restart.histories.erase(restart.histories.begin());
  if (restart.histories.empty()) return;
  master.restart = std::move(restart);
  for (auto& [address, replica] : master.replicas) AskInfo(state, WatchedOf(master, replica), now, out);
}

void JudgeRestart(State& state, Master& master, const base::Now& now, Actions& out) {
  const bool settled = !master.restart || (master.restart->held && !master.restart->emptied_at);
  if (settled && !(master.restart && master.restart->refused)) NoteRefused(state, master, now, out);
  if (!master.restart || !master.info_at || *master.info_at < master.restart->noticed_at) return;
  Restart& restart = *master.restart;
  const Replica* refuser = restart.refused ? BestRefuser(master, restart.noticed_at) : nullptr;
  if (restart.refused) {
    restart.held = std::max<base::Offset>(master.info.master_offset, 0);
    const bool over = !restart.emptied_at && BestRefuser(master, base::MonoTime{}) == nullptr;
    if (over) return master.restart.reset();
  } else if (!restart.held) {
    if (master.info.role == Role::kReplica) return master.restart.reset();
    if (master.info.loading) {
      // Until it has loaded, its replicas get nothing from it.
      state.timers.Set(TimerKey{master.id, TimerKind::kRestart, 0}, now.mono + kLoadingPoll);
      return;
    }
    restart.held = HeldOf(master.info, restart);
  }
  const Replica* holder = restart.refused ? refuser : BestHolder(master, restart);
  if ((holder != nullptr) == restart.emptied_at.has_value()) return;
  if (holder != nullptr) {
    restart.emptied_at = now.mono;
  } else {
    restart.emptied_at.reset();
  }
  AnnounceJudgement(state, master, holder, out);
  if (restart.refused && holder == nullptr) master.restart.reset();
  if (master.empty_master == EmptyMasterPolicy::kFollow) return;
  JudgeDown(state, WatchedOf(master), now, out);
  JudgeObjectiveDown(state, master, now, out);
}

void RestartDue(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.restart && !master.restart->held) AskInfo(state, WatchedOf(master), now, out);
}

bool CameBackEmpty(const Master& master) {
  return master.restart && master.restart->emptied_at && !master.restart->refused;
}

bool IsTrusted(const Master& master) {
  return !master.restart || (master.restart->held && !master.restart->emptied_at);
}

std::optional<base::MonoTime> EmptiedSince(const Master& master) {
  if (!master.restart || master.empty_master == EmptyMasterPolicy::kFollow) return std::nullopt;
  return master.restart->emptied_at;
}

bool IsHeld(const Master& master) {
  return master.down_cause == DownCause::kEmptied && master.empty_master == EmptyMasterPolicy::kHold;
}

}  // namespace sentinel
