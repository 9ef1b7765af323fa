#include "replication/data/list_value.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <deque>

#include "tests/unit/data/data_support.h"

using namespace data;

namespace {

void PushMany(Keyspace& keyspace, std::string_view key, int n, bool left = false) {
  keyspace.Change(keyspace.Find(0, key), key, ValueType::kList, [&](Contents& contents) {
    ListEditor list(contents, keyspace);
    for (int i = 0; i < n; ++i) list.Insert(left ? 0 : list.size(), fmt::format("element:{}", i));
    return true;
  });
}

bool IsTree(const Keyspace& keyspace, std::string_view key) {
  return keyspace.Find(0, key)->encoding() == Encoding::kTree;
}

}  // namespace

TEST_CASE("list: elements are inserted, replaced, found and erased at any place, packed or not") {
  CHECK(rc::check([] {
    Keyspace keyspace(1, 7);
    PackingLimits limits;
    limits.list_size = *rc::gen::element<std::int64_t>(-2, -1, 1, 4, 100);
    keyspace.set_limits(limits);
    std::vector<std::string> model;
    const std::uint64_t longest = *rc::gen::element<std::uint64_t>(4, 300, 10000);
    base::Random random(*rc::gen::arbitrary<std::uint64_t>());
    for (int round = 0; round < 15; ++round) {
      const double growth = round % 5 == 4 ? 0.2 : 0.8;
      keyspace.Change(keyspace.Find(0, "l"), "l", ValueType::kList, [&](Contents& contents) {
        ListEditor list(contents, keyspace);
        for (std::uint64_t n = random.Below(60); n > 0; --n) {
          if (!model.empty() && !random.Chance(growth)) {
            const std::uint64_t at = random.Below(model.size());
            const std::uint64_t count = random.Below(std::min<std::uint64_t>(model.size() - at, 20) + 1);
            list.Erase(at, count);
            const auto begin = model.begin() + static_cast<std::ptrdiff_t>(at);
            model.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
            continue;
          }
          const std::string text =
              random.Chance(0.3) ? fmt::format("{}", random.Below(100000)) : random.Hex(random.Below(longest));
          // At the ends mostly.
          const std::uint64_t at = random.Chance(0.4)   ? 0
                                   : random.Chance(0.6) ? model.size()
                                                        : random.Below(model.size() + 1);
          if (at < model.size() && random.Chance(0.2)) {
            list.Replace(at, text);
            model[at] = text;
          } else {
            list.Insert(at, text);
            model.insert(model.begin() + static_cast<std::ptrdiff_t>(at), text);
          }
        }
        RC_ASSERT(list.size() == model.size());
        if (contents.tree != nullptr) static_cast<const ListTree&>(*contents.tree).CheckShape();
        return list.HasItems();
      });
      const Spot spot = keyspace.Find(0, "l");
      RC_ASSERT(static_cast<bool>(spot) == !model.empty());
      if (!spot) continue;
      RC_ASSERT(ValueText(*spot) == ListText(model));
      const ListView list(*spot);
      IntText buffer;
      for (int i = 0; i < 20; ++i) {
        const std::uint64_t rank = random.Below(model.size());
        RC_ASSERT(list.At(rank, buffer) == model[rank]);
        std::uint64_t at = rank;
        list.Backward(rank, [&](const PackedElement& element) {
          RC_ASSERT(element.Equals(model[at]));
          return at-- > 0;
        });
        at = rank;
        list.Forward(rank, [&](const PackedElement& element) {
          RC_ASSERT(element.Equals(model[at++]));
          return true;
        });
        RC_ASSERT(at == model.size());
      }
    }
  }));
}

TEST_CASE("list: it is packed up to the limits of the configuration, and never again") {
  Keyspace keyspace(1);
  PushMany(keyspace, "short", 500);
  CHECK_FALSE(IsTree(keyspace, "short"));
  PushMany(keyspace, "long", 5000);
  CHECK(IsTree(keyspace, "long"));
  keyspace.Change(keyspace.Find(0, "long"), "long", ValueType::kList, [&](Contents& contents) {
    ListEditor list(contents, keyspace);
    list.Erase(1, 4999);
    return list.HasItems();
  });
  CHECK(IsTree(keyspace, "long"));
  CHECK(ListView(*keyspace.Find(0, "long")).size() == 1);

  PackingLimits limits;
  limits.list_size = 3;
  keyspace.set_limits(limits);
  PushMany(keyspace, "three", 3);
  PushMany(keyspace, "four", 4);
  CHECK_FALSE(IsTree(keyspace, "three"));
  CHECK(IsTree(keyspace, "four"));
}

TEST_CASE("list: the limits are those that list-max-listpack-size means") {
  CHECK(ListLimits::Of(-1).bytes == 4096);
  CHECK(ListLimits::Of(-2).bytes == 8192);
  CHECK(ListLimits::Of(-5).bytes == 65536);
  CHECK(ListLimits::Of(-100).bytes == 65536);
  CHECK(ListLimits::Of(-2).elements == 0);
  CHECK(ListLimits::Of(128).elements == 128);
  CHECK(ListLimits::Of(128).bytes == 8192);
  CHECK(ListLimits::Of(0).elements == 1);
}

TEST_CASE("list: one that grows at an end has full pieces") {
  for (const bool left : {false, true}) {
    CAPTURE(left);
    Keyspace keyspace(1);
    PushMany(keyspace, "l", 20000, left);
    const auto& tree = static_cast<const ListTree&>(keyspace.Find(0, "l")->tree());
    tree.CheckShape();
    // 20,000 elements of 13 to 15 bytes and their two lengths, in pieces of 8 KiB.
    CHECK(tree.pieces() < 50);
    CHECK(tree.bytes() < 20000 * 20);
  }
}

TEST_CASE("list: memory is counted exactly, and all of it is given back") {
  Keyspace keyspace(1);
  const std::uint64_t empty = keyspace.memory();
  PushMany(keyspace, "small", 10);
  PushMany(keyspace, "large", 20000);
  keyspace.CopyTo(keyspace.Find(0, "large"), 0, "copy");
  PushMany(keyspace, "copy", 10, true);
  CHECK(ListView(*keyspace.Find(0, "large")).size() == 20000);
  CHECK(ListView(*keyspace.Find(0, "copy")).size() == 20010);
  for (const char* key : {"small", "large", "copy"}) keyspace.Erase(keyspace.Find(0, key));
  CHECK(keyspace.TakeDiscarded().collections.size() == 2);
  CHECK(keyspace.memory() == empty);
}
