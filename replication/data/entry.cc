#include "replication/data/entry.h"

#include <bit>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "replication/base/check.h"
#include "replication/base/text.h"

namespace data {
namespace {

std::size_t InlineSize(const NewValue& value) {
  switch (value.encoding) {
    case Encoding::kInt:
      return sizeof value.integer;
    case Encoding::kInline:
      return value.text.size();
    case Encoding::kLarge:
      return 0;
  }
  return 0;
}

void WriteInline(char* at, const NewValue& value) {
  if (value.encoding == Encoding::kInt) std::memcpy(at, &value.integer, sizeof value.integer);
  if (value.encoding == Encoding::kInline && !value.text.empty())
    std::memmove(at, value.text.data(), value.text.size());
}

// What make_shared puts around a LargeBlock: two counters and a table pointer.
constexpr std::size_t kSharedBlock = sizeof(LargeBlock) + 16;

}  // namespace

std::string_view TypeName(ValueType type) {
  switch (type) {
    case ValueType::kString:
      return "string";
    case ValueType::kList:
      return "list";
    case ValueType::kSet:
      return "set";
    case ValueType::kZset:
      return "zset";
    case ValueType::kHash:
      return "hash";
    case ValueType::kStream:
      return "stream";
  }
  return "none";
}

NewValue NewValue::Of(std::string_view text) {
  // 20 bytes hold the longest 64-bit integer; longer texts need no look.
  if (!text.empty() && text.size() <= 20) {
    if (const auto integer = base::ParseInt<std::int64_t>(text)) return OfInteger(*integer);
  }
  return OfText(text);
}

NewValue NewValue::OfInteger(std::int64_t integer) {
  NewValue value;
  value.encoding = Encoding::kInt;
  value.integer = integer;
  return value;
}

NewValue NewValue::OfText(std::string_view text) {
  NewValue value;
  if (text.size() <= kInlineMax) {
    value.text = text;
    return value;
  }
  value.encoding = Encoding::kLarge;
  value.large = std::make_shared<LargeBlock>();
  value.large->text.assign(text);
  return value;
}

NewValue NewValue::Edited(std::string_view text) {
  NewValue value = OfText(text);
  value.edited = true;
  return value;
}

// jemalloc's classes: steps of 16 up to 128, then four per doubling.
std::size_t AllocatedSize(std::size_t size) {
  if (size <= 128) return size <= 8 ? 8 : (size + 15) & ~std::size_t{15};
  const std::size_t step = std::bit_floor(size - 1) / 4;
  return (size + step - 1) / step * step;
}

Entry* Entry::Make(std::string_view key, const NewValue& value, UnixMs expires_at, std::uint32_t used_at) {
  VIGIL_CHECK(key.size() <= kMaxStringBytes);
  const bool has_expiry = expires_at != kNever;
  const std::size_t inline_size = InlineSize(value);
  const std::size_t size = sizeof(Entry) + (has_expiry ? sizeof(Expiry) : 0) +
                           (value.encoding == Encoding::kLarge ? sizeof(LargeValue) : 0) + key.size() + inline_size;
  void* block = std::malloc(AllocatedSize(size));  // TryReplace() uses the class to its end
  if (block == nullptr) throw std::bad_alloc();

  Entry* entry = new (block) Entry;
  entry->type_ = ValueType::kString;
  entry->encoding_ = value.encoding;
  entry->has_expiry_ = has_expiry;
  entry->edited_ = value.edited;
  entry->used_at_ = used_at;
  entry->key_size_ = static_cast<std::uint32_t>(key.size());
  entry->inline_size_ = static_cast<std::uint32_t>(inline_size);
  if (has_expiry) new (entry->expiry()) Expiry{expires_at, 0, 0};
  if (value.encoding == Encoding::kLarge) new (entry->Base() + entry->LargeOffset()) LargeValue(value.large);
  if (!key.empty()) std::memcpy(entry->Base() + entry->KeyOffset(), key.data(), key.size());
  WriteInline(entry->Base() + entry->ValueOffset(), value);
  return entry;
}

void Entry::Free(Entry* entry) {
  if (entry->encoding_ == Encoding::kLarge) const_cast<LargeValue&>(entry->large()).~LargeValue();
  entry->~Entry();
  std::free(entry);
}

bool Entry::TryReplace(const NewValue& value) {
  if (encoding_ == Encoding::kLarge && value.encoding == Encoding::kLarge) {
    const_cast<LargeValue&>(large()) = value.large;
    edited_ = value.edited;
    return true;
  }
  if (encoding_ == Encoding::kLarge || value.encoding == Encoding::kLarge) return false;
  const std::size_t size = InlineSize(value);
  if (AllocatedSize(ValueOffset() + size) != AllocatedSize(ValueOffset() + inline_size_)) return false;
  encoding_ = value.encoding;
  edited_ = value.edited;
  inline_size_ = static_cast<std::uint32_t>(size);
  WriteInline(Base() + ValueOffset(), value);
  return true;
}

NewValue Entry::Value() const {
  NewValue value;
  value.encoding = encoding_;
  value.edited = edited_;
  switch (encoding_) {
    case Encoding::kInt:
      value.integer = Integer();
      break;
    case Encoding::kInline:
      value.text = {Base() + ValueOffset(), inline_size_};
      break;
    case Encoding::kLarge:
      value.large = large();
      break;
  }
  return value;
}

NewValue Entry::Share() const {
  NewValue value = Value();
  if (value.large != nullptr) value.large->shared = true;
  return value;
}

std::string& Entry::EditLarge() {
  VIGIL_CHECK(encoding_ == Encoding::kLarge && !large()->shared);
  edited_ = true;
  return large()->text;
}

std::size_t Entry::Bytes() const {
  std::size_t bytes = AllocatedSize(ValueOffset() + inline_size_);
  if (encoding_ == Encoding::kLarge) bytes += AllocatedSize(kSharedBlock) + AllocatedSize(large()->text.capacity() + 1);
  return bytes;
}

std::string_view Entry::Text(IntText& buffer) const {
  switch (encoding_) {
    case Encoding::kInt: {
      const auto [end, error] = std::to_chars(buffer.digits, buffer.digits + sizeof buffer.digits, Integer());
      return {buffer.digits, end};
    }
    case Encoding::kInline:
      return {Base() + ValueOffset(), inline_size_};
    case Encoding::kLarge:
      return large()->text;
  }
  return {};
}

std::int64_t Entry::Integer() const {
  std::int64_t value;
  std::memcpy(&value, Base() + ValueOffset(), sizeof value);
  return value;
}

const LargeValue& Entry::large() const {
  return *std::launder(reinterpret_cast<const LargeValue*>(Base() + LargeOffset()));
}

std::size_t Entry::TextSize() const {
  if (encoding_ == Encoding::kInline) return inline_size_;
  IntText buffer;
  return Text(buffer).size();
}

}  // namespace data
