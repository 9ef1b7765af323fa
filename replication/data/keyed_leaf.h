// Leaves of the counted trees: records of bytes side by side, each under a key of fixed size, in order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "replication/base/check.h"
#include "replication/data/byte_run.h"

namespace data {

// What every leaf has; what a record holds, and the order of records with equal keys, is the derived leaf's matter.
// Changes are O(items + bytes), and both are bounded by TooLarge().
template <class KeyType>
class KeyedLeaf {
 public:
  using Key = KeyType;
  static constexpr std::size_t kMostItems = 32;
  static constexpr std::size_t kManyBytes = 4096;

  Key FirstKey() const { return keys_[0]; }
  std::uint64_t items() const { return count_; }
  // Memory beyond the object itself.
  std::size_t bytes() const { return bytes_.bytes(); }
  bool TooLarge() const { return count_ > kMostItems || (count_ > 1 && bytes_.size() > kManyBytes); }
  bool TooSmall() const { return count_ < kMostItems / 4 && bytes_.size() < kManyBytes / 4; }

  void Erase(std::size_t index) {
    const std::size_t size = EndOf(index) - starts_[index];
    bytes_.Splice(starts_[index], size, {});
    std::copy(keys_.begin() + index + 1, keys_.begin() + count_, keys_.begin() + index);
    std::copy(starts_.begin() + index + 1, starts_.begin() + count_, starts_.begin() + index);
    --count_;
    Shift(index, -static_cast<std::int64_t>(size));
  }

 protected:
  Key KeyAt(std::size_t index) const { return keys_[index]; }
  // Valid until the leaf is changed.
  std::string_view RecordAt(std::size_t index) const {
    return bytes_.view().substr(starts_[index], EndOf(index) - starts_[index]);
  }
  // The index of the first record whose key is not below `key`.
  std::size_t FirstNotBelow(Key key) const {
    return static_cast<std::size_t>(std::lower_bound(keys_.begin(), keys_.begin() + count_, key) - keys_.begin());
  }

  // Room for a record of `size` bytes before the one at `index`, to be written before anything else.
  char* InsertRoom(std::size_t index, Key key, std::size_t size) {
    VIGIL_CHECK(count_ <= kMostItems && index <= count_);
    const std::size_t start = index < count_ ? starts_[index] : bytes_.size();
    char* room = bytes_.SpliceRoom(start, 0, size);
    Shift(index, static_cast<std::int64_t>(size));
    std::copy_backward(keys_.begin() + index, keys_.begin() + count_, keys_.begin() + count_ + 1);
    std::copy_backward(starts_.begin() + index, starts_.begin() + count_, starts_.begin() + count_ + 1);
    keys_[index] = key;
    starts_[index] = static_cast<std::uint32_t>(start);
    ++count_;
    return room;
  }

  // Puts `fresh` in place of the last `old` bytes of a record.
  void ReplaceTail(std::size_t index, std::size_t old, std::string_view fresh) {
    bytes_.Splice(EndOf(index) - old, old, fresh);
    Shift(index + 1, static_cast<std::int64_t>(fresh.size()) - static_cast<std::int64_t>(old));
  }

  // Moves the upper part into `upper`, which is empty.
  void MoveUpperPart(KeyedLeaf& upper) {
    // From where about half of the bytes are; half of the items when they are all small.
    std::size_t at = count_ / 2;
    if (count_ <= kMostItems) {
      while (at > 1 && starts_[at] > bytes_.size() / 2) --at;
      while (at + 1 < count_ && starts_[at] < bytes_.size() / 2) ++at;
    }
    upper.count_ = static_cast<std::uint32_t>(count_ - at);
    std::copy(keys_.begin() + at, keys_.begin() + count_, upper.keys_.begin());
    std::copy(starts_.begin() + at, starts_.begin() + count_, upper.starts_.begin());
    const std::size_t cut = starts_[at];
    upper.bytes_ = ByteRun(bytes_.view().substr(cut));
    upper.Shift(0, -static_cast<std::int64_t>(cut));
    bytes_.Splice(cut, bytes_.size() - cut, {});
    count_ = static_cast<std::uint32_t>(at);
  }

  // Appends what the next leaf holds; false, and nothing done, when that is too much.
  bool TryAppend(const KeyedLeaf& next) {
    // Not to the brim: the next insertion would split it again.
    if (count_ + next.count_ > kMostItems * 3 / 4 || bytes_.size() + next.bytes_.size() > kManyBytes) return false;
    const std::size_t before = bytes_.size();
    const std::size_t first = count_;
    std::copy_n(next.keys_.begin(), next.count_, keys_.begin() + count_);
    std::copy_n(next.starts_.begin(), next.count_, starts_.begin() + count_);
    bytes_.Splice(before, 0, next.bytes_.view());
    count_ += next.count_;
    Shift(first, static_cast<std::int64_t>(before));
    return true;
  }

 private:
  std::size_t EndOf(std::size_t index) const { return index + 1 < count_ ? starts_[index + 1] : bytes_.size(); }
  void Shift(std::size_t from, std::int64_t by) {
    for (std::size_t i = from; i < count_; ++i) starts_[i] = static_cast<std::uint32_t>(starts_[i] + by);
  }

  // One more than the most: a leaf is split after it has become too large.
  std::array<Key, kMostItems + 1> keys_{};
  std::array<std::uint32_t, kMostItems + 1> starts_{};  // in bytes_
  std::uint32_t count_ = 0;
  ByteRun bytes_;
};

}  // namespace data
