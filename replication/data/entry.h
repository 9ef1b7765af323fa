// One key and its value: a single block of memory, packed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "replication/data/collection.h"

namespace data {

// Milliseconds since 1970 UTC at which a key ceases to exist.
using UnixMs = std::int64_t;
inline constexpr UnixMs kNever = std::numeric_limits<UnixMs>::max();

// Numbered as DEBUG DIGEST and the type order of Redis have it.
enum class ValueType : std::uint8_t { kString = 0, kList = 1, kSet = 2, kZset = 3, kHash = 4, kStream = 6 };

// "string", as TYPE prints it.
std::string_view TypeName(ValueType type);

// How the value is kept.
enum class Encoding : std::uint8_t {
  kInt,     // a 64-bit integer; its text is its canonical decimal form
  kInline,  // up to kInlineMax bytes behind the key
  kLarge,   // a block of its own, shared with snapshots that captured it
  kTree,    // a large collection
};

// Longer values get a block of their own, which a snapshot shares instead of copying.
inline constexpr std::size_t kInlineMax = 1024;
// Beyond this neither keys nor values are kept. (Clients are stopped earlier, by proto-max-bulk-len.)
inline constexpr std::size_t kMaxStringBytes = 0xffffffffU;

// Room for the digits of a 64-bit integer.
struct IntText {
  char digits[24];
};

// A long value. Once shared, it is never changed any more: whoever wants to change it makes a copy.
struct LargeBlock {
  std::string text;
  bool shared = false;  // with a snapshot, which another thread may be reading, or with a copy of the key
};
using LargeValue = std::shared_ptr<LargeBlock>;

// A value on its way into an entry.
struct NewValue {
  ValueType type = ValueType::kString;
  Encoding encoding = Encoding::kInline;
  Packing packing = Packing::kText;  // kInline, kLarge
  std::int64_t integer = 0;          // kInt
  std::string_view text;             // kInline
  LargeValue large;                  // kLarge
  std::unique_ptr<Collection> tree;  // kTree

  // An integer where the text is the canonical form of one, otherwise by length.
  static NewValue Of(std::string_view text);
  static NewValue OfInteger(std::int64_t value);
  static NewValue OfText(std::string_view text);
  // Takes `contents` over; what is packed must stay where it is until the value is in its entry.
  static NewValue OfContents(ValueType type, Contents& contents);
  // Kept as text even if it looks like a number, as APPEND and SETRANGE do.
  static NewValue Edited(std::string_view text);
};

// Bytes that the allocator really uses for a block of `size`.
std::size_t AllocatedSize(std::size_t size);

// The layout is: this header, then, each only if needed, expiry (16 bytes), large value (16) or tree (8), key, inline
// value. The header is short rather than round: with four bytes more, a key of 16 bytes with a value of 100 would need
// the next class of the allocator, 32 bytes more. Behind it everything that must be aligned begins at 16.
// Only the keyspace and its tables change entries; other code sees them const.
class Entry {
 public:
  static Entry* Make(std::string_view key, NewValue value, UnixMs expires_at, std::uint32_t used_at);
  static void Free(Entry* entry);
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  // Puts the value in place of the old one if the block has room for it and is not too large for it either. Takes
  // `value` over only if so.
  bool TryReplace(NewValue& value);
  // The value for an entry that takes the place of this one, which is good for nothing then but to be freed.
  NewValue TakeValue();
  // The value for an entry beside this one, or for a snapshot: a large one is never changed from now on.
  NewValue Share() const;
  // For Encoding::kLarge that is not shared: to be edited in place.
  std::string& EditLarge();
  // For Encoding::kTree; the collection must stay there.
  std::unique_ptr<Collection>& EditTree();

  // Memory used, large value or tree included.
  std::size_t Bytes() const;

  ValueType type() const { return type_; }
  Encoding encoding() const { return encoding_; }
  std::string_view key() const { return {Base() + KeyOffset(), key_size_}; }
  // kNever when the key has no expiry.
  UnixMs expires_at() const { return has_expiry_ ? expiry()->at : kNever; }
  bool has_expiry() const { return has_expiry_; }
  bool ExpiredAt(UnixMs now) const { return has_expiry_ && expiry()->at <= now; }

  // Not for Encoding::kTree: the text of a string, or the bytes of what is packed. The view points into the entry or
  // into `buffer`; it is valid until the key is changed.
  std::string_view Text(IntText& buffer) const;
  // The same for what is no integer.
  std::string_view Packed() const;
  // Only for Encoding::kInt.
  std::int64_t Integer() const;
  // Only for Encoding::kLarge.
  const LargeValue& large() const;
  // Only for Encoding::kTree.
  const Collection& tree() const;
  // Length of Text().
  std::size_t TextSize() const;

  Packing packing() const { return packing_; }

  // When the key was last used, in seconds of the monotonic clock, modulo 2^32.
  std::uint32_t used_at() const { return used_at_; }
  void set_used_at(std::uint32_t seconds) { used_at_ = seconds; }

 private:
  friend class ExpiryIndex;

  Entry() = default;

  struct Expiry {
    UnixMs at;
    std::uint32_t heap_index;  // where ExpiryIndex keeps it
    std::uint32_t unused;
  };

  const char* Base() const { return reinterpret_cast<const char*>(this); }
  char* Base() { return reinterpret_cast<char*>(this); }
  Expiry* expiry() { return reinterpret_cast<Expiry*>(Base() + kAligned); }
  const Expiry* expiry() const { return reinterpret_cast<const Expiry*>(Base() + kAligned); }
  static std::size_t OwnedSize(Encoding encoding);
  static std::size_t KeyOffset(bool has_expiry, Encoding encoding);
  std::size_t LargeOffset() const { return kAligned + (has_expiry_ ? sizeof(Expiry) : 0); }
  std::size_t KeyOffset() const { return KeyOffset(has_expiry_, encoding_); }
  LargeValue& OwnedLarge();
  NewValue Value() const;  // without what the entry owns
  std::size_t ValueOffset() const { return KeyOffset() + key_size_; }

  static constexpr std::size_t kAligned = 16;

  ValueType type_ : 3;
  Encoding encoding_ : 2;
  bool has_expiry_ : 1;
  Packing packing_ : 2;
  std::uint16_t inline_size_;  // bytes of the inline value, or of the integer
  std::uint32_t used_at_;
  std::uint32_t key_size_;
};
static_assert(sizeof(Entry) == 12 && kInlineMax <= std::numeric_limits<std::uint16_t>::max());

}  // namespace data
