#include "tests/cluster/hostile_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>

#include "replication/base/text.h"

namespace support {
namespace {

constexpr int kPollMs = 20;
constexpr std::size_t kPiece = 64 << 10;

// Takes one request, an array of bulk strings, off the front of `buffer`; empty when it is not complete.
std::vector<std::string> TakeRequest(std::string& buffer) {
  std::size_t at = 0;
  const auto number = [&](char type) -> long {
    const std::size_t end = buffer.find("\r\n", at);
    if (end == std::string::npos || buffer[at] != type) return -1;
    const long value = std::stol(buffer.substr(at + 1, end - at - 1));
    at = end + 2;
    return value;
  };
  const long count = buffer.empty() ? -1 : number('*');
  std::vector<std::string> words;
  for (long i = 0; i < count; ++i) {
    const long length = at < buffer.size() ? number('$') : -1;
    if (length < 0 || buffer.size() < at + static_cast<std::size_t>(length) + 2) return {};
    words.push_back(buffer.substr(at, static_cast<std::size_t>(length)));
    at += static_cast<std::size_t>(length) + 2;
  }
  if (count > 0) buffer.erase(0, at);
  return words;
}

}  // namespace

HostileServer::HostileServer(Answer answer) : answer_(std::move(answer)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::runtime_error("no port for a hostile server");
  }
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

HostileServer::~HostileServer() {
  ending_ = true;
  accepting_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

void HostileServer::Set(Answer answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

void HostileServer::Accept() {
  while (!ending_) {
    pollfd ready{listener_, POLLIN, 0};
    if (poll(&ready, 1, kPollMs) <= 0) continue;
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    ++accepted_;
    threads_.emplace_back([this, socket] { Serve(socket); });
  }
}

bool HostileServer::Send(int socket, const std::string& bytes) {
  std::size_t sent = 0;
  const std::uint64_t generation = generation_;
  while (sent < bytes.size() && !ending_ && generation == generation_) {
    const ssize_t wrote = send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (wrote > 0) {
      sent += static_cast<std::size_t>(wrote);
    } else if (errno == EAGAIN) {
      pollfd room{socket, POLLOUT, 0};
      poll(&room, 1, kPollMs);
    } else {
      return false;
    }
  }
  return true;
}

void HostileServer::Serve(int socket) {
  std::string buffer;
  char bytes[65536];
  bool open = true;
  const std::uint64_t generation = generation_;
  while (open && !ending_ && generation == generation_) {
    pollfd ready{socket, POLLIN, 0};
    if (poll(&ready, 1, kPollMs) <= 0) continue;
    const ssize_t count = recv(socket, bytes, sizeof bytes, 0);
    if (count <= 0) break;
    buffer.append(bytes, static_cast<std::size_t>(count));
    for (auto words = TakeRequest(buffer); open && !words.empty(); words = TakeRequest(buffer)) {
      ++commands_;
      Answer answer;
      {
        const std::lock_guard lock(mutex_);
        answer = answer_;
      }
      const Reply reply = answer(words);
      open = Send(socket, reply.bytes);
      if (reply.forever.empty()) continue;
      std::string much;
      while (much.size() < kPiece) much += reply.forever;
      while (open && !ending_ && generation == generation_) {
        open = Send(socket, much);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));  // a test's share of a small machine
      }
    }
  }
  close(socket);
}

std::string HostileServer::Bulk(const std::string& text) {
  return fmt::format("${}\r\n{}\r\n", text.size(), text);
}

std::string HostileServer::Honest(const std::vector<std::string>& words) {
  const std::string verb = base::ToLower(words[0]);
  if (verb == "ping") return "+PONG\r\n";
  if (verb == "publish") return ":1\r\n";
  if (verb == "subscribe") return "*3\r\n$9\r\nsubscribe\r\n$18\r\n__sentinel__:hello\r\n:1\r\n";
  return "+OK\r\n";
}

}  // namespace support
