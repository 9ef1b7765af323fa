#include "sentinel/core/roles.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/foreign.h"
#include "sentinel/core/info_report.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/links.h"
#include "sentinel/core/names.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/returning.h"
#include "sentinel/core/steps.h"

namespace sentinel {
namespace {

using base::Millis;
using base::MonoTime;

// The leader that brought the present address is gone, or has forgotten what it was doing: nobody else will re-point
// those that still follow the former master.
bool LeaderIsGone(const State& state, const Master& master) {
  if (master.led_by == state.my_id) return true;  // its failover here has ended
  const Peer* leader = FindPeer(state, master.led_by);
  return leader == nullptr || leader->liveness.down() ||
         (leader->command.up() && *leader->command.up_at > *master.switched_at);
}

bool IsLeftBehind(const State& state, const Master& master, const Replica& replica, const base::Now& now) {
  // A hand-over began with it, and somebody else has become the master meanwhile: nobody else will re-point it.
  if (replica.info.master == base::Endpoint{std::string(kDeadEndHost), kDeadEndPort}) return true;
  if (!master.switched_at || now.mono - *master.switched_at > master.failover_timeout) return false;
  const auto followed = master.replicas.find(KnownAs(master, replica.info.master));
  return followed != master.replicas.end() && followed->second.former && LeaderIsGone(state, master);
}

// From when on the claim counts as wrong for long enough; empty when nothing is wrong.
std::optional<MonoTime> WrongFrom(const State& state, const Master& master, const Replica& replica,
                                  const base::Now& now) {
  const Millis patience = 4 * state.periods.publish;
  if (replica.role_reported == Role::kMaster) {
    return std::max(replica.role_reported_at, replica.up_since) + patience;
  }
  if (replica.role_reported == Role::kReplica && !FollowsAgreed(master, replica)) {
    const bool left_behind = IsLeftBehind(state, master, replica, now);
    return std::max(replica.master_changed_at, replica.up_since) +
           (left_behind ? std::min(patience, master.failover_timeout) : master.failover_timeout);
  }
  return std::nullopt;
}

void Correct(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  const bool claims_master = replica.role_reported == Role::kMaster;
  if (claims_master && replica.former) {
    RecordDivergence(state, master, replica, now, out);
    replica.former->ordered_at = now.mono;
  }
  const base::Endpoint to = ShownEndpoint(state, master);
  SendSlaveOf(master, replica, &to, master.address_change, now, out);
  // The claim has to last as long once more before it is corrected again.
  replica.role_reported_at = now.mono;
  replica.master_changed_at = now.mono;
  AnnounceEvent(state, &master, claims_master ? "+convert-to-slave" : "+fix-slave-config",
                Describe(state, master, replica), master.address_change, out);
}

// Is it, or was it when we last saw it, a master with writes of its own?
bool MayHoldHistory(const DataNode& node) {
  return node.info.role == Role::kMaster;
}

}  // namespace

bool FollowsAgreed(const Master& master, const Replica& replica) {
  return IsAt(replica.info.master, master.address, master.hostname);
}

bool LooksSane(const State& state, const Master& master, const base::Now& now) {
  return !master.liveness.down() && !master.objective_down_since && master.role_reported == Role::kMaster &&
         master.info_at && now.mono - *master.info_at < 2 * state.periods.info;
}

void CorrectReplica(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  const TimerKey timer{replica.id, TimerKind::kRoleCheck, 0};
  state.timers.Cancel(timer);
  if (replica.former && replica.info.role == Role::kReplica) replica.former->seen_as_replica = true;
  if (!replica.command.up() || replica.liveness.down() || !replica.info_at) return;
  // Behind a new connection may be somebody else: what was said before it is no ground for an order. INFO is on its
  // way.
  if (*replica.info_at < *replica.command.up_at) return;
  const bool foreign =
      (replica.info.role == Role::kMaster || !replica.foreign.why.empty()) && IsForeign(state, master, replica, out);
  if (master.failover.active()) return;  // the failover re-points its replicas itself
  const auto from = WrongFrom(state, master, replica, now);
  if (!from || foreign || !replica.foreign.hello.empty()) return;
  if (IsPaused(master, now)) {
    state.timers.Set(timer, *master.pause.until);
    return;
  }
  const ReturnVerdict returned = JudgeReturn(state, master, replica, now, out);
  if (!returned.demote) {
    MonoTime again = *from + Millis(1);
    if (now.mono > *from) {
      if (LooksSane(state, master, now)) return Correct(state, master, replica, now, out);
      again = now.mono + Millis(1000);
    }
    state.timers.Set(timer, std::min(again, returned.again.value_or(again)));
    return;
  }
  Correct(state, master, replica, now, out);
}

void SendSlaveOf(const Master& master, DataNode& node, const base::Endpoint* to, ChangeNumber change,
                 const base::Now& now, Actions& out) {
  const auto ignored = [](std::vector<std::string> words) {
    return Command{Request::kIgnored, "", 0, std::move(words)};
  };
  const std::string host = to == nullptr ? "NO" : to->host;
  const std::string port = to == nullptr ? "ONE" : fmt::format("{}", to->port);
  const std::string client = Verb(master, "CLIENT");
  std::vector<Command> batch;
  batch.push_back(ignored({Verb(master, "MULTI")}));
  batch.push_back(ignored({Verb(master, "SLAVEOF"), host, port}));
  // Where its own history ends, before it synchronizes with another: an INFO behind EXEC may come too late for that,
  // as CONFIG REWRITE waits for the disk.
  if (to != nullptr && MayHoldHistory(node)) batch.push_back(ignored({Verb(master, "INFO"), "replication"}));
  batch.push_back(ignored({Verb(master, "CONFIG"), "REWRITE"}));
  batch.push_back(ignored({client, "KILL", "TYPE", "normal"}));
  batch.push_back(ignored({client, "KILL", "TYPE", "pubsub"}));
  batch.push_back(Command{Request::kSlaveOf, master.name, 0, {Verb(master, "EXEC")}});
  // This INFO replaces whichever one is under way, whose answer belongs to the time before.
  batch.push_back(InfoCommand(master, now));
  node.info_asked_at = now.mono;
  SendBatch(node.command, std::move(batch), change, out);
}

void TakeSlaveOf(State& state, const Watched& watched, const ReplyValue& reply, Actions& out) {
  if (watched.node == nullptr) return;
  for (const ReplyValue& part : reply.elements) {
    if (part.kind != ReplyValue::Kind::kString) continue;
    NoteInfo(state, *watched.master, watched.node->address, ParseInfo(part.text), out);
  }
}

}  // namespace sentinel
