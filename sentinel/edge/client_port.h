// Those who connect to us: clients, operators, other sentinels. Bytes in become commands, replies wait for the saves
// that they rest on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/base/result.h"
#include "replication/net/stream.h"
#include "replication/resp/request_parser.h"
#include "sentinel/core/input.h"
#include "sentinel/core/outbox.h"
#include "sentinel/core/settings.h"

namespace sentinel::edge {

class ClientPort {
 public:
  struct Options {
    std::size_t max_clients = 10000;
    unsigned tcp_keepalive = 300;  // seconds
    int backlog = 511;
    // Has this client authenticated, or need it not? Strangers get small limits for what they send. Who is one is for
    // the core to say, so it is asked each time that bytes arrive.
    std::function<bool(serve::ClientId)> authenticated;
    // May somebody enter from outside the loopback interface? False: protected mode holds, no password is asked for.
    std::function<bool()> open_to_strangers;
    // Does this client listen to channels? It has limits of its own, and may be silent.
    std::function<bool(serve::ClientId)> listening;
    base::Seconds timeout{0};  // a client that says nothing for so long is closed; 0: never
    OutputLimit normal_limit;
    OutputLimit pubsub_limit;
    State::Traffic* traffic = nullptr;  // outlives this
  };

  // A client that does not read its replies is closed at this size, if its limits do not say so earlier.
  static constexpr std::size_t kMaxOutput = 256 << 20;

  ClientPort(net::Loop& loop, Options options, std::function<void(Input)> on_input);
  ~ClientPort();

  // Error kIo, with the address in its text.
  base::Result<void> Listen(const base::Endpoint& address);

  void Push(serve::ClientId client, std::string bytes, ChangeNumber change);
  void Close(serve::ClientId client, bool after_replies);
  // Sends what may leave to the clients that have got something, or to all when `durable` has grown.
  void Flush(ChangeNumber durable);
  void StopListening();

 private:
  struct Connection {
    std::unique_ptr<net::Stream> stream;
    resp::RequestParser parser;
    ReplyQueue replies;
    bool closing = false;  // after its replies
    base::MonoTime heard_at{};
    std::optional<base::MonoTime> over_soft_limit_at;
  };

  void OnAccept(std::unique_ptr<net::Stream> stream);
  void OnData(serve::ClientId client, std::string_view bytes);
  void Drop(serve::ClientId client);
  // True: more waits for it than it may have. From the soft limit on, it is looked at again when its time is up.
  bool OverLimit(serve::ClientId client, Connection& connection);
  void CheckTimes();
  void WakeBy(base::MonoTime at);
  void FlushOne(serve::ClientId client, ChangeNumber durable);

  net::Loop& loop_;
  Options options_;
  std::function<void(Input)> on_input_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::map<serve::ClientId, Connection> connections_;
  std::vector<serve::ClientId> dirty_;
  ChangeNumber flushed_through_ = 0;
  serve::ClientId last_id_ = 0;
  net::Timer timer_;
  std::optional<base::MonoTime> timer_at_;
};

}  // namespace sentinel::edge
