// CLIENT TRACKING: who caches which keys, and is told when they change.
//
// A client hears of a key once for each time it has read it, or of every change below its prefixes (BCAST). What is
// to be told leaves when the command that caused it has answered, so that it never stands within a reply.
// Source: "Client-side caching in Redis".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/core/state.h"

namespace replication {

class Tracking {
 public:
  struct Options {
    bool broadcast = false;
    bool opt_in = false;
    bool opt_out = false;
    bool no_loop = false;
    ClientId redirect = 0;  // who is told in place of the client; 0: the client
    std::set<std::string, std::less<>> prefixes;
    bool caching = false;  // CLIENT CACHING was said for the next command
    bool broken = false;   // the one to be told is gone
  };

  // Does anybody track?
  bool any() const { return !clients_.empty(); }
  const Options* Find(ClientId client) const;
  Options* Find(ClientId client);
  // Begins, or goes on with other options; prefixes are added to those there are.
  void Start(ClientId client, const Options& options);
  // Harmless for one that does not track.
  void Stop(ClientId client);

  // Whose command changes keys from now on.
  void set_caller(ClientId client) { caller_ = client; }
  // The client has read the key. O(log keys).
  void Remember(ClientId client, std::string_view key, std::uint64_t most_keys);
  // As data::ChangeListener has them. Keys are the same in all databases.
  void KeyChanged(std::string_view key);
  void AllChanged();

  // What a client is to be told: keys, or that nothing it holds is valid any more.
  struct Message {
    ClientId client = 0;
    bool everything = false;
    std::vector<std::string> keys;
  };
  std::vector<Message> Take();

  std::size_t clients() const { return clients_.size(); }
  std::size_t keys() const { return by_key_.size(); }
  std::size_t items() const { return items_; }
  std::size_t prefixes() const { return by_prefix_.size(); }

 private:
  using Table = std::map<std::string, std::set<ClientId>, std::less<>>;

  void Tell(ClientId client, std::string_view key);
  void Forget(Table::iterator at);

  std::map<ClientId, Options> clients_;
  Table by_key_;
  Table by_prefix_;
  std::size_t items_ = 0;  // clients of all keys together
  std::string forgotten_;  // where the next key is looked for that is too much
  ClientId caller_ = 0;
  std::vector<Message> pending_;
  bool flushed_ = false;
};

// A command of a client that tracks has run.
void RememberRead(NodeState& state, NodeClient& client, const serve::CommandRow& row, const resp::Words& words);
// Sends what is pending.
void SendInvalidations(NodeState& state);
// The client tracks no more: CLIENT TRACKING OFF, RESET, or it is gone.
void StopTracking(NodeState& state, NodeClient& client);

// CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR.
std::span<const NodeCommand> TrackingCommands();

}  // namespace replication
