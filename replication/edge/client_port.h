// Connections that clients and replicas open to us.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "replication/base/log.h"
#include "replication/base/result.h"
#include "replication/core/node.h"
#include "replication/net/stream.h"

namespace replication::edge {

class ClientPort {
 public:
  ClientPort(net::Loop& loop, Node& node, base::Log& log);
  ~ClientPort();
  ClientPort(const ClientPort&) = delete;
  ClientPort& operator=(const ClientPort&) = delete;

  // On the unix socket, if there is to be one, and on the addresses of `bind`; one that begins with "-" may be missing
  // on this machine. May wait for a name server.
  base::Result<void> Listen();
  // Accepts nobody any more.
  void StopListening() { listeners_.clear(); }

  // Gives to each replica what its socket takes of what the node has for it. Before FlushClients(), so that no reply
  // leaves before the write it acknowledges has been offered to the replicas.
  void FlushReplicas();
  // Sends replies, closes whom the node wants closed, goes on reading from those who may speak again.
  void FlushClients();

  // CONFIG SET changed something.
  void ApplySettings();
  // Are there bytes that the system has not taken yet?
  bool has_unsent() const;

 private:
  struct Connection {
    ClientId id = 0;
    std::unique_ptr<net::Stream> stream;
    bool reading = true;
    bool full = false;  // a replica whose socket took less than it was offered
    std::optional<MonoTime> over_soft_limit_at;
  };

  // `path` of the unix socket that it came through; empty: a network.
  void Accept(std::unique_ptr<net::Stream> stream, const std::string& path);
  bool MayEnter(net::Stream& stream, bool local);
  void OnBytes(Connection& connection, std::string_view bytes);
  void Drop(ClientId id);
  void FlushClient(serve::Client& client, Connection& connection);
  void FlushReplica(Connection& connection);
  void CheckOutputLimit(const serve::Client& client, Connection& connection);
  const OutputLimit& LimitOf(const serve::Client& client) const;
  void CheckTimes();
  void WakeBy(MonoTime at);

  net::Loop& loop_;
  Node& node_;
  base::Log& log_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::unordered_map<ClientId, std::unique_ptr<Connection>> connections_;
  // For idle clients and for those above a soft limit; not set while there are none.
  net::Timer timer_;
  std::optional<MonoTime> timer_at_;
};

}  // namespace replication::edge
