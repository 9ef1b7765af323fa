#include "sentinel/core/fast_fail.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/events.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/health.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/watched.h"

namespace sentinel {
namespace {

using base::Millis;
using base::MonoTime;

constexpr Millis kFinestPace{5};
constexpr Millis kCoarsestPace{100};
constexpr Millis kTellAgain{1000};
constexpr int kFineFor = 10;  // times fast-fail: whoever still refuses then is tried at the ordinary pace

// Has this replica, asked since the port began to refuse, said that it still hears its master?
bool StillHears(const Master& master, const Replica& replica) {
  return replica.info_at && *replica.info_at > *master.refusal.since && !replica.liveness.down() &&
         replica.info.role == Role::kReplica && replica.info.master_link_up && FollowsAgreed(master, replica);
}

bool AnyStillHears(const Master& master) {
  return std::any_of(master.replicas.begin(), master.replicas.end(),
                     [&](const auto& entry) { return StillHears(master, entry.second); });
}

// Early enough for their answers to be there when the time is over.
void AskReplicas(State& state, Master& master, const base::Now& now, Actions& out) {
  if (now.mono - *master.refusal.since < master.fast_fail / 2) return;
  for (auto& [address, replica] : master.replicas) {
    const bool asked = replica.info_at && *replica.info_at > *master.refusal.since;
    if (!asked || StillHears(master, replica)) AskInfo(state, WatchedOf(master, replica), now, out);
  }
}

void EndRefusal(State& state, Master& master, const base::Now& now, Actions& out) {
  if (!master.refusal.since) return;
  const bool told = master.refusal.told_at.has_value();
  master.refusal.since.reset();
  master.refusal.told_at.reset();
  if (told) PushRefused(state, master, false, out);
  JudgeFastFail(state, master, now, out);
}

}  // namespace

std::optional<std::string> FastFailOffBecause(const State& state, const Master& master) {
  if (master.fast_fail.count() == 0) return "fast-fail is 0";
  for (const auto& [id, opinion] : master.sentinels) {
    const Peer* peer = FindPeer(state, id);
    if (peer != nullptr && peer->words.contains(std::string(kRefusedPush))) continue;
    return fmt::format("sentinel {} does not speak {}", id.hex, kRefusedPush);
  }
  return std::nullopt;
}

void NoteConnectFailed(State& state, Master& master, LinkDown::Reason reason, const base::Now& now, Actions& out) {
  Refusal& refusal = master.refusal;
  // `down_at`: an established link was lost. A port that never let us in proves nothing.
  if (reason != LinkDown::Reason::kRefused || master.fast_fail.count() == 0 || !master.command.down_at) {
    EndRefusal(state, master, now, out);
    return;
  }
  if (!refusal.since) refusal.since = now.mono;
  AskReplicas(state, master, now, out);
  if (now.mono - *refusal.since < master.fast_fail) return;
  if (!refusal.told_at || now.mono - *refusal.told_at >= kTellAgain) {
    refusal.told_at = now.mono;
    PushRefused(state, master, true, out);
  }
  JudgeFastFail(state, master, now, out);
}

void NoteAccepted(State& state, Master& master, const base::Now& now, Actions& out) {
  EndRefusal(state, master, now, out);
}

std::optional<MonoTime> NextFastAttempt(const Master& master, const base::Now& now) {
  if (master.fast_fail.count() == 0 || !master.command.down_at) return std::nullopt;
  const auto& since = master.refusal.since;
  if (!since) {
    const bool just_lost = !master.command.attempted_at || *master.command.attempted_at <= *master.command.down_at;
    return just_lost ? std::optional(now.mono) : std::nullopt;
  }
  if (now.mono - *since > kFineFor * master.fast_fail) return std::nullopt;
  const MonoTime next = now.mono + std::clamp(master.fast_fail / 10, kFinestPace, kCoarsestPace);
  const MonoTime over = *since + master.fast_fail;
  return now.mono < over ? std::min(next, over) : next;
}

void ApplyRefusedPush(State& state, const base::Endpoint& address, bool refused, const base::RunId& from,
                      const base::Now& now, Actions& out) {
  Master* master = FindMasterByAddress(state, address);
  if (master == nullptr) return;
  const auto opinion = master->sentinels.find(from);
  if (opinion == master->sentinels.end()) return;
  opinion->second.refused_at = refused ? std::optional(now.mono) : std::nullopt;
  JudgeFastFail(state, *master, now, out);
}

void JudgeFastFail(State& state, Master& master, const base::Now& now, Actions& out) {
  Refusal& refusal = master.refusal;
  const Millis life = 5 * state.periods.ask;
  const auto finds = [&](const auto& entry) {
    return entry.second.refused_at && now.mono - *entry.second.refused_at < life;
  };
  const auto have = 1 + std::count_if(master.sentinels.begin(), master.sentinels.end(), finds);
  const bool agreed =
      refusal.told_at && have >= master.quorum && !FastFailOffBecause(state, master) && !AnyStillHears(master);
  if (agreed == refusal.agreed_at.has_value()) return;
  refusal.agreed_at = agreed ? std::optional(now.mono) : std::nullopt;
  if (agreed) {
    LogNotice(out, fmt::format("'{}' refuses connections for {} ms, {} sentinels find the same", master.name,
                               (now.mono - *refusal.since).count(), have));
  }
  JudgeDown(state, WatchedOf(master), now, out);
}

void ForgetRefusals(Master& master) {
  master.refusal = Refusal{};
  for (auto& [id, opinion] : master.sentinels) opinion.refused_at.reset();
}

}  // namespace sentinel
