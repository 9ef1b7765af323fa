// The hash of a key. Seeded, so that strangers cannot choose keys that collide.
#pragma once

#include <cstdint>
#include <string_view>

namespace data {

class KeyHash {
 public:
  explicit KeyHash(std::uint64_t seed);

  // All 64 bits are usable. About 3 ns for a 16-byte key.
  std::uint64_t operator()(std::string_view key) const;

 private:
  // Both factors of every product contain a secret: with a known constant in one of them, a key could make the
  // product 0 and so erase the seed.
  std::uint64_t secret_[4];
};

}  // namespace data
