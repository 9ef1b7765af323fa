// One item of an RDB file after the other, out of bytes that may end in the middle of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace data {

// The most significant byte first.
inline std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

template <class T>
T LittleEndian(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// Reads one item from its beginning. An item that is not complete is read again from its beginning when there are more
// bytes, so reading must not change anything before the item is whole.
class RdbCursor {
 public:
  enum class Outcome { kOk, kNeedMore, kBad };

  explicit RdbCursor(std::string_view bytes) : bytes_(bytes) {}

  std::size_t at() const { return at_; }
  // With kNeedMore: bytes that the item has at least.
  std::size_t needed() const { return needed_; }
  // With kBad.
  const std::string& reason() const { return reason_; }
  std::size_t bad_at() const { return bad_at_; }

  Outcome Bad(std::size_t at, std::string reason);
  Outcome Take(std::uint64_t count, std::string_view& taken);
  Outcome Byte(std::uint8_t& byte);
  // `encoded`: not a length, but the form of a string.
  Outcome Length(std::uint64_t& length, bool& encoded);
  Outcome PlainLength(std::uint64_t& length);

  // Either an integer or a text; the text is valid as long as the bytes and `scratch`.
  struct Value {
    bool is_integer = false;
    std::int64_t integer = 0;
    std::string_view text;
  };
  Outcome StringValue(Value& value, std::string& scratch);
  Outcome Text(std::string_view& text, std::string& scratch);
  // A length of one byte and digits, or one of three words.
  Outcome ScoreText(double& score);

 private:
  Outcome Compressed(std::size_t begin, std::string_view& text, std::string& scratch);

  std::string_view bytes_;
  std::size_t at_ = 0;
  std::size_t needed_ = 0;
  std::size_t bad_at_ = 0;
  std::string reason_;
};

}  // namespace data
