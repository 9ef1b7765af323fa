// SENTINEL subcommands that change something. What they answer with +OK is saved by then, except for FAILOVER and
// RESET, which promise nothing of the kind.
#include <array>

#include "replication/base/text.h"
#include "sentinel/core/call.h"
#include "sentinel/core/changes.h"
#include "sentinel/core/global_options.h"
#include "sentinel/core/manual_failover.h"
#include "sentinel/core/members.h"
#include "sentinel/core/names.h"
#include "sentinel/core/numeric_host.h"
#include "sentinel/core/set_options.h"
#include "sentinel/core/simulate.h"

namespace sentinel {
namespace {

void Failover(Call& call) {
  Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  const auto wish = ParseManualWish(call.words);
  if (!wish) return call.reply.Error(wish.error().text);
  if (const auto started = StartManualFailover(call.state, *master, *wish, call.now, call.out); !started) {
    return call.reply.Error(started.error().text);
  }
  call.reply.Ok();
}

void FlushConfig(Call& call) {
  call.OkWhenSaved(MarkChanged(call.state, call.out));
}

// The order of the checks is stock's: tests of clients rest on which error comes first.
void Monitor(Call& call) {
  const auto quorum = base::ParseInt<std::int64_t>(call.words[5]);
  if (!quorum) return call.reply.Error("ERR Invalid quorum");
  const auto port = base::ParseInt<std::int64_t>(call.words[4]);
  if (!port) return call.reply.Error("ERR Invalid port");
  if (*quorum < 1) return call.reply.Error("ERR Quorum must be 1 or greater.");
  if (*quorum > 1'000'000'000) return call.reply.Error("ERR Invalid quorum");
  NewMaster wanted;
  wanted.name = call.words[2];
  wanted.quorum = static_cast<int>(*quorum);
  const std::string host(call.words[3]);
  if (!IsNumericHost(host)) {
    if (!MayBeHost(call.state, host)) {
      return call.reply.Error("ERR Invalid IP address or hostname specified");
    }
    wanted.hostname = host;
  }
  // Port 0, which stock accepts, could never be connected to.
  if (*port < 1 || *port > 65535) return call.reply.Error("ERR Invalid port number.");
  wanted.address = base::Endpoint{CanonicalHost(host), static_cast<std::uint16_t>(*port)};
  if (wanted.name.empty() || base::HasControlCharacters(wanted.name)) {
    return call.reply.Error("ERR Invalid master name");
  }
  if (const auto added = AddMaster(call.state, wanted, call.now, call.out); !added) {
    return call.reply.Error(added.error().text);
  }
  call.OkWhenSaved(call.state.newest_change);
}

void Remove(Call& call) {
  Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  RemoveMaster(call.state, *master, call.out);
  call.OkWhenSaved(call.state.newest_change);
}

void Reset(Call& call) {
  std::int64_t count = 0;
  for (auto& [name, master] : call.state.masters) {
    if (!base::GlobMatch(call.words[2], name)) continue;
    ResetMaster(call.state, master, call.now, call.out);
    ++count;
  }
  call.reply.Integer(count);
}

void Set(Call& call) {
  Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  const auto change = SetOptions(call.state, *master, call.words, call.now, call.out);
  if (!change) return call.reply.Error(change.error().text);
  call.OkWhenSaved(*change);
}

constexpr std::array kCommands = {
    SentinelCommand{SentinelRow("sentinel|config", -3, "(GET <pattern> ...)|(SET <option> <value> ...)",
                                "Shows or sets the settings of this sentinel"),
                    &ConfigCommand},
    SentinelCommand{
        SentinelRow("sentinel|debug", -2, "[<period> <ms> ...]", "Shows or sets the periods of the protocol"),
        &DebugCommand},
    SentinelCommand{
        SentinelRow("sentinel|failover", -3, "<master> [COORDINATED] [FORCE] [TO <host> <port>] [TIMEOUT <ms>]",
                    "Promotes a replica without asking the other sentinels"),
        &Failover},
    SentinelCommand{SentinelRow("sentinel|flushconfig", 2, "", "Writes the configuration file"), &FlushConfig},
    SentinelCommand{SentinelRow("sentinel|monitor", 6, "<name> <ip> <port> <quorum>", "Starts watching a master"),
                    &Monitor},
    SentinelCommand{SentinelRow("sentinel|remove", 3, "<master>", "Stops watching a master"), &Remove},
    SentinelCommand{
        SentinelRow("sentinel|reset", 3, "<pattern>", "Forgets what is known about the masters of a pattern"), &Reset},
    SentinelCommand{
        SentinelRow("sentinel|simulate-failure", -3, "[CRASH-AFTER-ELECTION] [CRASH-AFTER-PROMOTION] [HELP]",
                    "Makes this sentinel crash in the middle of a failover that it leads"),
        &SimulateFailureCommand},
    SentinelCommand{SentinelRow("sentinel|set", -5, "<master> <option> <value> [<option> <value> ...]",
                                "Changes the settings of a master"),
                    &Set},
};

}  // namespace

std::span<const SentinelCommand> AdminCommands() {
  return kCommands;
}

}  // namespace sentinel
