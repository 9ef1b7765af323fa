// Stands between a socket and the reply reader: what a hostile or broken server sends cannot make us allocate more
// than a stated amount, and a single oversized string does not cost the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sentinel::edge {

// RESP2 bytes in, RESP2 bytes out. A string beyond the limit is replaced by the error "VIGILTOOLARGE <n> bytes" and
// its bytes are passed over as they come; everything else that is out of bounds ends the connection. Nothing but the
// line of a length is held back, so what comes out is at most what went in and about forty bytes.
class ReplyGuard {
 public:
  struct Limits {
    std::size_t string = 1 << 20;     // of one bulk string that is kept
    std::size_t skipped = 512 << 20;  // of one that is passed over: what a server's own limit allows
    std::size_t line = 64 << 10;      // of a status, an error, a number
    std::size_t elements = 10'000;    // of one reply, over all its arrays
    std::size_t reply = 4 << 20;      // of one reply, without what was passed over
    std::size_t depth = 7;            // arrays within arrays
  };

  explicit ReplyGuard(Limits limits) : limits_(limits) {}
  ReplyGuard() : ReplyGuard(Limits{}) {}

  // Appends to `safe` what may be read of `bytes`. False when they are no replies within bounds: error() says why, and
  // nothing more is taken.
  bool Feed(std::string_view bytes, std::string& safe);
  const std::string& error() const { return error_; }
  // Between two replies, with nothing kept of either.
  bool idle() const { return error_.empty() && line_.empty() && pass_ == 0 && skip_ == 0 && open_.empty(); }

 private:
  bool TakeLine(std::string& safe);
  bool TakeLength(std::string& safe);
  bool TakeCount(std::string& safe);
  void ValueDone();
  bool Fail(std::string text);

  Limits limits_;
  std::string line_;                 // begun, without its end yet
  std::uint64_t pass_ = 0;           // bytes of a string still to be handed on, with its line break
  std::uint64_t skip_ = 0;           // or to be passed over
  std::vector<std::uint64_t> open_;  // elements still to come of each open array
  std::size_t elements_ = 0;         // of this reply
  std::size_t reply_bytes_ = 0;      // of this reply
  std::string error_;
};

}  // namespace sentinel::edge
