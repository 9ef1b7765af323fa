#include "replication/data/score_tree.h"

#include <algorithm>
#include <cstring>

#include "replication/base/check.h"

namespace data {

void ScoreLeaf::Shift(std::size_t from, std::int64_t by) {
  for (std::size_t i = from; i < count_; ++i) starts_[i] = static_cast<std::uint32_t>(starts_[i] + by);
}

void ScoreLeaf::Insert(std::size_t index, double score, std::string_view member) {
  VIGIL_CHECK(count_ <= kMostItems && index <= count_);
  const std::size_t start = index < count_ ? starts_[index] : bytes_.size();
  bytes_.Splice(start, 0, member);
  Shift(index, static_cast<std::int64_t>(member.size()));
  std::copy_backward(scores_.begin() + index, scores_.begin() + count_, scores_.begin() + count_ + 1);
  std::copy_backward(starts_.begin() + index, starts_.begin() + count_, starts_.begin() + count_ + 1);
  scores_[index] = score;
  starts_[index] = static_cast<std::uint32_t>(start);
  ++count_;
}

void ScoreLeaf::Erase(std::size_t index) {
  const std::size_t size = EndOf(index) - starts_[index];
  bytes_.Splice(starts_[index], size, {});
  std::copy(scores_.begin() + index + 1, scores_.begin() + count_, scores_.begin() + index);
  std::copy(starts_.begin() + index + 1, starts_.begin() + count_, starts_.begin() + index);
  --count_;
  Shift(index, -static_cast<std::int64_t>(size));
}

ScoreLeaf ScoreLeaf::SplitOff() {
  // Where about half of the bytes are, and half of the items when they are all small.
  std::size_t at = count_ / 2;
  if (count_ <= kMostItems) {
    while (at > 1 && starts_[at] > bytes_.size() / 2) --at;
    while (at + 1 < count_ && starts_[at] < bytes_.size() / 2) ++at;
  }
  ScoreLeaf upper;
  upper.count_ = static_cast<std::uint32_t>(count_ - at);
  std::copy(scores_.begin() + at, scores_.begin() + count_, upper.scores_.begin());
  std::copy(starts_.begin() + at, starts_.begin() + count_, upper.starts_.begin());
  const std::size_t cut = starts_[at];
  upper.bytes_ = ByteRun(bytes_.view().substr(cut));
  upper.Shift(0, -static_cast<std::int64_t>(cut));
  bytes_.Splice(cut, bytes_.size() - cut, {});
  count_ = static_cast<std::uint32_t>(at);
  return upper;
}

bool ScoreLeaf::TryTake(const ScoreLeaf& next) {
  // Not to the brim: the next insertion would split it again.
  if (count_ + next.count_ > kMostItems * 3 / 4 || bytes_.size() + next.bytes_.size() > kManyBytes) return false;
  const std::size_t before = bytes_.size();
  const std::size_t first = count_;
  std::copy_n(next.scores_.begin(), next.count_, scores_.begin() + count_);
  std::copy_n(next.starts_.begin(), next.count_, starts_.begin() + count_);
  bytes_.Splice(before, 0, next.bytes_.view());
  count_ += next.count_;
  Shift(first, static_cast<std::int64_t>(before));
  return true;
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
