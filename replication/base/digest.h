// SHA-1 and SHA-256, by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace base {

std::array<std::uint8_t, 20> Sha1(std::string_view bytes);
std::array<std::uint8_t, 32> Sha256(std::string_view bytes);

// Compares in time that depends only on the lengths: for passwords.
bool EqualInConstantTime(std::string_view a, std::string_view b);

}  // namespace base
