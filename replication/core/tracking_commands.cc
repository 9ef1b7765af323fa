// CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR.
#include <fmt/format.h>

#include <array>

#include "replication/base/text.h"
#include "replication/core/tracking.h"

namespace replication {
namespace {

using base::EqualsIgnoreCase;

// Empty, or the error's text.
std::string ReadOptions(const NodeState& state, const resp::Words& words, Tracking::Options& options,
                        std::vector<std::string>& prefixes) {
  for (std::size_t i = 3; i < words.size(); ++i) {
    const bool has_next = i + 1 < words.size();
    if (has_next && EqualsIgnoreCase(words[i], "redirect")) {
      if (options.redirect != 0) return "ERR A client can only redirect to a single other client";
      const auto id = base::ParseInt<std::int64_t>(words[++i]);
      if (!id) return "ERR value is not an integer or out of range";
      if (*id < 0 || state.Find(static_cast<ClientId>(*id)) == nullptr) {
        return "ERR The client ID you want redirect to does not exist";
      }
      options.redirect = static_cast<ClientId>(*id);
    } else if (EqualsIgnoreCase(words[i], "bcast")) {
      options.broadcast = true;
    } else if (EqualsIgnoreCase(words[i], "optin")) {
      options.opt_in = true;
    } else if (EqualsIgnoreCase(words[i], "optout")) {
      options.opt_out = true;
    } else if (EqualsIgnoreCase(words[i], "noloop")) {
      options.no_loop = true;
    } else if (has_next && EqualsIgnoreCase(words[i], "prefix")) {
      prefixes.emplace_back(words[++i]);
    } else {
      return "ERR syntax error";
    }
  }
  return {};
}

bool Overlap(std::string_view a, std::string_view b) {
  return a.starts_with(b) || b.starts_with(a);
}

std::string WhyNot(const Tracking::Options* held, const Tracking::Options& options,
                   const std::vector<std::string>& prefixes) {
  if (!options.broadcast && !prefixes.empty()) return "ERR PREFIX option requires BCAST mode to be enabled";
  if (held != nullptr && held->broadcast != options.broadcast) {
    return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it "
           "with a different mode.";
  }
  if (options.broadcast && (options.opt_in || options.opt_out)) {
    return "ERR OPTIN and OPTOUT are not compatible with BCAST";
  }
  if (options.opt_in && options.opt_out) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  if (held != nullptr && ((options.opt_in && held->opt_out) || (options.opt_out && held->opt_in))) {
    return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it "
           "with a different mode.";
  }
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    if (held != nullptr) {
      for (const std::string& other : held->prefixes) {
        if (!Overlap(prefixes[i], other)) continue;
        return fmt::format(
            "ERR Prefix '{}' overlaps with an existing prefix '{}'. Prefixes for a single client must not overlap.",
            prefixes[i], other);
      }
    }
    for (std::size_t j = i + 1; j < prefixes.size(); ++j) {
      if (!Overlap(prefixes[i], prefixes[j])) continue;
      return fmt::format(
          "ERR Prefix '{}' overlaps with another provided prefix '{}'. Prefixes for a single client must not overlap.",
          prefixes[i], prefixes[j]);
    }
  }
  return {};
}

void Track(NodeState& state, NodeClient& client, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  Tracking::Options options;
  std::vector<std::string> prefixes;
  if (const std::string error = ReadOptions(state, words, options, prefixes); !error.empty()) return reply.Error(error);
  if (EqualsIgnoreCase(words[2], "off")) {
    StopTracking(state, client);
    return reply.Ok();
  }
  if (!EqualsIgnoreCase(words[2], "on")) return reply.Error("ERR syntax error");
  const std::string refusal = WhyNot(state.tracking->Find(client.id), options, prefixes);
  if (!refusal.empty()) return reply.Error(refusal);
  if (options.broadcast && prefixes.empty()) prefixes.emplace_back();  // all keys
  options.prefixes.insert(prefixes.begin(), prefixes.end());
  state.tracking->Start(client.id, options);
  client.tracks = true;
  client.redirect = static_cast<std::int64_t>(options.redirect);
  for (const char mark : {'t', 'B', 'R'}) std::erase(client.marks, mark);
  client.marks += options.broadcast ? "tB" : "t";
  reply.Ok();
}

void Caching(NodeState& state, NodeClient& client, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  Tracking::Options* options = state.tracking->Find(client.id);
  if (options == nullptr) {
    return reply.Error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled");
  }
  if (EqualsIgnoreCase(words[2], "yes")) {
    if (!options->opt_in) {
      return reply.Error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    }
  } else if (EqualsIgnoreCase(words[2], "no")) {
    if (!options->opt_out) {
      return reply.Error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    }
  } else {
    return reply.Error("ERR syntax error");
  }
  options->caching = true;
  reply.Ok();
}

void TrackingInfo(NodeState& state, NodeClient& client, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  const Tracking::Options* options = state.tracking->Find(client.id);
  std::vector<std::string_view> flags = {options == nullptr ? "off" : "on"};
  if (options != nullptr) {
    const auto add = [&flags](bool is, std::string_view flag) {
      if (is) flags.push_back(flag);
    };
    add(options->broadcast, "bcast");
    add(options->opt_in, "optin");
    add(options->opt_in && options->caching, "caching-yes");
    add(options->opt_out, "optout");
    add(options->opt_out && options->caching, "caching-no");
    add(options->no_loop, "noloop");
    add(options->broken, "broken_redirect");
  }
  reply.Map(3);
  reply.Bulk("flags");
  reply.Set(flags.size());
  for (const std::string_view flag : flags) reply.Bulk(flag);
  reply.Bulk("redirect");
  reply.Integer(options == nullptr ? -1 : static_cast<std::int64_t>(options->redirect));
  reply.Bulk("prefixes");
  reply.Array(options == nullptr ? 0 : options->prefixes.size());
  if (options == nullptr) return;
  for (const std::string& prefix : options->prefixes) reply.Bulk(prefix);
}

void GetRedirection(NodeState& state, NodeClient& client, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  const Tracking::Options* options = state.tracking->Find(client.id);
  reply.Integer(options == nullptr ? -1 : static_cast<std::int64_t>(options->redirect));
}

using namespace serve;

constexpr std::uint32_t kFlags = kNoScript | kLoading | kStale;

// Arity and flags as COMMAND INFO of Redis 7.0 has them.
constexpr std::array kRows = {
    NodeCommand{{"client|caching",
                 3,
                 kFlags,
                 {},
                 kCatConnection,
                 "connection",
                 "Choose whether the keys of the next command are tracked",
                 "YES|NO"},
                &Caching},
    NodeCommand{{"client|getredir",
                 2,
                 kFlags,
                 {},
                 kCatConnection,
                 "connection",
                 "Tell which connection gets the invalidations of this one"},
                &GetRedirection},
    NodeCommand{{"client|tracking",
                 -3,
                 kFlags,
                 {},
                 kCatConnection,
                 "connection",
                 "Tell this connection when keys change that it has read",
                 "ON|OFF [REDIRECT <client-id>] [BCAST] [PREFIX <prefix> ...] [OPTIN] [OPTOUT] [NOLOOP]"},
                &Track},
    NodeCommand{
        {"client|trackinginfo", 2, kFlags, {}, kCatConnection, "connection", "Tell what this connection tracks"},
        &TrackingInfo},
};

}  // namespace

std::span<const NodeCommand> TrackingCommands() {
  return kRows;
}

}  // namespace replication
