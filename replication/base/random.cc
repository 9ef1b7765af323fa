#include "replication/base/random.h"

namespace base {

std::string Random::Hex(std::size_t digits) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(digits);
  while (out.size() < digits) {
    std::uint64_t bits = Next();
    for (int i = 0; i < 16 && out.size() < digits; ++i, bits >>= 4) out.push_back(kDigits[bits & 15]);
  }
  return out;
}

}  // namespace base
