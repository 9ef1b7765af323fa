// A server that answers sentinels as badly as a test likes: it is a master to them as long as it wants to be.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace support {

class HostileServer {
 public:
  // `answer` gets the words of a command and gives the raw bytes of the reply.
  using Answer = std::function<std::string(const std::vector<std::string>& words)>;

  explicit HostileServer(Answer answer);
  ~HostileServer();
  HostileServer(const HostileServer&) = delete;

  int port() const { return port_; }
  std::uint64_t commands() const { return commands_; }
  // Replaces the answers from now on.
  void Set(Answer answer);
  // What an honest master says to everything but INFO.
  static std::string Honest(const std::vector<std::string>& words);
  static std::string Bulk(const std::string& text);

 private:
  void Accept();
  void Serve(int socket);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> commands_{0};
  std::mutex mutex_;
  Answer answer_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace support
