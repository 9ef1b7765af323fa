// The clients of a RESP server: what is known of each, and the bytes they wait for.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/time.h"

namespace serve {

struct User;

// Never reused within one run.
using ClientId = std::uint64_t;

enum class ClientKind { kNormal, kReplica, kMaster };

// What a connection takes, in bytes: CLIENT LIST's fields.
struct ClientMemory {
  std::size_t unread = 0;       // received and not consumed: qbuf
  std::size_t unread_room = 0;  // what the buffer of it could take more: qbuf-free
  std::size_t queued = 0;       // requests that wait for EXEC: multi-mem
  std::size_t total = 0;        // tot-mem
};

// One connection that a peer opened to us. Programs derive from it what they add of their own.
struct Client {
  virtual ~Client() = default;
  // O(subscriptions and queued requests).
  virtual ClientMemory memory() const { return {.total = out.capacity()}; }

  ClientId id = 0;
  std::string peer;   // "127.0.0.1:40000"
  std::string local;  // our end of the connection
  std::string name;   // CLIENT SETNAME
  std::string lib_name;
  std::string lib_version;
  std::string user = "default";
  std::shared_ptr<const User> account;  // of `user`; null: the default user
  ClientKind kind = ClientKind::kNormal;
  int protocol = 2;
  int db = 0;
  bool authenticated = false;
  base::MonoTime connected_at{};
  base::MonoTime active_at{};
  std::string last_command = "NULL";  // full name, for CLIENT LIST

  int queued_commands = -1;  // inside MULTI; -1 outside
  // What else CLIENT LIST says of it.
  std::string marks;           // flags of its own: O monitor, t tracking, B broadcast, e not evicted ...
  std::int64_t redirect = -1;  // who gets its invalidations (CLIENT TRACKING): -1 nobody, 0 it does itself

  // CLIENT REPLY. The program asks TakeBackReply() after each command.
  enum class Replies { kOn, kOff, kSkipNext, kSkip };
  Replies replies = Replies::kOn;

  std::set<std::string, std::less<>> channels;
  std::set<std::string, std::less<>> patterns;
  std::set<std::string, std::less<>> shard_channels;
  std::size_t subscriptions() const { return channels.size() + patterns.size() + shard_channels.size(); }

  // Encoded replies and pushes that the edge has not taken yet.
  std::string out;
  enum class Closing {
    kNo,
    kAfterReply,  // when `out` is sent: QUIT, a protocol error, CLIENT KILL of oneself
    kNow,
  };
  Closing closing = Closing::kNo;

  // "normal", "replica", "master" or "pubsub": CLIENT KILL TYPE and CLIENT LIST TYPE.
  std::string_view type() const;
};

// Registry, ordered by id so that whoever walks it walks it alike everywhere.
class Clients {
 public:
  // Gives the client its id, unless its edge has chosen one.
  Client& Add(std::unique_ptr<Client> client);
  Client* Find(ClientId id);
  const Client* Find(ClientId id) const;
  // Forgets it. Its subscriptions must have been dropped before.
  void Remove(ClientId id);

  // The edge is to look at this client: it has output, or it is closing.
  void Wake(Client& client);
  // Ids woken since the last call, each once, in the order in which they were first woken.
  std::vector<ClientId> TakeWoken();
  bool has_woken() const { return !woken_.empty(); }

  // Marks for closing and wakes.
  void Close(Client& client, Client::Closing how);

  std::size_t size() const { return clients_.size(); }
  std::map<ClientId, std::unique_ptr<Client>>& all() { return clients_; }
  const std::map<ClientId, std::unique_ptr<Client>>& all() const { return clients_; }

 private:
  std::map<ClientId, std::unique_ptr<Client>> clients_;
  std::vector<ClientId> woken_;
  std::set<ClientId> woken_set_;
  ClientId next_id_ = 1;
};

}  // namespace serve
