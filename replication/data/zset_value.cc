#include "replication/data/zset_value.h"

#include <charconv>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "replication/base/check.h"

namespace data {
namespace {

// A score as it was packed; nothing when it is none.
std::optional<double> ScoreIn(const PackedElement& element) {
  if (element.integer) return static_cast<double>(*element.integer);
  double score = 0;
  const char* end = element.text.data() + element.text.size();
  const auto [stop, error] = std::from_chars(element.text.data(), end, score);
  if (error != std::errc() || stop != end || std::isnan(score)) return std::nullopt;
  return score;
}

// Redis packs whole numbers as integers, up to half of what 64 bits hold.
std::string_view PackedText(double score, ScoreText& buffer) {
  constexpr double kLimit = 4611686018427387904.0;  // 2^62
  if (std::abs(score) > kLimit || score != std::trunc(score)) return TextOf(score, buffer);
  const auto [end, error] =
      std::to_chars(buffer.digits, buffer.digits + sizeof buffer.digits, static_cast<std::int64_t>(score));
  return {buffer.digits, end};
}

}  // namespace

ZsetView::ZsetView(const Entry& entry) {
  VIGIL_CHECK(entry.type() == ValueType::kZset);
  if (entry.encoding() == Encoding::kTree) {
    tree_ = static_cast<const ScoreTree*>(&entry.tree());
  } else {
    packed_.emplace(entry.Packed());
  }
}

double ZsetView::PackedScore(ListpackView::Position at) const {
  const auto score = ScoreIn(packed_->Get(at));
  VIGIL_CHECK(score.has_value());
  return *score;
}

std::optional<double> ZsetView::Score(std::string_view member) const {
  if (!packed_) return tree_->Score(member);
  const auto at = packed_->Find(member, packed_->Begin(), 2);
  if (at == packed_->End()) return std::nullopt;
  return PackedScore(packed_->Next(at));
}

std::optional<std::uint64_t> ZsetView::Rank(std::string_view member) const {
  if (!packed_) return tree_->Rank(member);
  const auto found = packed_->Find(member, packed_->Begin(), 2);
  if (found == packed_->End()) return std::nullopt;
  std::uint64_t rank = 0;
  for (auto at = packed_->Begin(); at != found; at = packed_->Next(packed_->Next(at))) ++rank;
  return rank;
}

RankRange ZsetView::Within(const ScoreRange& range) const {
  RankRange ranks;
  if (packed_) {
    ForEach([&](std::string_view, double score) {
      if (!range.ReachesMin(score)) ++ranks.first;
      if (range.StaysBelowMax(score)) ++ranks.last;
    });
  } else {
    ranks.first = tree_->CountScores([&range](double score) { return !range.ReachesMin(score); });
    ranks.last = tree_->CountScores([&range](double score) { return range.StaysBelowMax(score); });
  }
  if (ranks.last < ranks.first) ranks.last = ranks.first;
  return ranks;
}

RankRange ZsetView::Within(const MemberRange& range, bool from_end) const {
  const std::uint64_t count = size();
  if (count == 0 || range.Empty()) return {};
  RankRange ranks;
  if (!packed_) {
    ranks.first = tree_->CountMembers([&range](std::string_view member) { return !range.ReachesMin(member); });
    ranks.last = tree_->CountMembers([&range](std::string_view member) { return range.StaysBelowMax(member); });
    if (ranks.last < ranks.first) ranks.last = ranks.first;
    return ranks;
  }
  struct Sides {
    bool reaches_min;
    bool below_max;
  };
  std::vector<Sides> sides;
  sides.reserve(count);
  ForEach([&](std::string_view member, double) {
    sides.push_back(Sides{range.ReachesMin(member), range.StaysBelowMax(member)});
  });
  if (!sides.back().reaches_min || !sides.front().below_max) return {};
  if (from_end) {
    ranks.last = count;
    while (ranks.last > 0 && !sides[ranks.last - 1].below_max) --ranks.last;
    ranks.first = ranks.last;
    while (ranks.first > 0 && sides[ranks.first - 1].reaches_min) --ranks.first;
  } else {
    while (ranks.first < count && !sides[ranks.first].reaches_min) ++ranks.first;
    ranks.last = ranks.first;
    while (ranks.last < count && sides[ranks.last].below_max) ++ranks.last;
  }
  return ranks;
}

ZsetEditor::ZsetEditor(Contents& contents, const Keyspace& keyspace) : contents_(contents), keyspace_(keyspace) {
  if (contents_.tree != nullptr) {
    tree_ = static_cast<ScoreTree*>(contents_.tree.get());
  } else if (!contents_.packed.empty()) {
    pack_ = Listpack(std::move(contents_.packed));
  }
}

ZsetEditor::~ZsetEditor() {
  contents_.packing = Packing::kListpack;
  if (tree_ == nullptr) contents_.packed = pack_.Take();
}

void ZsetEditor::Unpack() {
  auto tree = std::make_unique<ScoreTree>(keyspace_.field_hash());
  ZsetView(pack_.view()).ForEach([&tree](std::string_view member, double score) { tree->Set(member, score); });
  tree_ = tree.get();
  contents_.tree = std::move(tree);
}

void ZsetEditor::InsertPacked(std::string_view member, double score) {
  const ListpackView view = pack_.view();
  IntText buffer;
  auto at = view.Begin();
  while (at != view.End()) {
    const auto score_at = view.Next(at);
    const double other = *ScoreIn(view.Get(score_at));
    if (other > score || (other == score && view.Get(at).Text(buffer) > member)) break;
    at = view.Next(score_at);
  }
  ScoreText text;
  pack_.Insert(at, member);
  pack_.Insert(pack_.view().Next(at), PackedText(score, text));
}

bool ZsetEditor::Set(std::string_view member, double score) {
  VIGIL_CHECK(!std::isnan(score));
  if (tree_ != nullptr) return tree_->Set(member, score);
  const ListpackView view = pack_.view();
  const auto at = view.Find(member, view.Begin(), 2);
  if (at != view.End()) {
    if (ScoreIn(view.Get(view.Next(at))) == score) return false;
    pack_.Erase(at, 2);
    InsertPacked(member, score);
    return false;
  }
  const PackingLimits& limits = keyspace_.limits();
  if (member.size() > limits.zset_value || pack_.size() / 2 + 1 > limits.zset_entries) {
    Unpack();
    return tree_->Set(member, score);
  }
  InsertPacked(member, score);
  return true;
}

bool ZsetEditor::Erase(std::string_view member) {
  if (tree_ != nullptr) return tree_->Erase(member);
  const ListpackView view = pack_.view();
  const auto at = view.Find(member, view.Begin(), 2);
  if (at == view.End()) return false;
  pack_.Erase(at, 2);
  return true;
}

void ZsetEditor::Erase(RankRange range) {
  if (range.size() == 0) return;
  if (tree_ == nullptr) {
    pack_.Erase(pack_.view().At(static_cast<std::int64_t>(2 * range.first)), 2 * range.size());
    return;
  }
  std::string member;  // what is erased must not lie in the tree
  for (std::uint64_t left = range.size(); left > 0; --left) {
    member = tree_->AtRank(range.first).member;
    tree_->Erase(member);
  }
}

std::optional<Contents> ZsetFromListpack(std::string packed, const Keyspace& keyspace) {
  const PackingLimits& limits = keyspace.limits();
  const ListpackView view(packed);
  const std::size_t elements = view.size();
  if (elements == 0 || elements % 2 != 0) return std::nullopt;

  bool stays = elements / 2 <= limits.zset_entries;
  auto tree = std::make_unique<ScoreTree>(keyspace.field_hash());
  std::optional<std::pair<double, std::string>> last;
  for (auto at = view.Begin(); at != view.End();) {
    IntText buffer;
    const std::string_view member = view.Get(at).Text(buffer);
    at = view.Next(at);
    const auto score = ScoreIn(view.Get(at));
    at = view.Next(at);
    if (!score || !tree->Set(member, *score)) return std::nullopt;
    // What comes from a client may be out of order: then it is packed anew.
    stays = stays && member.size() <= limits.zset_value && (!last || *last < std::pair(*score, std::string(member)));
    last.emplace(*score, member);
  }
  if (!stays) return ZsetFromTree(std::move(tree), keyspace);
  Contents contents;
  contents.packed = std::move(packed);
  return contents;
}

Contents ZsetFromTree(std::unique_ptr<ScoreTree> tree, const Keyspace& keyspace) {
  const PackingLimits& limits = keyspace.limits();
  const std::uint64_t size = tree->size();
  bool small = size <= limits.zset_entries;
  if (small) {
    tree->ForRange(0, size, false,
                   [&](std::string_view member, double) { small = small && member.size() <= limits.zset_value; });
  }
  Contents contents;
  if (!small) {
    contents.tree = std::move(tree);
    return contents;
  }
  Listpack pack;
  ScoreText text;
  tree->ForRange(0, size, false, [&](std::string_view member, double score) {
    pack.Append(member);
    pack.Append(PackedText(score, text));
  });
  contents.packed = pack.Take();
  return contents;
}

}  // namespace data
