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
  const std::string_view record = RecordAt(index);
  std::size_t size = static_cast<std::uint8_t>(record[0]);
  std::size_t head = 1;
  if (size == kLongField) {
    std::uint32_t long_size;
    std::memcpy(&long_size, record.data() + 1, sizeof long_size);
    size = long_size;
    head += sizeof long_size;
  }
  return Item{KeyAt(index), record.substr(head, size), record.substr(head + size)};
}

std::weak_ordering FieldLeaf::Compare(std::size_t index, std::uint32_t hash, std::string_view field) const {
  if (KeyAt(index) != hash) return KeyAt(index) <=> hash;
  return At(index).field <=> field;
}

std::size_t FieldLeaf::LowerBound(std::uint32_t hash, std::string_view field) const {
  std::size_t index = FirstNotBelow(hash);
  while (index < items() && Compare(index, hash, field) < 0) ++index;
  return index;
}

void FieldLeaf::Insert(std::size_t index, std::uint32_t hash, std::string_view field, std::string_view value) {
  WriteItem(InsertRoom(index, hash, HeadBytes(field.size()) + field.size() + value.size()), field, value);
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
  return SetBy(field, [value](const auto&) { return std::optional(value); });
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
