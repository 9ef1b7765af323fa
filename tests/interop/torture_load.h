// Writes of every type, from a seed, at whichever server is the master just now.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace interop {

using Words = std::vector<std::string>;

// What a client of a busy application sends: one request of any type, or several that belong together.
class RandomRequests {
 public:
  explicit RandomRequests(std::uint64_t seed) : random_(seed) {}
  // Appends one request, or a transaction of several.
  void Append(std::vector<Words>& to);
  std::uint64_t Below(std::uint64_t n) { return random_() % n; }

 private:
  Words One();
  Words OfStream();
  Words OfScript();
  std::string Key(const char* kind) { return kind + std::to_string(Below(40)); }
  std::string Text(std::size_t most);

  std::mt19937_64 random_;
};

// A thread that sends such requests, and counts what was acknowledged of one counter.
class TortureLoad {
 public:
  TortureLoad(std::uint64_t seed, int port);
  ~TortureLoad();
  TortureLoad(const TortureLoad&) = delete;
  TortureLoad& operator=(const TortureLoad&) = delete;

  // From here on at this port, also when the server there refuses them.
  void Aim(int port) { port_ = port; }
  // Returns when the thread sends nothing, and all that it has sent is answered or lost.
  void Pause();
  void Resume() { paused_ = false; }
  // INCRs of the key "acknowledged" of database 9, which nothing empties, that were answered.
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t requests() const { return requests_; }

 private:
  void Run();

  RandomRequests random_;
  std::atomic<int> port_;
  std::atomic<bool> ended_{false};
  std::atomic<bool> paused_{false};
  std::atomic<bool> idle_{false};
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<std::uint64_t> requests_{0};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace interop
