// The checksum of RDB files: CRC-64 "Jones", reflected, from 0, without a final xor.
#pragma once

#include <cstdint>
#include <string_view>

namespace data {

// The checksum of what `crc` covers followed by `bytes`; begin with 0. Crc64(0, "123456789") is 0xe9c6d914c4b8d9ca.
std::uint64_t Crc64(std::uint64_t crc, std::string_view bytes);

}  // namespace data
