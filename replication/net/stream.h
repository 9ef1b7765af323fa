// A connected byte stream (TCP, or a unix socket): bytes in by callback, bytes out by queue.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "replication/base/ids.h"
#include "replication/base/result.h"
#include "replication/net/loop.h"

namespace net {

// Destroying the object closes the connection; no callback runs after that. All members are for the loop thread.
class Stream {
 public:
  struct Callbacks {
    // Bytes arrived; valid only during the call. May destroy the stream.
    std::function<void(std::string_view)> on_data;
    // The peer closed, or an error: once. The text says which, fit for a log line. May destroy the stream.
    std::function<void(std::string_view reason)> on_closed;
    // Everything written so far has been taken by the system. Called only after queued() was not 0.
    std::function<void()> on_drained;
  };

  using Connected = std::function<void(base::Result<std::unique_ptr<Stream>>)>;

  // A connection attempt that can be given up by destroying it. The callback comes at most once, never from inside
  // Connect(). Error kIo: refused, unreachable ... in the system's words.
  class Attempt {
   public:
    ~Attempt();

   private:
    friend class Stream;
    struct Impl;
    std::shared_ptr<Impl> impl_;
  };
  // `to.host` is a numeric IPv4 or IPv6 address: names are resolved elsewhere, since that blocks. `from`, when not
  // empty, is the local address to bind. There is no time limit but the system's: destroy the attempt.
  static std::unique_ptr<Attempt> Connect(Loop& loop, const base::Endpoint& to, const std::string& from,
                                          Connected callback);

  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Begins reading; must be called before anything is delivered. Calling it again hands the stream over to other
  // callbacks.
  void Start(Callbacks callbacks);
  void PauseReading();
  void ResumeReading();

  // What the socket holds at this moment, read without waiting; it is not delivered again. At most about 64 MiB.
  std::string TakeArrived();

  // Sends at once what the socket takes, copies and queues the rest. Errors arrive by on_closed.
  void Write(std::string_view bytes);
  // Tries to send the spans without copying and returns how many bytes the socket took (0 when it is full, or while
  // earlier bytes are queued). Call again from on_writable.
  std::size_t WriteNow(std::span<const std::string_view> spans);
  // Calls back once, when the socket takes bytes again after WriteNow() returned less than everything. Never calls
  // from inside; a second call replaces the first one's callback.
  void WhenWritable(std::function<void()> callback);

  // Bytes accepted by Write() that the system has not taken yet.
  std::size_t queued() const;

  // Sends what is queued (for at most 10 s), then closes; on_closed is not called. The object must not be used
  // afterwards except to destroy it, which may happen at once.
  void CloseAfterFlush();

  base::Endpoint peer() const;
  base::Endpoint local() const;

  void SetNoDelay(bool on);
  // Seconds of silence before the first probe; 0 turns it off.
  void SetKeepAlive(unsigned seconds);

 private:
  friend class Listener;
  struct Impl;
  explicit Stream(Impl* impl);
  Impl* impl_;  // lives until libuv has closed the handle
};

// Accepts connections on one address and port.
class Listener {
 public:
  // `address` is numeric ("127.0.0.1", "::1", "0.0.0.0"). Error kIo: "bind 127.0.0.1:6379: address already in use".
  static base::Result<std::unique_ptr<Listener>> Listen(Loop& loop, const base::Endpoint& address, int backlog,
                                                        std::function<void(std::unique_ptr<Stream>)> on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The same on a unix socket of this name, which takes the place of a socket that is there already. `mode` are its
  // permission bits; 0: what the umask leaves. The file goes when the listener does. Streams from it have no addresses.
  // Error kIo, also when something other than a socket has this name.
  static base::Result<std::unique_ptr<Listener>> ListenUnix(Loop& loop, const std::string& path, unsigned mode,
                                                            int backlog,
                                                            std::function<void(std::unique_ptr<Stream>)> on_accept);

  // The port in use, also when 0 was asked for; 0 on a unix socket.
  std::uint16_t port() const;

 private:
  struct Impl;
  explicit Listener(Impl* impl);
  Impl* impl_;
};

}  // namespace net
