#include "replication/data/crc64.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace data {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one little-endian word");

// The polynomial 0xad93d23594c935a9 with its bits reversed.
constexpr std::uint64_t kPolynomial = 0x95ac9329ac4bc9b5ULL;
constexpr std::size_t kWidth = 16;

// tables[n][b]: what byte b contributes when n bytes follow it.
using Tables = std::array<std::array<std::uint64_t, 256>, kWidth>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < kWidth; ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constinit const Tables kTables = MakeTables();

}  // namespace

std::uint64_t Crc64(std::uint64_t crc, std::string_view bytes) {
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kWidth; at += kWidth, left -= kWidth) {
    std::uint64_t low;
    std::uint64_t high;
    std::memcpy(&low, at, sizeof low);
    std::memcpy(&high, at + 8, sizeof high);
    low ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      crc ^= kTables[15 - i][low >> (8 * i) & 0xff] ^ kTables[7 - i][high >> (8 * i) & 0xff];
    }
  }
  for (; left > 0; ++at, --left) crc = kTables[0][(crc ^ static_cast<unsigned char>(*at)) & 0xff] ^ (crc >> 8);
  return crc;
}

}  // namespace data
