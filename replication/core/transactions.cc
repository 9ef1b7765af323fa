#include "replication/core/transactions.h"

#include <array>
#include <utility>

#include "replication/core/execute.h"
#include "replication/core/feed.h"

namespace replication {

void Watches::KeyChanged(int db, std::string_view key) {
  if (by_key_.empty()) return;
  const auto found = by_key_.find(Key(db, key));
  if (found != by_key_.end()) touched_.insert(found->second.begin(), found->second.end());
}

void Watches::AllChanged(int db) {
  for (const auto& [key, clients] : by_key_) {
    if (key.first == db) touched_.insert(clients.begin(), clients.end());
  }
}

void Watches::Watch(ClientId client, int db, std::string_view key, bool expired) {
  by_key_[Key(db, key)].insert(client);
  by_client_[client].emplace(Key(db, key), expired);
}

void Watches::Forget(ClientId client) {
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  for (const auto& [key, expired] : found->second) {
    const auto watchers = by_key_.find(key);
    watchers->second.erase(client);
    if (watchers->second.empty()) by_key_.erase(watchers);
  }
  by_client_.erase(found);
  touched_.erase(client);
}

std::vector<std::pair<int, std::string>> Watches::AliveWhenWatched(ClientId client) const {
  std::vector<Key> keys;
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return keys;
  for (const auto& [key, expired] : found->second) {
    if (!expired) keys.push_back(key);
  }
  return keys;
}

namespace {

bool IsExpired(const NodeState& state, int db, std::string_view key, const Now& now) {
  const data::Spot spot = state.keyspace.Find(db, key);
  return spot && spot->ExpiredAt(base::UnixMillis(now.wall));
}

bool WatchedChanged(const NodeState& state, ClientId client, const Now& now) {
  if (state.watches.Touched(client)) return true;
  for (const auto& [db, key] : state.watches.AliveWhenWatched(client)) {
    if (IsExpired(state, db, key, now)) return true;
  }
  return false;
}

void Multi(NodeState&, NodeClient& client, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  if (client.transaction.open) return reply.Error("ERR MULTI calls can not be nested");
  client.transaction.open = true;
  reply.Ok();
}

void Exec(NodeState& state, NodeClient& client, const resp::Words&, const Now& now, resp::ReplyWriter& reply) {
  if (!client.transaction.open) return reply.Error("ERR EXEC without MULTI");
  if (client.transaction.broken) {
    ForgetTransaction(state, client);
    return reply.Error("EXECABORT Transaction discarded because of previous errors.");
  }
  const bool changed = WatchedChanged(state, client.id, now);
  const Transaction transaction = std::exchange(client.transaction, Transaction{});
  state.watches.Forget(client.id);
  if (changed) return reply.NullArray();

  client.exec_from = reply.out().size();
  reply.Array(transaction.queue.size());
  std::vector<data::Effect> effects;
  state.exec_effects = &effects;
  client.in_exec = true;
  for (const auto& request : transaction.queue) {
    const resp::Words words(request.begin(), request.end());
    std::string error;
    const serve::CommandTable::Entry* entry = state.server.commands.Resolve(words, error);
    if (entry == nullptr) {
      reply.Error(error);
    } else if (error = serve::MayStillRun(state.server, client, *entry, words, now); !error.empty()) {
      reply.Error(error);
    } else {
      Call(state, client, *entry, words, now, reply);
    }
  }
  client.in_exec = false;
  state.exec_effects = nullptr;
  Feed(state, effects, {});
  client.write_offset = state.applied;

  if (client.holes.empty()) return;
  // Something in it is being written to disk; the whole answer waits for that.
  client.withheld = reply.out().substr(client.exec_from);
  reply.out().resize(client.exec_from);
  client.blocked = Blocked::kConfig;
}

void Discard(NodeState& state, NodeClient& client, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  if (!client.transaction.open) return reply.Error("ERR DISCARD without MULTI");
  ForgetTransaction(state, client);
  reply.Ok();
}

void Watch(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  if (client.transaction.open) return reply.Error("ERR WATCH inside MULTI is not allowed");
  for (std::size_t i = 1; i < words.size(); ++i) {
    state.watches.Watch(client.id, client.db, words[i], IsExpired(state, client.db, words[i], now));
  }
  reply.Ok();
}

void Unwatch(NodeState& state, NodeClient& client, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  state.watches.Forget(client.id);
  reply.Ok();
}

using namespace serve;

constexpr std::uint32_t kFlags = kNoScript | kLoading | kStale | kFast | kAllowBusy;
constexpr std::uint32_t kCategories = kCatFast | kCatTransaction;

constexpr std::array kRows = {
    NodeCommand{{"discard", 1, kFlags, {}, kCategories, "transactions", "Discards a transaction"}, &Discard},
    NodeCommand{{"exec",
                 1,
                 kNoScript | kLoading | kStale | kSkipMonitor,
                 {},
                 kCatSlow | kCatTransaction,
                 "transactions",
                 "Executes all commands in a transaction"},
                &Exec},
    NodeCommand{{"multi", 1, kFlags, {}, kCategories, "transactions", "Starts a transaction"}, &Multi},
    NodeCommand{{"unwatch", 1, kFlags, {}, kCategories, "transactions", "Forgets about watched keys"}, &Unwatch},
    NodeCommand{{"watch",
                 -2,
                 kFlags,
                 {1, -1, 1},
                 kCategories,
                 "transactions",
                 "Makes the next transaction depend on keys staying as they are",
                 "<key> [<key> ...]"},
                &Watch},
};

}  // namespace

std::span<const NodeCommand> TransactionCommands() {
  return kRows;
}

}  // namespace replication
