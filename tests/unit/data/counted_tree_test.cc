#include "replication/data/counted_tree.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

namespace {

// Numbers in order, few to a leaf, so that small tests grow deep trees. The key is coarser than the number.
struct NumberLeaf {
  using Key = int;
  static constexpr std::size_t kMost = 8;

  std::vector<int> numbers;

  Key FirstKey() const { return numbers.front() / 4; }
  std::uint64_t items() const { return numbers.size(); }
  std::size_t bytes() const { return numbers.size() * sizeof(int); }
  bool TooLarge() const { return numbers.size() > kMost; }
  NumberLeaf SplitOff() {
    const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
    NumberLeaf upper{{middle, numbers.end()}};
    numbers.erase(middle, numbers.end());
    return upper;
  }
  bool TooSmall() const { return numbers.size() < kMost / 4; }
  bool TryTake(const NumberLeaf& next) {
    if (numbers.size() + next.numbers.size() > kMost) return false;
    numbers.insert(numbers.end(), next.numbers.begin(), next.numbers.end());
    return true;
  }
};

using Tree = data::CountedTree<NumberLeaf>;

Tree::Cursor SeekNumber(const Tree& tree, int number) {
  struct Order {
    int number;
    std::weak_ordering operator()(NumberLeaf::Key key) const { return key <=> number / 4; }
    std::weak_ordering operator()(const NumberLeaf& leaf) const { return leaf.numbers.front() <=> number; }
  };
  return tree.Seek(Order{number});
}

// Equal numbers may stand there several times.
void Insert(Tree& tree, int number) {
  tree.Edit(SeekNumber(tree, number), [number](NumberLeaf& leaf) {
    leaf.numbers.insert(std::ranges::upper_bound(leaf.numbers, number), number);
  });
}

bool Erase(Tree& tree, int number) {
  const auto cursor = SeekNumber(tree, number);
  if (!cursor.valid() || !std::ranges::binary_search(cursor->numbers, number)) return false;
  tree.Edit(cursor, [number](NumberLeaf& leaf) { leaf.numbers.erase(std::ranges::lower_bound(leaf.numbers, number)); });
  return true;
}

std::vector<int> All(const Tree& tree) {
  std::vector<int> out;
  for (auto cursor = tree.First(); cursor.valid(); cursor.Next()) {
    CHECK(cursor.rank() == out.size());
    out.insert(out.end(), cursor->numbers.begin(), cursor->numbers.end());
  }
  return out;
}

std::vector<int> AllFromBehind(const Tree& tree) {
  std::vector<int> out;
  for (auto cursor = tree.Last(); cursor.valid(); cursor.Previous()) {
    out.insert(out.begin(), cursor->numbers.begin(), cursor->numbers.end());
  }
  return out;
}

}  // namespace

TEST_CASE("counted tree: an empty one has nothing") {
  Tree tree;
  CHECK(tree.empty());
  CHECK(tree.items() == 0);
  CHECK(tree.bytes() == 0);
  CHECK_FALSE(tree.First().valid());
  CHECK_FALSE(tree.Last().valid());
  CHECK_FALSE(tree.AtRank(0).valid());
  CHECK_FALSE(SeekNumber(tree, 1).valid());
  tree.Edit(tree.First(), [](NumberLeaf&) {});
  CHECK(tree.empty());
  tree.CheckShape();
}

TEST_CASE("counted tree: insertions and erasures in any order, found by order and by rank") {
  CHECK(rc::check([] {
    Tree tree;
    std::vector<int> model;
    const int range = *rc::gen::element(10, 300, 3000);
    for (const int drawn : *rc::gen::container<std::vector<int>>(600, rc::gen::inRange(-range, range))) {
      const int number = std::abs(drawn);
      if (drawn >= 0) {
        Insert(tree, number);
        model.insert(std::ranges::upper_bound(model, number), number);
      } else {
        const auto at = std::ranges::lower_bound(model, number);
        const bool there = at != model.end() && *at == number;
        // Equal numbers may lie in two leaves, and the seek finds the last of them.
        RC_ASSERT(Erase(tree, number) == there);
        if (there) model.erase(at);
      }
    }
    tree.CheckShape();
    RC_ASSERT(tree.items() == model.size());
    RC_ASSERT(All(tree) == model);
    RC_ASSERT(AllFromBehind(tree) == model);
    for (std::size_t rank = 0; rank < model.size(); ++rank) {
      const auto cursor = tree.AtRank(rank);
      RC_ASSERT(cursor->numbers[rank - cursor.rank()] == model[rank]);
    }
    RC_ASSERT(!tree.AtRank(model.size()).valid());
  }));
}

TEST_CASE("counted tree: it shrinks as it grew, down to nothing") {
  Tree tree;
  std::vector<int> numbers(5000);
  std::iota(numbers.begin(), numbers.end(), 0);
  for (const int number : numbers) Insert(tree, number);
  CHECK(tree.items() == 5000);
  const std::size_t full = tree.bytes();
  // From both ends towards the middle, and what is left is still dense.
  for (int i = 0; i < 2400; ++i) {
    CHECK(Erase(tree, i));
    CHECK(Erase(tree, 4999 - i));
  }
  tree.CheckShape();
  CHECK(tree.items() == 200);
  CHECK(tree.bytes() < full / 15);
  for (int i = 2400; i < 2600; ++i) CHECK(Erase(tree, i));
  CHECK(tree.empty());
  CHECK(tree.bytes() == 0);
}

TEST_CASE("counted tree: leaves can be appended") {
  Tree tree;
  std::vector<int> expected;
  for (int i = 0; i < 1000; ++i) {
    tree.Append(NumberLeaf{{2 * i, 2 * i + 1}});
    expected.push_back(2 * i);
    expected.push_back(2 * i + 1);
  }
  tree.CheckShape();
  CHECK(All(tree) == expected);
  CHECK(SeekNumber(tree, 1001)->numbers == std::vector<int>{1000, 1001});
}

TEST_CASE("counted tree: a copy stays what it was, whatever happens to the other") {
  CHECK(rc::check([] {
    Tree tree;
    struct Copy {
      Tree tree;
      std::vector<int> numbers;
    };
    std::vector<Copy> copies;
    std::vector<int> model;
    for (const int drawn : *rc::gen::container<std::vector<int>>(400, rc::gen::inRange(-300, 400))) {
      if (drawn % 37 == 0) copies.push_back(Copy{tree, model});
      if (drawn % 71 == 0 && !copies.empty()) copies.erase(copies.begin());
      const int number = std::abs(drawn) / 2;
      const auto at = std::ranges::lower_bound(model, number);
      if (drawn >= 0) {
        Insert(tree, number);
        model.insert(at, number);
      } else if (Erase(tree, number)) {
        model.erase(at);
      }
    }
    RC_ASSERT(All(tree) == model);
    tree.CheckShape();
    for (const Copy& copy : copies) {
      copy.tree.CheckShape();
      RC_ASSERT(All(copy.tree) == copy.numbers);
    }
  }));
}

TEST_CASE("counted tree: another thread may read and destroy a copy meanwhile") {
  Tree tree;
  for (int i = 0; i < 20000; ++i) Insert(tree, i);
  std::optional<Tree> copy(tree);
  std::vector<int> seen;
  std::thread reader([&copy, &seen] {
    for (auto cursor = copy->First(); cursor.valid(); cursor.Next()) {
      seen.insert(seen.end(), cursor->numbers.begin(), cursor->numbers.end());
    }
    copy.reset();
  });
  for (int i = 0; i < 20000; i += 2) Erase(tree, i);
  for (int i = 0; i < 20000; i += 3) Insert(tree, i);
  reader.join();
  std::vector<int> expected(20000);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(seen == expected);
  tree.CheckShape();
}
