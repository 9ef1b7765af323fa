// The smallest parts of an RDB file, for whoever writes one: numbers, lengths, marks. Each is appended to `out`.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <string>

#include "replication/data/rdb_format.h"

namespace data::rdb {

template <class T>
void AppendLittle(std::string& out, T value) {
  static_assert(std::endian::native == std::endian::little);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
void AppendBig(std::string& out, T value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

inline void AppendOpcode(std::string& out, std::uint8_t opcode) {
  out.push_back(static_cast<char>(opcode));
}

inline void AppendLength(std::string& out, std::uint64_t length) {
  if (length < 1U << 6) {
    out.push_back(static_cast<char>(length));
  } else if (length < 1U << 14) {
    AppendBig(out, static_cast<std::uint16_t>(length | kFourteenBits << 14));
  } else if (length <= std::numeric_limits<std::uint32_t>::max()) {
    AppendOpcode(out, kLength32);
    AppendBig(out, static_cast<std::uint32_t>(length));
  } else {
    AppendOpcode(out, kLength64);
    AppendBig(out, length);
  }
}

// Says that an encoded string follows in place of a length.
inline void AppendStringForm(std::string& out, StringForm form) {
  out.push_back(static_cast<char>(kEncoded << 6 | form));
}

}  // namespace data::rdb
