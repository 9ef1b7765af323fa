// Small collections in one run of bytes: the listpack of Redis 7, byte for byte, so that an RDB file carries it as it
// is.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "replication/base/result.h"
#include "replication/data/entry.h"

namespace data {

// One element. What was written as the canonical decimal text of a 64-bit integer is kept as a number.
struct PackedElement {
  std::optional<std::int64_t> integer;
  std::string_view text;  // without `integer`; points into the listpack

  // The bytes that were written; they point into the listpack or into `buffer`.
  std::string_view Text(IntText& buffer) const;
  bool Equals(std::string_view other) const;
  std::size_t size() const;  // of Text()
};

// Reads a listpack. Cheap to copy; valid as long as its bytes are neither moved nor changed.
//
// Layout: total bytes (u32 LE), number of elements (u16 LE, 65535: count them), elements, 0xFF. Each element ends with
// its own length, so that it can be walked from both ends.
// Source: spec "Packed blobs"; DUMP payloads of a running redis-server 7.0.
class ListpackView {
 public:
  // Where an element begins, in bytes; End() stands behind the last one.
  using Position = std::uint32_t;

  // `bytes` must be a valid listpack: one of ours, or accepted by CheckListpack().
  explicit ListpackView(std::string_view bytes) : bytes_(bytes) {}

  std::string_view bytes() const { return bytes_; }
  // O(1), but O(size) beyond 65534 elements.
  std::size_t size() const;
  bool empty() const { return Begin() == End(); }

  Position Begin() const { return kHead; }
  Position End() const { return static_cast<Position>(bytes_.size() - 1); }
  // `at` must not be End().
  Position Next(Position at) const;
  // `at` must not be Begin().
  Position Previous(Position at) const;
  // The element with this index, negative ones counted from the end; End() when there is none. O(distance from the
  // nearer end).
  Position At(std::int64_t index) const;
  // `at` must not be End().
  PackedElement Get(Position at) const;

  // A listpack of its own with the `count` elements from `from` to before `to`.
  std::string Slice(Position from, Position to, std::size_t count) const;

  // The first element that equals `text`, looking at `from` and then at every `step`-th one; End() when there is none.
  // `step` 2 finds a field and never a value.
  Position Find(std::string_view text, Position from, int step = 1) const;
  Position Find(std::string_view text) const { return Find(text, Begin()); }

  // for (PackedElement element : view)
  class Iterator {
   public:
    using value_type = PackedElement;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const ListpackView* view, Position at) : view_(view), at_(at) {}
    PackedElement operator*() const { return view_->Get(at_); }
    Iterator& operator++() {
      at_ = view_->Next(at_);
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const ListpackView* view_ = nullptr;
    Position at_ = 0;
  };
  Iterator begin() const { return {this, Begin()}; }
  Iterator end() const { return {this, End()}; }

 private:
  friend class Listpack;
  static constexpr std::size_t kHead = 6;

  std::string_view bytes_;
};

// A listpack that can be changed. A change moves what stands behind it: O(bytes).
class Listpack {
 public:
  using Position = ListpackView::Position;

  // Of no elements.
  Listpack();
  // `bytes` must be a valid listpack. Give its string in and Take() it out to change one without a copy.
  explicit Listpack(std::string bytes) : bytes_(std::move(bytes)) {}

  ListpackView view() const { return ListpackView(bytes_); }
  std::size_t size() const { return view().size(); }
  std::size_t bytes() const { return bytes_.size(); }
  // Memory beyond the object itself, by the allocator's size classes.
  std::size_t allocated() const;
  std::string Take() { return std::move(bytes_); }

  // What an element will need beyond its text: callers keep the whole below 4 GiB.
  static constexpr std::size_t kMostOverhead = 10;

  // Bytes that an element with this text takes.
  static std::size_t EncodedSize(std::string_view text);

  void Append(std::string_view text) { Insert(view().End(), text); }
  void Append(std::int64_t integer);
  // All elements of another one.
  void AppendAll(ListpackView more);
  void Prepend(std::string_view text) { Insert(view().Begin(), text); }
  // Before `at`, which then is the new element's position.
  void Insert(Position at, std::string_view text);
  // The element at `at` gets another text and keeps its position.
  void Replace(Position at, std::string_view text);
  // Takes away up to `count` elements from `at` on; what follows moves to `at`.
  void Erase(Position at, std::size_t count = 1);

 private:
  void Grow(std::size_t bytes);
  // Room for an element or several in place of `old_bytes`, to be written before anything else.
  char* Splice(Position at, std::size_t old_bytes, std::size_t fresh_bytes, std::int64_t more_elements);
  void Put(Position at, std::size_t old_bytes, std::string_view text, std::int64_t more_elements);
  void Put(Position at, std::size_t old_bytes, std::int64_t integer, std::int64_t more_elements);

  std::string bytes_;
};

// Is this a listpack, to the last byte? For bytes from files and clients. kInvalid: no, and the text has the position
// and the reason. O(bytes).
base::Result<void> CheckListpack(std::string_view bytes);

}  // namespace data
