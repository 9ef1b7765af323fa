// Virtual time: what happens next, in order of (time, sequence).
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "replication/base/time.h"

namespace sim {

class EventQueue {
 public:
  base::MonoTime now() const { return now_; }

  void At(base::MonoTime at, std::function<void()> event) {
    std::size_t place = events_.size();
    if (free_.empty()) {
      events_.push_back(std::move(event));
    } else {
      place = free_.back();
      free_.pop_back();
      events_[place] = std::move(event);
    }
    heap_.push_back(Entry{std::max(at, now_), ++sequence_, place});
    std::push_heap(heap_.begin(), heap_.end());
  }
  void After(base::Millis delay, std::function<void()> event) { At(now_ + delay, std::move(event)); }

  // Runs the next event when it is due by `until`; otherwise the clock goes to `until` and false is returned.
  bool RunNext(base::MonoTime until) {
    if (heap_.empty() || heap_.front().at > until) {
      now_ = until;
      return false;
    }
    const Entry next = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    const std::function<void()> event = std::exchange(events_[next.place], nullptr);
    free_.push_back(next.place);
    now_ = next.at;
    event();
    return true;
  }

 private:
  struct Entry {
    base::MonoTime at{};
    std::uint64_t sequence = 0;
    std::size_t place = 0;  // in events_
    // For the heap functions, whose top is the largest.
    bool operator<(const Entry& other) const { return at != other.at ? at > other.at : sequence > other.sequence; }
  };
  base::MonoTime now_{base::Millis(1'000'000)};
  std::uint64_t sequence_ = 0;
  std::vector<Entry> heap_;
  std::vector<std::function<void()>> events_;  // where they lie still; only the entries are sorted
  std::vector<std::size_t> free_;
};

}  // namespace sim
