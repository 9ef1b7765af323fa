// One connection that we opened to a data node or to another sentinel: commands formatted and replies parsed by
// hiredis (reply_reader.h), over our own stream.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/ids.h"
#include "replication/net/stream.h"
#include "sentinel/core/input.h"
#include "sentinel/core/link.h"
#include "sentinel/core/outbox.h"
#include "sentinel/core/reply.h"
#include "sentinel/edge/reply_reader.h"

namespace sentinel::edge {

// Destroying it closes the connection; nothing is reported after that.
class RedisLink {
 public:
  // Who is told what happens on it: one object for all links, since there are thousands.
  class Owner {
   public:
    virtual void OnLinkUp(LinkId link, std::string local_host) = 0;
    // Once; the link does nothing more after it, and may be destroyed by it.
    virtual void OnLinkDown(LinkId link, LinkDown::Reason reason, std::string text) = 0;
    virtual void OnLinkReply(LinkId link, Command asked, ReplyValue reply) = 0;
    // A message on a subscribed channel.
    virtual void OnLinkMessage(LinkId link, const std::string& channel, std::string payload) = 0;

   protected:
    ~Owner() = default;
  };

  RedisLink(net::Loop& loop, const base::Endpoint& to, const std::string& from, LinkId id, Owner& owner);
  ~RedisLink();
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;

  // Queues a batch that may leave once `change` is durable.
  void Send(std::vector<Command> batch, ChangeNumber change);
  // Writes what may leave, as one piece. To be called at the end of a turn. False when something has to wait for a
  // later `durable`, or for the connection.
  bool Flush(ChangeNumber durable);

 private:
  void OnConnected(base::Result<std::unique_ptr<net::Stream>> stream);
  void OnData(std::string_view bytes);
  void Fail(LinkDown::Reason reason, std::string text);
  void Deliver(ReplyValue reply);
  Command TakeAsked();

  LinkId id_;
  Owner& owner_;
  std::unique_ptr<net::Stream::Attempt> attempt_;
  std::unique_ptr<net::Stream> stream_;
  // Only while a reply has arrived in part: otherwise all links share one.
  std::unique_ptr<ReplyReader> reader_;
  CommandQueue queue_;
  // Sent and not answered, from `answered_` on.
  std::vector<Command> in_flight_;
  std::size_t answered_ = 0;
  bool over_ = false;  // the owner has been told that it is down
  // Set while a callback runs that may destroy this object.
  bool* destroyed_ = nullptr;
};

}  // namespace sentinel::edge
