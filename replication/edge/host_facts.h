// What INFO shows of the process and the machine, and randomness from the system.
#pragma once

#include <cstdint>
#include <string>

#include "replication/core/node.h"

namespace replication::edge {

// Everything but `config_file` and the peak of memory. A few microseconds.
HostFacts ReadHostFacts();

// A clock that costs a few nanoseconds: the processor's own counter, where it runs evenly; otherwise the system's.
class TickClock {
 public:
  // Compares both for a moment: half a millisecond.
  TickClock();
  // Of an arbitrary beginning; never 0.
  std::uint64_t Nanoseconds() const;

 private:
  std::uint64_t first_ = 0;
  double per_tick_ = 0;  // nanoseconds; 0: the counter is not to be used
};

// MEMORY PURGE and MALLOC-STATS, where the allocator is jemalloc.
void PurgeMemory();
std::string AllocatorReport();

// From the system's generator.
std::uint64_t RandomSeed();

}  // namespace replication::edge
