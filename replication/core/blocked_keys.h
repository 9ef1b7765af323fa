// Clients whose command found nothing and who wait for a key: BLPOP and its kin. What they wait for is data::Wait.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/core/node.h"
#include "replication/data/command.h"

namespace replication {

struct NodeClient;

// Who waits for which key, in which order they came, and which keys have changed since somebody looked.
class BlockedKeys {
 public:
  // `wait.keys` must not be empty; the client must not wait already.
  void Add(ClientId client, int db, data::Wait wait, std::optional<MonoTime> until);
  // Harmless for one that does not wait. O(keys * those who wait for the same key).
  void Forget(ClientId client);
  bool Waits(ClientId client) const { return clients_.contains(client); }
  bool empty() const { return clients_.empty(); }

  // The next one that is out of time at `now`; nothing when there is none.
  std::optional<ClientId> NextExpired(MonoTime now) const;
  std::optional<MonoTime> Deadline() const;
  std::size_t timed() const { return by_time_.size(); }

  // As data::ChangeListener has them.
  void KeyChanged(int db, std::string_view key);
  void AllChanged(int db);

  using Key = std::pair<int, std::string>;
  bool any_ready() const { return !ready_.empty(); }
  // The keys that have changed, each once, in the order of their first change.
  std::vector<Key> TakeReady() { return std::exchange(ready_, {}); }
  // Those who wait for a key, the longest first.
  std::vector<ClientId> WaitersOf(const Key& key) const;
  std::vector<ClientId> All() const;
  // What a client waits for; null: nothing.
  const data::Wait* WaitOf(ClientId client) const;
  // The request to run for a client that waits for the key, when that holds `type`; null: it wants something else, or
  // waits no more.
  const std::vector<std::string>* RequestOf(ClientId client, const Key& key, data::ValueType type) const;

 private:
  struct Blocked {
    int db = 0;
    data::Wait wait;
    std::optional<MonoTime> until;
  };
  std::map<ClientId, Blocked> clients_;
  std::map<Key, std::vector<ClientId>> by_key_;
  std::set<std::pair<MonoTime, ClientId>> by_time_;
  std::vector<Key> ready_;
};

// A command of this client has asked to wait.
void Block(NodeState& state, NodeClient& client, data::Wait wait, const Now& now);
// Serves those whose keys have something now: after each request, so that clients see what it left and not what the
// next one takes. Who came first is served first. Effects go into the stream behind those of the request.
// Source: the documentation of BLPOP.
void ServeBlockedKeys(NodeState& state, const Now& now);
// Answers those who are out of time.
void CheckBlockedKeys(NodeState& state, const Now& now);
// This node is a master no more: all who wait are told so, and their connections are closed.
void DismissBlocked(NodeState& state, std::string_view error);

// CLIENT UNBLOCK <id> [TIMEOUT|ERROR], for WAIT too.
void ClientUnblock(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now,
                   resp::ReplyWriter& reply);

}  // namespace replication
