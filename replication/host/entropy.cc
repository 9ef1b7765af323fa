#include "replication/host/entropy.h"

#include <sys/random.h>

#include "replication/base/check.h"

namespace host {

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t at = 0; at < count;) {
    const ssize_t got = getrandom(bytes.data() + at, count - at, 0);
    VIGIL_CHECK(got > 0);  // it can only be interrupted before the system has ever had entropy
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace host
