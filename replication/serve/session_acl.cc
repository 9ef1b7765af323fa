#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "replication/serve/session_handlers.h"

namespace serve {
namespace {

constexpr std::string_view kNoUserFile =
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER "
    "command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store "
    "users "
    "in the Redis configuration.";
constexpr std::int64_t kMaxPasswordBits = 4096;
constexpr std::int64_t kRefusalsShown = 10;

void CloseFor(Server& server, Client& client, const Client* self) {
  server.clients.Close(client, &client == self ? Client::Closing::kAfterReply : Client::Closing::kNow);
}

std::string SubcommandError(std::string_view container, const Words& words) {
  return fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.",
                     words[1].substr(0, 128), container);
}

void ReplySelector(const Selector& selector, resp::ReplyWriter& reply) {
  reply.Bulk("commands");
  reply.Bulk(selector.DescribeCommands());
  reply.Bulk("keys");
  reply.Bulk(selector.DescribeKeys());
  reply.Bulk("channels");
  reply.Bulk(selector.DescribeChannels());
}

}  // namespace

void ReplaceUsers(Server& server, Access::Users users, Client* self) {
  // What each client's user may do now, to be compared with what it may do then.
  std::map<std::string, std::string> before;
  for (const auto& [name, user] : server.access.users()) before.emplace(name, user->Describe());
  server.access.Replace(std::move(users));
  for (const auto& [id, client] : server.clients.all()) {
    if (client->account == nullptr || client->account.get() == &server.access.default_user()) continue;
    const auto now = server.access.Find(client->user);
    const auto then = before.find(client->user);
    if (now == nullptr || then == before.end() || now->Describe() != then->second) CloseFor(server, *client, self);
  }
}

base::Result<void> LoadUserFile(Server& server, Client* self) {
  const auto text = server.user_file.read();
  if (!text) {
    const std::string_view why = text.error().text;  // "can't open ...: No such file or directory"
    const std::size_t reason = why.rfind(": ");
    return base::Fail(text.error().code, fmt::format("Error loading ACLs, opening file '{}': {}", server.user_file.path,
                                                     reason == std::string_view::npos ? why : why.substr(reason + 2)));
  }
  auto users = Access::ReadUsers(server.commands, *text, server.access.options());
  if (!users) {
    std::string told;
    for (const std::string_view mistake : base::Split(users.error().text, '\n')) {
      const bool has_place = mistake.empty() || mistake.starts_with("WARNING");
      told += has_place ? std::string(mistake) : fmt::format("{}:{}", server.user_file.path, mistake);
    }
    return base::Fail(
        base::ErrorCode::kInvalid,
        told + "WARNING: ACL errors detected, no change to the previously active ACL rules was performed");
  }
  ReplaceUsers(server, std::move(*users), self);
  return {};
}

void SetUser(Server& server, Client& client, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  const std::vector<std::string> rules(words.begin() + 3, words.end());
  if (const auto set = server.access.SetUser(server.commands, words[2], rules); !set) {
    return reply.Error("ERR " + set.error().text);
  }
  // Who listens to what the user may no longer hear is cut off.
  const auto user = server.access.Find(words[2]);
  for (const auto& [id, other] : server.clients.all()) {
    if (other->subscriptions() == 0 || &UserOf(server, *other) != user.get() || MayListen(*user, *other)) continue;
    CloseFor(server, *other, &client);
  }
  reply.Ok();
}

void GetUser(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  const auto user = server.access.Find(words[2]);
  if (user == nullptr) return reply.Null();
  reply.Map(6);
  reply.Bulk("flags");
  const auto flags = user->Flags();
  reply.Set(flags.size());
  for (const std::string_view flag : flags) reply.Bulk(flag);
  reply.Bulk("passwords");
  reply.Array(user->passwords.size());
  for (const std::string& digest : user->passwords) reply.Bulk(digest);
  ReplySelector(user->root, reply);
  reply.Bulk("selectors");
  reply.Array(user->selectors.size());
  for (const Selector& selector : user->selectors) {
    reply.Map(3);
    ReplySelector(selector, reply);
  }
}

void DeleteUsers(Server& server, Client& client, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  if (std::find(words.begin() + 2, words.end(), "default") != words.end()) {
    return reply.Error("ERR The 'default' user cannot be removed");
  }
  std::int64_t deleted = 0;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto user = server.access.Find(words[i]);
    if (!server.access.Delete(words[i])) continue;
    ++deleted;
    for (const auto& [id, other] : server.clients.all()) {
      if (other->account == user) CloseFor(server, *other, &client);
    }
  }
  reply.Integer(deleted);
}

void ListUsers(Server& server, Client&, const Words&, const base::Now&, resp::ReplyWriter& reply) {
  reply.Array(server.access.users().size());
  for (const auto& [name, user] : server.access.users()) reply.Bulk(fmt::format("user {} {}", name, user->Describe()));
}

void ShowUserNames(Server& server, Client&, const Words&, const base::Now&, resp::ReplyWriter& reply) {
  reply.Array(server.access.users().size());
  for (const auto& [name, user] : server.access.users()) reply.Bulk(name);
}

void WhoAmI(Server&, Client& client, const Words&, const base::Now&, resp::ReplyWriter& reply) {
  reply.Bulk(client.user);
}

void ShowCategories(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  if (words.size() > 3) return reply.Error(SubcommandError("ACL", words));
  if (words.size() == 2) {
    reply.Array(Categories().size());
    for (const CategoryName& category : Categories()) reply.Bulk(category.name);
    return;
  }
  const std::uint32_t bit = CategoryNamed(base::ToLower(words[2]));
  if (bit == 0) return reply.Error(fmt::format("ERR Unknown category '{}'", words[2]));
  std::vector<std::string_view> names;
  for (const auto& [name, entry] : server.commands.all()) {
    if ((CategoriesOf(*entry.row) & bit) != 0) names.push_back(name);
  }
  reply.Array(names.size());
  for (const std::string_view name : names) reply.Bulk(name);
}

void DryRun(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  const auto user = server.access.Find(words[2]);
  if (user == nullptr) return reply.Error(fmt::format("ERR User '{}' not found", words[2]));
  const Words request(words.begin() + 3, words.end());
  std::string error;
  const CommandTable::Entry* entry = server.commands.Resolve(request, error);
  if (entry == nullptr) {
    const bool known = error.find("wrong number") != std::string::npos;
    return reply.Error(known ? error : fmt::format("ERR Command '{}' not found", words[3]));
  }
  const Verdict verdict = Judge(*user, *entry, request);
  switch (verdict.reason) {
    case Verdict::Reason::kAllowed:
      return reply.Ok();
    case Verdict::Reason::kCommand:
      return reply.Bulk(fmt::format("This user has no permissions to run the '{}' command", entry->row->name));
    case Verdict::Reason::kKey:
      return reply.Bulk(fmt::format("This user has no permissions to access the '{}' key", request[verdict.word]));
    case Verdict::Reason::kChannel:
      return reply.Bulk(fmt::format("This user has no permissions to access the '{}' channel", request[verdict.word]));
  }
}

void GeneratePassword(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  if (words.size() > 3) return reply.Error(SubcommandError("ACL", words));
  std::int64_t bits = 256;
  if (words.size() == 3) {
    const auto wanted = base::ParseInt<std::int64_t>(words[2]);
    if (!wanted) return reply.Error("ERR value is not an integer or out of range");
    if (*wanted <= 0 || *wanted > kMaxPasswordBits) {
      return reply.Error(
          fmt::format("ERR ACL GENPASS argument must be the number of bits for the output password, a "
                      "positive number up to {}",
                      kMaxPasswordBits));
    }
    bits = *wanted;
  }
  if (!server.entropy) return reply.Error("ERR there is no source of entropy");
  const auto digits = static_cast<std::size_t>((bits + 3) / 4);
  std::string password;
  for (const char byte : server.entropy((digits + 1) / 2)) {
    password += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  reply.Bulk(std::string_view(password).substr(0, digits));
}

void ShowRefusals(Server& server, Client&, const Words& words, const base::Now& now, resp::ReplyWriter& reply) {
  if (words.size() > 3) return reply.Error(SubcommandError("ACL", words));
  std::int64_t wanted = kRefusalsShown;
  if (words.size() == 3) {
    if (base::EqualsIgnoreCase(words[2], "reset")) {
      server.access.ClearLog();
      return reply.Ok();
    }
    const auto count = base::ParseInt<std::int64_t>(words[2]);
    if (!count) return reply.Error("ERR value is not an integer or out of range");
    wanted = std::max<std::int64_t>(0, *count);
  }
  const auto& log = server.access.log();
  const std::size_t shown = std::min<std::size_t>(static_cast<std::size_t>(wanted), log.size());
  reply.Array(shown);
  for (std::size_t i = 0; i < shown; ++i) {
    const Refusal& refusal = log[i];
    reply.Map(7);
    reply.Bulk("count");
    reply.Integer(static_cast<std::int64_t>(refusal.count));
    reply.Bulk("reason");
    reply.Bulk(refusal.reason);
    reply.Bulk("context");
    reply.Bulk(refusal.context);
    reply.Bulk("object");
    reply.Bulk(refusal.object);
    reply.Bulk("username");
    reply.Bulk(refusal.user);
    reply.Bulk("age-seconds");
    reply.Double(static_cast<double>((now.mono - refusal.at).count()) / 1000);
    reply.Bulk("client-info");
    reply.Bulk(refusal.client);
  }
}

void LoadUsers(Server& server, Client& client, const Words&, const base::Now&, resp::ReplyWriter& reply) {
  if (!server.user_file.read) return reply.Error(kNoUserFile);
  if (const auto loaded = LoadUserFile(server, &client); !loaded) return reply.Error("ERR " + loaded.error().text);
  reply.Ok();
}

void SaveUsers(Server& server, Client&, const Words&, const base::Now&, resp::ReplyWriter& reply) {
  if (!server.user_file.write) return reply.Error(kNoUserFile);
  if (const auto saved = server.user_file.write(server.access.Describe()); !saved) {
    return reply.Error(fmt::format(
        "ERR There was an error trying to save the ACLs. Please check the server logs for more information: "
        "{}",
        saved.error().text));
  }
  reply.Ok();
}

}  // namespace serve
