// CLIENT subcommands that stock's sentinel has, too, because every server of its kind has them. There are no keys, no
// blocked clients and no writes here, so they have little to do; clients and tools that call them are answered alike.
#include <fmt/format.h>

#include <array>

#include "replication/base/text.h"
#include "sentinel/core/call.h"

namespace sentinel {
namespace {

using Tracking = SentinelClient::Tracking;

void WrongWords(Call& call) {
  call.reply.Error(fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try CLIENT HELP.",
                               call.words[1].substr(0, 128)));
}

void Caching(Call& call) {
  Tracking& tracking = call.client.tracking;
  if (!tracking.on) {
    return call.reply.Error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled");
  }
  const auto yes = base::ParseYesNo(call.words[2]);
  if (!yes) return call.reply.Error("ERR syntax error");
  if (*yes && !tracking.opt_in) {
    return call.reply.Error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
  }
  if (!*yes && !tracking.opt_out) {
    return call.reply.Error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
  }
  tracking.caching_next = *yes;
  call.reply.Ok();
}

void GetRedirection(Call& call) {
  const Tracking& tracking = call.client.tracking;
  call.reply.Integer(tracking.on ? static_cast<std::int64_t>(tracking.redirect) : -1);
}

// A sentinel goes on answering: while it kept its peers waiting, there would be no vote and no failover. Stock does
// keep them waiting.
void Pause(Call& call) {
  const auto ms = base::ParseInt<std::int64_t>(call.words[2]);
  if (call.words.size() > 4) return WrongWords(call);
  if (call.words.size() == 4 && !base::EqualsIgnoreCase(call.words[3], "write") &&
      !base::EqualsIgnoreCase(call.words[3], "all")) {
    return call.reply.Error("ERR CLIENT PAUSE mode must be WRITE or ALL");
  }
  if (!ms) return call.reply.Error("ERR timeout is not an integer or out of range");
  if (*ms < 0) return call.reply.Error("ERR timeout is negative");
  call.out.push_back(LogLine{base::LogLevel::kWarning, "CLIENT PAUSE has no effect: a sentinel must go on answering"});
  call.reply.Ok();
}

void Unpause(Call& call) {
  call.reply.Ok();
}

// Null: `words` from the first option on are in `wanted`.
const char* ReadTracking(const State& state, const serve::Words& words, Tracking& wanted) {
  for (std::size_t i = 3; i < words.size(); ++i) {
    const bool more = i + 1 < words.size();
    if (base::EqualsIgnoreCase(words[i], "redirect") && more) {
      if (wanted.redirect != 0) return "ERR A client can only redirect to a single other client";
      const auto id = base::ParseInt<std::uint64_t>(words[++i]);
      if (!id) return "ERR value is not an integer or out of range";
      wanted.redirect = *id;
      if (state.server.clients.Find(*id) == nullptr) {
        return "ERR The client ID you want redirect to does not exist";
      }
    } else if (base::EqualsIgnoreCase(words[i], "bcast")) {
      wanted.broadcast = true;
    } else if (base::EqualsIgnoreCase(words[i], "optin")) {
      wanted.opt_in = true;
    } else if (base::EqualsIgnoreCase(words[i], "optout")) {
      wanted.opt_out = true;
    } else if (base::EqualsIgnoreCase(words[i], "noloop")) {
      wanted.no_loop = true;
    } else if (base::EqualsIgnoreCase(words[i], "prefix") && more) {
      wanted.prefixes.emplace_back(words[++i]);
    } else {
      return "ERR syntax error";
    }
  }
  return nullptr;
}

void Track(Call& call) {
  Tracking wanted;
  if (const char* error = ReadTracking(call.state, call.words, wanted)) return call.reply.Error(error);
  Tracking& now = call.client.tracking;
  if (base::EqualsIgnoreCase(call.words[2], "off")) {
    now = Tracking{};
    return call.reply.Ok();
  }
  if (!base::EqualsIgnoreCase(call.words[2], "on")) return call.reply.Error("ERR syntax error");
  if (!wanted.broadcast && !wanted.prefixes.empty()) {
    return call.reply.Error("ERR PREFIX option requires BCAST mode to be enabled");
  }
  if (now.on && now.broadcast != wanted.broadcast) {
    return call.reply.Error(
        "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it "
        "with a different mode.");
  }
  if (wanted.broadcast && (wanted.opt_in || wanted.opt_out)) {
    return call.reply.Error("ERR OPTIN and OPTOUT are not compatible with BCAST");
  }
  if (wanted.opt_in && wanted.opt_out) {
    return call.reply.Error("ERR You can't specify both OPTIN mode and OPTOUT mode");
  }
  if (now.on && ((wanted.opt_in && now.opt_out) || (wanted.opt_out && now.opt_in))) {
    return call.reply.Error(
        "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it "
        "with a different mode.");
  }
  wanted.on = true;
  now = std::move(wanted);
  call.reply.Ok();
}

void ShowTracking(Call& call) {
  const Tracking& tracking = call.client.tracking;
  std::vector<std::string_view> flags{tracking.on ? "on" : "off"};
  if (tracking.broadcast) flags.emplace_back("bcast");
  if (tracking.opt_in) flags.emplace_back("optin");
  if (tracking.opt_in && tracking.caching_next) flags.emplace_back("caching-yes");
  if (tracking.opt_out) flags.emplace_back("optout");
  if (tracking.opt_out && tracking.caching_next) flags.emplace_back("caching-no");
  if (tracking.no_loop) flags.emplace_back("noloop");
  const bool lost = tracking.redirect != 0 && call.state.server.clients.Find(tracking.redirect) == nullptr;
  if (lost) flags.emplace_back("broken_redirect");
  call.reply.Map(3);
  call.reply.Bulk("flags");
  call.reply.Set(flags.size());
  for (const std::string_view flag : flags) call.reply.Bulk(flag);
  call.reply.Bulk("redirect");
  call.reply.Integer(tracking.on ? static_cast<std::int64_t>(tracking.redirect) : -1);
  call.reply.Bulk("prefixes");
  call.reply.Array(tracking.prefixes.size());
  for (const std::string& prefix : tracking.prefixes) call.reply.Bulk(prefix);
}

// Nobody is ever blocked here.
void Unblock(Call& call) {
  if (call.words.size() > 4) return WrongWords(call);
  if (call.words.size() == 4 && !base::EqualsIgnoreCase(call.words[3], "timeout") &&
      !base::EqualsIgnoreCase(call.words[3], "error")) {
    return call.reply.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  if (!base::ParseInt<std::int64_t>(call.words[2])) {
    return call.reply.Error("ERR value is not an integer or out of range");
  }
  call.reply.Integer(0);
}

constexpr std::uint32_t kOwn = serve::kNoScript | serve::kLoading | serve::kStale;
constexpr std::uint32_t kOthers = kOwn | serve::kAdmin;

constexpr SentinelCommand Row(std::string_view name, int arity, std::uint32_t flags, std::string_view usage,
                              std::string_view summary, void (*handler)(Call&)) {
  return {{name, arity, flags, {}, serve::kCatConnection, "connection", summary, usage}, handler};
}

constexpr std::array kCommands = {
    Row("client|caching", 3, kOwn, "YES|NO", "Track the keys of the next command, or not", &Caching),
    Row("client|getredir", 2, kOwn, "", "Tell to which client notices about tracked keys go", &GetRedirection),
    Row("client|pause", -3, kOthers, "<ms> [WRITE|ALL]", "Accepted without effect: a sentinel must go on answering",
        &Pause),
    Row("client|tracking", -3, kOwn,
        "ON|OFF [REDIRECT <client-id>] [PREFIX <prefix> ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
        "Ask for notices about keys; a sentinel has none", &Track),
    Row("client|trackinginfo", 2, kOwn, "", "Tell what CLIENT TRACKING has set", &ShowTracking),
    Row("client|unblock", -3, kOthers, "<client-id> [TIMEOUT|ERROR]", "Wake a blocked client; here nobody is",
        &Unblock),
    Row("client|unpause", 2, kOthers, "", "Accepted without effect", &Unpause),
};

}  // namespace

std::span<const SentinelCommand> ClientCommands() {
  return kCommands;
}

}  // namespace sentinel
