#include "sentinel/cli/ports.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace cli {
namespace {

// The lowest port Linux takes for outgoing connections by default (net.ipv4.ip_local_port_range).
constexpr int kFirstOutgoingPort = 32768;

int OpenSocket() {
  return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

bool Bind(int fd, std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

void AllowReuse(int fd) {
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

}  // namespace

base::Result<ReservedPort> ReservedPort::First(std::uint16_t from) {
  for (int port = from; port < kFirstOutgoingPort; ++port) {
    const int fd = OpenSocket();
    if (fd < 0) break;
    // Bound without SO_REUSEADDR, so that it fails on any other holder; set afterwards, so that the server,
    // which sets it too, can bind beside us. Source: socket(7), and the rules of Linux for bind conflicts.
    if (Bind(fd, static_cast<std::uint16_t>(port))) {
      AllowReuse(fd);
      return ReservedPort(fd, static_cast<std::uint16_t>(port));
    }
    close(fd);
  }
  return base::Fail(base::ErrorCode::kIo,
                    fmt::format("no port from {} to {} is free on 127.0.0.1", from, kFirstOutgoingPort - 1));
}

ReservedPort::ReservedPort(ReservedPort&& other) noexcept : fd_(std::exchange(other.fd_, -1)), port_(other.port_) {}

ReservedPort& ReservedPort::operator=(ReservedPort&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(port_, other.port_);
  return *this;
}

ReservedPort::~ReservedPort() {
  if (fd_ >= 0) close(fd_);
}

bool IsPortFree(std::uint16_t port) {
  const int fd = OpenSocket();
  if (fd < 0) return false;
  AllowReuse(fd);
  const bool free = Bind(fd, port) && listen(fd, 1) == 0;
  close(fd);
  return free;
}

}  // namespace cli
