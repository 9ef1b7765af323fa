#include "replication/data/rdb_cursor.h"

#include <fmt/format.h>
#include <liblzf/lzf.h>

#include <limits>
#include <utility>

#include "replication/data/entry.h"
#include "replication/data/float_text.h"
#include "replication/data/rdb_format.h"

namespace data {
namespace {

// LZF writes at most 264 bytes for 3: what claims to be longer is damaged, and is not given memory.
constexpr std::uint64_t kMostExpansion = 264;

}  // namespace

RdbCursor::Outcome RdbCursor::Bad(std::size_t at, std::string reason) {
  bad_at_ = at;
  reason_ = std::move(reason);
  return Outcome::kBad;
}

RdbCursor::Outcome RdbCursor::Take(std::uint64_t count, std::string_view& taken) {
  if (bytes_.size() - at_ < count) {
    needed_ = at_ + count;
    return Outcome::kNeedMore;
  }
  taken = bytes_.substr(at_, count);
  at_ += count;
  return Outcome::kOk;
}

RdbCursor::Outcome RdbCursor::Byte(std::uint8_t& byte) {
  std::string_view taken;
  if (const Outcome outcome = Take(1, taken); outcome != Outcome::kOk) return outcome;
  byte = static_cast<std::uint8_t>(taken[0]);
  return Outcome::kOk;
}

RdbCursor::Outcome RdbCursor::Length(std::uint64_t& length, bool& encoded) {
  const std::size_t begin = at_;
  std::uint8_t first = 0;
  if (const Outcome outcome = Byte(first); outcome != Outcome::kOk) return outcome;
  encoded = first >> 6 == rdb::kEncoded;
  length = first & 0x3f;
  if (encoded || first >> 6 == rdb::kSixBits) return Outcome::kOk;

  std::size_t more = 0;
  if (first >> 6 == rdb::kFourteenBits) {
    more = 1;
  } else if (first == rdb::kLength32) {
    more = 4;
  } else if (first == rdb::kLength64) {
    more = 8;
  } else {
    return Bad(begin, fmt::format("a length cannot begin with 0x{:02x}", first));
  }
  std::string_view taken;
  if (const Outcome outcome = Take(more, taken); outcome != Outcome::kOk) return outcome;
  length = more == 1 ? length << 8 | BigEndian(taken) : BigEndian(taken);
  return Outcome::kOk;
}

RdbCursor::Outcome RdbCursor::PlainLength(std::uint64_t& length) {
  const std::size_t begin = at_;
  bool encoded = false;
  if (const Outcome outcome = Length(length, encoded); outcome != Outcome::kOk) return outcome;
  if (encoded) return Bad(begin, "a string where a length should stand");
  return Outcome::kOk;
}

RdbCursor::Outcome RdbCursor::StringValue(Value& value, std::string& scratch) {
  const std::size_t begin = at_;
  std::uint64_t length = 0;
  bool encoded = false;
  if (const Outcome outcome = Length(length, encoded); outcome != Outcome::kOk) return outcome;
  value.is_integer = encoded && length != rdb::kLzf;
  if (!encoded) {
    if (length > kMaxStringBytes) return Bad(begin, fmt::format("a string of {} bytes is too long", length));
    return Take(length, value.text);
  }
  std::string_view taken;
  switch (length) {
    case rdb::kInt8:
      if (const Outcome outcome = Take(1, taken); outcome != Outcome::kOk) return outcome;
      value.integer = LittleEndian<std::int8_t>(taken);
      return Outcome::kOk;
    case rdb::kInt16:
      if (const Outcome outcome = Take(2, taken); outcome != Outcome::kOk) return outcome;
      value.integer = LittleEndian<std::int16_t>(taken);
      return Outcome::kOk;
    case rdb::kInt32:
      if (const Outcome outcome = Take(4, taken); outcome != Outcome::kOk) return outcome;
      value.integer = LittleEndian<std::int32_t>(taken);
      return Outcome::kOk;
    case rdb::kLzf:
      return Compressed(begin, value.text, scratch);
    default:
      return Bad(begin, fmt::format("unknown string encoding {}", length));
  }
}

RdbCursor::Outcome RdbCursor::ScoreText(double& score) {
  const std::size_t begin = at_;
  std::uint8_t length = 0;
  if (const Outcome outcome = Byte(length); outcome != Outcome::kOk) return outcome;
  if (length >= rdb::kScoreNan) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (length == rdb::kScoreNan) return Bad(begin, "a score that is no number");
    score = length == rdb::kScoreInfinity ? kInfinity : -kInfinity;
    return Outcome::kOk;
  }
  std::string_view digits;
  if (const Outcome outcome = Take(length, digits); outcome != Outcome::kOk) return outcome;
  const auto value = ParseDouble(digits);
  if (!value) return Bad(begin, "a score that is no number");
  score = *value;
  return Outcome::kOk;
}

RdbCursor::Outcome RdbCursor::Text(std::string_view& text, std::string& scratch) {
  Value value;
  if (const Outcome outcome = StringValue(value, scratch); outcome != Outcome::kOk) return outcome;
  if (value.is_integer) {
    scratch = fmt::format_int(value.integer).str();
    value.text = scratch;
  }
  text = value.text;
  return Outcome::kOk;
}

RdbCursor::Outcome RdbCursor::Compressed(std::size_t begin, std::string_view& text, std::string& scratch) {
  std::uint64_t size = 0;
  std::uint64_t original = 0;
  if (const Outcome outcome = PlainLength(size); outcome != Outcome::kOk) return outcome;
  if (const Outcome outcome = PlainLength(original); outcome != Outcome::kOk) return outcome;
  if (size == 0 || size > kMaxStringBytes || original == 0 || original > kMaxStringBytes ||
      original > size * kMostExpansion) {
    return Bad(begin, fmt::format("{} compressed bytes cannot become {}", size, original));
  }
  std::string_view taken;
  if (const Outcome outcome = Take(size, taken); outcome != Outcome::kOk) return outcome;
  scratch.resize(original);
  if (lzf_decompress(taken.data(), static_cast<unsigned>(size), scratch.data(), static_cast<unsigned>(original)) !=
      original) {
    return Bad(begin, "damaged compressed string");
  }
  text = scratch;
  return Outcome::kOk;
}

}  // namespace data
