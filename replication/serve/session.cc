#include "replication/serve/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "replication/base/text.h"
#include "replication/serve/session_handlers.h"

namespace serve {
namespace {

// Clients decide by this number what they may use; see the compatibility rules of the design.
constexpr std::string_view kRedisVersion = "7.0.15";
constexpr std::string_view kWrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";

bool MustAuthenticate(const Server& server, const Client& client) {
  return server.access.required() && !client.authenticated;
}

bool LogIn(Server& server, Client& client, std::string_view user, std::string_view password, std::string_view command,
           const base::Now& now, resp::ReplyWriter& reply) {
  std::shared_ptr<User> account = server.access.LogIn(user, password);
  if (account == nullptr) {
    LogRefusal(server, client, "auth", command, user, now);
    reply.Error(kWrongPassword);
    return false;
  }
  client.user = user;
  client.account = std::move(account);
  client.authenticated = true;
  return true;
}

std::string_view ReasonWord(Verdict::Reason reason) {
  switch (reason) {
    case Verdict::Reason::kKey:
      return "key";
    case Verdict::Reason::kChannel:
      return "channel";
    default:
      return "command";
  }
}

Verdict JudgeAndLog(Server& server, const Client& client, const CommandTable::Entry& entry, const Words& words,
                    const base::Now& now) {
  const Verdict verdict = Judge(UserOf(server, client), entry, words);
  if (!verdict.allowed()) {
    const bool command = verdict.reason == Verdict::Reason::kCommand;
    LogRefusal(server, client, ReasonWord(verdict.reason), command ? entry.row->name : words[verdict.word], client.user,
               now);
  }
  return verdict;
}

}  // namespace

const User& UserOf(const Server& server, const Client& client) {
  return client.account == nullptr ? server.access.default_user() : *client.account;
}

void Welcome(const Server& server, Client& client) {
  client.authenticated = !server.access.required();
}

void LogRefusal(Server& server, const Client& client, std::string_view reason, std::string_view object,
                std::string_view user, const base::Now& now) {
  server.access.Log({.reason = reason,
                     .context = client.queued_commands >= 0 ? "multi" : "toplevel",
                     .object = std::string(object),
                     .user = std::string(user),
                     .client = DescribeClient(client, now),
                     .at = now.mono});
}

std::string MayRun(Server& server, Client& client, const CommandTable::Entry& entry, const Words& words,
                   const base::Now& now) {
  const CommandRow& row = *entry.row;
  if (MustAuthenticate(server, client) && (row.flags & kNoAuth) == 0) return "NOAUTH Authentication required.";
  client.last_command = row.name;
  if (!UserOf(server, client).everything()) {
    switch (JudgeAndLog(server, client, entry, words, now).reason) {
      case Verdict::Reason::kAllowed:
        break;
      case Verdict::Reason::kCommand:
        return fmt::format("NOPERM this user has no permissions to run the '{}' command", row.name);
      case Verdict::Reason::kKey:
        return "NOPERM this user has no permissions to access one of the keys used as arguments";
      case Verdict::Reason::kChannel:
        return "NOPERM this user has no permissions to access one of the channels used as arguments";
    }
    const std::string_view refusal = WhyNotBeyondItsKeys(UserOf(server, client), row, words);
    if (!refusal.empty()) return std::string(refusal);
  }
  // In RESP2 a reply cannot be told from a message, so a listening client may do little else.
  constexpr std::array<std::string_view, 9> kWhileListening = {
      "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe", "ping", "quit", "reset"};
  if (client.protocol == 2 && client.subscriptions() > 0 &&
      std::find(kWhileListening.begin(), kWhileListening.end(), row.name) == kWhileListening.end()) {
    return fmt::format(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
        "context",
        row.name);
  }
  return {};
}

std::string MayStillRun(Server& server, Client& client, const CommandTable::Entry& entry, const Words& words,
                        const base::Now& now) {
  if (UserOf(server, client).everything()) return {};
  std::string_view reason;
  switch (JudgeAndLog(server, client, entry, words, now).reason) {
    case Verdict::Reason::kAllowed:
      return {};
    case Verdict::Reason::kCommand:
      reason = "no permission to execute the command or subcommand";
      break;
    case Verdict::Reason::kKey:
      reason = "no permission to touch the specified keys";
      break;
    case Verdict::Reason::kChannel:
      reason = "no permission to access one of the channels used as arguments to the command";
      break;
  }
  return fmt::format(
      "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is "
      "no longer allowed for the following reason: {}",
      reason);
}

void TakeBackReply(Client& client, std::size_t length_before) {
  using Replies = Client::Replies;
  if (client.replies == Replies::kOn) return;
  // What SUBSCRIBE and its like tell are pushes, which nobody has switched off.
  const bool pushes = client.last_command.ends_with("subscribe") && client.out.size() > length_before &&
                      client.out[length_before] != '-';
  if (client.out.size() > length_before && !pushes) client.out.resize(length_before);
  if (client.replies == Replies::kSkipNext) {
    client.replies = Replies::kSkip;
  } else if (client.replies == Replies::kSkip) {
    client.replies = Replies::kOn;
  }
}

void Hello(Server& server, Client& client, const Words& words, const base::Now& now, resp::ReplyWriter& reply) {
  int protocol = client.protocol;
  if (words.size() > 1) {
    const auto wanted = base::ParseInt<std::int64_t>(words[1]);
    if (!wanted) return reply.Error("ERR Protocol version is not an integer or out of range");
    if (*wanted < 2 || *wanted > 3) return reply.Error("NOPROTO unsupported protocol version");
    protocol = static_cast<int>(*wanted);
  }
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t more = words.size() - i - 1;
    if (base::EqualsIgnoreCase(words[i], "auth") && more >= 2) {
      if (!LogIn(server, client, words[i + 1], words[i + 2], words[0], now, reply)) return;
      i += 2;
    } else if (base::EqualsIgnoreCase(words[i], "setname") && more >= 1) {
      if (!Rename(client, words[i + 1], reply)) return;
      i += 1;
    } else {
      return reply.Error(fmt::format("ERR Syntax error in HELLO option '{}'", words[i]));
    }
  }
  if (MustAuthenticate(server, client)) {
    return reply.Error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> "
        "option can be used to authenticate the client and select the RESP protocol version at the same time");
  }
  client.protocol = protocol;
  resp::ReplyWriter greeting(reply.out(), protocol);  // the answer is the first in the new protocol
  greeting.Map(server.role.empty() ? 6 : 7);
  greeting.Bulk("server");
  greeting.Bulk("redis");
  greeting.Bulk("version");
  greeting.Bulk(kRedisVersion);
  greeting.Bulk("proto");
  greeting.Integer(protocol);
  greeting.Bulk("id");
  greeting.Integer(static_cast<std::int64_t>(client.id));
  greeting.Bulk("mode");
  greeting.Bulk(server.mode);
  if (!server.role.empty()) {
    greeting.Bulk("role");
    greeting.Bulk(server.role);
  }
  greeting.Bulk("modules");
  greeting.Array(0);
}

void Auth(Server& server, Client& client, const Words& words, const base::Now& now, resp::ReplyWriter& reply) {
  if (words.size() > 3) return reply.Error("ERR syntax error");
  if (words.size() == 2 && server.access.default_user().no_password) {
    return reply.Error(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?");
  }
  const std::string_view user = words.size() == 3 ? words[1] : "default";
  if (LogIn(server, client, user, words.back(), words[0], now, reply)) reply.Ok();
}

void Ping(Server&, Client& client, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  if (words.size() > 2) return reply.Error("ERR wrong number of arguments for 'ping' command");
  if (client.protocol == 2 && client.subscriptions() > 0) {
    // Among messages, a pong looks like one.
    reply.Array(2);
    reply.Bulk("pong");
    reply.Bulk(words.size() == 2 ? words[1] : "");
  } else if (words.size() == 2) {
    reply.Bulk(words[1]);
  } else {
    reply.Simple("PONG");
  }
}

void Echo(Server&, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  reply.Bulk(words[1]);
}

void Quit(Server& server, Client& client, const Words&, const base::Now&, resp::ReplyWriter& reply) {
  reply.Ok();
  server.clients.Close(client, Client::Closing::kAfterReply);
}

void Reset(Server& server, Client& client, const Words&, const base::Now&, resp::ReplyWriter& reply) {
  if (client.kind != ClientKind::kNormal) return reply.Error("ERR can only reset normal client connections");
  server.pubsub.Forget(client);
  client.protocol = 2;
  client.db = 0;
  client.name.clear();
  client.user = "default";
  client.account = nullptr;
  client.authenticated = !server.access.required();
  // A SKIP was meant for this very reply.
  if (client.replies != Client::Replies::kSkip) client.replies = Client::Replies::kOn;
  reply.Simple("RESET");
}

void Time(Server&, Client&, const Words&, const base::Now& now, resp::ReplyWriter& reply) {
  const std::int64_t ms = base::UnixMillis(now.wall);
  reply.Array(2);
  reply.BulkNumber(ms / 1000);
  reply.BulkNumber(ms % 1000 * 1000);
}

void Command(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  ReplyCommand(server.commands, words, reply);
}

}  // namespace serve
