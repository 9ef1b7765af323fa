// Clients that write steadily and remember every acknowledgement: what is lost, and who took writes when.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/cluster.h"

namespace support {

struct WriterOptions {
  std::string prefix;       // of its keys; one per writer
  int space = -1;           // the network namespace in which it runs
  int per_second = 200;     // paced: one write in flight
  int time_limit_ms = 500;  // of a connection attempt and of an answer
  // Naive: stays with the address below, and reconnects to it whatever happens.
  std::string host = "127.0.0.1";
  int port = 0;
  // Aware: not empty; asks these for the master's address after every failure, in turn, and checks the role; asks one
  // of them ten times a second too, and moves when it names another address.
  std::vector<std::pair<std::string, int>> sentinels;
};

class Writer {
 public:
  using Clock = std::chrono::steady_clock;
  struct Ack {
    Clock::time_point at;
    int port;             // who acknowledged it
    std::int64_t number;  // key <prefix><number>
  };

  explicit Writer(WriterOptions options);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // No more writes; the list is complete. Both are for after Stop().
  void Stop();
  const std::vector<Ack>& acks() const { return acks_; }
  std::int64_t acknowledged() const { return count_; }

  // How many acknowledged writes `node` does not hold.
  int LostOn(const Member& node) const;

 private:
  void Run();
  std::optional<std::pair<std::string, int>> AskSentinel(const std::pair<std::string, int>& sentinel) const;
  WriterOptions options_;
  std::vector<Ack> acks_;
  std::atomic<std::int64_t> count_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// For how long acknowledgements came from another node than `old_port` while `old_port` still gave some; after Stop().
std::chrono::milliseconds TwoWritersFor(const std::vector<const Writer*>& writers, int old_port);

}  // namespace support
