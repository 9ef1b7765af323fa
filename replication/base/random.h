// Random numbers from a seed that the edge (or the simulator) supplies; the same seed gives the same numbers
// on every machine.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "replication/base/time.h"

namespace base {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t Next() { return engine_(); }
  // Uniform in [0, n); n > 0. The bias of the modulus is below 2^-40 for n < 2^24.
  std::uint64_t Below(std::uint64_t n) { return engine_() % n; }
  // Uniform in [from, to].
  Millis Between(Millis from, Millis to) {
    return from + Millis(static_cast<std::int64_t>(Below(static_cast<std::uint64_t>((to - from).count()) + 1)));
  }
  bool Chance(double probability) {
    return static_cast<double>(engine_() >> 11) < probability * static_cast<double>(1ULL << 53);
  }
  // `digits` lower-case hexadecimal digits: run ids, replication ids.
  std::string Hex(std::size_t digits = 40);

 private:
  std::mt19937_64 engine_;  // its output is fixed by the C++ standard; the library's distributions are not
};

}  // namespace base
