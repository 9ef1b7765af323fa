// A TCP proxy on loopback that stands between two processes and misbehaves as a network does.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

namespace support {

// What happens to the bytes of one direction.
enum class Flow : std::uint8_t {
  kPass,
  // Kept, and delivered when the direction passes again: a link that lost packets and healed, before either side
  // gave up. Nothing is read meanwhile, so a sender that goes on fills its buffers, as it does on a cut link.
  kStall,
  // Read and thrown away. A stream that lost bytes cannot go on: its connection is reset when the direction leaves
  // kDrop.
  kDrop,
};

// What a new connection gets.
enum class Door : std::uint8_t {
  kOpen,
  kRefuse,    // connection refused: nobody listens
  kHalfOpen,  // established, and nothing ever answers: a host that is gone behind a lost link
};

// One listener and everything that came through it, carried by a thread of its own. All functions may be called at
// any time from the test's thread; they hold for open and for new connections, at once (within a poll of 20 ms).
class Proxy {
 public:
  enum Direction : std::uint8_t { kToServer = 0, kToClient = 1 };

  // Listens on 127.0.0.1:`port` (0: a free one) and forwards to 127.0.0.1:`target`. Connects only when asked to, so
  // the target may start later.
  explicit Proxy(int target, int port = 0);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  int port() const;

  void Set(Direction direction, Flow flow);
  // Each piece of bytes is delivered `ms` after it came, plus a random 0 to `jitter_ms`; the order stays.
  void Delay(Direction direction, int ms, int jitter_ms = 0);
  void Set(Door door);
  // Resets what is open; what comes afterwards is as Door says.
  void Reset();

  // Both directions at once; new connections are half-open. What a cut cable looks like to either side.
  void Cut();
  // Everything passes, without delay, the door is open; connections that came while it was half-open are made now.
  void Heal();

  // Of all connections since the start.
  std::uint64_t accepted() const;
  std::uint64_t bytes(Direction direction) const;
  int open_connections() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
  std::thread thread_;
};

}  // namespace support
