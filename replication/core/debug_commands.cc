// DEBUG: what tests and operators in need look at and change.
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "replication/base/text.h"
#include "replication/core/observed.h"
#include "replication/core/server_commands.h"
#include "replication/data/data_digest.h"

namespace replication {
namespace {

using base::LogLevel;

void Unknown(const resp::Words& words, resp::ReplyWriter& reply) {
  reply.Error(fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try DEBUG HELP.",
                          words[1].substr(0, 128)));
}

void Sleep(NodeState& state, const resp::Words& words, resp::ReplyWriter& reply) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(words[2].data(), words[2].data() + words[2].size(), seconds);
  if (error != std::errc() || end != words[2].data() + words[2].size() || !(seconds >= 0) || seconds > 3600) {
    return reply.Error("ERR value is not a valid float");
  }
  const base::Millis how_long(static_cast<std::int64_t>(seconds * 1000));
  state.wishes.push_back(Freeze{how_long});
  state.observed->owed += static_cast<std::uint64_t>(how_long.count()) * 1'000'000;
  reply.Ok();
}

void DigestValues(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now,
                  resp::ReplyWriter& reply) {
  reply.Array(words.size() - 2);
  for (std::size_t i = 2; i < words.size(); ++i) {
    const data::Spot spot = state.keyspace.Find(client.db, words[i]);
    const bool there = spot && !spot->ExpiredAt(base::UnixMillis(now.wall));
    reply.Simple(data::ValueDigest(there ? &*spot : nullptr));
  }
}

// A reply of each type, so that client libraries can be tried. Source: the replies of redis-server 7.0.15.
void Protocol(const resp::Words& words, resp::ReplyWriter& reply) {
  const std::string type = base::ToLower(words[2]);
  const auto numbers = [&reply](bool with_booleans) {
    for (int i = 0; i < 3; ++i) {
      reply.Integer(i);
      if (with_booleans) reply.Bool(i == 1);
    }
  };
  if (type == "string") return reply.Bulk("Hello World");
  if (type == "integer") return reply.Integer(12345);
  if (type == "double") return reply.Raw(reply.protocol() == 3 ? ",3.141\r\n" : "$5\r\n3.141\r\n");
  if (type == "null") return reply.Null();
  if (type == "array") {
    reply.Array(3);
    return numbers(false);
  }
  if (type == "set") {
    reply.Set(3);
    return numbers(false);
  }
  if (type == "map") {
    reply.Map(3);
    return numbers(true);
  }
  if (type == "attrib") {
    if (reply.protocol() == 3) reply.Raw("|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
    return reply.Bulk("Some real reply following the attribute");
  }
  if (type == "push") {
    if (reply.protocol() == 2) return reply.Error("ERR RESP2 is not supported by this command");
    reply.Push(2);
    reply.Bulk("server-cpu-usage");
    reply.Integer(42);
    return reply.Bulk("Some real reply following the push reply");
  }
  if (type == "verbatim") return reply.Verbatim("txt", "This is a verbatim\nstring");
  if (type == "true" || type == "false") return reply.Bool(type == "true");
  if (type == "bignum") {
    constexpr std::string_view kNumber = "1234567999999999999999999999999999999";
    return reply.protocol() == 3 ? reply.Raw(fmt::format("({}\r\n", kNumber)) : reply.Bulk(kNumber);
  }
  reply.Error(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

void Debug(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  const DebugCommand allowed = state.settings.enable_debug_command;
  if (allowed == DebugCommand::kNo || (allowed == DebugCommand::kLocal && !IsLocal(client))) {
    return reply.Error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a "
        "local connection, otherwise you need to set this option in the configuration file, and then restart the "
        "server.");
  }
  const std::string what = base::ToLower(words[1]);
  if (what == "digest-value") return DigestValues(state, client, words, now, reply);
  if (words.size() == 2) {
    if (what == "digest") return reply.Simple(data::DataDigest(state.keyspace));
    if (what == "change-repl-id") {
      state.history.Begin(state.random);
      state.Say(LogLevel::kWarning, "Changing replication IDs after receiving change-repl-id");
      return reply.Ok();
    }
  }
  if (words.size() == 3) {
    if (what == "sleep") return Sleep(state, words, reply);
    if (what == "set-active-expire") {
      state.active_expire = words[2] != "0";
      return reply.Ok();
    }
    if (what == "protocol") return Protocol(words, reply);
    if (what == "error") return reply.Error(words[2]);
    if (what == "log") {
      state.Say(LogLevel::kWarning, fmt::format("DEBUG LOG: {}", words[2]));
      return reply.Ok();
    }
  }
  Unknown(words, reply);
}

using namespace serve;

constexpr std::array kRows = {
    NodeCommand{{"debug",
                 -2,
                 kAdmin | kNoScript | kLoading | kStale,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous,
                 "server",
                 "For tests: DIGEST, DIGEST-VALUE, PROTOCOL, ERROR, LOG, SLEEP, CHANGE-REPL-ID, SET-ACTIVE-EXPIRE"},
                &Debug},
};

}  // namespace

std::span<const NodeCommand> DebugCommands() {
  return kRows;
}

}  // namespace replication
