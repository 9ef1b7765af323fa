// Moments and lengths of time. No type here can tell what time it is: the edge reads the clocks once per
// loop turn and hands a `Now` down, so that decisions can be replayed.
#pragma once

#include <chrono>
#include <cstdint>

namespace base {

using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

// Counts only forward, from an arbitrary start; for elapsed time and deadlines. Not comparable between processes.
struct MonoClock {
  using duration = Millis;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonoClock>;
  static constexpr bool is_steady = true;
};
using MonoTime = MonoClock::time_point;

// Milliseconds since 1970 UTC; may jump. For what people and other processes read, key expiry included.
struct WallClock {
  using duration = Millis;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<WallClock>;
  static constexpr bool is_steady = false;
};
using WallTime = WallClock::time_point;

// Both clocks, read together.
struct Now {
  MonoTime mono;
  WallTime wall;
};

inline std::int64_t UnixMillis(WallTime at) {
  return at.time_since_epoch().count();
}
inline WallTime FromUnixMillis(std::int64_t ms) {
  return WallTime(Millis(ms));
}

}  // namespace base
