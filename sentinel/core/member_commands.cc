// SENTINEL subcommands about members and pauses: those of operators, and the words with which sentinels of ours tell
// each other of them.
#include <fmt/format.h>

#include <array>

#include "replication/base/text.h"
#include "sentinel/core/adopt_epoch.h"
#include "sentinel/core/call.h"
#include "sentinel/core/forget.h"
#include "sentinel/core/leave.h"
#include "sentinel/core/pause.h"

namespace sentinel {
namespace {

std::vector<std::string> FieldsFrom(const Call& call, std::size_t first) {
  return {call.words.begin() + static_cast<std::ptrdiff_t>(first), call.words.end()};
}

void ReplyNotice(const std::vector<std::string>& fields, resp::ReplyWriter& reply) {
  reply.Array(fields.size());
  for (const std::string& field : fields) reply.Bulk(field);
}

void AdoptEpochCommand(Call& call) {
  const auto epoch = base::ParseInt<std::uint64_t>(call.words[2]);
  if (!epoch) return call.reply.Error("ERR an epoch is a number of 64 bits, not negative");
  const auto change = AdoptEpochByOrder(call.state, base::Epoch{*epoch}, call.out);
  if (!change) return call.reply.Error(change.error().text);
  call.OkWhenSaved(*change);
}

void ForgetCommand(Call& call) {
  Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  if (call.words.size() > 5) return call.reply.Error("ERR syntax error");
  const std::string what =
      call.words.size() == 4 ? std::string(call.words[3]) : fmt::format("[{}]:{}", call.words[3], call.words[4]);
  const auto result = Forget(call.state, *master, what, call.now, call.out);
  if (!result) return call.reply.Error(result.error().text);
  call.reply.Simple(result->reply);
  call.RestsOn(result->change);
}

void ForgottenCommand(Call& call) {
  if (call.words.size() == 2) {
    std::size_t count = 0;
    for (const auto& [name, master] : call.state.masters) count += master.forgotten.size();
    call.RestsOn(call.state.newest_change);
    call.reply.Array(count);
    for (const auto& [name, master] : call.state.masters) {
      for (const Tombstone& stone : master.forgotten) ReplyNotice(ForgottenNotice(master, stone), call.reply);
    }
    return;
  }
  const auto notice = ReadForgottenNotice(FieldsFrom(call, 2));
  if (!notice) return call.reply.Error(notice.error().text);
  const auto change = TakeForgotten(call.state, notice->master, notice->stone, call.now, call.out);
  if (!change) return call.reply.Error(change.error().text);
  call.OkWhenSaved(*change);
}

void GoodByeCommand(Call& call) {
  const auto from = base::ParseHexId<base::RunId>(call.words[2]);
  if (!from) return call.reply.Error("ERR malformed id");
  TakeGoodBye(call.state, *from, call.now, call.out);
  call.reply.Ok();
}

// SENTINEL PAUSE <master> <ms> [ANYWAY] [<reason> ...]
void PauseCommand(Call& call) {
  Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  const auto ms = base::ParseInt<std::int64_t>(call.words[3]);
  if (!ms) return call.reply.Error("ERR value is not an integer or out of range");
  PauseRequest request;
  request.length = base::Millis(*ms);
  for (std::size_t i = 4; i < call.words.size(); ++i) {
    if (base::EqualsIgnoreCase(call.words[i], "anyway")) {
      request.anyway = true;
      continue;
    }
    if (!request.reason.empty()) request.reason += ' ';
    request.reason += call.words[i];
  }
  const auto change = PauseMaster(call.state, *master, request, call.now, call.out);
  if (!change) return call.reply.Error(change.error().text);
  call.OkWhenSaved(*change);
}

void PausedCommand(Call& call) {
  if (call.words.size() == 2) {
    std::vector<std::vector<std::string>> notices;
    for (const auto& [name, master] : call.state.masters) {
      auto notice = PauseNoticeOf(master, call.now);
      call.RestsOn(master.pause.change);
      if (!notice.empty()) notices.push_back(std::move(notice));
    }
    call.reply.Array(notices.size());
    for (const auto& notice : notices) ReplyNotice(notice, call.reply);
    return;
  }
  const auto notice = ReadPauseNotice(FieldsFrom(call, 2));
  if (!notice) return call.reply.Error(notice.error().text);
  call.OkWhenSaved(TakePauseNotice(call.state, *notice, call.now, call.out));
}

void ResumeCommand(Call& call) {
  Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  call.OkWhenSaved(ResumeMaster(call.state, *master, call.now, call.out));
}

constexpr std::array kCommands = {
    SentinelCommand{SentinelRow("sentinel|adopt-epoch", 3, "<epoch>",
                                "Raises the epoch of this sentinel to one that is too far ahead to be believed"),
                    &AdoptEpochCommand},
    SentinelCommand{SentinelRow("sentinel|forget", -4, "<master> <id>|<host>:<port>|(<host> <port>)",
                                "Forgets a replica or sentinel that is down for good, here and at our peers"),
                    &ForgetCommand},
    SentinelCommand{SentinelRow("sentinel|forgotten", -2, "[<master> sentinel|replica <id>|- <ip> <port> <ms> <by>]",
                                "A peer says what an operator has forgotten there, or asks for it"),
                    &ForgottenCommand},
    SentinelCommand{SentinelRow("sentinel|good-bye", 3, "<id>", "A peer says that it is leaving"), &GoodByeCommand},
    SentinelCommand{SentinelRow("sentinel|pause", -4, "<master> <ms> [ANYWAY] [<reason>]",
                                "Stops automatic failovers and repairs of a master for a while"),
                    &PauseCommand},
    SentinelCommand{SentinelRow("sentinel|paused", -2, "[<master> <version> <remaining-ms> <ms> <id> <reason>]",
                                "A peer tells of a pause, or asks for those that are known here"),
                    &PausedCommand},
    SentinelCommand{SentinelRow("sentinel|resume", 3, "<master>", "Ends a pause"), &ResumeCommand},
};

}  // namespace

std::span<const SentinelCommand> MemberCommands() {
  return kCommands;
}

}  // namespace sentinel
