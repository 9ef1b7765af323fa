// MULTI, EXEC, DISCARD, WATCH: what a client has queued, and what would make it void.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/data/keyspace.h"
#include "replication/serve/client.h"

namespace replication {

using serve::ClientId;

struct Transaction {
  bool open = false;
  bool broken = false;        // a request was refused while queueing: EXEC will be, too
  bool runs_scripts = false;  // some queued row does
  std::vector<std::vector<std::string>> queue;
  std::uint32_t any_flags = 0;       // that some queued row has
  std::uint32_t common_flags = ~0U;  // that all of them have
};

// Which client watches which keys. Told of every change by the keyspace itself, so that no command can forget to.
class Watches : public data::ChangeListener {
 public:
  void KeyChanged(int db, std::string_view key) override;
  void AllChanged(int db) override;

  // `expired`: the key's time had already come, so that its deletion later is no change.
  void Watch(ClientId client, int db, std::string_view key, bool expired);
  void Forget(ClientId client);
  // Was a watched key changed since?
  bool Touched(ClientId client) const { return touched_.contains(client); }
  // (database, key) of those watched while they were alive: whoever executes must look whether they expired since.
  std::vector<std::pair<int, std::string>> AliveWhenWatched(ClientId client) const;
  std::size_t size() const { return by_client_.size(); }

 private:
  using Key = std::pair<int, std::string>;
  std::map<Key, std::set<ClientId>> by_key_;
  std::map<ClientId, std::map<Key, bool>> by_client_;
  std::set<ClientId> touched_;
};

struct NodeCommand;
// MULTI, EXEC, DISCARD, WATCH, UNWATCH.
std::span<const NodeCommand> TransactionCommands();

}  // namespace replication
