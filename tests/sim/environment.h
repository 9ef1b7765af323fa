// What the environment says of a run of the simulator.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <thread>

namespace sim {

inline std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

inline unsigned Jobs() {
  return static_cast<unsigned>(FromEnvironment("VIGIL_SIM_JOBS", std::max(1U, std::thread::hardware_concurrency())));
}

}  // namespace sim
