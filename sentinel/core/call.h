// One command of a client, as its handler sees it; and what we keep of a client beyond what every server does.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replication/base/time.h"
#include "replication/resp/reply_writer.h"
#include "replication/serve/client.h"
#include "replication/serve/command_row.h"
#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// A client that was promised something waits for the save. What it asks meanwhile is done at once, so that one save
// covers it too (a peer asks for the votes of hundreds of masters on one connection); the answers wait behind, since
// they are matched by their order.
struct SentinelClient : serve::Client {
  struct Held {
    std::string reply;        // leaves when `change` is durable; an error takes its place when the save failed
    ChangeNumber change = 0;  // 0: waits only for those before it
    // Not 0: whoever has this number brings the reply (AnswerHeld); until then `change` is beyond any save.
    std::uint64_t ticket = 0;
  };
  std::deque<Held> held;
  // Commands that change the connection itself and arrived while a reply was held, and those behind them.
  std::deque<std::vector<std::string>> queued;

  // CLIENT TRACKING. There are no keys here, so nothing is ever invalidated; what was asked for is told again.
  struct Tracking {
    bool on = false;
    bool broadcast = false, opt_in = false, opt_out = false, no_loop = false;
    std::optional<bool> caching_next;  // CLIENT CACHING
    serve::ClientId redirect = 0;
    std::vector<std::string> prefixes;
  };
  Tracking tracking;
};

struct Call {
  State& state;
  const serve::Words& words;
  const base::Now& now;
  resp::ReplyWriter& reply;
  Actions& out;
  SentinelClient& client;

  // What the reply rests on: it leaves when this change is durable. When its save fails, the client is told so instead.
  ChangeNumber change = 0;

  // Not 0: the handler has asked somebody else first and has written nothing; AnswerHeld will name this number.
  std::uint64_t ticket = 0;

  // For commands that changed what the file holds: +OK once `saved` is durable.
  void OkWhenSaved(ChangeNumber saved) {
    reply.Ok();
    change = saved;
  }
  void RestsOn(ChangeNumber promised) {
    if (promised > change) change = promised;
  }
};

struct SentinelCommand {
  serve::CommandRow row;
  void (*handler)(Call& call);
};

// ROLE, INFO, PUBLISH, SHUTDOWN: what a sentinel answers beside SENTINEL and the commands about the connection.
std::span<const SentinelCommand> ServerCommands();
// CLIENT subcommands that only a sentinel has, beside those of every server.
std::span<const SentinelCommand> ClientCommands();
// SENTINEL subcommands that only look.
std::span<const SentinelCommand> QueryCommands();
// SENTINEL subcommands that change something.
std::span<const SentinelCommand> AdminCommands();
// SENTINEL HISTORY and EXPLAIN.
std::span<const SentinelCommand> EvidenceCommands();
// SENTINEL subcommands about members and pauses: of operators, and among sentinels of ours.
std::span<const SentinelCommand> MemberCommands();
// SENTINEL subcommands that sentinels of ours use among themselves.
std::span<const SentinelCommand> ExtensionCommands();

// The master that words[2] names; null, and the error is the reply, when there is none.
Master* MasterOfCall(Call& call);

// As CommandRows of SENTINEL subcommands: alike but for name, number of words and what HELP says.
constexpr serve::CommandRow SentinelRow(std::string_view name, int arity, std::string_view usage,
                                        std::string_view summary) {
  return {name, arity, serve::kAdmin, {}, 0, "sentinel", summary, usage};
}

}  // namespace sentinel
