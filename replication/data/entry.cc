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
    case Encoding::kTree:
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
  value.packing = Packing::kEdited;
  return value;
}

NewValue NewValue::OfContents(ValueType type, Contents& contents) {
  NewValue value;
  value.type = type;
  value.packing = contents.packing;
  if (contents.tree != nullptr) {
    value.encoding = Encoding::kTree;
    value.tree = std::move(contents.tree);
  } else if (contents.packed.size() <= kInlineMax) {
    value.text = contents.packed;
  } else {
    value.encoding = Encoding::kLarge;
    value.large = std::make_shared<LargeBlock>();
    value.large->text = std::move(contents.packed);
  }
  return value;
}

// jemalloc's classes: steps of 16 up to 128, then four per doubling.
std::size_t AllocatedSize(std::size_t size) {
  if (size <= 128) return size <= 8 ? 8 : (size + 15) & ~std::size_t{15};
  const std::size_t step = std::bit_floor(size - 1) / 4;
  return (size + step - 1) / step * step;
}

std::size_t Entry::OwnedSize(Encoding encoding) {
  switch (encoding) {
    case Encoding::kLarge:
      return sizeof(LargeValue);
    case Encoding::kTree:
      return sizeof(std::unique_ptr<Collection>);
    case Encoding::kInt:
    case Encoding::kInline:
      return 0;
  }
  return 0;
}

std::size_t Entry::KeyOffset(bool has_expiry, Encoding encoding) {
  const std::size_t aligned = (has_expiry ? sizeof(Expiry) : 0) + OwnedSize(encoding);
  return aligned == 0 ? sizeof(Entry) : kAligned + aligned;
}

Entry* Entry::Make(std::string_view key, NewValue value, UnixMs expires_at, std::uint32_t used_at) {
  VIGIL_CHECK(key.size() <= kMaxStringBytes);
  const bool has_expiry = expires_at != kNever;
  const std::size_t inline_size = InlineSize(value);
  const std::size_t size = KeyOffset(has_expiry, value.encoding) + key.size() + inline_size;
  void* block = std::malloc(AllocatedSize(size));  // TryReplace() uses the class to its end
  if (block == nullptr) throw std::bad_alloc();

  Entry* entry = new (block) Entry;
  entry->type_ = value.type;
  entry->encoding_ = value.encoding;
  entry->has_expiry_ = has_expiry;
  entry->packing_ = value.packing;
  entry->used_at_ = used_at;
  entry->key_size_ = static_cast<std::uint32_t>(key.size());
  entry->inline_size_ = static_cast<std::uint16_t>(inline_size);
  if (has_expiry) new (entry->expiry()) Expiry{expires_at, 0, 0};
  char* owned = entry->Base() + entry->LargeOffset();
  if (value.encoding == Encoding::kLarge) new (owned) LargeValue(std::move(value.large));
  if (value.encoding == Encoding::kTree) new (owned) std::unique_ptr<Collection>(std::move(value.tree));
  if (!key.empty()) std::memcpy(entry->Base() + entry->KeyOffset(), key.data(), key.size());
  WriteInline(entry->Base() + entry->ValueOffset(), value);
  return entry;
}

void Entry::Free(Entry* entry) {
  if (entry->encoding_ == Encoding::kLarge) std::destroy_at(&entry->OwnedLarge());
  if (entry->encoding_ == Encoding::kTree) std::destroy_at(&entry->EditTree());
  entry->~Entry();
  std::free(entry);
}

bool Entry::TryReplace(NewValue& value) {
  if (OwnedSize(encoding_) != 0 || OwnedSize(value.encoding) != 0) {
    if (encoding_ != value.encoding) return false;
    if (encoding_ == Encoding::kLarge) {
      OwnedLarge() = std::move(value.large);
    } else {
      EditTree() = std::move(value.tree);
    }
  } else {
    const std::size_t size = InlineSize(value);
    if (AllocatedSize(ValueOffset() + size) != AllocatedSize(ValueOffset() + inline_size_)) return false;
    inline_size_ = static_cast<std::uint16_t>(size);
    WriteInline(Base() + ValueOffset(), value);
  }
  type_ = value.type;
  encoding_ = value.encoding;
  packing_ = value.packing;
  return true;
}

NewValue Entry::Value() const {
  NewValue value;
  value.type = type_;
  value.encoding = encoding_;
  value.packing = packing_;
  if (encoding_ == Encoding::kInt) value.integer = Integer();
  if (encoding_ == Encoding::kInline) value.text = {Base() + ValueOffset(), inline_size_};
  return value;
}

NewValue Entry::TakeValue() {
  NewValue value = Value();
  if (encoding_ == Encoding::kLarge) value.large = std::move(OwnedLarge());
  if (encoding_ == Encoding::kTree) value.tree = std::move(EditTree());
  return value;
}

NewValue Entry::Share() const {
  NewValue value = Value();
  if (encoding_ == Encoding::kLarge) {
    value.large = large();
    value.large->shared = true;
  } else if (encoding_ == Encoding::kTree) {
    value.tree = tree().Copy();
  }
  return value;
}

std::string& Entry::EditLarge() {
  VIGIL_CHECK(encoding_ == Encoding::kLarge && !large()->shared);
  return large()->text;
}

LargeValue& Entry::OwnedLarge() {
  return *std::launder(reinterpret_cast<LargeValue*>(Base() + LargeOffset()));
}

std::unique_ptr<Collection>& Entry::EditTree() {
  VIGIL_CHECK(encoding_ == Encoding::kTree);
  return *std::launder(reinterpret_cast<std::unique_ptr<Collection>*>(Base() + LargeOffset()));
}

const Collection& Entry::tree() const {
  return *const_cast<Entry*>(this)->EditTree();
}

std::size_t Entry::Bytes() const {
  std::size_t bytes = AllocatedSize(ValueOffset() + inline_size_);
  // A value that has been taken out is counted no more.
  if (encoding_ == Encoding::kLarge && large() != nullptr) {
    bytes += AllocatedSize(kSharedBlock) + AllocatedSize(large()->text.capacity() + 1);
  }
  if (encoding_ == Encoding::kTree && const_cast<Entry*>(this)->EditTree() != nullptr) bytes += tree().bytes();
  return bytes;
}

std::string_view Entry::Text(IntText& buffer) const {
  switch (encoding_) {
    case Encoding::kInt: {
      const auto [end, error] = std::to_chars(buffer.digits, buffer.digits + sizeof buffer.digits, Integer());
      return {buffer.digits, end};
    }
    case Encoding::kInline:
    case Encoding::kLarge:
      return Packed();
    case Encoding::kTree:
      break;
  }
  VIGIL_CHECK(false);
  return {};
}

std::string_view Entry::Packed() const {
  if (encoding_ == Encoding::kInline) return {Base() + ValueOffset(), inline_size_};
  VIGIL_CHECK(encoding_ == Encoding::kLarge);
  return large()->text;
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
