// Virtual time: what happens next, in order of (time, sequence).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "replication/base/time.h"

namespace sim {

class EventQueue {
 public:
  base::MonoTime now() const { return now_; }

  void At(base::MonoTime at, std::function<void()> event) {
    events_.emplace(std::pair(std::max(at, now_), ++sequence_), std::move(event));
  }
  void After(base::Millis delay, std::function<void()> event) { At(now_ + delay, std::move(event)); }

  // Runs the next event when it is due by `until`; otherwise the clock goes to `until` and false is returned.
  bool RunNext(base::MonoTime until) {
    if (events_.empty() || events_.begin()->first.first > until) {
      now_ = until;
      return false;
    }
    auto next = events_.extract(events_.begin());
    now_ = next.key().first;
    next.mapped()();
    return true;
  }

 private:
  base::MonoTime now_{base::Millis(1'000'000)};
  std::uint64_t sequence_ = 0;
  std::map<std::pair<base::MonoTime, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace sim
