#include <utility>

#include "replication/net/stream.h"
#include "replication/net/stream_impl.h"

namespace net {

struct Stream::Attempt::Impl {
  base::Endpoint to;
  Connected callback;              // empty once it was called, or given up
  Stream::Impl* stream = nullptr;  // until the connection stands or has failed
};

namespace {

// libuv's request, which must live until its callback, whatever becomes of the attempt.
template <class AttemptImpl>
struct Request {
  uv_connect_t request;
  std::shared_ptr<AttemptImpl> attempt;
};

}  // namespace

Stream::Attempt::~Attempt() {
  impl_->callback = nullptr;
  if (impl_->stream != nullptr) std::exchange(impl_->stream, nullptr)->Release();
}

std::unique_ptr<Stream::Attempt> Stream::Connect(Loop& loop, const base::Endpoint& to, const std::string& from,
                                                 Connected callback) {
  using AttemptImpl = Attempt::Impl;
  auto attempt = std::make_unique<Attempt>();
  attempt->impl_ = std::make_shared<AttemptImpl>();
  const std::shared_ptr<AttemptImpl> impl = attempt->impl_;
  impl->to = to;
  impl->callback = std::move(callback);

  const auto fail_soon = [&loop, impl](base::Error error) {
    loop.Post([impl, error = std::move(error)] {
      if (impl->stream != nullptr) std::exchange(impl->stream, nullptr)->Release();
      if (const auto call = std::exchange(impl->callback, nullptr)) call(tl::unexpected(error));
    });
  };

  const auto address = ToSocketAddress(to);
  if (!address) {
    fail_soon({base::ErrorCode::kIo, "connect " + to.ToString() + ": " + address.error().text});
    return attempt;
  }
  impl->stream = new Stream::Impl(loop.raw());
  if (!from.empty()) {
    const base::Endpoint source{from, 0};
    const auto bound = ToSocketAddress(source);
    const int status =
        bound ? uv_tcp_bind(&impl->stream->tcp, reinterpret_cast<const sockaddr*>(&*bound), 0) : UV_EINVAL;
    if (status != 0) {
      fail_soon(SystemError("bind", source, status));
      return attempt;
    }
  }

  auto* request = new Request<AttemptImpl>{{}, impl};
  request->request.data = request;
  const auto on_connected = [](uv_connect_t* done, int status) {
    const std::unique_ptr<Request<AttemptImpl>> held(static_cast<Request<AttemptImpl>*>(done->data));
    AttemptImpl& tried = *held->attempt;
    if (!tried.callback || tried.stream == nullptr || tried.stream->dead()) return;  // given up, or the loop ends
    Stream::Impl* stream = std::exchange(tried.stream, nullptr);
    const Connected call = std::exchange(tried.callback, nullptr);
    if (status != 0) {
      stream->Release();
      call(tl::unexpected(SystemError("connect", tried.to, status)));
    } else {
      call(stream->Open());
    }
  };
  const int status =
      uv_tcp_connect(&request->request, &impl->stream->tcp, reinterpret_cast<const sockaddr*>(&*address), on_connected);
  if (status != 0) {
    delete request;
    fail_soon(SystemError("connect", to, status));
  }
  return attempt;
}

}  // namespace net
