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

  // When an input happened. Commands that arrived in one piece share a reading of the clocks, every few: an ordinary
  // one takes no longer than a microsecond.
  enum class Moment { kNew, kAsLast };
  using OnInput = std::function<void(const Input&, Moment)>;

  ClientPort(net::Loop& loop, Options options, OnInput on_input);
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
    bool dirty = false;    // stands in dirty_
    base::MonoTime heard_at{};
    std::optional<base::MonoTime> over_soft_limit_at;
  };

  Connection* Find(serve::ClientId client);
  void MarkDirty(serve::ClientId client, Connection& connection);
  void OnAccept(std::unique_ptr<net::Stream> stream);
  void OnData(serve::ClientId client, std::string_view bytes);
  void Carry(serve::ClientId client, Moment moment);  // the command in words_
  void Drop(serve::ClientId client);
  // True: more waits for it than it may have. From the soft limit on, it is looked at again when its time is up.
  bool OverLimit(serve::ClientId client, Connection& connection);
  void CheckTimes();
  void WakeBy(base::MonoTime at);
  void FlushOne(serve::ClientId client, ChangeNumber durable);

  net::Loop& loop_;
  Options options_;
  OnInput on_input_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::map<serve::ClientId, Connection> connections_;
  Connection* last_found_ = nullptr;  // who is looked for is mostly who was found last
  serve::ClientId last_found_id_ = 0;
  // The command that is being carried out; its memory serves the next one.
  resp::Words words_;
  Input command_{ClientCommand{}};
  std::vector<serve::ClientId> dirty_;
  std::vector<serve::ClientId> flushing_;  // its memory serves again
  ChangeNumber flushed_through_ = 0;
  serve::ClientId last_id_ = 0;
  net::Timer timer_;
  std::optional<base::MonoTime> timer_at_;
};

}  // namespace sentinel::edge
