// The inside of a Stream, for the files that make one. Not for others.
#pragma once

#include <memory>
#include <string>

#include "replication/net/handles.h"
#include "replication/net/stream.h"

namespace net {

struct Stream::Impl : Handles {
  uv_tcp_t tcp;
  base::Endpoint peer;
  base::Endpoint local;

  // Shared, so that Start() may replace them from inside one of them.
  std::shared_ptr<Callbacks> callbacks;
  bool reading = false;
  bool over = false;     // on_closed has been called, or there is nobody to be told
  bool failing = false;  // a write failed; on_closed is on its way

  // Output: what libuv is sending, and what came behind it. One request at a time, so that bytes written meanwhile
  // go out together.
  std::unique_ptr<uv_write_t> request;  // made on first use: most streams send little, which the socket takes at once
  std::string sending;
  std::string waiting;
  bool request_pending = false;
  bool flush_then_close = false;

  // For WhenWritable(): polls a duplicate of the socket, since libuv allows no uv_poll_t beside a uv_tcp_t on one
  // descriptor. Made on first use.
  std::unique_ptr<uv_poll_t> poll;
  int poll_fd = -1;
  std::function<void()> on_writable;

  // Bounds the time for which a stream without owner tries to get rid of its output.
  std::unique_ptr<uv_timer_t> flush_limit;

  // Expires with this object: what was posted to the loop looks at it first.
  std::shared_ptr<Impl*> self = std::make_shared<Impl*>(this);

  explicit Impl(uv_loop_t* on_loop);
  ~Impl() override;
  void CloseAll() override;

  // A Stream around this object, once the connection stands.
  std::unique_ptr<Stream> Open();

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp); }
  int descriptor() const;
  std::size_t queued() const { return (request_pending ? tcp.write_queue_size : 0) + waiting.size(); }
  // Nothing can be read or written any more, or nobody is to hear of it.
  bool dead() const { return over || closing() || StateOf(loop()).ending; }

  void StartReading();
  void StopReading();
  void OnRead(ssize_t count, const char* bytes);
  // Calls on_closed, once.
  void Report(std::string_view reason);

  void Write(std::string_view bytes);
  std::size_t WriteNow(std::span<const std::string_view> spans);
  void SendWaiting();
  void OnWritten(int status);
  // A write failed: what the peer said before is read first, then on_closed. The first is for calls of the owner,
  // who must not be called back from inside them.
  void FailSoon(int status);
  void Fail(int status);
  void DeliverRest();
  void DiscardRest();

  void WhenWritable(std::function<void()> callback);
  int MakePoll();
  void CallWritable();

  void CloseAfterFlush();
};

}  // namespace net
