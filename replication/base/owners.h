// How many hold a thing that threads may share as long as nobody changes it.
#pragma once

#include <atomic>
#include <cstdint>

namespace base {

// Begins with one owner. Counting is all that threads do to each other through it: who is the sole owner may change
// what is owned, and sees everything that earlier owners did.
class Owners {
 public:
  // By an owner, for another one.
  void Add() { count_.fetch_add(1, std::memory_order_relaxed); }
  // True for the last one, who has to destroy what was owned.
  [[nodiscard]] bool Drop() { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  bool Sole() const { return count_.load(std::memory_order_acquire) == 1; }
  bool Any() const { return count_.load(std::memory_order_relaxed) > 0; }

 private:
  std::atomic<std::uint32_t> count_{1};
};

}  // namespace base
