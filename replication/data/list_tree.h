// Large lists: a counted tree of listpacks.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "replication/data/collection.h"
#include "replication/data/counted_tree.h"
#include "replication/data/listpack.h"

namespace data {

// How much one piece of a list may hold. Source: redis.conf, "list-max-listpack-size".
struct ListLimits {
  std::size_t bytes = 8192;
  std::size_t elements = 0;  // 0: as many as fit

  // -1 to -5: 4, 8, 16, 32 or 64 KiB; a positive number: so many elements, and no more than 8 KiB.
  static ListLimits Of(std::int64_t setting);
  bool Exceeded(std::size_t more_bytes, std::size_t more_elements) const {
    return more_bytes > bytes || (elements > 0 && more_elements > elements);
  }
};

// Some elements of a list, in its order. A single element may be longer than the limits.
class ListLeaf {
 public:
  // A list has no keys: elements are found by their rank.
  struct Key {
    auto operator<=>(const Key&) const = default;
  };

  ListLeaf() = default;
  ListLeaf(Listpack pack, ListLimits limits) : pack_(std::move(pack)), limits_(limits) {}

  Key FirstKey() const { return {}; }
  std::uint64_t items() const { return pack_.size(); }
  std::size_t bytes() const { return pack_.allocated(); }
  bool TooLarge() const { return items() > 1 && limits_.Exceeded(pack_.bytes(), items()); }
  bool TooSmall() const { return pack_.bytes() < limits_.bytes / 4; }
  ListLeaf SplitOff();
  bool TryTake(const ListLeaf& next);

  ListpackView view() const { return pack_.view(); }
  // The rest as Listpack has it, by index. `limits` are those of now.
  void Insert(std::size_t index, std::string_view text, const ListLimits& limits);
  void Replace(std::size_t index, std::string_view text);
  void Erase(std::size_t index, std::size_t count);

 private:
  Listpack pack_;
  ListLimits limits_;
  // Where the last element came in. Lists grow at their ends: a split there leaves the full leaf full.
  std::size_t inserted_at_ = 0;
};

// Elements by rank.
class ListTree final : public Collection {
 public:
  std::unique_ptr<Collection> Copy() const override { return std::make_unique<ListTree>(*this); }
  std::size_t bytes() const override { return sizeof(*this) + tree_.bytes(); }

  std::uint64_t size() const { return tree_.items(); }
  // Before the element with this rank; at the end for size(). O(log size + leaf).
  void Insert(std::uint64_t rank, std::string_view text, const ListLimits& limits);
  // `rank` is below size().
  void Replace(std::uint64_t rank, std::string_view text);
  void Erase(std::uint64_t rank, std::uint64_t count);
  // Takes over what is packed, which must have elements, behind all others.
  void AppendPack(Listpack pack, const ListLimits& limits);

  using Cursor = CountedTree<ListLeaf>::Cursor;
  Cursor First() const { return tree_.First(); }
  Cursor AtRank(std::uint64_t rank) const { return tree_.AtRank(rank); }
  // The number of pieces, each a listpack. O(pieces).
  std::uint64_t pieces() const;

  void CheckShape() const { tree_.CheckShape(); }

 private:
  CountedTree<ListLeaf> tree_;
};

}  // namespace data
