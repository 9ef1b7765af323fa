#include "replication/data/hash.h"

#include <cstddef>
#include <cstring>

namespace data {
namespace {

__extension__ using Wide = unsigned __int128;

// The 128-bit product, folded: every bit of either factor reaches every bit of the result.
std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t Read64(const char* at) {
  std::uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::uint64_t Read32(const char* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

KeyHash::KeyHash(std::uint64_t seed) {
  // A Weyl sequence through a mixer: neighbouring seeds give unrelated secrets. Odd, so never zero.
  for (std::uint64_t& secret : secret_) {
    seed += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    secret = (mixed ^ (mixed >> 31)) | 1;
  }
}

std::uint64_t KeyHash::operator()(std::string_view key) const {
  const char* at = key.data();
  std::size_t left = key.size();
  std::uint64_t hash = secret_[0];
  for (; left > 16; at += 16, left -= 16) hash = Fold(Read64(at) ^ secret_[1], Read64(at + 8) ^ secret_[2] ^ hash);

  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (left >= 8) {  // the two reads overlap unless there are 16
    a = Read64(at);
    b = Read64(at + left - 8);
  } else if (left >= 4) {
    a = Read32(at);
    b = Read32(at + left - 4);
  } else if (left > 0) {
    a = static_cast<std::uint64_t>(static_cast<unsigned char>(at[0])) << 16 |
        static_cast<std::uint64_t>(static_cast<unsigned char>(at[left / 2])) << 8 |
        static_cast<unsigned char>(at[left - 1]);
  }
  hash = Fold(a ^ secret_[1], b ^ secret_[2] ^ hash);
  return Fold(hash ^ key.size(), secret_[3]);
}

}  // namespace data
