#include "replication/base/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace base {
namespace {
const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
}  // namespace

std::array<std::uint8_t, 20> Sha1(std::string_view bytes) {
  std::array<std::uint8_t, 20> out{};
  SHA1(Bytes(bytes), bytes.size(), out.data());
  return out;
}

std::array<std::uint8_t, 32> Sha256(std::string_view bytes) {
  std::array<std::uint8_t, 32> out{};
  SHA256(Bytes(bytes), bytes.size(), out.data());
  return out;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace base
