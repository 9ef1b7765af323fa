#include "replication/data/old_packings.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

namespace data {
namespace {

constexpr std::uint8_t kEndMark = 0xff;

// Reads forward and remembers whether it ever had to read beyond the end.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}

  std::size_t at() const { return at_; }
  bool bad() const { return bad_; }
  std::size_t left() const { return bytes_.size() - at_; }

  std::string_view Take(std::size_t count) {
    if (count > left()) {
      bad_ = true;
      return {};
    }
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  std::uint8_t Byte() {
    const std::string_view taken = Take(1);
    return taken.empty() ? 0 : static_cast<std::uint8_t>(taken[0]);
  }
  template <class T>
  T Little() {
    T value{};
    if (const std::string_view taken = Take(sizeof value); !taken.empty()) {
      std::memcpy(&value, taken.data(), sizeof value);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool bad_ = false;
};

base::Result<void> Bad(std::string_view what, std::size_t at, std::string_view reason) {
  return base::Fail(base::ErrorCode::kInvalid, fmt::format("{}: byte {}: {}", what, at, reason));
}

// One element of a ziplist, without the length of the one before it; false for an unknown encoding.
bool TakeElement(Bytes& bytes, PackedElement& element) {
  const std::uint8_t first = bytes.Byte();
  switch (first >> 6) {
    case 0:
      element.text = bytes.Take(first & 0x3f);
      return true;
    case 1: {
      const std::size_t high = static_cast<std::size_t>(first & 0x3f) << 8;
      element.text = bytes.Take(high | bytes.Byte());
      return true;
    }
    case 2:
      // The one length of the format that is big endian.
      element.text = bytes.Take(__builtin_bswap32(bytes.Little<std::uint32_t>()));
      return first == 0x80;
    default:
      break;
  }
  switch (first) {
    case 0xc0:
      element.integer = bytes.Little<std::int16_t>();
      return true;
    case 0xd0:
      element.integer = bytes.Little<std::int32_t>();
      return true;
    case 0xe0:
      element.integer = bytes.Little<std::int64_t>();
      return true;
    case 0xf0: {
      const std::uint32_t low = bytes.Little<std::uint16_t>();
      const auto high = static_cast<std::int8_t>(bytes.Byte());
      element.integer = static_cast<std::int64_t>(high) * 65536 + low;
      return true;
    }
    case 0xfe:
      element.integer = static_cast<std::int8_t>(bytes.Byte());
      return true;
    default:
      if (first < 0xf1 || first > 0xfd) return false;
      element.integer = (first & 0x0f) - 1;
      return true;
  }
}

}  // namespace

base::Result<void> ReadZiplist(std::string_view all, const VisitElement& visit) {
  Bytes bytes(all);
  const auto total = bytes.Little<std::uint32_t>();
  bytes.Little<std::uint32_t>();  // where the last element begins: nothing that a reader from the front needs
  const auto count = bytes.Little<std::uint16_t>();
  if (bytes.bad() || total != all.size()) return Bad("ziplist", 0, "wrong total size");
  std::size_t seen = 0;
  std::size_t before = 0;  // bytes of the element before
  while (!bytes.bad() && bytes.left() > 1) {
    const std::size_t begin = bytes.at();
    std::size_t claimed = bytes.Byte();
    if (claimed == 0xfe) claimed = bytes.Little<std::uint32_t>();
    if (claimed != before) return Bad("ziplist", begin, "wrong length of the element before");
    PackedElement element;
    if (!TakeElement(bytes, element)) return Bad("ziplist", begin, "unknown encoding");
    if (bytes.bad()) break;
    before = bytes.at() - begin;
    visit(element);
    ++seen;
  }
  const std::size_t end = bytes.at();
  if (bytes.Byte() != kEndMark || bytes.bad() || bytes.left() != 0) return Bad("ziplist", end, "no end mark");
  if (count != 65535 && count != seen) return Bad("ziplist", 8, "wrong number of elements");
  return {};
}

base::Result<void> ReadZipmap(std::string_view all, const VisitElement& visit) {
  Bytes bytes(all);
  const std::uint8_t count = bytes.Byte();
  const auto length = [&bytes]() -> std::size_t {
    const std::uint8_t first = bytes.Byte();
    return first < 254 ? first : bytes.Little<std::uint32_t>();
  };
  std::size_t seen = 0;
  while (!bytes.bad() && bytes.left() > 1) {
    const std::size_t begin = bytes.at();
    PackedElement field;
    field.text = bytes.Take(length());
    PackedElement value;
    const std::size_t value_size = length();
    const std::size_t unused = bytes.Byte();
    value.text = bytes.Take(value_size);
    bytes.Take(unused);
    if (bytes.bad()) return Bad("zipmap", begin, "an element does not end");
    visit(field);
    visit(value);
    ++seen;
  }
  const std::size_t end = bytes.at();
  if (bytes.Byte() != kEndMark || bytes.bad() || bytes.left() != 0) return Bad("zipmap", end, "no end mark");
  if (count < 254 && count != seen) return Bad("zipmap", 0, "wrong number of fields");
  return {};
}

}  // namespace data
