#include "replication/net/stream.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "replication/base/check.h"
#include "replication/net/handles.h"
#include "replication/net/stream_impl.h"

namespace net {
namespace {

constexpr std::uint64_t kFlushLimitMs = 10'000;

// Bytes on their way from a socket to on_data. One per thread is enough: they are used up within the call.
std::array<char, 64 << 10>& ReadBuffer() {
  static thread_local std::array<char, 64 << 10> buffer;
  return buffer;
}

uv_buf_t BufferOf(std::string_view bytes) {
  uv_buf_t buffer;  // uv_buf_init() takes no more than 4 GiB
  buffer.base = const_cast<char*>(bytes.data());
  buffer.len = bytes.size();
  return buffer;
}

base::Endpoint EndOf(int (*ask)(const uv_tcp_t*, sockaddr*, int*), const uv_tcp_t* tcp) {
  sockaddr_storage address{};
  int size = sizeof address;
  if (ask(tcp, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return FromSocketAddress(address);
}

}  // namespace

Stream::Impl::Impl(uv_loop_t* on_loop) : Handles(on_loop) {
  VIGIL_CHECK(uv_tcp_init(on_loop, &tcp) == 0);
  Adopt(&tcp);
}

Stream::Impl::~Impl() = default;

void Stream::Impl::CloseAll() {
  reading = false;
  CloseOne(&tcp);
  if (poll) {
    CloseOne(poll.get());
    close(poll_fd);  // libuv has stopped polling it
  }
  if (flush_limit) CloseOne(flush_limit.get());
}

int Stream::Impl::descriptor() const {
  uv_os_fd_t fd = -1;
  return uv_fileno(reinterpret_cast<const uv_handle_t*>(&tcp), &fd) == 0 ? fd : -1;
}

std::unique_ptr<Stream> Stream::Impl::Open() {
  peer = EndOf(&uv_tcp_getpeername, &tcp);
  local = EndOf(&uv_tcp_getsockname, &tcp);
  uv_tcp_nodelay(&tcp, 1);
  return std::unique_ptr<Stream>(new Stream(this));
}

void Stream::Impl::StartReading() {
  if (dead() || reading) return;
  const int status = uv_read_start(
      stream(),
      [](uv_handle_t*, std::size_t, uv_buf_t* buffer) {
        auto& bytes = ReadBuffer();
        *buffer = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
      },
      [](uv_stream_t* from, ssize_t count, const uv_buf_t* buffer) {
        Of<Impl>(from->data).OnRead(count, buffer->base);
      });
  if (status != 0) return FailSoon(status);
  reading = true;
}

void Stream::Impl::StopReading() {
  if (reading) uv_read_stop(stream());
  reading = false;
}

void Stream::Impl::OnRead(ssize_t count, const char* bytes) {
  if (count == 0 || dead()) return;
  if (count < 0) {
    StopReading();
    return Report(count == UV_EOF ? "closed by the peer" : uv_strerror(static_cast<int>(count)));
  }
  const std::shared_ptr<Callbacks> held = callbacks;
  if (held->on_data) held->on_data(std::string_view(bytes, static_cast<std::size_t>(count)));
}

void Stream::Impl::Report(std::string_view reason) {
  if (dead()) return;
  over = true;
  const std::shared_ptr<Callbacks> held = callbacks;
  if (held && held->on_closed) held->on_closed(reason);
}

void Stream::Impl::Write(std::string_view bytes) {
  if (dead() || failing || bytes.empty()) return;
  if (queued() == 0) {
    const uv_buf_t buffer = BufferOf(bytes);
    const int taken = uv_try_write(stream(), &buffer, 1);
    if (taken < 0 && taken != UV_EAGAIN) return FailSoon(taken);
    if (taken > 0) bytes.remove_prefix(static_cast<std::size_t>(taken));
    if (bytes.empty()) return;
  }
  waiting.append(bytes);
  if (!request_pending) SendWaiting();
}

std::size_t Stream::Impl::WriteNow(std::span<const std::string_view> spans) {
  if (dead() || failing || queued() != 0) return 0;
  std::vector<uv_buf_t> buffers;
  buffers.reserve(spans.size());
  for (const std::string_view span : spans) {
    if (!span.empty()) buffers.push_back(BufferOf(span));
  }
  if (buffers.empty()) return 0;
  const int taken = uv_try_write(stream(), buffers.data(), static_cast<unsigned>(buffers.size()));
  if (taken < 0 && taken != UV_EAGAIN) FailSoon(taken);
  return taken > 0 ? static_cast<std::size_t>(taken) : 0;
}

void Stream::Impl::SendWaiting() {
  sending = std::exchange(waiting, {});
  const uv_buf_t buffer = BufferOf(sending);
  if (!request) {
    request = std::make_unique<uv_write_t>();
    request->data = static_cast<Handles*>(this);
  }
  const int status = uv_write(request.get(), stream(), &buffer, 1,
                              [](uv_write_t* done, int result) { Of<Impl>(done->data).OnWritten(result); });
  if (status != 0) return FailSoon(status);
  request_pending = true;
}

void Stream::Impl::OnWritten(int status) {
  request_pending = false;
  sending = {};
  if (dead()) return;
  if (status != 0) {
    failing = true;
    return Fail(status);
  }
  if (!waiting.empty()) return SendWaiting();
  if (flush_then_close) {
    DiscardRest();
    return CloseNow();
  }
  const std::shared_ptr<Callbacks> held = callbacks;
  if (held && held->on_drained) held->on_drained();
  if (!dead() && queued() == 0) CallWritable();
}

void Stream::Impl::FailSoon(int status) {
  if (dead() || failing) return;
  failing = true;
  StateOf(loop()).post([status, weak = std::weak_ptr<Impl*>(self)] {
    if (const auto held = weak.lock()) (*held)->Fail(status);
  });
}

void Stream::Impl::Fail(int status) {
  if (dead()) return;
  if (flush_then_close) return CloseNow();
  waiting.clear();
  DeliverRest();
  StopReading();
  Report(uv_strerror(status));
}

// The peer may have spoken before it went, and a replica's stream is worth every byte of that.
void Stream::Impl::DeliverRest() {
  auto& buffer = ReadBuffer();
  while (reading && !dead()) {
    const ssize_t count = recv(descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    OnRead(count, buffer.data());
  }
}

// Closing a socket that holds unread bytes resets the connection, and the peer may lose what we said last.
void Stream::Impl::DiscardRest() {
  constexpr int kMostReads = 64;  // a peer that goes on talking is not waited for
  auto& buffer = ReadBuffer();
  for (int i = 0; i < kMostReads; ++i) {
    if (recv(descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT) <= 0) return;
  }
}

void Stream::Impl::WhenWritable(std::function<void()> callback) {
  if (dead() || failing) return;
  on_writable = std::move(callback);
  if (queued() != 0) return;  // OnWritten() calls
  if (!poll) {
    if (const int status = MakePoll(); status != 0) return FailSoon(status);
  }
  uv_poll_start(poll.get(), UV_WRITABLE, [](uv_poll_t* ready, int, int) {
    uv_poll_stop(ready);
    auto& impl = Of<Impl>(ready->data);
    // On an error too: the write that follows will meet it. Behind queued bytes OnWritten() calls.
    if (!impl.dead() && impl.queued() == 0) impl.CallWritable();
  });
}

int Stream::Impl::MakePoll() {
  const int fd = fcntl(descriptor(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return uv_translate_sys_error(errno);
  auto made = std::make_unique<uv_poll_t>();
  if (const int status = uv_poll_init(loop(), made.get(), fd); status != 0) {
    close(fd);
    return status;
  }
  poll = std::move(made);
  poll_fd = fd;
  Adopt(poll.get());
  return 0;
}

void Stream::Impl::CallWritable() {
  if (!on_writable) return;
  const auto callback = std::exchange(on_writable, nullptr);
  callback();
}

void Stream::Impl::CloseAfterFlush() {
  Orphan();
  callbacks.reset();
  on_writable = nullptr;
  if (closing()) return CloseNow();  // the loop went first
  StopReading();
  if (queued() == 0 || over || failing) {
    if (!over) DiscardRest();
    return CloseNow();
  }
  flush_then_close = true;
  flush_limit = std::make_unique<uv_timer_t>();
  uv_timer_init(loop(), flush_limit.get());
  Adopt(flush_limit.get());
  uv_timer_start(
      flush_limit.get(), [](uv_timer_t* fired) { Of<Impl>(fired->data).CloseNow(); }, kFlushLimitMs, 0);
}

Stream::Stream(Impl* impl) : impl_(impl) {}

Stream::~Stream() {
  if (impl_ == nullptr) return;
  impl_->callbacks.reset();
  impl_->Release();
}

void Stream::Start(Callbacks callbacks) {
  impl_->callbacks = std::make_shared<Callbacks>(std::move(callbacks));
  impl_->StartReading();
}

void Stream::PauseReading() {
  impl_->StopReading();
}

void Stream::ResumeReading() {
  impl_->StartReading();
}

std::string Stream::TakeArrived() {
  constexpr std::size_t kMost = 64 << 20;  // a peer that never stops sending is not waited for
  std::string bytes;
  auto& buffer = ReadBuffer();
  while (!impl_->dead() && bytes.size() < kMost) {
    const ssize_t count = recv(impl_->descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;  // an end or an error is met again by the loop
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return bytes;
}

void Stream::Write(std::string_view bytes) {
  impl_->Write(bytes);
}

std::size_t Stream::WriteNow(std::span<const std::string_view> spans) {
  return impl_->WriteNow(spans);
}

void Stream::WhenWritable(std::function<void()> callback) {
  impl_->WhenWritable(std::move(callback));
}

std::size_t Stream::queued() const {
  return impl_->queued();
}

void Stream::CloseAfterFlush() {
  std::exchange(impl_, nullptr)->CloseAfterFlush();
}

base::Endpoint Stream::peer() const {
  return impl_->peer;
}

base::Endpoint Stream::local() const {
  return impl_->local;
}

void Stream::SetNoDelay(bool on) {
  uv_tcp_nodelay(&impl_->tcp, on ? 1 : 0);
}

void Stream::SetKeepAlive(unsigned seconds) {
  const int fd = impl_->descriptor();
  const int on = seconds > 0 ? 1 : 0;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (seconds == 0) return;
  // Three probes within once more that time: a peer that vanished is noticed after about twice `seconds`.
  const int idle = static_cast<int>(seconds);
  const int interval = std::max(1, idle / 3);
  const int probes = 3;
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

}  // namespace net
