#include "tests/support/http.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

namespace support {
namespace {

using std::chrono::steady_clock;

// -1: nobody listens.
int ConnectTo(int port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return descriptor;
  close(descriptor);
  return -1;
}

bool SendAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// Appends what comes before the time is over. False: nothing more will come, or the time is over.
bool ReadSome(int descriptor, std::string& to, steady_clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now()).count();
  pollfd ready{descriptor, POLLIN, 0};
  if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) return false;
  char buffer[16384];
  const ssize_t got = read(descriptor, buffer, sizeof buffer);
  if (got <= 0) return false;
  to.append(buffer, static_cast<std::size_t>(got));
  return true;
}

}  // namespace

HttpReply AskHttp(int port, const std::string& path, const std::string& method, const std::vector<std::string>& headers,
                  const std::string& body, int timeout_ms) {
  HttpReply reply;
  const int descriptor = ConnectTo(port);
  if (descriptor < 0) return reply;
  std::string request =
      fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n", method, path, port);
  for (const std::string& header : headers) request += header + "\r\n";
  if (!body.empty() || method == "POST") request += fmt::format("Content-Length: {}\r\n", body.size());
  std::string answer;
  if (SendAll(descriptor, request + "\r\n" + body)) {
    const auto until = steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (ReadSome(descriptor, answer, until)) {
    }
  }
  close(descriptor);
  const std::size_t head_end = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.1 ") || head_end == std::string::npos) return reply;
  reply.status = std::atoi(answer.c_str() + 9);
  reply.head = answer.substr(0, head_end);
  reply.body = answer.substr(head_end + 4);
  return reply;
}

HttpFeedReader::HttpFeedReader(int port, const std::string& path) : socket_(ConnectTo(port)) {
  SendAll(socket_, fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", path, port));
}

HttpFeedReader::~HttpFeedReader() {
  if (socket_ >= 0) close(socket_);
}

bool HttpFeedReader::Has(const std::string& text, int timeout_ms) {
  const auto until = steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (received_.find(text) == std::string::npos) {
    if (!ReadSome(socket_, received_, until)) return false;
  }
  return true;
}

}  // namespace support
