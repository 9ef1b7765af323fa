#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "replication/base/text.h"
#include "replication/serve/session_handlers.h"

namespace serve {
namespace {

// It is printed in space-separated lines.
bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

// "normal", "master", "replica" or "pubsub"; "slave" is an older word for "replica".
std::optional<std::string> ParseType(std::string_view word) {
  std::string type = base::ToLower(word);
  if (type == "slave") type = "replica";
  if (type == "normal" || type == "master" || type == "replica" || type == "pubsub") return type;
  return std::nullopt;
}

std::string UnknownType(std::string_view word) {
  return fmt::format("ERR Unknown client type '{}'", word);
}

std::string FlagsOf(const Client& client) {
  std::string flags;
  if (client.kind == ClientKind::kReplica) flags += 'S';
  if (client.kind == ClientKind::kMaster) flags += 'M';
  flags += client.marks;
  if (client.subscriptions() > 0) flags += 'P';
  if (client.queued_commands >= 0) flags += 'x';
  if (client.closing == Client::Closing::kAfterReply) flags += 'c';
  if (client.closing == Client::Closing::kNow) flags += 'A';
  if (client.peer.starts_with('/')) flags += 'U';
  return flags.empty() ? "N" : flags;
}

bool Fits(const Client& client, const KillFilter& filter) {
  if (filter.id != 0 && client.id != filter.id) return false;
  if (!filter.addr.empty() && client.peer != filter.addr) return false;
  if (!filter.laddr.empty() && client.local != filter.laddr) return false;
  if (!filter.user.empty() && client.user != filter.user) return false;
  if (!filter.type.empty()) {
    const auto type = ParseType(filter.type);
    if (!type || client.type() != *type) return false;
  }
  return true;
}

// Empty: `filter` is filled from words[2...]. Otherwise the error to reply.
std::string ParseKillFilter(const Server& server, const Words& words, KillFilter& filter) {
  for (std::size_t i = 2; i < words.size(); i += 2) {
    if (i + 1 == words.size()) return "ERR syntax error";
    const std::string_view value = words[i + 1];
    if (base::EqualsIgnoreCase(words[i], "id")) {
      const auto id = base::ParseInt<std::int64_t>(value);
      if (!id || *id <= 0) return "ERR client-id should be greater than 0";
      filter.id = static_cast<ClientId>(*id);
    } else if (base::EqualsIgnoreCase(words[i], "type")) {
      if (!ParseType(value)) return UnknownType(value);
      filter.type = value;
    } else if (base::EqualsIgnoreCase(words[i], "addr")) {
      filter.addr = value;
    } else if (base::EqualsIgnoreCase(words[i], "laddr")) {
      filter.laddr = value;
    } else if (base::EqualsIgnoreCase(words[i], "user")) {
      if (server.access.Find(value) == nullptr) return fmt::format("ERR No such user '{}'", value);
      filter.user = value;
    } else if (base::EqualsIgnoreCase(words[i], "skipme")) {
      const auto skip_me = base::ParseYesNo(value);
      if (!skip_me) return "ERR syntax error";
      filter.skip_me = *skip_me;
    } else {
      return "ERR syntax error";
    }
  }
  return {};
}

}  // namespace

std::string DescribeClient(const Client& client, const base::Now& now) {
  const auto seconds_since = [&now](base::MonoTime at) {
    return std::chrono::duration_cast<base::Seconds>(now.mono - at).count();
  };
  const ClientMemory memory = client.memory();
  // Words are seen in the buffer where they arrived, and there is one buffer of replies, which is as large as it was.
  std::string line = fmt::format(
      "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} qbuf={} "
      "qbuf-free={} argv-mem=0 multi-mem={} rbs={} rbp={} obl={} oll=0 omem=0 tot-mem={} events=r cmd={} user={} "
      "redir={} resp={}",
      client.id, client.peer, client.local, client.name, seconds_since(client.connected_at),
      seconds_since(client.active_at), FlagsOf(client), client.db, client.channels.size(), client.patterns.size(),
      client.shard_channels.size(), client.queued_commands, memory.unread, memory.unread_room, memory.queued,
      client.out.capacity(), client.out.capacity(), client.out.size(), memory.total, client.last_command, client.user,
      client.redirect, client.protocol);
  if (!client.lib_name.empty()) line += fmt::format(" lib-name={}", client.lib_name);
  if (!client.lib_version.empty()) line += fmt::format(" lib-ver={}", client.lib_version);
  return line;
}

std::int64_t KillClients(Server& server, Client* self, const KillFilter& filter) {
  std::int64_t killed = 0;
  for (const auto& [id, client] : server.clients.all()) {
    const bool is_self = client.get() == self;
    if (client->closing == Client::Closing::kNow || (is_self && filter.skip_me)) continue;
    if (!Fits(*client, filter)) continue;
    server.clients.Close(*client, is_self ? Client::Closing::kAfterReply : Client::Closing::kNow);
    ++killed;
  }
  return killed;
}

bool Rename(Client& client, std::string_view name, resp::ReplyWriter& reply) {
  if (!IsPlain(name)) {
    reply.Error("ERR Client names cannot contain spaces, newlines or special characters.");
    return false;
  }
  client.name = name;
  return true;
}

void GetClientId(Server&, Client& client, const Words&, const base::Now&, resp::ReplyWriter& reply) {
  reply.Integer(static_cast<std::int64_t>(client.id));
}

void GetClientInfo(Server&, Client& client, const Words&, const base::Now& now, resp::ReplyWriter& reply) {
  reply.Verbatim("txt", DescribeClient(client, now) + "\n");
}

void ListClients(Server& server, Client&, const Words& words, const base::Now& now, resp::ReplyWriter& reply) {
  std::string lines;
  const auto add = [&](const Client& client) { lines += DescribeClient(client, now) + "\n"; };
  if (words.size() == 2) {
    for (const auto& [id, client] : server.clients.all()) add(*client);
  } else if (words.size() == 4 && base::EqualsIgnoreCase(words[2], "type")) {
    const auto type = ParseType(words[3]);
    if (!type) return reply.Error(UnknownType(words[3]));
    for (const auto& [id, client] : server.clients.all()) {
      if (client->type() == *type) add(*client);
    }
  } else if (words.size() > 3 && base::EqualsIgnoreCase(words[2], "id")) {
    for (std::size_t i = 3; i < words.size(); ++i) {
      const auto id = base::ParseInt<std::int64_t>(words[i]);
      if (!id) return reply.Error("ERR Invalid client ID");
      if (*id <= 0) continue;
      if (const Client* found = server.clients.Find(static_cast<ClientId>(*id))) add(*found);
    }
  } else {
    return reply.Error("ERR syntax error");
  }
  reply.Verbatim("txt", lines);
}

void KillClient(Server& server, Client& client, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  KillFilter filter;
  if (words.size() == 3) {  // the older form: an address, which may be one's own
    filter.addr = words[2];
    filter.skip_me = false;
    if (filter.addr.empty() || KillClients(server, &client, filter) == 0) return reply.Error("ERR No such client");
    return reply.Ok();
  }
  if (const std::string error = ParseKillFilter(server, words, filter); !error.empty()) return reply.Error(error);
  reply.Integer(KillClients(server, &client, filter));
}

void SetClientName(Server&, Client& client, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  if (Rename(client, words[2], reply)) reply.Ok();
}

void GetClientName(Server&, Client& client, const Words&, const base::Now&, resp::ReplyWriter& reply) {
  if (client.name.empty()) return reply.Null();
  reply.Bulk(client.name);
}

void SetClientInfo(Server&, Client& client, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  const std::string attribute = base::ToLower(words[2]);
  if (attribute != "lib-name" && attribute != "lib-ver") {
    return reply.Error(fmt::format("ERR Unrecognized option '{}'", words[2]));
  }
  if (!IsPlain(words[3])) {
    return reply.Error(fmt::format("ERR {} cannot contain spaces, newlines or special characters.", attribute));
  }
  (attribute == "lib-name" ? client.lib_name : client.lib_version) = words[3];
  reply.Ok();
}

void SetClientReplies(Server&, Client& client, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  using Replies = Client::Replies;
  if (base::EqualsIgnoreCase(words[2], "on")) {
    client.replies = Replies::kOn;
    reply.Ok();
  } else if (base::EqualsIgnoreCase(words[2], "off")) {
    client.replies = Replies::kOff;
  } else if (base::EqualsIgnoreCase(words[2], "skip")) {
    if (client.replies != Replies::kOff) client.replies = Replies::kSkipNext;
  } else {
    reply.Error("ERR syntax error");
  }
}

void SetClientNoEvict(Server&, Client& client, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  if (!base::EqualsIgnoreCase(words[2], "on") && !base::EqualsIgnoreCase(words[2], "off")) {
    return reply.Error("ERR syntax error");
  }
  std::erase(client.marks, 'e');
  if (base::EqualsIgnoreCase(words[2], "on")) client.marks += 'e';
  reply.Ok();
}

}  // namespace serve
