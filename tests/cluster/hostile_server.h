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
  // What it sends: `bytes`, and then, when it is not empty, `forever` again and again, at some 60 MB a second, until
  // the other side closes.
  struct Reply {
    Reply(std::string all) : bytes(std::move(all)) {}  // NOLINT(google-explicit-constructor)
    Reply(const char* all) : bytes(all) {}             // NOLINT(google-explicit-constructor)
    Reply(std::string begin, std::string endless) : bytes(std::move(begin)), forever(std::move(endless)) {}
    std::string bytes;
    std::string forever;
  };
  // `answer` gets the words of a command and gives the raw bytes of the reply.
  using Answer = std::function<Reply(const std::vector<std::string>& words)>;

  explicit HostileServer(Answer answer);
  ~HostileServer();
  HostileServer(const HostileServer&) = delete;

  int port() const { return port_; }
  std::uint64_t commands() const { return commands_; }
  std::uint64_t accepted() const { return accepted_; }
  // Replaces the answers from now on.
  void Set(Answer answer);
  // Closes every connection that is open now.
  void Drop() { ++generation_; }
  // What an honest master says to everything but INFO.
  static std::string Honest(const std::vector<std::string>& words);
  static std::string Bulk(const std::string& text);

 private:
  void Accept();
  void Serve(int socket);
  bool Send(int socket, const std::string& bytes);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> commands_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> generation_{0};
  std::mutex mutex_;
  Answer answer_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace support
