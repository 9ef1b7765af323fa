#include "replication/resp/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "replication/base/text.h"

namespace resp {
namespace {

// Memory for words is reserved by what has arrived, never by what a header promises.
constexpr std::size_t kMaxReserve = 1024;

// A buffer that a large request has made larger than this is given back when all of it is used up: most connections are
// idle most of the time.
constexpr std::size_t kKept = 128 << 10;

// For an error, which may also stand in a log.
char Printable(char c) {
  if (c == '\r' || c == '\n') return ' ';
  return static_cast<unsigned char>(c) < ' ' ? '?' : c;
}

// The number of the line that begins at `at` with its type, and `at` over it: when it is there, as short as most are,
// and at most `most`. Otherwise nothing has happened, and the line is to be read the careful way.
std::optional<std::size_t> ReadShortNumber(std::string_view buffer, std::size_t& at, std::size_t most) {
  constexpr std::size_t kMaxDigits = 3;
  const std::size_t start = at + 1;
  std::size_t end = start;
  std::size_t value = 0;
  for (; end < buffer.size() && end - start < kMaxDigits && buffer[end] >= '0' && buffer[end] <= '9'; ++end) {
    value = 10 * value + static_cast<std::size_t>(buffer[end] - '0');
  }
  if (end == start || end + 1 >= buffer.size() || buffer[end] != '\r') return std::nullopt;
  if ((buffer[start] == '0' && end - start > 1) || value > most) return std::nullopt;
  at = end + 2;
  return value;
}

}  // namespace

void RequestParser::Feed(std::string_view bytes) {
  if (broken_) return;
  if (request_start_ == buffer_.size()) {
    buffer_.clear();
  } else if (request_start_ > 0 && request_start_ >= buffer_.size() / 2) {
    buffer_.erase(0, request_start_);
  } else {
    buffer_.append(bytes);
    return;
  }
  const std::size_t shift = std::exchange(request_start_, 0);
  at_ -= shift;
  scanned_ = scanned_ > shift ? scanned_ - shift : 0;
  for (Span& span : spans_) span.at -= shift;
  buffer_.append(bytes);
}

std::size_t RequestParser::TakeEmptyLines() {
  return std::exchange(empty_lines_, 0);
}

std::size_t RequestParser::PeekSecondWords(std::span<std::string_view> out) const {
  if (in_array_ || broken_) return 0;
  const std::string_view buffer = buffer_;
  std::size_t at = at_;
  std::size_t found = 0;
  while (found < out.size() && at < buffer.size() && buffer[at] == '*') {
    const auto words = ReadShortNumber(buffer, at, limits_.max_words);
    if (!words || *words < 2) break;
    std::string_view second;
    std::size_t word = 0;
    for (; word < *words && at < buffer.size() && buffer[at] == '$'; ++word) {
      const auto length = ReadShortNumber(buffer, at, limits_.max_bulk);
      if (!length || buffer.size() - at < *length + 2) break;
      if (word == 1) second = buffer.substr(at, *length);
      at += *length + 2;
    }
    if (word < 2) break;
    out[found++] = second;
    if (word < *words) break;
  }
  return found;
}

RequestParser::Outcome RequestParser::Refuse(std::string error) {
  broken_ = true;
  error_ = "Protocol error: " + std::move(error);
  return Outcome::kError;
}

void RequestParser::ForgetBuffer() {
  std::string().swap(buffer_);  // assigning an empty one would keep the memory
  request_start_ = at_ = scanned_ = 0;
}

void RequestParser::FinishRequest() {
  consumed_ += at_ - request_start_;
  request_start_ = at_;
}

RequestParser::LineOutcome RequestParser::ReadLine(LineEnd ends_with, std::string_view& line) {
  // Inline commands come from people and end with a line feed; RESP lines end with both, and the first one counts.
  const bool is_resp = ends_with == LineEnd::kBoth;
  const std::size_t end = buffer_.find(is_resp ? '\r' : '\n', std::max(at_, scanned_));
  if (end == std::string::npos || (is_resp && end + 1 == buffer_.size())) {
    scanned_ = std::min(end, buffer_.size());
    // The carriage return does not count: whether its line feed has come too must not decide.
    return buffer_.size() - at_ > limits_.max_inline + 1 ? LineOutcome::kTooLong : LineOutcome::kNeedMore;
  }
  line = std::string_view(buffer_).substr(at_, end - at_);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  at_ = end + (is_resp ? 2 : 1);
  return line.size() > limits_.max_inline ? LineOutcome::kTooLong : LineOutcome::kLine;
}

RequestParser::Outcome RequestParser::Next(Words& words) {
  if (broken_) return Outcome::kError;
  while (true) {
    std::string_view line;
    if (!in_array_) {
      if (at_ >= buffer_.size()) {
        if (buffer_.capacity() > kKept) ForgetBuffer();
        return Outcome::kNeedMore;
      }
      const bool is_array = buffer_[at_] == '*';
      std::size_t count = 0;
      if (const auto small = is_array ? ReadShortNumber(buffer_, at_, limits_.max_words) : std::nullopt) {
        count = *small;
      } else {
        switch (ReadLine(is_array ? LineEnd::kBoth : LineEnd::kLineFeed, line)) {
          case LineOutcome::kNeedMore:
            return Outcome::kNeedMore;
          case LineOutcome::kTooLong:
            return Refuse(is_array ? "too big mbulk count string" : "too big inline request");
          case LineOutcome::kLine:
            break;
        }
        if (!is_array) {
          auto split = base::SplitWords(line);
          if (!split) return Refuse("unbalanced quotes in request");
          FinishRequest();
          if (split->empty()) {
            ++empty_lines_;
            continue;
          }
          inline_words_ = std::move(*split);
          words.assign(inline_words_.begin(), inline_words_.end());
          return Outcome::kRequest;
        }
        const auto number = base::ParseInt<std::int64_t>(line.substr(1));
        if (!number || (*number > 0 && static_cast<std::uint64_t>(*number) > limits_.max_words)) {
          const bool stranger = limits_.max_words <= kUnauthenticated.max_words && number;
          return Refuse(stranger ? "unauthenticated multibulk length" : "invalid multibulk length");
        }
        count = static_cast<std::size_t>(std::max<std::int64_t>(0, *number));
      }
      if (count == 0) {
        FinishRequest();
        continue;
      }
      in_array_ = true;
      words_missing_ = count;
      spans_.clear();
      spans_.reserve(std::min(words_missing_, kMaxReserve));
    }
    while (words_missing_ > 0) {
      if (!in_bulk_) {
        if (at_ >= buffer_.size()) return Outcome::kNeedMore;
        const char head = buffer_[at_];
        if (head != '$') return Refuse(fmt::format("expected '$', got '{}'", Printable(head)));
        if (const auto small = ReadShortNumber(buffer_, at_, limits_.max_bulk)) {
          bulk_length_ = *small;
        } else {
          switch (ReadLine(LineEnd::kBoth, line)) {
            case LineOutcome::kNeedMore:
              return Outcome::kNeedMore;
            case LineOutcome::kTooLong:
              return Refuse("too big bulk count string");
            case LineOutcome::kLine:
              break;
          }
          const auto length = base::ParseInt<std::int64_t>(line.substr(1));
          if (!length || *length < 0 || static_cast<std::uint64_t>(*length) > limits_.max_bulk) {
            const bool stranger = limits_.max_bulk <= kUnauthenticated.max_bulk && length && *length > 0;
            return Refuse(stranger ? "unauthenticated bulk length" : "invalid bulk length");
          }
          bulk_length_ = static_cast<std::size_t>(*length);
        }
        in_bulk_ = true;
      }
      if (buffer_.size() - at_ < bulk_length_ + 2) return Outcome::kNeedMore;
      spans_.push_back(Span{at_, bulk_length_});
      at_ += bulk_length_ + 2;
      in_bulk_ = false;
      --words_missing_;
    }
    in_array_ = false;
    FinishRequest();
    words.clear();
    for (const Span& span : spans_) words.push_back(std::string_view(buffer_).substr(span.at, span.length));
    return Outcome::kRequest;
  }
}

}  // namespace resp
