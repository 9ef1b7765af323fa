#include "replication/core/server_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/core/info.h"
#include "replication/core/journal.h"
#include "replication/core/memory_limit.h"
#include "replication/core/observed.h"
#include "replication/core/roles.h"

namespace replication {
namespace {

void Info(NodeState& state, NodeClient&, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  reply.Verbatim("txt", RenderInfo(state, std::span(words).subspan(1), now));
}

void ConfigGet(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  const auto found = GetSettings(state.settings, std::span(words).subspan(2));
  reply.Map(found.size());
  for (const auto& [name, value] : found) {
    reply.Bulk(name);
    reply.Bulk(value);
  }
}

void ConfigSet(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now,
               resp::ReplyWriter& reply) {
  if (words.size() % 2 != 0) return reply.Error("ERR syntax error");
  std::vector<std::pair<std::string_view, std::string_view>> values;
  for (std::size_t i = 2; i < words.size(); i += 2) values.emplace_back(words[i], words[i + 1]);
  const SetContext context{.client_is_local = IsLocal(client), .find_folder = [&state](const std::string& folder) {
                             return state.host.FindFolder(folder);
                           }};
  const auto set = SetSettings(state.settings, values, context);
  if (!set) return reply.Error("ERR " + set.error().text);
  UseSettings(state);
  FollowAppendOnly(state, now);
  reply.Ok();
}

// The users as they are now, for the file, unless there is only the default user with the password of requirepass.
void TakeDownUsers(NodeState& state) {
  const serve::Access& access = state.server.access;
  const serve::User& user = access.default_user();
  const std::vector<std::string> passwords =
      access.password().empty() ? std::vector<std::string>{} : std::vector{serve::PasswordDigest(access.password())};
  const bool plain = access.users().size() == 1 && user.on && user.everything() && user.passwords == passwords &&
                     user.no_password == passwords.empty();
  if (!state.settings.aclfile.empty() || (plain && state.settings.users.empty())) return;
  state.settings.users.clear();
  for (const auto& [name, each] : access.users()) {
    std::vector<std::string>& line = state.settings.users.emplace_back();
    line.push_back(name);
    const std::string rules = each->Describe();
    for (const std::string_view word : base::Split(rules, ' ')) line.emplace_back(word);
  }
}

void ConfigRewrite(NodeState& state, NodeClient& client, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  if (state.host.Facts().config_file.empty()) return reply.Error("ERR The server is running without a config file");
  TakeDownUsers(state);
  // Answered when the file is on disk; inside EXEC the whole reply waits for it.
  const std::uint64_t ticket = ++state.last_ticket;
  client.holes.push_back(NodeClient::Hole{ticket, client.in_exec ? reply.out().size() - client.exec_from : 0, {}});
  client.blocked = Blocked::kConfig;
  state.wishes.push_back(WriteConfig{ticket});
}

void ConfigResetStat(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  state.stats = Stats{};
  ForgetCounts(state);
  state.keyspace.stats() = data::KeyspaceStats{};
  reply.Ok();
}

void Help(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  serve::ReplyHelp(state.server.commands, base::ToLower(words[0]), reply);
}

void Select(NodeState& state, NodeClient& client, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  const auto db = base::ParseInt<int>(words[1]);
  if (!db) return reply.Error("ERR value is not an integer or out of range");
  if (*db < 0 || *db >= state.keyspace.databases()) return reply.Error("ERR DB index is out of range");
  client.db = *db;
  reply.Ok();
}

using namespace serve;

constexpr std::uint32_t kConfigFlags = kAdmin | kNoScript | kLoading | kStale;
constexpr std::uint32_t kAdminCategories = kCatAdmin | kCatSlow | kCatDangerous;

constexpr std::array kRows = {
    NodeCommand{{"config", -2, 0, {}, 0, "server", "A container for settings"}, &OnlyWithSubcommand},
    NodeCommand{{"config|get", -3, kConfigFlags, {}, kAdminCategories, "server", "Returns settings"}, &ConfigGet},
    NodeCommand{{"config|help", 2, kLoading | kStale, {}, kCatSlow, "server", "Returns this text"}, &Help},
    NodeCommand{{"config|resetstat", 2, kConfigFlags, {}, kAdminCategories, "server", "Sets the counters of INFO back"},
                &ConfigResetStat},
    NodeCommand{{"config|rewrite",
                 2,
                 kConfigFlags,
                 {},
                 kAdminCategories,
                 "server",
                 "Writes the settings into the configuration file"},
                &ConfigRewrite},
    NodeCommand{{"config|set", -4, kConfigFlags, {}, kAdminCategories, "server", "Changes settings"}, &ConfigSet},
    NodeCommand{{"info",
                 -1,
                 kLoading | kStale,
                 {},
                 kCatSlow | kCatDangerous,
                 "server",
                 "Returns facts and counters",
                 "[<section> ...]"},
                &Info},
    NodeCommand{{"select",
                 2,
                 kLoading | kStale | kFast,
                 {},
                 kCatFast | kCatConnection,
                 "connection",
                 "Changes the database of this connection",
                 "<index>"},
                &Select},
};

}  // namespace

void OnlyWithSubcommand(NodeState&, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  reply.Error(fmt::format("ERR wrong number of arguments for '{}' command", base::ToLower(words[0])));
}

bool IsLocal(const NodeClient& client) {
  return client.peer.starts_with("127.") || client.peer.starts_with("[::1]") || client.peer.starts_with("/");
}

std::span<const NodeCommand> ServerCommands() {
  return kRows;
}

void UseSettings(NodeState& state) {
  serve::Access& access = state.server.access;
  if (access.password() != state.settings.requirepass) access.set_password(state.settings.requirepass);
  access.set_all_channels_by_default(state.settings.acl_pubsub_default == "allchannels");
  access.set_max_log(state.settings.acllog_max_len);
  TellKeyspace(state);
  if (!state.settings.latency_tracking) {
    for (CommandCounts& counts : state.observed->commands) counts.durations.reset();
  }
  KeepMemoryWithinLimit(state, state.now);  // the limit may have been lowered
  state.wishes.push_back(SettingsChanged{});
}

void AnswerConfigRewrite(NodeState& state, std::uint64_t ticket, const base::Result<void>& result) {
  for (const auto& [id, each] : state.server.clients.all()) {
    auto& client = static_cast<NodeClient&>(*each);
    const auto hole = std::ranges::find(client.holes, ticket, &NodeClient::Hole::ticket);
    if (hole == client.holes.end()) continue;
    resp::ReplyWriter text(hole->text, client.protocol);
    if (result) {
      text.Ok();
    } else {
      text.Error(fmt::format("ERR Rewriting config file: {}", result.error().text));
    }
    if (std::ranges::any_of(client.holes, [](const auto& one) { return one.text.empty(); })) return;
    const std::size_t before = client.out.size();
    std::size_t at = 0;
    for (const NodeClient::Hole& one : client.holes) {
      client.out.append(client.withheld, at, one.at - at);
      client.out += one.text;
      at = one.at;
    }
    client.out.append(client.withheld, at);
    serve::TakeBackReply(client, before);
    client.withheld.clear();
    client.holes.clear();
    state.server.clients.Wake(client);
    if (client.closing_later != serve::Client::Closing::kNo) state.server.clients.Close(client, client.closing_later);
    return Resume(state, client);
  }
}

}  // namespace replication
