#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "replication/net/stream.h"
#include "replication/net/stream_impl.h"

namespace net {

struct Listener::Impl : Handles {
  uv_tcp_t tcp;
  std::uint16_t port = 0;
  std::string path;  // of a unix socket
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
    if (const int status = Listen(backlog); status != 0) return status;
    sockaddr_storage bound{};
    int size = sizeof bound;
    const int status = uv_tcp_getsockname(&tcp, reinterpret_cast<sockaddr*>(&bound), &size);
    if (status == 0) port = FromSocketAddress(bound).port;
    return status;
  }

  int OpenUnix(const std::string& name, unsigned mode, int backlog) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.size() >= sizeof address.sun_path) return UV_ENAMETOOLONG;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    // What a crash has left is in the way; anything but a socket is somebody's.
    struct stat facts {};
    if (lstat(name.c_str(), &facts) == 0 && S_ISSOCK(facts.st_mode)) unlink(name.c_str());
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return uv_translate_sys_error(errno);
    // libuv treats all streams alike: what it calls TCP takes any connected socket.
    const bool bound = bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const int status = bound ? uv_tcp_open(&tcp, descriptor) : uv_translate_sys_error(errno);
    if (status != 0) {
      close(descriptor);
      return status;
    }
    path = name;
    if (mode != 0 && chmod(name.c_str(), static_cast<mode_t>(mode)) != 0) return uv_translate_sys_error(errno);
    return Listen(backlog);
  }

  int Listen(int backlog) {
    return uv_listen(reinterpret_cast<uv_stream_t*>(&tcp), backlog, [](uv_stream_t* server, int failed) {
      if (failed == 0) Of<Impl>(server->data).Accept();
    });
  }

  void Accept() {
    auto* stream = new Stream::Impl(loop());
    if (uv_accept(reinterpret_cast<uv_stream_t*>(&tcp), stream->stream()) != 0) return stream->Release();
    on_accept(stream->Open());  // may destroy the listener
  }
};

Listener::Listener(Impl* impl) : impl_(impl) {}

Listener::~Listener() {
  if (!impl_->path.empty()) unlink(impl_->path.c_str());
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

base::Result<std::unique_ptr<Listener>> Listener::ListenUnix(Loop& loop, const std::string& path, unsigned mode,
                                                             int backlog,
                                                             std::function<void(std::unique_ptr<Stream>)> on_accept) {
  std::unique_ptr<Listener> listener(new Listener(new Impl(loop.raw())));
  listener->impl_->on_accept = std::move(on_accept);
  if (const int status = listener->impl_->OpenUnix(path, mode, backlog); status != 0) {
    return base::Fail(base::ErrorCode::kIo, "unix socket '" + path + "': " + uv_strerror(status));
  }
  return listener;
}

std::uint16_t Listener::port() const {
  return impl_->port;
}

}  // namespace net
