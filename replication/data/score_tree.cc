#include "replication/data/score_tree.h"

#include <algorithm>
#include <cstring>

#include "replication/base/check.h"

namespace data {

void ScoreLeaf::Insert(std::size_t index, double score, std::string_view member) {
  char* room = InsertRoom(index, score, member.size());
  if (!member.empty()) std::memcpy(room, member.data(), member.size());
}

double ScoreTree::ScoreOf(std::string_view bytes) {
  double score;
  VIGIL_CHECK(bytes.size() == sizeof score);
  std::memcpy(&score, bytes.data(), sizeof score);
  return score;
}

std::optional<double> ScoreTree::Score(std::string_view member) const {
  const auto bytes = members_.Find(member);
  if (!bytes) return std::nullopt;
  return ScoreOf(*bytes);
}

std::uint64_t ScoreTree::CountBefore(double score, std::string_view member) const {
  return Count(
      [score](double other) {
        if (other == score) return std::weak_ordering::equivalent;
        return Side(other < score);
      },
      [score, member](const Item& item) {
        return item.score < score || (item.score == score && item.member < member);
      });
}

std::optional<std::uint64_t> ScoreTree::Rank(std::string_view member) const {
  const auto score = Score(member);
  if (!score) return std::nullopt;
  return CountBefore(*score, member);
}

ScoreTree::Item ScoreTree::AtRank(std::uint64_t rank) const {
  const auto at = order_.AtRank(rank);
  return at->At(static_cast<std::size_t>(rank - at.rank()));
}

bool ScoreTree::Set(std::string_view member, double score) {
  const auto old = Score(member);
  // 0 and -0 are the same place in the order; the one that was there first stays.
  if (old && *old == score) return false;
  if (old) {
    const std::uint64_t rank = CountBefore(*old, member);
    const auto at = order_.AtRank(rank);
    const auto index = static_cast<std::size_t>(rank - at.rank());
    order_.Edit(at, [index](ScoreLeaf& leaf) { leaf.Erase(index); });
  }
  members_.Set(member, {reinterpret_cast<const char*>(&score), sizeof score});

  const std::uint64_t rank = CountBefore(score, member);
  // Behind the last of the items before it, or in front of all.
  const auto at = rank == 0 ? order_.First() : order_.AtRank(rank - 1);
  const auto index = order_.empty() ? 0 : static_cast<std::size_t>(rank - at.rank());
  order_.Edit(at, [&](ScoreLeaf& leaf) { leaf.Insert(index, score, member); });
  return !old;
}

bool ScoreTree::Erase(std::string_view member) {
  const auto score = Score(member);
  if (!score) return false;
  const std::uint64_t rank = CountBefore(*score, member);
  const auto at = order_.AtRank(rank);
  const auto index = static_cast<std::size_t>(rank - at.rank());
  VIGIL_CHECK(at->At(index).member == member);
  members_.Erase(member);
  order_.Edit(at, [index](ScoreLeaf& leaf) { leaf.Erase(index); });
  return true;
}

void ScoreTree::CheckShape() const {
  members_.CheckShape();
  order_.CheckShape();
  VIGIL_CHECK(members_.size() == order_.items());
  std::optional<Item> last;
  for (auto at = order_.First(); at.valid(); at.Next()) {
    for (std::size_t i = 0; i < at->items(); ++i) {
      const Item item = at->At(i);
      VIGIL_CHECK(Score(item.member) == item.score);
      VIGIL_CHECK(!last || last->score < item.score || (last->score == item.score && last->member < item.member));
      last = item;
    }
  }
}

}  // namespace data
