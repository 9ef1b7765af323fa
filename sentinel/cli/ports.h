// Free ports on 127.0.0.1, held until the servers that are to have them listen.
#pragma once

#include <cstdint>
#include <set>

#include "replication/base/result.h"

namespace cli {

// A port that nobody else can bind while this object lives, except a server that sets SO_REUSEADDR, as Redis and
// libuv do: so two `vigil up` at the same moment never choose the same ports. Movable only.
class ReservedPort {
 public:
  // The first free port at or above `from`. Stays below the range from which the system takes ports for outgoing
  // connections, so that a stopped server finds its port free when it returns. Error kIo: none is free.
  static base::Result<ReservedPort> First(std::uint16_t from);

  ReservedPort(ReservedPort&& other) noexcept;
  ReservedPort& operator=(ReservedPort&& other) noexcept;
  ~ReservedPort();

  std::uint16_t port() const { return port_; }

 private:
  ReservedPort(int fd, std::uint16_t port) : fd_(fd), port_(port) {}

  int fd_;
  std::uint16_t port_;
};

// Can a server listen on it now?
bool IsPortFree(std::uint16_t port);

}  // namespace cli
