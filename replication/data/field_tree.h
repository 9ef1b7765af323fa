// Large hashes and sets: a counted tree of fields with their values, in the order of the fields' hashes.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "replication/data/collection.h"
#include "replication/data/counted_tree.h"
#include "replication/data/hash.h"
#include "replication/data/keyed_leaf.h"

namespace data {

// Some fields, in order of (hash, field). A record is the length of the field, the field and the value.
class FieldLeaf : public KeyedLeaf<std::uint32_t> {
 public:
  struct Item {
    std::uint32_t hash;
    std::string_view field;
    std::string_view value;
  };

  FieldLeaf SplitOff() {
    FieldLeaf upper;
    MoveUpperPart(upper);
    return upper;
  }
  bool TryTake(const FieldLeaf& next) { return TryAppend(next); }

  // Valid until the leaf is changed.
  Item At(std::size_t index) const;
  // How the item at `index` stands to this one in the order.
  std::weak_ordering Compare(std::size_t index, std::uint32_t hash, std::string_view field) const;
  // The index of the first item that is not before this one; items() when all are.
  std::size_t LowerBound(std::uint32_t hash, std::string_view field) const;
  // Before the item at `index`.
  void Insert(std::size_t index, std::uint32_t hash, std::string_view field, std::string_view value);
  void SetValue(std::size_t index, std::string_view value) { ReplaceTail(index, At(index).value.size(), value); }
};

// Each field once. A set is one without values.
class FieldTree final : public Collection {
 public:
  // `hash` is the seeded function of the keyspace: strangers must not choose the order.
  explicit FieldTree(const KeyHash& hash) : hash_(hash) {}

  std::unique_ptr<Collection> Copy() const override { return std::make_unique<FieldTree>(*this); }
  std::size_t bytes() const override { return sizeof(*this) + tree_.bytes(); }

  std::uint64_t size() const { return tree_.items(); }
  // The value; nothing when there is no such field. Valid until the next change.
  std::optional<std::string_view> Find(std::string_view field) const;
  // True when the field is new.
  bool Set(std::string_view field, std::string_view value);
  // The same with what `choose(std::optional<std::string_view> old)` says, which is called once; nothing: all stays as
  // it is.
  template <class Choose>
  bool SetBy(std::string_view field, const Choose& choose);
  // False when there is no such field.
  bool Erase(std::string_view field);
  // The item with this rank, which is below size(): all ranks are equally likely fields. O(log size).
  FieldLeaf::Item AtRank(std::uint64_t rank) const;

  // visit(field, value) for each; nothing may change meanwhile.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    for (auto cursor = tree_.First(); cursor.valid(); cursor.Next()) {
      for (std::size_t i = 0; i < cursor->items(); ++i) {
        const FieldLeaf::Item item = cursor->At(i);
        visit(item.field, item.value);
      }
    }
  }
  // Visits at least `count` items, if there are as many, from where `cursor` stands (0: the beginning), and returns the
  // cursor to go on from, 0 at the end. Each field that is there from beginning to end is visited exactly once.
  template <class Visit>
  std::uint64_t Scan(std::uint64_t cursor, std::size_t count, Visit&& visit) const {
    if (cursor > 0xffffffffU) return 0;
    const auto from = static_cast<std::uint32_t>(cursor);
    std::size_t visited = 0;
    std::uint32_t last = 0;
    for (auto at = Seek(from, {}); at.valid(); at.Next()) {
      for (std::size_t i = 0; i < at->items(); ++i) {
        const FieldLeaf::Item item = at->At(i);
        if (item.hash < from) continue;
        // The cursor is the next hash, so those that have the same one belong together.
        if (visited >= count && item.hash != last) return item.hash;
        visit(item.field, item.value);
        last = item.hash;
        ++visited;
      }
    }
    return 0;
  }
  void CheckShape() const { tree_.CheckShape(); }

 private:
  using Tree = CountedTree<FieldLeaf>;

  std::uint32_t HashOf(std::string_view field) const { return static_cast<std::uint32_t>(hash_(field) >> 32); }
  Tree::Cursor Seek(std::uint32_t hash, std::string_view field) const;

  KeyHash hash_;
  Tree tree_;
};

template <class Choose>
bool FieldTree::SetBy(std::string_view field, const Choose& choose) {
  const std::uint32_t hash = HashOf(field);
  const Tree::Cursor at = Seek(hash, field);
  const std::size_t index = at.valid() ? at->LowerBound(hash, field) : 0;
  const bool fresh = !at.valid() || index == at->items() || at->Compare(index, hash, field) != 0;
  const std::optional<std::string_view> value =
      choose(fresh ? std::nullopt : std::optional<std::string_view>(at->At(index).value));
  if (!value) return fresh;
  tree_.Edit(at, [&](FieldLeaf& leaf) {
    if (fresh) {
      leaf.Insert(index, hash, field, *value);
    } else {
      leaf.SetValue(index, *value);
    }
  });
  return fresh;
}

}  // namespace data
