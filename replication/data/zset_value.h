// Sorted sets, packed or not.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "replication/data/float_text.h"
#include "replication/data/keyspace.h"
#include "replication/data/listpack.h"
#include "replication/data/score_range.h"
#include "replication/data/score_tree.h"

namespace data {

// Items from the `first` to the one before `last`, counted in the order of (score, member).
struct RankRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  std::uint64_t size() const { return last - first; }
};

// A sorted set to be read. Valid until the key is changed.
class ZsetView {
 public:
  // Packed: member, score, member, score ... in order.
  explicit ZsetView(ListpackView packed) : packed_(packed) {}
  explicit ZsetView(const ScoreTree& tree) : tree_(&tree) {}
  // `entry` must hold a sorted set.
  explicit ZsetView(const Entry& entry);

  bool packed() const { return packed_.has_value(); }
  std::uint64_t size() const { return packed_ ? packed_->size() / 2 : tree_->size(); }
  std::optional<double> Score(std::string_view member) const;
  std::optional<std::uint64_t> Rank(std::string_view member) const;

  RankRange All() const { return {0, size()}; }
  // What is within the bounds. O(log size), packed O(size).
  RankRange Within(const ScoreRange& range) const;
  // Among members of equal scores. Where scores differ, the answer is Redis' for what is packed, where it depends on
  // the end from which one comes, and no one's for what is not.
  RankRange Within(const MemberRange& range, bool from_end) const;

  // visit(member, score) for all of them, backwards when `reverse`.
  template <class Visit>
  void ForRange(RankRange range, bool reverse, Visit&& visit) const {
    std::uint64_t left = range.size();
    if (left == 0) return;
    const std::uint64_t begin = reverse ? range.last - 1 : range.first;
    if (!packed_) return tree_->ForRange(begin, left, reverse, visit);
    IntText buffer;
    auto at = packed_->At(static_cast<std::int64_t>(2 * begin));
    while (true) {
      const auto score_at = packed_->Next(at);
      visit(packed_->Get(at).Text(buffer), PackedScore(score_at));
      if (--left == 0) return;
      at = reverse ? packed_->Previous(packed_->Previous(at)) : packed_->Next(score_at);
    }
  }
  template <class Visit>
  void ForEach(Visit&& visit) const {
    ForRange(All(), false, visit);
  }
  // visit(member, score text), in pieces as FieldTree::Scan(); what is packed is visited at once.
  template <class Visit>
  std::uint64_t Scan(std::uint64_t cursor, std::size_t count, Visit&& visit) const {
    ScoreText score_text;
    if (!packed_) {
      return tree_->Scan(cursor, count,
                         [&](std::string_view member, double score) { visit(member, TextOf(score, score_text)); });
    }
    IntText member;
    IntText score;
    for (auto at = packed_->Begin(); at != packed_->End();) {
      const auto score_at = packed_->Next(at);
      visit(packed_->Get(at).Text(member), packed_->Get(score_at).Text(score));
      at = packed_->Next(score_at);
    }
    return 0;
  }

 private:
  double PackedScore(ListpackView::Position at) const;

  std::optional<ListpackView> packed_;
  const ScoreTree* tree_ = nullptr;
};

// A sorted set taken out of the keyspace to be changed (Keyspace::Change()). Becomes a tree when it has outgrown the
// limits, and stays one.
class ZsetEditor {
 public:
  // A new one when `contents` holds nothing.
  ZsetEditor(Contents& contents, const Keyspace& keyspace);
  ~ZsetEditor();
  ZsetEditor(const ZsetEditor&) = delete;
  ZsetEditor& operator=(const ZsetEditor&) = delete;

  ZsetView view() const { return tree_ != nullptr ? ZsetView(*tree_) : ZsetView(pack_.view()); }
  // True when the member is new. `score` must not be NaN.
  bool Set(std::string_view member, double score);
  // False when there is no such member.
  bool Erase(std::string_view member);
  void Erase(RankRange range);
  // What Keyspace::Change() wants to know.
  bool HasItems() const { return view().size() > 0; }

 private:
  void Unpack();
  void InsertPacked(std::string_view member, double score);

  Contents& contents_;
  const Keyspace& keyspace_;
  Listpack pack_;
  ScoreTree* tree_ = nullptr;
};

// What an RDB file brings as type sorted set: the form that this server keeps. Nothing when a member stands there
// twice or has no score; `packed` must be a valid listpack. O(size * log size).
std::optional<Contents> ZsetFromListpack(std::string packed, const Keyspace& keyspace);

// What was made as a tree, in the form that this server keeps it in: packed within the limits. (Redis packs late as
// well: only so a score of -0 lasts.) `tree` has items. O(size).
Contents ZsetFromTree(std::unique_ptr<ScoreTree> tree, const Keyspace& keyspace);

}  // namespace data
