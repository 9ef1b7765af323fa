#include "sentinel/core/rights.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sentinel/core/clients.h"
#include "sentinel/core/handover.h"
#include "sentinel/core/links.h"

namespace sentinel {
namespace {

using base::Millis;

constexpr Millis kPatience{500};
// Rights change by an operator's hand: what is older than this is asked for again.
constexpr Millis kFresh{1000};

enum class Question : std::uint64_t { kFailover, kPause, kSlaveOf };

const TimerKey kTimer{InstanceId::kNone, TimerKind::kRights, 0};

bool AreKnown(const Master& master, const base::Now& now) {
  const Rights& rights = master.rights;
  return rights.link == master.command.id && rights.known_at && now.mono - *rights.known_at < kFresh;
}

// While a failover is under way, it asks for itself.
bool CanAsk(const Master& master) {
  return master.command.up() && !master.liveness.down() && !master.failover.active() && !master.classic_failover;
}

void Ask(Master& master, const base::Now& now, Actions& out) {
  master.rights = Rights{};
  master.rights.link = master.command.id;
  master.rights.asked_at = now.mono;
  const auto question = [&](Question which, std::vector<std::string> words) {
    return Command{Request::kRights, master.name, static_cast<std::uint64_t>(which), std::move(words)};
  };
  std::vector<Command> batch;
  batch.push_back(question(Question::kFailover, {Verb(master, "FAILOVER"), "TIMEOUT", "none"}));
  batch.push_back(question(Question::kPause, {Verb(master, "CLIENT"), "PAUSE", "none", "WRITE"}));
  batch.push_back(question(Question::kSlaveOf, {Verb(master, "SLAVEOF"), "127.0.0.1", "none"}));
  SendBatch(master.command, std::move(batch), 0, out);
}

void Answer(State& state, const std::vector<RightsAsker>& askers, const base::Now& now, Actions& out) {
  for (const RightsAsker& asker : askers) AnswerHeld(state, asker.client, asker.ticket, asker.words, now, out);
}

}  // namespace

bool IsForbidden(const ReplyValue& reply) {
  return reply.is_error() &&
         (reply.StartsWith("NOPERM") || reply.StartsWith("NOAUTH") || reply.StartsWith("ERR unknown command") ||
          reply.StartsWith("ERR unknown subcommand") || reply.StartsWith("ERR Unknown subcommand"));
}

bool AwaitRights(Call& call, Master& master) {
  // Who wants no reply has none to wait for.
  if (call.client.replies != serve::Client::Replies::kOn) return false;
  if (!CanAsk(master) || AreKnown(master, call.now)) return false;
  const bool under_way = master.rights.asked_at && !master.rights.known_at && master.rights.link == master.command.id;
  if (under_way && call.now.mono - *master.rights.asked_at >= kPatience) {
    if (call.now.mono - *master.rights.asked_at < 2 * kPatience) return false;
    Ask(master, call.now, call.out);  // perhaps now
  } else if (!under_way) {
    Ask(master, call.now, call.out);
  }
  const base::MonoTime until = *master.rights.asked_at + kPatience;
  call.ticket = ++call.state.last_serial;
  call.state.rights_askers.push_back({call.client.id, call.ticket, master.name,
                                      std::vector<std::string>(call.words.begin(), call.words.end()), until});
  call.state.timers.SetNoLater(kTimer, until);
  return true;
}

void TakeRights(State& state, Master& master, const Command& asked, const ReplyValue& reply, const base::Now& now,
                Actions& out) {
  Rights& rights = master.rights;
  const bool may = !IsForbidden(reply);
  switch (static_cast<Question>(asked.serial)) {
    case Question::kFailover:
      rights.may_failover = may;
      return;
    case Question::kPause:
      rights.may_pause = may;
      return;
    case Question::kSlaveOf:
      rights.may_slaveof = may;
      break;
  }
  rights.known_at = now.mono;
  std::vector<RightsAsker> answered;
  std::erase_if(state.rights_askers, [&](RightsAsker& asker) {
    if (asker.master != master.name) return false;
    answered.push_back(std::move(asker));
    return true;
  });
  Answer(state, answered, now, out);
}

void RightsDue(State& state, const base::Now& now, Actions& out) {
  std::vector<RightsAsker> over;
  std::erase_if(state.rights_askers, [&](RightsAsker& asker) {
    if (asker.until > now.mono) return false;
    over.push_back(std::move(asker));
    return true;
  });
  for (const RightsAsker& asker : state.rights_askers) state.timers.SetNoLater(kTimer, asker.until);
  Answer(state, over, now, out);
}

std::string PlannedFailoverOutlook(const Master& master, const base::Now& now) {
  if (master.classic_failover) return "forced: manual-failover is classic";
  if (master.liveness.down() || !master.command.up()) return "forced: the master does not answer";
  if (!master.info_at) return "unknown: the master has not answered INFO";
  if (!AreKnown(master, now)) {
    return master.failover.active() ? "unknown: a failover is in progress"
                                    : "unknown: the master has not answered what we may do";
  }
  const Rights& rights = master.rights;
  const HandoverMethod method = ChooseMethod(rights.may_failover, rights.may_pause, master.info);
  const bool by_slaveof = method == HandoverMethod::kPausedSlaveOf || method == HandoverMethod::kDeadEnd;
  std::string missing;
  const auto note = [&missing](bool may, std::string_view right) {
    if (!may) missing += fmt::format("{}{}", missing.empty() ? "" : " ", right);
  };
  note(rights.may_failover, "failover");
  note(rights.may_pause, "client|pause");
  note(rights.may_slaveof, "slaveof");
  std::string text =
      by_slaveof && !rights.may_slaveof ? "not possible" : fmt::format("coordinated {}", MethodName(method));
  if (!missing.empty()) text += ", missing right: " + missing;
  return text;
}

}  // namespace sentinel
