#include "sentinel/core/inquiry.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/candidates.h"
#include "sentinel/core/conduct.h"
#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/foreign.h"
#include "sentinel/core/health.h"
#include "sentinel/core/links.h"
#include "sentinel/core/members.h"
#include "sentinel/core/mending.h"
#include "sentinel/core/names.h"
#include "sentinel/core/restart.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/testimony.h"

namespace sentinel {
namespace {

constexpr base::Millis kFastPeriod{1000};

TimerKey InfoKey(const Watched& watched) {
  return TimerKey{watched.id, TimerKind::kInfo, 0};
}

base::Millis InfoPeriod(const State& state, const Watched& watched) {
  const base::Millis usual = state.periods.info;
  const base::Millis fast = std::min(kFastPeriod, usual);
  if (!watched.node->info_at) return fast;  // an error was the answer so far
  if (watched.replica == nullptr) return watched.node->role_reported == Role::kReplica ? fast : usual;
  const bool in_trouble = watched.master->objective_down_since || watched.master->failover.active();
  return in_trouble || watched.replica->info.master_link_down_for.count() != 0 ? fast : usual;
}

void TakeRunId(State& state, const Watched& watched, const base::RunId& run_id, const base::Now& now, Actions& out) {
  if (run_id.empty() || run_id == watched.node->info.run_id) return;
  if (watched.node->info.run_id.empty()) return;
  ForgetForeignHello(*watched.node);
  if (watched.is_master()) NoteRestart(state, *watched.master, now, out);
  if (watched.is_master() && watched.master->reboot_down_after.count() > 0) watched.master->reboot_seen_at = now.mono;
  AnnounceEvent(state, watched.master, "+reboot", DescribeAny(state, watched), 0, out);
}

void TakeRole(State& state, const Watched& watched, Role role, const base::Now& now, Actions& out) {
  DataNode& node = *watched.node;
  if (role == Role::kUnknown || role == node.role_reported) return;
  node.role_reported = role;
  node.role_reported_at = now.mono;
  const bool expected = (role == Role::kMaster) == watched.is_master();
  AnnounceEvent(state, watched.master, expected ? "+role-change" : "-role-change",
                fmt::format("{} new reported role is {}", DescribeAny(state, watched),
                            role == Role::kMaster ? "master" : "slave"),
                0, out);
}

void Discover(State& state, Master& master, const base::Now& now, Actions& out) {
  // A copy: a new replica may move what the report is part of.
  const std::vector<base::Endpoint> named = master.info.replicas;
  for (const base::Endpoint& address : named) {
    if (address == master.address || master.replicas.contains(address)) continue;
    if (!MayBeHost(state, address.host)) continue;
    // Under the name that it announces it may have been resolved long ago.
    const base::Endpoint known = KnownAs(master, address);
    if (known == master.address || master.replicas.contains(known)) continue;
    if (TooManyReplicas(state, master, out)) return;
    AddReplica(state, master, address, now, out);
  }
}

}  // namespace

Command InfoCommand(const Master& master, const base::Now& now) {
  return Command{Request::kInfo,
                 master.name,
                 static_cast<std::uint64_t>(now.mono.time_since_epoch().count()),
                 {Verb(master, "INFO")}};
}

void AskInfo(State& state, const Watched& watched, const base::Now& now, Actions& out) {
  DataNode& node = *watched.node;
  if (!node.command.up() || node.info_asked_at || node.command.pending >= kMaxPending) return;
  node.info_asked_at = now.mono;
  SendOne(node.command, InfoCommand(*watched.master, now), 0, out);
  const base::Millis period = InfoPeriod(state, watched);
  state.timers.Set(InfoKey(watched), OnBeat(now.mono + period, period));
}

void InfoDue(State& state, const Watched& watched, const base::Now& now, Actions& out) {
  const base::Millis period = InfoPeriod(state, watched);
  state.timers.Set(InfoKey(watched), OnBeat(now.mono + period, period));
  AskInfo(state, watched, now, out);
}

void AskInfoWithin(State& state, const Watched& watched, base::Millis wait, const base::Now& now) {
  state.timers.SetNoLater(InfoKey(watched), now.mono + wait);
}

void TakeInfo(State& state, const Watched& watched, const Command& asked, const ReplyValue& reply, const base::Now& now,
              Actions& out) {
  DataNode& node = *watched.node;
  const base::MonoTime asked_at{base::Millis(static_cast<std::int64_t>(asked.serial))};
  if (node.info_asked_at == asked_at) node.info_asked_at.reset();
  node.command.heard_at = now.mono;
  if (reply.kind != ReplyValue::Kind::kString) return;

  InfoReport report = ParseInfo(reply.text);
  TakeRunId(state, watched, report.run_id, now, out);
  if (watched.replica != nullptr && report.master != node.info.master) watched.replica->master_changed_at = now.mono;
  if (report.run_id.empty()) report.run_id = node.info.run_id;
  node.info = std::move(report);
  node.info_text = reply.text.substr(0, kMaxInfoKept);
  NoteGoodConduct(watched, now);
  node.info_at = now.mono;
  TakeRole(state, watched, node.info.role, now, out);
  NoteInfo(state, *watched.master, node.address, node.info, out);
  state.timers.SetNoLater(InfoKey(watched), now.mono + InfoPeriod(state, watched));

  const std::string master_name = watched.master->name;
  if (watched.is_master()) {
    if (node.info.role == Role::kMaster && IsTrusted(*watched.master)) Discover(state, *watched.master, now, out);
    JudgeRestart(state, *watched.master, now, out);
    ReviewDown(state, WatchedOf(*FindMaster(state, master_name)), now, out);
    JudgeMending(state, *FindMaster(state, master_name), now, out);
  } else {
    TakeTestimonyRead(state, *watched.master, *watched.replica, asked_at, now, out);
    TakeCandidateRead(state, *watched.master, *watched.replica, asked_at, now, out);
    CorrectReplica(state, *watched.master, *watched.replica, now, out);
    JudgeRestart(state, *watched.master, now, out);
  }
  if (Master* master = FindMaster(state, master_name)) AdvanceFailover(state, *master, now, out);
}

}  // namespace sentinel
