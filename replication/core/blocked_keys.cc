#include "replication/core/blocked_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/check.h"
#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/data/waiting.h"

namespace replication {

void BlockedKeys::Add(ClientId client, int db, data::Wait wait, std::optional<MonoTime> until) {
  VIGIL_CHECK(!wait.keys.empty() && !Waits(client));
  for (const data::Awaited& each : wait.keys) {
    std::vector<ClientId>& waiters = by_key_[Key(db, each.key)];
    if (waiters.empty() || waiters.back() != client) waiters.push_back(client);  // a key may be named twice
  }
  if (until) by_time_.emplace(*until, client);
  clients_.emplace(client, Blocked{db, std::move(wait), until});
}

void BlockedKeys::Forget(ClientId client) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  const Blocked& blocked = found->second;
  for (const data::Awaited& each : blocked.wait.keys) {
    const auto waiters = by_key_.find(Key(blocked.db, each.key));
    if (waiters == by_key_.end()) continue;
    std::erase(waiters->second, client);
    if (waiters->second.empty()) by_key_.erase(waiters);
  }
  if (blocked.until) by_time_.erase({*blocked.until, client});
  clients_.erase(found);
}

std::optional<ClientId> BlockedKeys::NextExpired(MonoTime now) const {
  if (by_time_.empty() || by_time_.begin()->first > now) return std::nullopt;
  return by_time_.begin()->second;
}

std::optional<MonoTime> BlockedKeys::Deadline() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

void BlockedKeys::KeyChanged(int db, std::string_view key) {
  if (by_key_.empty()) return;
  Key changed(db, key);
  if (by_key_.contains(changed) && std::ranges::find(ready_, changed) == ready_.end()) {
    ready_.push_back(std::move(changed));
  }
}

void BlockedKeys::AllChanged(int db) {
  for (const auto& [key, waiters] : by_key_) {
    if (key.first == db) KeyChanged(db, key.second);
  }
}

std::vector<ClientId> BlockedKeys::WaitersOf(const Key& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? std::vector<ClientId>{} : found->second;
}

std::vector<ClientId> BlockedKeys::All() const {
  std::vector<ClientId> all;
  for (const auto& [client, blocked] : clients_) all.push_back(client);
  return all;
}

const data::Wait* BlockedKeys::WaitOf(ClientId client) const {
  const auto found = clients_.find(client);
  return found == clients_.end() ? nullptr : &found->second.wait;
}

const std::vector<std::string>* BlockedKeys::RequestOf(ClientId client, const Key& key, data::ValueType type) const {
  const auto found = clients_.find(client);
  if (found == clients_.end() || found->second.wait.type != type || found->second.db != key.first) return nullptr;
  const auto awaited = std::ranges::find(found->second.wait.keys, key.second, &data::Awaited::key);
  return awaited == found->second.wait.keys.end() ? nullptr : &awaited->request;
}

namespace {

// The client has got its reply, which begins at `before`.
void Release(NodeState& state, NodeClient& client, std::size_t before) {
  state.blocked_keys.Forget(client.id);
  serve::TakeBackReply(client, before);
  state.server.clients.Wake(client);
  Resume(state, client);
}

void Serve(NodeState& state, ClientId id, const BlockedKeys::Key& key, const Now& now) {
  NodeClient* client = state.Find(id);
  const data::Wait* wait = state.blocked_keys.WaitOf(id);
  if (client == nullptr || wait == nullptr || client->closing != serve::Client::Closing::kNo) return;
  const data::Spot spot = state.keyspace.Find(key.first, key.second);
  if (const std::string_view why = data::WhyNotWait(*wait, spot); !why.empty()) {
    const std::size_t before = client->out.size();
    resp::ReplyWriter(client->out, client->protocol).Error(why);
    return Release(state, *client, before);
  }
  if (!spot) return;
  const std::vector<std::string>* request = state.blocked_keys.RequestOf(id, key, spot->type());
  if (request == nullptr) return;
  const std::vector<std::string> words = *request;
  std::string error;
  const resp::Words views(words.begin(), words.end());
  const serve::CommandTable::Entry* entry = state.server.commands.Resolve(views, error);
  const std::size_t before = client->out.size();
  resp::ReplyWriter reply(client->out, client->protocol);
  if (entry == nullptr) {  // renamed meanwhile
    reply.Error(error);
  } else {
    Call(state, *client, *entry, views, now, reply);
  }
  if (client->out.size() > before) Release(state, *client, before);
}

}  // namespace

void Block(NodeState& state, NodeClient& client, data::Wait wait, const Now& now) {
  if (client.blocked == Blocked::kKey) return;  // was to be served, but found nothing again
  std::optional<MonoTime> until;
  // Longer than this is as good as for ever, and can be added to a clock.
  constexpr std::int64_t kLongest = std::int64_t{1} << 52;
  if (wait.timeout_ms > 0 && wait.timeout_ms < kLongest) until = now.mono + base::Millis(wait.timeout_ms);
  state.blocked_keys.Add(client.id, client.db, std::move(wait), until);
  client.blocked = Blocked::kKey;
}

void ServeBlockedKeys(NodeState& state, const Now& now) {
  if (state.scripts.turns.suspended) return;  // it may take back what it gave
  // Whoever is served may fill another list (BLMOVE), for which others wait.
  while (state.blocked_keys.any_ready()) {
    for (const BlockedKeys::Key& key : state.blocked_keys.TakeReady()) {
      for (const ClientId id : state.blocked_keys.WaitersOf(key)) {
        Serve(state, id, key, now);
      }
    }
  }
}

void CheckBlockedKeys(NodeState& state, const Now& now) {
  while (const auto id = state.blocked_keys.NextExpired(now.mono)) {
    NodeClient* client = state.Find(*id);
    VIGIL_CHECK(client != nullptr);
    const std::size_t before = client->out.size();
    resp::ReplyWriter(client->out, client->protocol).NullArray();
    Release(state, *client, before);
  }
}

void DismissBlocked(NodeState& state, std::string_view error) {
  for (const ClientId id : state.blocked_keys.All()) {
    NodeClient* client = state.Find(id);
    VIGIL_CHECK(client != nullptr);
    const std::size_t before = client->out.size();
    resp::ReplyWriter(client->out, client->protocol).Error(error);
    Release(state, *client, before);
    state.server.clients.Close(*client, serve::Client::Closing::kAfterReply);
  }
}

void ClientUnblock(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  bool with_error = false;
  if (words.size() > 4) {
    return reply.Error(
        fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try CLIENT HELP.", words[1]));
  }
  if (words.size() == 4) {
    with_error = base::EqualsIgnoreCase(words[3], "error");
    if (!with_error && !base::EqualsIgnoreCase(words[3], "timeout")) {
      return reply.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    }
  }
  const auto id = base::ParseInt<std::int64_t>(words[2]);
  if (!id) return reply.Error("ERR value is not an integer or out of range");
  NodeClient* client = *id < 0 ? nullptr : state.Find(static_cast<ClientId>(*id));
  const bool waits = client != nullptr && (client->blocked == Blocked::kKey || client->blocked == Blocked::kWait);
  if (!waits) return reply.Integer(0);
  const std::size_t before = client->out.size();
  resp::ReplyWriter answer(client->out, client->protocol);
  if (with_error) {
    answer.Error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
  } else if (client->blocked == Blocked::kKey) {
    answer.NullArray();
  } else {
    ReplyWhatIsThere(state, state.waiters.waiting[client->id], answer);
  }
  state.waiters.waiting.erase(client->id);
  Release(state, *client, before);
  reply.Integer(1);
}

}  // namespace replication
