// What INFO shows of the process and the machine, and randomness from the system.
#pragma once

#include <cstdint>

#include "replication/core/node.h"

namespace replication::edge {

// Everything but `config_file` and the peak of memory. A few microseconds.
HostFacts ReadHostFacts();

// From the system's generator.
std::uint64_t RandomSeed();

}  // namespace replication::edge
