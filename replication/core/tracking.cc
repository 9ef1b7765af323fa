#include "replication/core/tracking.h"

#include <algorithm>
#include <utility>

#include "replication/serve/permission.h"

namespace replication {

const Tracking::Options* Tracking::Find(ClientId client) const {
  const auto found = clients_.find(client);
  return found == clients_.end() ? nullptr : &found->second;
}

Tracking::Options* Tracking::Find(ClientId client) {
  const auto found = clients_.find(client);
  return found == clients_.end() ? nullptr : &found->second;
}

void Tracking::Start(ClientId client, const Options& options) {
  Options& held = clients_[client];
  std::set<std::string, std::less<>> prefixes = std::move(held.prefixes);
  prefixes.insert(options.prefixes.begin(), options.prefixes.end());
  held = options;
  held.prefixes = std::move(prefixes);
  for (const std::string& prefix : held.prefixes) by_prefix_[prefix].insert(client);
}

// Its keys are left where they are: whoever meets them finds that it tracks no more.
void Tracking::Stop(ClientId client) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  for (const std::string& prefix : found->second.prefixes) {
    const auto at = by_prefix_.find(prefix);
    at->second.erase(client);
    if (at->second.empty()) by_prefix_.erase(at);
  }
  clients_.erase(found);
  std::erase_if(pending_, [client](const Message& message) { return message.client == client; });
  if (clients_.empty()) {
    by_key_.clear();
    items_ = 0;
  }
}

void Tracking::Remember(ClientId client, std::string_view key, std::uint64_t most_keys) {
  auto at = by_key_.find(key);
  if (at == by_key_.end()) at = by_key_.emplace(std::string(key), std::set<ClientId>{}).first;
  if (at->second.insert(client).second) ++items_;
  while (most_keys > 0 && by_key_.size() > most_keys) {
    // Some key is too much; those who hold it are told that it has changed.
    auto victim = by_key_.upper_bound(forgotten_);
    if (victim == by_key_.end()) victim = by_key_.begin();
    forgotten_ = victim->first;
    Forget(victim);
  }
}

void Tracking::Tell(ClientId client, std::string_view key) {
  const auto found = std::ranges::find_if(
      pending_, [client](const Message& each) { return each.client == client && !each.everything; });
  Message& message = found != pending_.end() ? *found : pending_.emplace_back(Message{client, false, {}});
  if (message.keys.empty() || message.keys.back() != key) message.keys.emplace_back(key);
}

void Tracking::Forget(Table::iterator at) {
  for (const ClientId client : at->second) {
    const Options* options = Find(client);
    if (options == nullptr || options->broadcast) continue;
    if (options->no_loop && client == caller_) continue;
    Tell(client, at->first);
  }
  items_ -= at->second.size();
  by_key_.erase(at);
}

void Tracking::KeyChanged(std::string_view key) {
  for (const auto& [prefix, clients] : by_prefix_) {
    if (!key.starts_with(prefix)) continue;
    for (const ClientId client : clients) {
      if (client != caller_ || !clients_.at(client).no_loop) Tell(client, key);
    }
  }
  if (const auto at = by_key_.find(key); at != by_key_.end()) Forget(at);
}

void Tracking::AllChanged() {
  by_key_.clear();
  items_ = 0;
  flushed_ = true;
}

std::vector<Tracking::Message> Tracking::Take() {
  if (std::exchange(flushed_, false)) {
    for (const auto& [client, options] : clients_) pending_.push_back({client, true, {}});
  }
  return std::exchange(pending_, {});
}

namespace {

constexpr std::string_view kChannel = "__redis__:invalidate";

void Send(NodeState& state, const Tracking::Message& message) {
  NodeClient* client = state.Find(message.client);
  Tracking::Options* options = state.tracking->Find(message.client);
  if (client == nullptr || options == nullptr) return;
  NodeClient* target = client;
  if (options->redirect != 0) {
    target = state.Find(options->redirect);
    if (target == nullptr) {
      options->broken = true;
      if (client->marks.find('R') == std::string::npos) client->marks += 'R';
      if (client->protocol < 3) return;
      resp::ReplyWriter push(client->out, client->protocol);
      push.Push(2);
      push.Bulk("tracking-redir-broken");
      push.Integer(static_cast<std::int64_t>(options->redirect));
      return state.server.clients.Wake(*client);
    }
  }
  if (target->closing != serve::Client::Closing::kNo) return;
  resp::ReplyWriter out(target->out, target->protocol);
  if (target->protocol >= 3) {
    out.Push(2);
    out.Bulk("invalidate");
  } else if (target != client && target->subscriptions() > 0) {
    // RESP2 has messages of channels alone.
    out.Array(3);
    out.Bulk("message");
    out.Bulk(kChannel);
  } else {
    return;
  }
  if (message.everything) {
    out.Null();
  } else {
    out.Array(message.keys.size());
    for (const std::string& key : message.keys) out.Bulk(key);
  }
  state.server.clients.Wake(*target);
}

}  // namespace

void RememberRead(NodeState& state, NodeClient& client, const serve::CommandRow& row, const resp::Words& words) {
  Tracking::Options* options = state.tracking->Find(client.id);
  if (options == nullptr) return;
  const bool wanted = options->opt_in ? options->caching : options->opt_out ? !options->caching : true;
  if ((row.flags & serve::kReadonly) != 0 && !options->broadcast && wanted && row.keys.any()) {
    serve::ForEachKey(row, words, [&](std::size_t word, std::uint8_t) {
      state.tracking->Remember(client.id, words[word], state.settings.tracking_table_max_keys);
      return true;
    });
  }
  // CLIENT CACHING is for the next command, or for the whole of the next transaction.
  if (!client.in_exec && !client.transaction.open && !row.name.starts_with("client")) options->caching = false;
}

void SendInvalidations(NodeState& state) {
  if (!state.tracking->any()) return;
  for (const Tracking::Message& message : state.tracking->Take()) Send(state, message);
}

void StopTracking(NodeState& state, NodeClient& client) {
  state.tracking->Stop(client.id);
  client.tracks = false;
  client.redirect = -1;
  for (const char mark : {'t', 'B', 'R'}) std::erase(client.marks, mark);
}

}  // namespace replication
