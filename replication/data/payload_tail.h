// How a payload of DUMP ends: the version of the format and a checksum over all before it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "replication/data/crc64.h"
#include "replication/data/rdb_format.h"

namespace data {

inline constexpr std::size_t kPayloadTailBytes = 2 + rdb::kChecksumBytes;

inline void AppendPayloadTail(std::string& payload) {
  const auto append = [&payload](auto number) {
    payload.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  append(static_cast<std::uint16_t>(rdb::kWriteVersion));
  append(Crc64(0, payload));
}

// Is it undamaged, and of a version that we read?
inline bool IsWholePayload(std::string_view payload) {
  if (payload.size() < kPayloadTailBytes) return false;
  const char* tail = payload.data() + payload.size() - kPayloadTailBytes;
  std::uint16_t version = 0;
  std::uint64_t checksum = 0;
  std::memcpy(&version, tail, sizeof version);
  std::memcpy(&checksum, tail + sizeof version, sizeof checksum);
  return version <= rdb::kNewestReadable && checksum == Crc64(0, payload.substr(0, payload.size() - sizeof checksum));
}

}  // namespace data
