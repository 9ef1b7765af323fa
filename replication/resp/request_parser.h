// Requests out of bytes: RESP arrays of bulk strings, and inline commands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace resp {

// The words of one request; views into the parser's buffer.
using Words = std::vector<std::string_view>;

// Takes bytes as they arrive and gives requests as they become complete. What was given once is not scanned
// again, and a large bulk string is not copied more often than the buffer grows.
// Source: the RESP documentation; limits and error texts as observed from a running redis-server 7.0.
class RequestParser {
 public:
  struct Limits {
    std::size_t max_bulk = 512ULL << 20;  // bytes of one bulk string (proto-max-bulk-len)
    std::size_t max_words = 0x7FFFFFFF;   // words of one request
    std::size_t max_inline = 64 << 10;    // bytes of one line: an inline command or a length
  };
  // Before a client has authenticated, so that strangers cannot make us allocate.
  static constexpr Limits kUnauthenticated{.max_bulk = 16384, .max_words = 10, .max_inline = 64 << 10};
  // For the stream of a master: it may hold what our own limits would refuse.
  static constexpr Limits kTrusted{.max_bulk = 1ULL << 40, .max_words = 1ULL << 40, .max_inline = 64 << 10};

  enum class Outcome {
    kRequest,   // words hold a request
    kNeedMore,  // no complete request is buffered
    kError,     // the bytes are not RESP: answer error(), then close; the parser gives nothing any more
  };

  RequestParser() = default;
  explicit RequestParser(Limits limits) : limits_(limits) {}

  void set_limits(Limits limits) { limits_ = limits; }

  // Invalidates the words given before.
  void Feed(std::string_view bytes);

  // `words` are valid until the next Feed() or Next(). An empty line or an empty array is skipped, as servers do.
  Outcome Next(Words& words);

  // The second words of the next complete requests, as far as `out` has room, and how many there are: keys, mostly. A
  // hint of what is to come, for whoever can fetch ahead; it ends where anything unusual stands. Nothing is consumed.
  std::size_t PeekSecondWords(std::span<std::string_view> out) const;

  // What to tell the peer after kError, without the leading "-ERR ".
  const std::string& error() const { return error_; }

  // Bytes consumed by everything given or skipped so far; an incomplete request counts only once it is given.
  // A replica credits its stream by the growth of this number.
  std::uint64_t consumed() const { return consumed_; }

  // Empty lines skipped since the last call: a peer that sends one says "I am alive".
  std::size_t TakeEmptyLines();

  // Memory of the buffer.
  std::size_t held() const { return buffer_.capacity(); }
  // Bytes held that are not consumed yet.
  std::size_t buffered() const { return buffer_.size() - request_start_; }

 private:
  struct Span {
    std::size_t at;
    std::size_t length;
  };
  enum class LineOutcome { kLine, kNeedMore, kTooLong };

  enum class LineEnd { kLineFeed, kBoth };

  LineOutcome ReadLine(LineEnd ends_with, std::string_view& line);
  Outcome Refuse(std::string error);
  void ForgetBuffer();
  void FinishRequest();

  Limits limits_;
  std::string buffer_;
  std::size_t request_start_ = 0;  // where the unfinished request begins
  std::size_t at_ = 0;             // where to go on reading
  std::size_t scanned_ = 0;        // no line feed between at_ and here
  bool in_array_ = false;
  std::size_t words_missing_ = 0;
  bool in_bulk_ = false;
  std::size_t bulk_length_ = 0;
  std::vector<Span> spans_;                // the words of the unfinished array
  std::vector<std::string> inline_words_;  // unquoted words have storage of their own
  std::size_t empty_lines_ = 0;
  std::uint64_t consumed_ = 0;
  bool broken_ = false;
  std::string error_;
};

}  // namespace resp
