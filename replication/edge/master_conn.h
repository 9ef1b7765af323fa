// The connection to our master.
#pragma once

#include <memory>
#include <string>

#include "replication/core/node.h"
#include "replication/host/way_back.h"
#include "replication/net/stream.h"

namespace replication::edge {

class MasterConn {
 public:
  MasterConn(net::Loop& loop, Node& node, std::shared_ptr<host::WayBack> way_back);
  ~MasterConn();
  MasterConn(const MasterConn&) = delete;
  MasterConn& operator=(const MasterConn&) = delete;

  void Connect(const ConnectMaster& wish);
  void Disconnect(LinkId link);

  // What the socket holds at this moment.
  std::string ReadNow(LinkId link);
  // Sends what the node has for its master, and reads on when it may.
  void Flush();

 private:
  void ConnectTo(const base::Endpoint& to);
  void OnConnected(std::unique_ptr<net::Stream> stream);
  void Lost(std::string_view reason);

  net::Loop& loop_;
  Node& node_;
  const std::shared_ptr<host::WayBack> way_back_;
  LinkId link_ = 0;  // the node's current attempt or connection; 0: none
  std::unique_ptr<net::Stream::Attempt> attempt_;
  std::unique_ptr<net::Stream> stream_;
  bool reading_ = true;
};

}  // namespace replication::edge
