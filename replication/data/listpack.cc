#include "replication/data/listpack.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "replication/base/check.h"
#include "replication/base/text.h"

namespace data {
namespace {

constexpr std::size_t kTotalAt = 0;
constexpr std::size_t kCountAt = 4;
constexpr std::size_t kLeastBytes = 7;  // head and end mark
constexpr std::uint16_t kCountThem = 65535;
constexpr std::uint8_t kEndMark = 0xff;

// First bytes of the encodings that use all eight bits; the others are told by their leading bits.
constexpr std::uint8_t kText32 = 0xf0;
constexpr std::uint8_t kInt16 = 0xf1;
constexpr std::uint8_t kInt24 = 0xf2;
constexpr std::uint8_t kInt32 = 0xf3;
constexpr std::uint8_t kInt64 = 0xf4;

// Longest canonical decimal text of a 64-bit integer.
constexpr std::size_t kLongestInteger = 20;

static_assert(std::endian::native == std::endian::little);

template <class T>
T Load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

std::uint8_t ByteAt(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::int64_t SignExtend(std::uint64_t value, int bits) {
  const int shift = 64 - bits;
  return static_cast<std::int64_t>(value << shift) >> shift;
}

// An element without the length at its end.
struct Head {
  std::size_t head = 0;  // bytes before the text of a string; all bytes of an integer
  std::size_t text = 0;  // bytes of a string's text
  std::size_t size() const { return head + text; }
};

bool IsText(std::uint8_t first) {
  return (first & 0xc0) == 0x80 || (first & 0xf0) == 0xe0 || first == kText32;
}

// How many bytes have to be there before HeadOf() may look; 0 for a byte that begins no element.
std::size_t HeadBytes(std::uint8_t first) {
  if ((first & 0x80) == 0 || (first & 0xc0) == 0x80) return 1;
  if ((first & 0xe0) == 0xc0 || (first & 0xf0) == 0xe0) return 2;
  switch (first) {
    case kText32:
      return 5;
    case kInt16:
      return 3;
    case kInt24:
      return 4;
    case kInt32:
      return 5;
    case kInt64:
      return 9;
    default:
      return 0;
  }
}

Head HeadOf(std::string_view bytes, std::size_t at) {
  const std::uint8_t first = ByteAt(bytes, at);
  Head head{HeadBytes(first), 0};
  if ((first & 0xc0) == 0x80) {
    head.text = first & 0x3f;
  } else if ((first & 0xf0) == 0xe0) {
    head.text = static_cast<std::size_t>(first & 0x0f) << 8 | ByteAt(bytes, at + 1);
  } else if (first == kText32) {
    head.text = Load<std::uint32_t>(bytes.data() + at + 1);
  }
  return head;
}

// The length behind an element takes 7 bits a byte. The limits are Redis': one less than the bits would allow.
std::size_t BackLengthBytes(std::size_t size) {
  if (size <= 127) return 1;
  if (size < 16383) return 2;
  if (size < 2097151) return 3;
  if (size < 268435455) return 4;
  return 5;
}

std::size_t WriteBackLength(char* to, std::size_t size) {
  const std::size_t count = BackLengthBytes(size);
  for (std::size_t i = 0; i < count; ++i) {
    // The most significant bits first; all bytes but the first tell a reader that comes from behind to go on.
    const auto group = static_cast<std::uint8_t>(size >> (7 * (count - 1 - i)) & 0x7f);
    to[i] = static_cast<char>(i == 0 ? group : group | 0x80);
  }
  return count;
}

// Reads the length that ends before `end`; nothing when it is longer than five bytes or than what there is.
std::optional<std::size_t> ReadBackLength(std::string_view bytes, std::size_t end) {
  std::size_t value = 0;
  for (int i = 0; i < 5 && end > 0; ++i) {
    const std::uint8_t byte = ByteAt(bytes, --end);
    value |= static_cast<std::size_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// Encodings of integers are small enough to be made on the stack.
struct Encoded {
  std::array<char, 16> bytes;
  std::size_t size = 0;

  void Push(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes[size++] = static_cast<char>(value >> (8 * i) & 0xff);
  }
};

template <int bits>
bool FitsInto(std::int64_t value) {
  constexpr std::int64_t kLimit = std::int64_t{1} << (bits - 1);
  return value >= -kLimit && value < kLimit;
}

Encoded EncodeInteger(std::int64_t value) {
  Encoded out;
  const auto raw = static_cast<std::uint64_t>(value);
  if (value >= 0 && value <= 127) {
    out.Push(raw, 1);
  } else if (FitsInto<13>(value)) {
    out.Push(0xc0 | (raw >> 8 & 0x1f), 1);
    out.Push(raw, 1);
  } else if (FitsInto<16>(value)) {
    out.Push(kInt16, 1);
    out.Push(raw, 2);
  } else if (FitsInto<24>(value)) {
    out.Push(kInt24, 1);
    out.Push(raw, 3);
  } else if (FitsInto<32>(value)) {
    out.Push(kInt32, 1);
    out.Push(raw, 4);
  } else {
    out.Push(kInt64, 1);
    out.Push(raw, 8);
  }
  out.size += WriteBackLength(out.bytes.data() + out.size, out.size);
  return out;
}

// What stands before a text.
Encoded TextHead(std::size_t size) {
  Encoded out;
  if (size < 64) {
    out.Push(0x80 | size, 1);
  } else if (size < 4096) {
    out.Push(0xe0 | size >> 8, 1);
    out.Push(size, 1);
  } else {
    out.Push(kText32, 1);
    out.Push(size, 4);
  }
  return out;
}

std::optional<std::int64_t> AsInteger(std::string_view text) {
  if (text.empty() || text.size() > kLongestInteger) return std::nullopt;
  return base::ParseInt<std::int64_t>(text);
}

}  // namespace

std::string_view PackedElement::Text(IntText& buffer) const {
  if (!integer) return text;
  const auto [end, error] = std::to_chars(buffer.digits, buffer.digits + sizeof buffer.digits, *integer);
  return {buffer.digits, end};
}

bool PackedElement::Equals(std::string_view other) const {
  if (!integer) return text == other;
  IntText buffer;
  return Text(buffer) == other;
}

std::size_t PackedElement::size() const {
  IntText buffer;
  return Text(buffer).size();
}

// --- Reading

std::size_t ListpackView::size() const {
  const auto count = Load<std::uint16_t>(bytes_.data() + kCountAt);
  if (count != kCountThem) return count;
  std::size_t counted = 0;
  for (Position at = Begin(); at != End(); at = Next(at)) ++counted;
  return counted;
}

ListpackView::Position ListpackView::Next(Position at) const {
  const std::size_t size = HeadOf(bytes_, at).size();
  return static_cast<Position>(at + size + BackLengthBytes(size));
}

ListpackView::Position ListpackView::Previous(Position at) const {
  const auto size = ReadBackLength(bytes_, at);
  VIGIL_CHECK(size && *size + BackLengthBytes(*size) + kHead <= at);
  return static_cast<Position>(at - *size - BackLengthBytes(*size));
}

ListpackView::Position ListpackView::At(std::int64_t index) const {
  const auto count = Load<std::uint16_t>(bytes_.data() + kCountAt);
  if (count != kCountThem) {
    if (index >= count || index < -std::int64_t{count}) return End();
    // Whichever end is nearer.
    if (index >= 0 && index > count / 2) index -= count;
    if (index < 0 && index < -(count / 2) - 1) index += count;
  }
  Position at = index >= 0 ? Begin() : End();
  for (; index > 0 && at != End(); --index) at = Next(at);
  for (; index < 0; ++index) {
    if (at == Begin()) return End();
    at = Previous(at);
  }
  return at;
}

PackedElement ListpackView::Get(Position at) const {
  const char* from = bytes_.data() + at;
  const auto first = static_cast<std::uint8_t>(*from);
  PackedElement element;
  if ((first & 0x80) == 0) {
    element.integer = first;
  } else if (IsText(first)) {
    const Head head = HeadOf(bytes_, at);
    element.text = bytes_.substr(at + head.head, head.text);
  } else if ((first & 0xe0) == 0xc0) {
    element.integer = SignExtend(static_cast<std::uint64_t>(first & 0x1f) << 8 | ByteAt(bytes_, at + 1), 13);
  } else if (first == kInt16) {
    element.integer = Load<std::int16_t>(from + 1);
  } else if (first == kInt24) {
    element.integer = SignExtend(Load<std::uint16_t>(from + 1) | std::uint64_t{ByteAt(bytes_, at + 3)} << 16, 24);
  } else if (first == kInt32) {
    element.integer = Load<std::int32_t>(from + 1);
  } else {
    VIGIL_CHECK(first == kInt64);
    element.integer = Load<std::int64_t>(from + 1);
  }
  return element;
}

std::string ListpackView::Slice(Position from, Position to, std::size_t count) const {
  std::string slice;
  slice.reserve(kLeastBytes + to - from);
  slice.append(kHead, '\0');
  slice.append(bytes_.substr(from, to - from));
  slice.push_back(static_cast<char>(kEndMark));
  const auto total = static_cast<std::uint32_t>(slice.size());
  std::memcpy(slice.data() + kTotalAt, &total, sizeof total);
  const auto elements = static_cast<std::uint16_t>(std::min<std::size_t>(count, kCountThem));
  std::memcpy(slice.data() + kCountAt, &elements, sizeof elements);
  return slice;
}

ListpackView::Position ListpackView::Find(std::string_view text, Position from, int step) const {
  // An integer is found by its value, so its text is looked at once and not for each element.
  const auto integer = AsInteger(text);
  Position at = from;
  while (at != End()) {
    const PackedElement element = Get(at);
    if (element.integer ? element.integer == integer : element.text == text) return at;
    for (int i = 0; i < step && at != End(); ++i) at = Next(at);
  }
  return at;
}

// --- Changing

Listpack::Listpack() : bytes_(kLeastBytes, '\0') {
  bytes_[kTotalAt] = kLeastBytes;
  bytes_.back() = static_cast<char>(kEndMark);
}

// A std::string doubles, which would leave a piece of a list with 10 KiB of memory for its 8 KiB of bytes.
void Listpack::Grow(std::size_t bytes) {
  constexpr std::size_t kPiece = 8192;  // the usual limit of one
  std::size_t wanted = AllocatedSize(bytes + bytes / 2 + 1);
  if (bytes < kPiece) wanted = std::min(wanted, kPiece);
  std::string larger;
  larger.reserve(wanted - 1);
  larger.append(bytes_);
  bytes_ = std::move(larger);
}

char* Listpack::Splice(Position at, std::size_t old_bytes, std::size_t fresh_bytes, std::int64_t more_elements) {
  const std::size_t size = bytes_.size() - old_bytes + fresh_bytes;
  if (size > bytes_.capacity()) Grow(size);
  bytes_.replace(at, old_bytes, fresh_bytes, '\0');
  VIGIL_CHECK(bytes_.size() <= kMaxStringBytes);
  const auto total = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + kTotalAt, &total, sizeof total);

  auto count = Load<std::uint16_t>(bytes_.data() + kCountAt);
  std::int64_t elements = kCountThem;
  if (count != kCountThem) {
    elements = count + more_elements;
  } else if (more_elements < 0) {
    // Fewer than before: they may fit into the head again, and Redis counts them then as well.
    elements = static_cast<std::int64_t>(view().size());
  }
  count = elements < kCountThem ? static_cast<std::uint16_t>(elements) : kCountThem;
  std::memcpy(bytes_.data() + kCountAt, &count, sizeof count);
  return bytes_.data() + at;
}

void Listpack::Put(Position at, std::size_t old_bytes, std::string_view text, std::int64_t more_elements) {
  if (const auto integer = AsInteger(text)) return Put(at, old_bytes, *integer, more_elements);
  const Encoded head = TextHead(text.size());
  const std::size_t size = head.size + text.size();
  char* room = Splice(at, old_bytes, size + BackLengthBytes(size), more_elements);
  std::memcpy(room, head.bytes.data(), head.size);
  if (!text.empty()) std::memcpy(room + head.size, text.data(), text.size());
  WriteBackLength(room + size, size);
}

void Listpack::Put(Position at, std::size_t old_bytes, std::int64_t integer, std::int64_t more_elements) {
  const Encoded encoded = EncodeInteger(integer);
  std::memcpy(Splice(at, old_bytes, encoded.size, more_elements), encoded.bytes.data(), encoded.size);
}

void Listpack::Append(std::int64_t integer) {
  Put(view().End(), 0, integer, 1);
}

std::size_t Listpack::EncodedSize(std::string_view text) {
  if (const auto integer = AsInteger(text)) return EncodeInteger(*integer).size;
  const std::size_t size = TextHead(text.size()).size + text.size();
  return size + BackLengthBytes(size);
}

std::size_t Listpack::allocated() const {
  const auto* bytes = bytes_.data();
  const auto* self = reinterpret_cast<const char*>(&bytes_);
  const bool inside = bytes >= self && bytes < self + sizeof bytes_;  // a short string needs no memory of its own
  return inside ? 0 : AllocatedSize(bytes_.capacity() + 1);
}

void Listpack::AppendAll(ListpackView more) {
  const std::string_view elements = more.bytes().substr(more.Begin(), more.End() - more.Begin());
  char* room = Splice(view().End(), 0, elements.size(), static_cast<std::int64_t>(more.size()));
  if (!elements.empty()) std::memcpy(room, elements.data(), elements.size());
}

void Listpack::Insert(Position at, std::string_view text) {
  Put(at, 0, text, 1);
}

void Listpack::Replace(Position at, std::string_view text) {
  Put(at, view().Next(at) - at, text, 0);
}

void Listpack::Erase(Position at, std::size_t count) {
  const ListpackView before = view();
  Position end = at;
  std::int64_t erased = 0;
  while (end != before.End() && static_cast<std::size_t>(erased) < count) {
    end = before.Next(end);
    ++erased;
  }
  Splice(at, end - at, 0, -erased);
}

// --- Judging

base::Result<void> CheckListpack(std::string_view bytes) {
  const auto bad = [](std::size_t at, std::string_view reason) {
    return base::Fail(base::ErrorCode::kInvalid, fmt::format("listpack: byte {}: {}", at, reason));
  };
  if (bytes.size() < kLeastBytes || bytes.size() > kMaxStringBytes) return bad(0, "impossible size");
  if (Load<std::uint32_t>(bytes.data() + kTotalAt) != bytes.size()) return bad(kTotalAt, "wrong total size");
  const std::size_t end = bytes.size() - 1;
  if (ByteAt(bytes, end) != kEndMark) return bad(end, "no end mark");

  std::size_t elements = 0;
  for (std::size_t at = kLeastBytes - 1; at != end; ++elements) {
    const std::size_t head_bytes = HeadBytes(ByteAt(bytes, at));
    if (head_bytes == 0) return bad(at, "unknown encoding");
    if (head_bytes > end - at) return bad(at, "an element does not end");
    const std::size_t size = HeadOf(bytes, at).size();
    const std::size_t back = BackLengthBytes(size);
    if (size + back > end - at) return bad(at, "an element does not end");
    if (ReadBackLength(bytes, at + size + back) != size) return bad(at + size, "wrong length behind an element");
    at += size + back;
  }
  const auto count = Load<std::uint16_t>(bytes.data() + kCountAt);
  if (count != kCountThem && count != elements) return bad(kCountAt, "wrong number of elements");
  return {};
}

}  // namespace data
