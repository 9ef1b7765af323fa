#include "sentinel/core/settle.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/links.h"
#include "sentinel/core/names.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/steps.h"

namespace sentinel {
namespace {

constexpr base::Millis kPatience{3000};

void Farewell(State& state, Master& master, const base::Now& now, Actions& out) {
  SendOne(master.steps,
          Command{Request::kStep, master.name, static_cast<std::uint64_t>(StepKind::kLast), {Verb(master, "PING")}},
          master.failover.change, out);
  state.timers.Set(TimerKey{master.steps_id, TimerKind::kSettle, 0}, now.mono + kPatience);
}

// The last offset of `info`'s node in `history`; -1 when it cannot be known any more.
base::Offset LastOffset(const InfoReport& info, const base::ReplicationId& history) {
  if (info.replid == history) return info.master_offset;
  if (info.replid2 == history) return info.second_offset - 1;
  return -1;
}

std::string NameOf(const State& state, const Master& master, const Settling& settling) {
  const auto replica = master.replicas.find(settling.address);
  return replica != master.replicas.end() ? Describe(state, master, replica->second) : Describe(state, master);
}

void Report(State& state, Master& master, const Settling& settling, Actions& out) {
  const std::string name = NameOf(state, master, settling);
  if (settling.fork < 0 || settling.offset < 0) {
    AnnounceEvent(state, &master, "+failover-loss", fmt::format("{} #bytes unknown", name), 0, out);
    return;
  }
  const base::Offset lost = std::max<base::Offset>(settling.offset - (settling.fork - 1), 0);
  AnnounceEvent(state, &master, "+failover-loss",
                fmt::format("{} #bytes {} #offset {} #taken-over {}", name, lost, settling.offset, settling.fork - 1),
                0, out);
}

}  // namespace

void RetireMaster(State& state, Master& master, Replica& promoted, const base::Now& now, Actions& out) {
  const Failover& failover = master.failover;
  const Handover& handover = failover.handover;
  const base::Endpoint to = ShownEndpoint(state, promoted);
  if (!failover.forced) {
    if (master.command.up()) SendSlaveOf(master, master, &to, failover.change, now, out);
    return;
  }
  Settling settling;
  settling.node = master.id;
  settling.address = master.address;
  settling.history = handover.history.empty() ? promoted.info.replid2 : handover.history;
  if (promoted.info.replid2 == settling.history) settling.fork = promoted.info.second_offset;
  master.settling = std::move(settling);

  const Command compare{
      Request::kStep, master.name, static_cast<std::uint64_t>(StepKind::kCompare), {Verb(master, "INFO")}};
  const bool planned = handover.running();
  if (!planned || !master.steps.up()) {
    CloseSteps(state, master, out);
    if (!master.command.up()) return;
    SendOne(master.command, compare, failover.change, out);
    SendSlaveOf(master, master, &to, failover.change, now, out);
    return;
  }
  const auto say = [&](std::vector<std::string> words) {
    SayIgnored(state, master, std::move(words), failover.change, out);
  };
  const std::string client = Verb(master, "CLIENT");
  const std::string port = fmt::format("{}", to.port);
  SendOne(master.steps, compare, failover.change, out);
  say({Verb(master, "MULTI")});
  say({Verb(master, "SLAVEOF"), to.host, port});
  say({Verb(master, "CONFIG"), "REWRITE"});
  say({Verb(master, "EXEC")});
  // Writes that waited are refused from now on: the node is no master any more.
  if (handover.stopped && handover.method != HandoverMethod::kDeadEnd) say({client, "UNPAUSE"});
  say({client, "KILL", "TYPE", "normal"});
  say({client, "KILL", "TYPE", "pubsub"});
  Farewell(state, master, now, out);
  const bool by_slaveof =
      handover.method == HandoverMethod::kPausedSlaveOf || handover.method == HandoverMethod::kDeadEnd;
  if (!by_slaveof && promoted.command.up()) {
    SendOne(promoted.command, Command{Request::kIgnored, master.name, 0, {Verb(master, "CONFIG"), "REWRITE"}},
            failover.change, out);
  }
}

void TakeSettled(State& state, Master& master, StepKind step, const ReplyValue& reply, Actions& out) {
  if (step == StepKind::kLast) {
    CloseSteps(state, master, out);
    master.settling.reset();
    return;
  }
  if (!master.settling) return;
  Settling& settling = *master.settling;
  if (reply.kind == ReplyValue::Kind::kString) {
    const InfoReport info = ParseInfo(reply.text);
    settling.offset = LastOffset(info, settling.history);
    settling.reported = true;
    NoteInfo(state, master, settling.address, info, out);
  }
  Report(state, master, settling, out);
  if (!master.steps.up()) master.settling.reset();
}

void EndSteps(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.steps.up()) {
    Farewell(state, master, now, out);
  } else {
    CloseSteps(state, master, out);
  }
}

void SettleDue(State& state, Master& master, const base::Now& now, Actions& out) {
  if (master.failover.handover.running() && !master.settling) {
    OpenSteps(state, master, now, out);
    return;
  }
  CloseSteps(state, master, out);
  if (master.settling && !master.settling->reported) Report(state, master, *master.settling, out);
  master.settling.reset();
}

}  // namespace sentinel
