#include "tests/cluster/raw_peer.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace support {
namespace {

constexpr int kReceiveBuffer = 16 << 10;

}  // namespace

RawPeer::RawPeer(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(socket_);
    throw std::runtime_error(fmt::format("nobody listens on port {}", port));
  }
}

RawPeer::~RawPeer() {
  close(socket_);
}

void RawPeer::Send(const std::vector<std::string>& words) {
  std::string bytes = fmt::format("*{}\r\n", words.size());
  for (const std::string& word : words) bytes += fmt::format("${}\r\n{}\r\n", word.size(), word);
  const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) closed_ = true;
}

bool RawPeer::Take(int timeout_ms) {
  pollfd ready{socket_, POLLIN, 0};
  if (closed_ || poll(&ready, 1, timeout_ms) <= 0) return false;
  char bytes[65536];
  const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
  if (count <= 0) {
    closed_ = true;
    return false;
  }
  received_ += static_cast<std::size_t>(count);
  buffer_.append(bytes, static_cast<std::size_t>(count));
  return true;
}

std::string RawPeer::Line(int timeout_ms) {
  while (true) {
    const std::size_t end = buffer_.find('\n');
    if (end == std::string::npos) {
      if (!Take(timeout_ms)) return "";
      continue;
    }
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) return line;
  }
}

bool RawPeer::ReadUntil(const std::string& text, int timeout_ms) {
  while (true) {
    if (const std::size_t at = buffer_.find(text); at != std::string::npos) {
      buffer_.erase(0, at + text.size());
      return true;
    }
    if (buffer_.size() > text.size()) buffer_.erase(0, buffer_.size() - text.size());
    if (!Take(timeout_ms)) return false;
  }
}

bool RawPeer::closed() {
  while (Take(0)) buffer_.clear();
  return closed_;
}

}  // namespace support
