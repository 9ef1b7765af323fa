#include <arpa/inet.h>

#include <utility>

#include "replication/net/stream.h"
#include "replication/net/stream_impl.h"

namespace net {

struct Listener::Impl : Handles {
  uv_tcp_t tcp;
  std::uint16_t port = 0;
  std::function<void(std::unique_ptr<Stream>)> on_accept;

  explicit Impl(uv_loop_t* on_loop) : Handles(on_loop) {
    uv_tcp_init(on_loop, &tcp);
    Adopt(&tcp);
  }

  void CloseAll() override { CloseOne(&tcp); }

  int Open(const sockaddr_storage& address, int backlog) {
    // "::" is IPv6 alone: whoever wants both binds both, as redis.conf does.
    const unsigned flags = address.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
    if (const int status = uv_tcp_bind(&tcp, reinterpret_cast<const sockaddr*>(&address), flags); status != 0) {
      return status;
    }
    const auto on_connection = [](uv_stream_t* server, int failed) {
      if (failed == 0) Of<Impl>(server->data).Accept();
    };
    if (const int status = uv_listen(reinterpret_cast<uv_stream_t*>(&tcp), backlog, on_connection); status != 0) {
      return status;
    }
    sockaddr_storage bound{};
    int size = sizeof bound;
    const int status = uv_tcp_getsockname(&tcp, reinterpret_cast<sockaddr*>(&bound), &size);
    if (status == 0) port = FromSocketAddress(bound).port;
    return status;
  }

  void Accept() {
    auto* stream = new Stream::Impl(loop());
    if (uv_accept(reinterpret_cast<uv_stream_t*>(&tcp), stream->stream()) != 0) return stream->Release();
    on_accept(stream->Open());  // may destroy the listener
  }
};

Listener::Listener(Impl* impl) : impl_(impl) {}

Listener::~Listener() {
  impl_->Release();
}

base::Result<std::unique_ptr<Listener>> Listener::Listen(Loop& loop, const base::Endpoint& address, int backlog,
                                                         std::function<void(std::unique_ptr<Stream>)> on_accept) {
  const auto socket_address = ToSocketAddress(address);
  if (!socket_address) {
    return base::Fail(base::ErrorCode::kIo, "bind " + address.ToString() + ": " + socket_address.error().text);
  }
  std::unique_ptr<Listener> listener(new Listener(new Impl(loop.raw())));
  listener->impl_->on_accept = std::move(on_accept);
  if (const int status = listener->impl_->Open(*socket_address, backlog); status != 0) {
    return tl::unexpected(SystemError("bind", address, status));
  }
  return listener;
}

std::uint16_t Listener::port() const {
  return impl_->port;
}

}  // namespace net
