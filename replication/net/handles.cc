#include "replication/net/handles.h"

#include <arpa/inet.h>
#include <fmt/format.h>

namespace net {

Handles::Handles(uv_loop_t* loop) : loop_(loop) {
  StateOf(loop).open.insert(this);
}

Handles::~Handles() = default;

void Handles::Release() {
  owned_ = false;
  CloseNow();
}

void Handles::Orphan() {
  owned_ = false;
}

void Handles::CloseNow() {
  if (!closing_) {
    closing_ = true;
    StateOf(loop_).open.erase(this);
    CloseAll();
  }
  DeleteIfDone();
}

void Handles::Adopt(uv_handle_t* handle) {
  handle->data = this;
  ++open_;
}

void Handles::CloseOne(uv_handle_t* handle) {
  uv_close(handle, [](uv_handle_t* closed) {
    auto* handles = static_cast<Handles*>(closed->data);
    --handles->open_;
    handles->DeleteIfDone();
  });
}

void Handles::DeleteIfDone() {
  if (!owned_ && closing_ && open_ == 0) delete this;
}

base::Result<sockaddr_storage> ToSocketAddress(const base::Endpoint& endpoint) {
  sockaddr_storage storage{};
  if (uv_ip4_addr(endpoint.host.c_str(), endpoint.port, reinterpret_cast<sockaddr_in*>(&storage)) == 0) return storage;
  storage = {};
  if (uv_ip6_addr(endpoint.host.c_str(), endpoint.port, reinterpret_cast<sockaddr_in6*>(&storage)) == 0) return storage;
  return base::Fail(base::ErrorCode::kInvalid, fmt::format("'{}' is not a numeric address", endpoint.host));
}

base::Endpoint FromSocketAddress(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&address);
    uv_ip6_name(in6, text, sizeof text);
    return {text, ntohs(in6->sin6_port)};
  }
  if (address.ss_family != AF_INET) return {};  // a unix socket
  const auto* in4 = reinterpret_cast<const sockaddr_in*>(&address);
  uv_ip4_name(in4, text, sizeof text);
  return {text, ntohs(in4->sin_port)};
}

base::Error SystemError(const char* what, const base::Endpoint& where, int status) {
  return {base::ErrorCode::kIo, fmt::format("{} {}: {}", what, where.ToString(), uv_strerror(status))};
}

}  // namespace net
