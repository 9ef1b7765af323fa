#include "replication/data/list_tree.h"

#include <algorithm>

#include "replication/base/check.h"

namespace data {
namespace {

std::int64_t Index(std::size_t index) {
  return static_cast<std::int64_t>(index);
}

}  // namespace

ListLimits ListLimits::Of(std::int64_t setting) {
  constexpr std::size_t kSafe = 8192;
  if (setting >= 0) return {kSafe, static_cast<std::size_t>(std::max<std::int64_t>(1, setting))};
  return {std::size_t{4096} << (std::min<std::int64_t>(5, -setting) - 1), 0};
}

ListLeaf ListLeaf::SplitOff() {
  const std::size_t count = items();
  std::size_t keep = count / 2;
  if (inserted_at_ == 0) {
    keep = 1;
  } else if (inserted_at_ + 1 == count) {
    keep = count - 1;
  } else {
    // Where about half of the bytes are.
    const ListpackView all = view();
    keep = 0;
    for (auto at = all.Begin(); keep + 1 < count && (keep == 0 || at < all.bytes().size() / 2); at = all.Next(at)) {
      ++keep;
    }
  }
  const ListpackView all = view();
  const auto from = all.At(Index(keep));
  ListLeaf upper(Listpack(all.Slice(from, all.End(), count - keep)), limits_);
  upper.inserted_at_ = upper.items();  // nowhere: it is not known to grow at an end
  pack_ = Listpack(all.Slice(all.Begin(), from, keep));
  return upper;
}

bool ListLeaf::TryTake(const ListLeaf& next) {
  // Not to the brim: the next insertion would split it again.
  const std::size_t bytes = pack_.bytes() + next.pack_.bytes();
  if (limits_.Exceeded(bytes + bytes / 3, items() + next.items())) return false;
  pack_.AppendAll(next.view());
  return true;
}

void ListLeaf::Insert(std::size_t index, std::string_view text, const ListLimits& limits) {
  limits_ = limits;
  inserted_at_ = index;
  pack_.Insert(view().At(Index(index)), text);
}

void ListLeaf::Replace(std::size_t index, std::string_view text) {
  inserted_at_ = items();
  pack_.Replace(view().At(Index(index)), text);
}

void ListLeaf::Erase(std::size_t index, std::size_t count) {
  pack_.Erase(view().At(Index(index)), count);
}

void ListTree::Insert(std::uint64_t rank, std::string_view text, const ListLimits& limits) {
  VIGIL_CHECK(rank <= size());
  // At an end the element begins a piece of its own when the one there is full: nothing has to be moved or split then.
  if (!tree_.empty() && (rank == 0 || rank == size())) {
    const ListLeaf& end = rank == 0 ? *tree_.First() : *tree_.Last();
    const std::size_t bytes = end.view().bytes().size();
    const bool surely_fits = limits.elements == 0 && bytes + text.size() + Listpack::kMostOverhead <= limits.bytes;
    if (!surely_fits && limits.Exceeded(bytes + Listpack::EncodedSize(text), end.items() + 1)) {
      Listpack pack;
      pack.Append(text);
      ListLeaf leaf(std::move(pack), limits);
      return rank == 0 ? tree_.Prepend(std::move(leaf)) : tree_.Append(std::move(leaf));
    }
  }
  // Between two leaves the earlier one takes it, if there is one.
  const auto cursor = tree_.empty() ? tree_.First() : tree_.AtRank(rank == 0 ? 0 : rank - 1);
  const std::uint64_t before = cursor.rank();
  tree_.Edit(cursor, [&](ListLeaf& leaf) { leaf.Insert(static_cast<std::size_t>(rank - before), text, limits); });
}

void ListTree::Replace(std::uint64_t rank, std::string_view text) {
  const auto cursor = tree_.AtRank(rank);
  const std::uint64_t before = cursor.rank();
  tree_.Edit(cursor, [&](ListLeaf& leaf) { leaf.Replace(static_cast<std::size_t>(rank - before), text); });
}

void ListTree::Erase(std::uint64_t rank, std::uint64_t count) {
  VIGIL_CHECK(rank + count <= size());
  while (count > 0) {
    const auto cursor = tree_.AtRank(rank);
    const auto index = static_cast<std::size_t>(rank - cursor.rank());
    const std::uint64_t here = std::min<std::uint64_t>(count, cursor->items() - index);
    tree_.Edit(cursor, [&](ListLeaf& leaf) { leaf.Erase(index, static_cast<std::size_t>(here)); });
    count -= here;
  }
}

void ListTree::AppendPack(Listpack pack, const ListLimits& limits) {
  VIGIL_CHECK(pack.size() > 0);
  if (!limits.Exceeded(pack.bytes(), pack.size())) {
    const bool small = pack.bytes() < limits.bytes / 4;
    ListLeaf leaf(std::move(pack), limits);
    bool taken = false;
    if (small && !tree_.empty()) {
      tree_.Edit(tree_.Last(), [&](ListLeaf& last) { taken = last.TryTake(leaf); });
    }
    if (!taken) tree_.Append(std::move(leaf));
    return;
  }
  IntText buffer;
  for (const PackedElement& element : pack.view()) Insert(size(), element.Text(buffer), limits);
}

std::uint64_t ListTree::pieces() const {
  std::uint64_t count = 0;
  for (auto cursor = tree_.First(); cursor.valid(); cursor.Next()) ++count;
  return count;
}

}  // namespace data
