// Channels, patterns and who listens.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "replication/serve/client.h"

namespace serve {

class PubSub {
 public:
  enum class Kind { kChannel, kPattern, kShard };

  explicit PubSub(Clients& clients) : clients_(clients) {}

  // Subscribing twice is harmless. The confirmation is appended to the client's output and the client is woken.
  void Subscribe(Client& client, Kind kind, std::string_view name);
  // Confirms also what was not subscribed, as servers do.
  void Unsubscribe(Client& client, Kind kind, std::string_view name);
  // All of a kind, one confirmation each; one with a null name when there was none.
  void UnsubscribeAll(Client& client, Kind kind);
  // Without a word to the client: it is going away, or RESET.
  void Forget(Client& client);

  // Appends the message to every subscriber's output, woken in order of id. Returns how many got it: a client that
  // matches by channel and by two patterns counts three times. O(subscribers + patterns).
  std::int64_t Publish(std::string_view channel, std::string_view message);
  std::int64_t PublishShard(std::string_view channel, std::string_view message);

  const std::map<std::string, std::set<ClientId>, std::less<>>& channels() const { return channels_; }
  const std::map<std::string, std::set<ClientId>, std::less<>>& patterns() const { return patterns_; }
  const std::map<std::string, std::set<ClientId>, std::less<>>& shard_channels() const { return shard_channels_; }

 private:
  using Table = std::map<std::string, std::set<ClientId>, std::less<>>;
  Table& TableOf(Kind kind);

  Clients& clients_;
  Table channels_;
  Table patterns_;
  Table shard_channels_;
};

}  // namespace serve
