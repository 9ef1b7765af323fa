#include "sentinel/core/last_look.h"

#include <utility>

#include "sentinel/core/conflict.h"
#include "sentinel/core/links.h"
#include "sentinel/core/quorum.h"

namespace sentinel {
namespace {

constexpr base::Millis kForcedLookWait{200};

}  // namespace

void AskLastLook(State& state, Master& master, const base::Now& now, Actions& out) {
  Failover& failover = master.failover;
  Poll& look = failover.last_look;
  look = Poll{};
  look.serial = ++state.last_serial;
  look.asked_at = now.mono;
  look.epoch = failover.epoch;
  for (const auto& [id, opinion] : master.sentinels) {
    Peer* peer = FindPeer(state, id);
    if (peer == nullptr || !peer->command.up()) continue;
    Command question = MakeQuestion(state, master, Request::kLastLook, look.serial, look.epoch, true);
    if (failover.settles) NameAsKnownTo(master, id, question);
    SendOne(peer->command, std::move(question), 0, out);
  }
  const bool unproven = master.down_cause == DownCause::kSilence || master.down_cause == DownCause::kErrors;
  if (!failover.forced && unproven && master.command.up()) {
    master.liveness.pinged_at = now.mono;
    SendOne(master.command, Command{Request::kLastPing, master.name, look.serial, {Verb(master, "PING")}}, 0, out);
  }
  const base::Millis wait = failover.forced ? kForcedLookWait : kLastLookWait;
  state.timers.Set(TimerKey{master.id, TimerKind::kLastLook, 0}, now.mono + wait);
}

LookVerdict JudgeLastLook(const State& state, const Master& master) {
  const Failover& failover = master.failover;
  const Vote& own = master.vote;
  if (own.epoch != failover.epoch || own.candidate != state.my_id) return LookVerdict::kNo;
  const bool own_counts = failover.forced || state.Durable(own.change);
  const int yes = static_cast<int>(failover.last_look.yes.size()) + (own_counts ? 1 : 0);
  const int no = static_cast<int>(failover.last_look.no.size());
  if (yes >= MajorityOf(master)) return LookVerdict::kYes;
  const bool lost = !failover.forced && no > VotersOf(master) - MajorityOf(master);
  return lost ? LookVerdict::kNo : LookVerdict::kWait;
}

}  // namespace sentinel
