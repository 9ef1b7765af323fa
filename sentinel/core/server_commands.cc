// ROLE, INFO, PUBLISH, SHUTDOWN, and the container that SENTINEL's subcommands stand in.
#include <array>

#include "replication/base/text.h"
#include "sentinel/core/call.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/leave.h"
#include "sentinel/core/sentinel_info.h"

namespace sentinel {
namespace {

void Role(Call& call) {
  call.reply.Array(2);
  call.reply.Bulk("sentinel");
  call.reply.Array(call.state.masters.size());
  for (const auto& [name, master] : call.state.masters) call.reply.Bulk(name);
}

void Info(Call& call) {
  const InfoText info = DescribeSentinel(call.state, {call.words.begin() + 1, call.words.end()}, call.now);
  call.RestsOn(info.change);
  call.reply.Bulk(info.text);
}

// Peers hand us their hellos this way. Nothing is passed on: subscribers here listen to events.
void Publish(Call& call) {
  if (call.words[1] != kHelloChannel) {
    return call.reply.Error("ERR Only HELLO messages are accepted by Sentinel instances.");
  }
  ApplyHello(call.state, call.words[2], InstanceId::kNone, call.now, call.out);
  call.reply.Integer(1);
}

// The state is saved with every change, so all ways to leave are the same.
void Shutdown(Call& call) {
  bool save = false, no_save = false, now_or_force = false, abort = false;
  for (std::size_t i = 1; i < call.words.size(); ++i) {
    const std::string word = base::ToLower(call.words[i]);
    if (word == "save") {
      save = true;
    } else if (word == "nosave") {
      no_save = true;
    } else if (word == "now" || word == "force") {
      now_or_force = true;
    } else if (word == "abort") {
      abort = true;
    } else {
      return call.reply.Error("ERR syntax error");
    }
  }
  if ((save && no_save) || (abort && (save || no_save || now_or_force))) return call.reply.Error("ERR syntax error");
  if (abort) return call.reply.Error("ERR No shutdown in progress.");
  call.out.push_back(LogLine{base::LogLevel::kWarning, "User requested shutdown.."});
  Leave(call.state, call.now, call.out);
}

// Reached only if it had no subcommands.
void Container(Call& call) {
  call.reply.Error("ERR wrong number of arguments for 'sentinel' command");
}

constexpr std::array kCommands = {
    SentinelCommand{{"info",
                     -1,
                     serve::kLoading | serve::kStale,
                     {},
                     serve::kCatDangerous,
                     "server",
                     "Returns information and statistics about this sentinel",
                     "[<section> ...]"},
                    &Info},
    SentinelCommand{{"publish",
                     3,
                     serve::kPubsub | serve::kLoading | serve::kStale | serve::kFast,
                     {},
                     0,
                     "pubsub",
                     "Hands a hello message to this sentinel",
                     "<channel> <message>"},
                    &Publish},
    SentinelCommand{{"role",
                     1,
                     serve::kNoScript | serve::kLoading | serve::kStale | serve::kFast,
                     {},
                     serve::kCatAdmin | serve::kCatDangerous,
                     "server",
                     "Returns the word sentinel and the names of the masters that are watched"},
                    &Role},
    SentinelCommand{{"sentinel", -2, serve::kAdmin, {}, 0, "sentinel", "A container for Redis Sentinel commands"},
                    &Container},
    SentinelCommand{
        {"shutdown",
         -1,
         serve::kAdmin | serve::kNoScript | serve::kLoading | serve::kStale | serve::kNoMulti | serve::kAllowBusy,
         {},
         0,
         "server",
         "Ends this sentinel",
         "[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]"},
        &Shutdown},
};

}  // namespace

std::span<const SentinelCommand> ServerCommands() {
  return kCommands;
}

}  // namespace sentinel
