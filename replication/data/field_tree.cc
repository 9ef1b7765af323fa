#include "replication/data/field_tree.h"

#include <algorithm>
#include <cstring>

#include "replication/base/check.h"

namespace data {
namespace {

// The length of a field takes one byte, or five: a mark and 32 bits.
constexpr std::uint8_t kLongField = 255;

std::size_t HeadBytes(std::size_t field_size) {
  return field_size < kLongField ? 1 : 5;
}

void WriteItem(char* to, std::string_view field, std::string_view value) {
  if (field.size() < kLongField) {
    *to++ = static_cast<char>(field.size());
  } else {
    *to++ = static_cast<char>(kLongField);
    const auto size = static_cast<std::uint32_t>(field.size());
    std::memcpy(to, &size, sizeof size);
    to += sizeof size;
  }
  if (!field.empty()) std::memcpy(to, field.data(), field.size());
  if (!value.empty()) std::memcpy(to + field.size(), value.data(), value.size());
}

}  // namespace

FieldLeaf::Item FieldLeaf::At(std::size_t index) const {
  const std::string_view record = bytes_.view().substr(starts_[index], EndOf(index) - starts_[index]);
  std::size_t size = static_cast<std::uint8_t>(record[0]);
  std::size_t head = 1;
  if (size == kLongField) {
    std::uint32_t long_size;
    std::memcpy(&long_size, record.data() + 1, sizeof long_size);
    size = long_size;
    head += sizeof long_size;
  }
  return Item{hashes_[index], record.substr(head, size), record.substr(head + size)};
}

std::weak_ordering FieldLeaf::Compare(std::size_t index, std::uint32_t hash, std::string_view field) const {
  if (hashes_[index] != hash) return hashes_[index] <=> hash;
  return At(index).field <=> field;
}

std::size_t FieldLeaf::LowerBound(std::uint32_t hash, std::string_view field) const {
  const auto begin = hashes_.begin();
  auto index = static_cast<std::size_t>(std::lower_bound(begin, begin + count_, hash) - begin);
  while (index < count_ && Compare(index, hash, field) < 0) ++index;
  return index;
}

void FieldLeaf::Shift(std::size_t from, std::int64_t by) {
  for (std::size_t i = from; i < count_; ++i) starts_[i] = static_cast<std::uint32_t>(starts_[i] + by);
}

void FieldLeaf::Insert(std::size_t index, std::uint32_t hash, std::string_view field, std::string_view value) {
  VIGIL_CHECK(count_ <= kMostItems);
  const std::size_t start = index < count_ ? starts_[index] : bytes_.size();
  const std::size_t size = HeadBytes(field.size()) + field.size() + value.size();
  WriteItem(bytes_.SpliceRoom(start, 0, size), field, value);
  Shift(index, static_cast<std::int64_t>(size));
  std::copy_backward(hashes_.begin() + index, hashes_.begin() + count_, hashes_.begin() + count_ + 1);
  std::copy_backward(starts_.begin() + index, starts_.begin() + count_, starts_.begin() + count_ + 1);
  hashes_[index] = hash;
  starts_[index] = static_cast<std::uint32_t>(start);
  ++count_;
}

void FieldLeaf::SetValue(std::size_t index, std::string_view value) {
  const Item item = At(index);
  const std::size_t old = item.value.size();
  bytes_.Splice(EndOf(index) - old, old, value);
  Shift(index + 1, static_cast<std::int64_t>(value.size()) - static_cast<std::int64_t>(old));
}

void FieldLeaf::Erase(std::size_t index) {
  const std::size_t size = EndOf(index) - starts_[index];
  bytes_.Splice(starts_[index], size, {});
  std::copy(hashes_.begin() + index + 1, hashes_.begin() + count_, hashes_.begin() + index);
  std::copy(starts_.begin() + index + 1, starts_.begin() + count_, starts_.begin() + index);
  --count_;
  Shift(index, -static_cast<std::int64_t>(size));
}

FieldLeaf FieldLeaf::SplitOff() {
  // Where about half of the bytes are, and half of the items when they are all small.
  std::size_t at = count_ / 2;
  if (count_ <= kMostItems) {
    while (at > 1 && starts_[at] > bytes_.size() / 2) --at;
    while (at + 1 < count_ && starts_[at] < bytes_.size() / 2) ++at;
  }
  FieldLeaf upper;
  upper.count_ = static_cast<std::uint32_t>(count_ - at);
  std::copy(hashes_.begin() + at, hashes_.begin() + count_, upper.hashes_.begin());
  std::copy(starts_.begin() + at, starts_.begin() + count_, upper.starts_.begin());
  const std::size_t cut = starts_[at];
  upper.bytes_ = ByteRun(bytes_.view().substr(cut));
  upper.Shift(0, -static_cast<std::int64_t>(cut));
  bytes_.Splice(cut, bytes_.size() - cut, {});
  count_ = static_cast<std::uint32_t>(at);
  return upper;
}

bool FieldLeaf::TryTake(const FieldLeaf& next) {
  // Not to the brim: the next insertion would split it again.
  if (count_ + next.count_ > kMostItems * 3 / 4 || bytes_.size() + next.bytes_.size() > kManyBytes) return false;
  const std::size_t before = bytes_.size();
  const std::size_t first = count_;
  std::copy_n(next.hashes_.begin(), next.count_, hashes_.begin() + count_);
  std::copy_n(next.starts_.begin(), next.count_, starts_.begin() + count_);
  bytes_.Splice(before, 0, next.bytes_.view());
  count_ += next.count_;
  Shift(first, static_cast<std::int64_t>(before));
  return true;
}

FieldTree::Tree::Cursor FieldTree::Seek(std::uint32_t hash, std::string_view field) const {
  struct Order {
    std::uint32_t hash;
    std::string_view field;
    std::weak_ordering operator()(FieldLeaf::Key key) const { return key <=> hash; }
    std::weak_ordering operator()(const FieldLeaf& leaf) const { return leaf.Compare(0, hash, field); }
  };
  return tree_.Seek(Order{hash, field});
}

std::optional<std::string_view> FieldTree::Find(std::string_view field) const {
  const std::uint32_t hash = HashOf(field);
  const auto cursor = Seek(hash, field);
  if (!cursor.valid()) return std::nullopt;
  const std::size_t index = cursor->LowerBound(hash, field);
  if (index == cursor->items() || cursor->Compare(index, hash, field) != 0) return std::nullopt;
  return cursor->At(index).value;
}

bool FieldTree::Set(std::string_view field, std::string_view value) {
  const std::uint32_t hash = HashOf(field);
  bool fresh = false;
  tree_.Edit(Seek(hash, field), [&](FieldLeaf& leaf) {
    const std::size_t index = leaf.LowerBound(hash, field);
    fresh = index == leaf.items() || leaf.Compare(index, hash, field) != 0;
    if (fresh) {
      leaf.Insert(index, hash, field, value);
    } else {
      leaf.SetValue(index, value);
    }
  });
  return fresh;
}

bool FieldTree::Erase(std::string_view field) {
  const std::uint32_t hash = HashOf(field);
  const auto cursor = Seek(hash, field);
  if (!cursor.valid()) return false;
  const std::size_t index = cursor->LowerBound(hash, field);
  if (index == cursor->items() || cursor->Compare(index, hash, field) != 0) return false;
  tree_.Edit(cursor, [index](FieldLeaf& leaf) { leaf.Erase(index); });
  return true;
}

FieldLeaf::Item FieldTree::AtRank(std::uint64_t rank) const {
  const auto cursor = tree_.AtRank(rank);
  return cursor->At(rank - cursor.rank());
}

}  // namespace data
