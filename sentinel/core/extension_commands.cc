// SENTINEL subcommands that sentinels of ours use among themselves. Their meaning: extensions.h.
#include <fmt/format.h>

#include <array>

#include "replication/base/text.h"
#include "sentinel/core/call.h"
#include "sentinel/core/decision_text.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/fast_fail.h"
#include "sentinel/core/numeric_host.h"
#include "sentinel/core/survey.h"

namespace sentinel {
namespace {

constexpr std::string_view kMalformed = "ERR malformed address, epoch or id";

base::Result<base::Endpoint> ReadEndpoint(std::string_view host, std::string_view port) {
  const auto number = base::ParsePort(port);
  if (!number) return tl::unexpected(number.error());
  return base::Endpoint{CanonicalHost(host), *number};
}

void Words(Call& call) {
  call.reply.Array(OwnWords().size());
  for (const std::string_view word : OwnWords()) call.reply.Bulk(word);
}

void Configuration(Call& call) {
  const Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  const OwnConfiguration own = ConfigurationOf(call.state, *master);
  call.reply.Array(5);
  call.reply.Bulk(own.answer.address.host);
  call.reply.Bulk(fmt::format("{}", own.answer.address.port));
  call.reply.Bulk(fmt::format("{}", own.answer.config_epoch.value));
  call.reply.Bulk(fmt::format("{}", own.answer.vote_epoch.value));
  call.reply.Integer(own.answer.reaches ? 1 : 0);
  call.RestsOn(own.change);
}

void TakeDecision(Call& call) {
  const auto from = base::ParseHexId<base::RunId>(call.words[3]);
  if (!from) return call.reply.Error(kMalformed);
  if (call.words.size() - 4 > kMaxDecisionWords) return call.reply.Error("ERR a decision with too many words");
  const std::vector<std::string> words(call.words.begin() + 4, call.words.end());
  if (const auto taken = ApplyReport(call.state, call.words[2], *from, words, call.now, call.out); !taken) {
    return call.reply.Error("ERR " + taken.error().text);
  }
  call.reply.Ok();
}

void DownPush(Call& call) {
  const auto master = ReadEndpoint(call.words[2], call.words[3]);
  const auto from = base::ParseHexId<base::RunId>(call.words[5]);
  const std::string_view down = call.words[4];
  if (!master || !from || (down != "0" && down != "1")) return call.reply.Error(kMalformed);
  ApplyDownPush(call.state, *master, down == "1", *from, call.now, call.out);
  call.reply.Ok();
}

void RefusedPush(Call& call) {
  const auto master = ReadEndpoint(call.words[2], call.words[3]);
  const auto from = base::ParseHexId<base::RunId>(call.words[5]);
  const std::string_view refused = call.words[4];
  if (!master || !from || (refused != "0" && refused != "1")) return call.reply.Error(kMalformed);
  ApplyRefusedPush(call.state, *master, refused == "1", *from, call.now, call.out);
  call.reply.Ok();
}

void Leading(Call& call) {
  const auto master = ReadEndpoint(call.words[2], call.words[3]);
  const auto epoch = base::ParseInt<std::uint64_t>(call.words[4]);
  const auto leader = base::ParseHexId<base::RunId>(call.words[5]);
  const auto replica = ReadEndpoint(call.words[6], call.words[7]);
  if (!master || !epoch || !leader || !replica) return call.reply.Error(kMalformed);
  ApplyLeading(call.state, *master, base::Epoch{*epoch}, *leader, *replica, call.now, call.out);
  call.reply.Ok();
}

void TellPreVote(Call& call) {
  const auto master = ReadEndpoint(call.words[2], call.words[3]);
  const auto epoch = base::ParseInt<std::uint64_t>(call.words[4]);
  const auto candidate = base::ParseHexId<base::RunId>(call.words[5]);
  if (!master || !epoch || !candidate) return call.reply.Error(kMalformed);
  const auto answer = AnswerPreVote(call.state, *master, base::Epoch{*epoch}, *candidate, call.now);
  call.reply.Integer(static_cast<std::int64_t>(answer));
}

constexpr std::array kCommands = {
    SentinelCommand{SentinelRow("sentinel|configuration", 3, "<master>",
                                "A peer asks which address we name, its config epoch, our vote's, and whether we "
                                "reach it"),
                    &Configuration},
    SentinelCommand{SentinelRow("sentinel|decision", -5, "<master> <id> <word> ...",
                                "A peer tells what the failover that it led looked like"),
                    &TakeDecision},
    SentinelCommand{
        SentinelRow("sentinel|down-push", 6, "<ip> <port> 0|1 <id>", "A peer says whether it sees a master down"),
        &DownPush},
    SentinelCommand{SentinelRow("sentinel|leading", 8, "<ip> <port> <epoch> <id> <replica-ip> <replica-port>",
                                "A peer says that it leads a failover"),
                    &Leading},
    SentinelCommand{
        SentinelRow("sentinel|pre-vote", 6, "<ip> <port> <epoch> <id>", "A peer asks whether it would get our vote"),
        &TellPreVote},
    SentinelCommand{SentinelRow("sentinel|refused-push", 6, "<ip> <port> 0|1 <id>",
                                "A peer says whether a master's port refuses it (fast-fail)"),
                    &RefusedPush},
    SentinelCommand{SentinelRow("sentinel|vigil", -2, "[<word> ...]",
                                "Returns the words that this sentinel speaks beyond the stock "
                                "protocol"),
                    &Words},
};

}  // namespace

std::span<const SentinelCommand> ExtensionCommands() {
  return kCommands;
}

}  // namespace sentinel
