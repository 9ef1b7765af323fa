#include "replication/data/zset_value.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/data/data_support.h"

using namespace data;

namespace {

using Item = std::pair<double, std::string>;

std::vector<Item> ItemsOf(const ZsetView& zset, RankRange range, bool reverse) {
  std::vector<Item> items;
  zset.ForRange(range, reverse, [&items](std::string_view member, double score) { items.emplace_back(score, member); });
  return items;
}

void SetMany(Keyspace& keyspace, std::string_view key, int n) {
  keyspace.Change(keyspace.Find(0, key), key, ValueType::kZset, [&](Contents& contents) {
    ZsetEditor zset(contents, keyspace);
    for (int i = 1; i <= n; ++i) zset.Set(fmt::format("m{}", i), i % 17);
    return true;
  });
}

std::string PackedOf(const std::vector<std::string>& elements) {
  Listpack pack;
  for (const std::string& element : elements) pack.Append(element);
  return pack.Take();
}

}  // namespace

TEST_CASE("zset: members are set, found, counted and erased in the order of their scores, packed or not") {
  CHECK(rc::check([] {
    Keyspace keyspace(1, 7);
    PackingLimits limits;
    limits.zset_entries = *rc::gen::element<std::size_t>(0, 4, 128);
    limits.zset_value = *rc::gen::element<std::size_t>(3, 64);
    keyspace.set_limits(limits);
    Scores model;
    const int range = *rc::gen::element(8, 300);
    for (int round = 0; round < 20; ++round) {
      const auto drawn =
          *rc::gen::container<std::vector<int>>(*rc::gen::inRange(0, 60), rc::gen::inRange(-range, range));
      keyspace.Change(keyspace.Find(0, "z"), "z", ValueType::kZset, [&](Contents& contents) {
        ZsetEditor zset(contents, keyspace);
        for (const int n : drawn) {
          const std::string member = fmt::format("{}{}", n % 3 == 0 ? "member" : "", std::abs(n));
          if (n < 0) {
            RC_ASSERT(zset.Erase(member) == (model.erase(member) > 0));
          } else {
            const double score = (round * 7 + n) % 13 / 4.0;
            RC_ASSERT(zset.Set(member, score) == model.insert_or_assign(member, score).second);
          }
        }
        return zset.HasItems();
      });
      const Spot spot = keyspace.Find(0, "z");
      RC_ASSERT(static_cast<bool>(spot) == !model.empty());
      if (!spot) continue;
      RC_ASSERT(ValueText(*spot) == ZsetText(model));
      const ZsetView view(*spot);
      if (!view.packed()) static_cast<const ScoreTree&>(spot->tree()).CheckShape();
      std::vector<Item> sorted;
      for (const auto& [member, score] : model) sorted.emplace_back(score, member);
      std::ranges::sort(sorted);
      RC_ASSERT(ItemsOf(view, view.All(), false) == sorted);
      for (std::uint64_t rank = 0; rank < sorted.size(); ++rank) {
        RC_ASSERT(view.Rank(sorted[rank].second) == rank);
        RC_ASSERT(view.Score(sorted[rank].second) == sorted[rank].first);
      }
      RC_ASSERT(!view.Score("missing"));
      RC_ASSERT(!view.Rank("missing"));

      ScoreRange scores;
      scores.min = *rc::gen::inRange(-1, 14) / 4.0;
      scores.max = *rc::gen::inRange(-1, 14) / 4.0;
      scores.min_open = *rc::gen::arbitrary<bool>();
      scores.max_open = *rc::gen::arbitrary<bool>();
      std::vector<Item> within;
      for (const Item& item : sorted) {
        if (scores.ReachesMin(item.first) && scores.StaysBelowMax(item.first)) within.push_back(item);
      }
      RC_ASSERT(ItemsOf(view, view.Within(scores), false) == within);
      std::ranges::reverse(within);
      RC_ASSERT(ItemsOf(view, view.Within(scores), true) == within);
    }
  }));
}

TEST_CASE("zset: members of one score are found by their own order") {
  CHECK(rc::check([] {
    Keyspace keyspace(1, 7);
    PackingLimits limits;
    limits.zset_entries = *rc::gen::element<std::size_t>(0, 128);
    keyspace.set_limits(limits);
    std::set<std::string> model;
    Contents contents;
    const auto drawn = *rc::gen::container<std::vector<int>>(100, rc::gen::inRange(0, 300));
    {
      ZsetEditor zset(contents, keyspace);
      for (const int n : drawn) {
        zset.Set(fmt::format("{}", n), 1);
        model.insert(fmt::format("{}", n));
      }
      const auto bound = [](const char* open_end) {
        if (*rc::gen::inRange(0, 4) == 0) return std::string(open_end);
        return fmt::format("{}{}", *rc::gen::arbitrary<bool>() ? "[" : "(", *rc::gen::inRange(0, 300));
      };
      const std::string low = bound("-");
      const std::string high = bound("+");
      const auto range = ParseMemberRange(low, high);
      std::vector<Item> within;
      for (const std::string& member : model) {
        if (range->ReachesMin(member) && range->StaysBelowMax(member)) within.emplace_back(1, member);
      }
      for (const bool from_end : {false, true}) {
        RC_ASSERT(ItemsOf(zset.view(), zset.view().Within(*range, from_end), false) == within);
      }
    }
  }));
}

TEST_CASE("zset: it is packed up to the limits of the configuration, and never again") {
  Keyspace keyspace(1);
  SetMany(keyspace, "z", 128);
  CHECK(ZsetView(*keyspace.Find(0, "z")).packed());
  SetMany(keyspace, "z", 129);
  CHECK_FALSE(ZsetView(*keyspace.Find(0, "z")).packed());
  keyspace.Change(keyspace.Find(0, "z"), "z", ValueType::kZset, [&](Contents& contents) {
    ZsetEditor zset(contents, keyspace);
    zset.Erase(RankRange{1, 129});
    return zset.HasItems();
  });
  CHECK_FALSE(ZsetView(*keyspace.Find(0, "z")).packed());
  CHECK(ZsetView(*keyspace.Find(0, "z")).size() == 1);
}

TEST_CASE("zset: scores are packed as redis-server packs them") {
  Keyspace keyspace(1);
  const auto packed = [&](double score) {
    Contents contents;
    ZsetEditor(contents, keyspace).Set("m", score);
    IntText buffer;
    const ListpackView view(contents.packed);
    return std::string(view.Get(view.At(1)).Text(buffer));
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  CHECK(packed(0.1) == "0.10000000000000001");
  CHECK(packed(-0.0) == "0");
  CHECK(packed(1e18) == "1000000000000000000");
  CHECK(packed(4.7e18) == "4.7e+18");
  CHECK(packed(kInfinity) == "inf");
  CHECK(packed(-kInfinity) == "-inf");
  CHECK(packed(-3) == "-3");
}

TEST_CASE("zset: a file's listpack is kept as it is, judged, or put in order") {
  Keyspace keyspace(1);
  const std::string good = PackedOf({"a", "1", "b", "1", "c", "2.5"});
  CHECK(ZsetFromListpack(good, keyspace)->packed == good);
  CHECK(ZsetFromListpack(PackedOf({"c", "2.5", "b", "1", "a", "1"}), keyspace)->packed == good);
  CHECK_FALSE(ZsetFromListpack(PackedOf({"a", "1", "b"}), keyspace));
  CHECK_FALSE(ZsetFromListpack(PackedOf({"a", "1", "a", "2"}), keyspace));
  CHECK_FALSE(ZsetFromListpack(PackedOf({"a", "nan"}), keyspace));
  CHECK_FALSE(ZsetFromListpack(PackedOf({"a", "1x"}), keyspace));
  CHECK_FALSE(ZsetFromListpack(PackedOf({}), keyspace));
  PackingLimits limits;
  limits.zset_entries = 2;
  keyspace.set_limits(limits);
  CHECK(ZsetFromListpack(good, keyspace)->tree != nullptr);
}

TEST_CASE("zset: a copy keeps what it had, and memory is counted exactly") {
  Keyspace keyspace(1);
  const std::uint64_t empty = keyspace.memory();
  SetMany(keyspace, "small", 10);
  SetMany(keyspace, "large", 5000);
  keyspace.CopyTo(keyspace.Find(0, "large"), 0, "copy");
  SetMany(keyspace, "copy", 6000);
  CHECK(ZsetView(*keyspace.Find(0, "large")).size() == 5000);
  CHECK(ZsetView(*keyspace.Find(0, "copy")).size() == 6000);
  for (const char* key : {"small", "large", "copy"}) keyspace.Erase(keyspace.Find(0, key));
  CHECK(keyspace.TakeDiscarded().collections.size() == 2);
  CHECK(keyspace.memory() == empty);
}

TEST_CASE("zset: long members have their place in a tree") {
  ScoreTree tree{KeyHash(1)};
  Scores model;
  for (int i = 0; i < 300; ++i) {
    const std::string member = fmt::format("{}{}", i, std::string(static_cast<std::size_t>(i * 37 % 6000), 'x'));
    tree.Set(member, i % 5);
    model[member] = i % 5;
    if (i % 3 == 0) {
      tree.Erase(member);
      model.erase(member);
    }
    tree.CheckShape();
  }
  CHECK(tree.size() == model.size());
  for (const auto& [member, score] : model) CHECK(tree.Score(member) == score);
}
