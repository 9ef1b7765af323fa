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

ScoreTree::Place ScoreTree::PlaceOf(double score, std::string_view member) const {
  return FirstNot(
      [score](double other) {
        if (other == score) return std::weak_ordering::equivalent;
        return Side(other < score);
      },
      [score, member](const Item& item) {
        return item.score < score || (item.score == score && item.member < member);
      });
}

ScoreTree::Place ScoreTree::PlaceOfItem(double score, std::string_view member) const {
  Place place = PlaceOf(score, member);
  if (place.index == place.at->items()) {  // it is the first of the next leaf
    place.at.Next();
    place.index = 0;
  }
  return place;
}

std::optional<std::uint64_t> ScoreTree::Rank(std::string_view member) const {
  const auto score = Score(member);
  if (!score) return std::nullopt;
  return PlaceOf(*score, member).rank();
}

ScoreTree::Item ScoreTree::AtRank(std::uint64_t rank) const {
  const auto at = order_.AtRank(rank);
  return at->At(static_cast<std::size_t>(rank - at.rank()));
}

bool ScoreTree::Set(std::string_view member, double score) {
  std::optional<double> old;
  bool stays = false;
  members_.SetBy(member, [&](std::optional<std::string_view> bytes) -> std::optional<std::string_view> {
    if (bytes) old = ScoreOf(*bytes);
    // 0 and -0 are the same place in the order; the one that was there first stays.
    stays = old == score;
    if (stays) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(&score), sizeof score);
  });
  if (stays) return false;
  if (old) {
    const Place place = PlaceOfItem(*old, member);
    order_.Edit(place.at, [&place](ScoreLeaf& leaf) { leaf.Erase(place.index); });
  }
  const Place place = PlaceOf(score, member);
  order_.Edit(place.at, [&](ScoreLeaf& leaf) { leaf.Insert(place.index, score, member); });
  return !old;
}

bool ScoreTree::Erase(std::string_view member) {
  const auto score = Score(member);
  if (!score) return false;
  const Place place = PlaceOfItem(*score, member);
  VIGIL_CHECK(place.at->At(place.index).member == member);
  members_.Erase(member);
  order_.Edit(place.at, [&place](ScoreLeaf& leaf) { leaf.Erase(place.index); });
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
