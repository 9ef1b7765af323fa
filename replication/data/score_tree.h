// Large sorted sets: members in the order of their scores, counted, and a map from member to score.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "replication/data/collection.h"
#include "replication/data/counted_tree.h"
#include "replication/data/field_tree.h"
#include "replication/data/hash.h"
#include "replication/data/keyed_leaf.h"

namespace data {

// Some members, in order of (score, member).
class ScoreLeaf : public KeyedLeaf<double> {
 public:
  struct Item {
    double score;
    std::string_view member;
  };

  ScoreLeaf SplitOff() {
    ScoreLeaf upper;
    MoveUpperPart(upper);
    return upper;
  }
  bool TryTake(const ScoreLeaf& next) { return TryAppend(next); }

  // Valid until the leaf is changed.
  Item At(std::size_t index) const { return {KeyAt(index), RecordAt(index)}; }
  // Before the item at `index`.
  void Insert(std::size_t index, double score, std::string_view member);
};

// Each member once. Scores are never NaN. All is O(log size) where nothing else is said.
class ScoreTree final : public Collection {
 public:
  using Item = ScoreLeaf::Item;

  // `hash` is the seeded function of the keyspace: strangers must not choose the order.
  explicit ScoreTree(const KeyHash& hash) : members_(hash) {}

  std::unique_ptr<Collection> Copy() const override { return std::make_unique<ScoreTree>(*this); }
  std::size_t bytes() const override { return sizeof(*this) - sizeof members_ + members_.bytes() + order_.bytes(); }

  std::uint64_t size() const { return order_.items(); }
  std::optional<double> Score(std::string_view member) const;
  // How many members stand before this one; nothing when it is not there.
  std::optional<std::uint64_t> Rank(std::string_view member) const;
  // The item with this rank, which is below size().
  Item AtRank(std::uint64_t rank) const;
  // True when the member is new.
  bool Set(std::string_view member, double score);
  // False when there is no such member.
  bool Erase(std::string_view member);

  // How many items stand before the first of which `before(score)` is false; it must be true for those in front only.
  template <class Before>
  std::uint64_t CountScores(const Before& before) const {
    return Count([&before](double score) { return Side(before(score)); },
                 [&before](const Item& item) { return before(item.score); });
  }
  // The same for `before(member)`: only among members with equal scores it can be true for those in front only.
  template <class Before>
  std::uint64_t CountMembers(const Before& before) const {
    return Count([](double) { return std::weak_ordering::equivalent; },
                 [&before](const Item& item) { return before(item.member); });
  }

  // visit(member, score) for `count` items from `rank` on, towards the end or, in reverse, towards the beginning;
  // there must be as many. Nothing may change meanwhile.
  template <class Visit>
  void ForRange(std::uint64_t rank, std::uint64_t count, bool reverse, Visit&& visit) const {
    if (count == 0) return;
    auto at = order_.AtRank(rank);
    auto index = static_cast<std::size_t>(rank - at.rank());
    while (true) {
      const Item item = at->At(index);
      visit(item.member, item.score);
      if (--count == 0) return;
      if (!reverse) {
        if (++index < at->items()) continue;
        at.Next();
        index = 0;
      } else if (index > 0) {
        --index;
      } else {
        at.Previous();
        index = at->items() - 1;
      }
    }
  }
  // As FieldTree::Scan(), with the score.
  template <class Visit>
  std::uint64_t Scan(std::uint64_t cursor, std::size_t count, Visit&& visit) const {
    return members_.Scan(cursor, count,
                         [&visit](std::string_view member, std::string_view score) { visit(member, ScoreOf(score)); });
  }
  void CheckShape() const;

 private:
  using Tree = CountedTree<ScoreLeaf>;

  static std::weak_ordering Side(bool before) {
    return before ? std::weak_ordering::less : std::weak_ordering::greater;
  }
  static double ScoreOf(std::string_view bytes);

  // Where an item stands or would be inserted.
  struct Place {
    Tree::Cursor at;        // not valid() when there are none
    std::size_t index = 0;  // in its leaf; perhaps behind the last one
    std::uint64_t rank() const { return at.valid() ? at.rank() + index : 0; }
  };

  // The first item that is not `before`. `side(score)` says how an item stands by its score alone, `before(item)` what
  // that leaves open.
  template <class ByScore, class Before>
  Place FirstNot(const ByScore& side, const Before& before) const {
    struct Order {
      const ByScore& side;
      const Before& before;
      std::weak_ordering operator()(double score) const { return side(score); }
      std::weak_ordering operator()(const ScoreLeaf& leaf) const { return Side(before(leaf.At(0))); }
    };
    const auto at = order_.Seek(Order{side, before});
    if (!at.valid()) return {at, 0};
    std::size_t low = 0;
    std::size_t high = at->items();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (before(at->At(middle))) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return {at, low};
  }
  template <class ByScore, class Before>
  std::uint64_t Count(const ByScore& side, const Before& before) const {
    return FirstNot(side, before).rank();
  }
  Place PlaceOf(double score, std::string_view member) const;
  Place PlaceOfItem(double score, std::string_view member) const;  // of one that is there

  FieldTree members_;  // with the eight bytes of their scores
  Tree order_;
};

}  // namespace data
