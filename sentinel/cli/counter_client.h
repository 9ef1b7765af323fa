// A client that counts: writes 1, 2, 3 ... to wherever the sentinels send it, and remembers what was acknowledged.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sentinel/cli/events.h"
#include "sentinel/cli/topology.h"

namespace cli {

inline constexpr const char* kCounterKey = "vigil:demo:counter";

struct Acknowledged {
  long long value = 0;
  Instant at;
};

// One connection to a master, from its first write to its end.
struct Stay {
  base::Endpoint node;
  long long found = 0;                     // the counter it held when we came: 0 when it had none
  std::vector<Acknowledged> acknowledged;  // in order
  std::optional<Instant> ended_at;         // the moment a write failed
  std::string why_ended;
};

// What the client lived through, in order. Pure questions to it are below.
using Diary = std::vector<Stay>;

long long CountAcknowledged(const Diary& diary);
// Values that were acknowledged before a stay began and that were not in what it found.
long long CountLost(const Diary& diary);
// The longest time between two acknowledged writes, from one stay to the next.
struct Outage {
  Instant from;  // the last write accepted before it
  Instant to;    // the first one after it
};
std::optional<Outage> LongestOutage(const Diary& diary);

class CounterClient {
 public:
  // `rate` writes a second, one at a time; when it cannot keep up it writes as fast as it can.
  CounterClient(Where where, std::string master, int rate);
  ~CounterClient();
  CounterClient(const CounterClient&) = delete;
  CounterClient& operator=(const CounterClient&) = delete;

  void Stop();
  // A copy of the diary up to now. O(its length).
  Diary Read() const;
  // Cheaper than Read(): number of stays and of writes acknowledged in the current one.
  struct Position {
    std::size_t stays = 0;
    std::size_t acknowledged = 0;
    bool connected = false;
  };
  Position Now() const;

 private:
  void Run();
  // False when the write was refused or lost.
  bool Write(RedisClient& node, long long value);
  // A connection to the master that the sentinels name, once it says itself that it is one.
  std::optional<RedisClient> Arrive(std::vector<std::optional<RedisClient>>& sentinels);

  const Where where_;
  const std::string master_;
  const std::chrono::nanoseconds interval_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  Diary diary_;         // guarded by mutex_
  std::thread thread_;  // last: it uses the others
};

}  // namespace cli
