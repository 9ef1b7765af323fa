#include "replication/data/set_value.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <limits>
#include <set>

#include "tests/unit/data/data_support.h"

using namespace data;
using namespace std::string_literals;

namespace {

void AddMany(Keyspace& keyspace, std::string_view key, const std::vector<std::string>& members) {
  keyspace.Change(keyspace.Find(0, key), key, ValueType::kSet, [&](Contents& contents) {
    SetEditor set(contents, keyspace);
    for (const std::string& member : members) set.Add(member);
    return true;
  });
}

std::vector<std::string> Numbers(int first, int last) {
  std::vector<std::string> members;
  for (int i = first; i <= last; ++i) members.push_back(fmt::format("{}", i));
  return members;
}

SetView ViewOf(const Keyspace& keyspace, std::string_view key) {
  return SetView(*keyspace.Find(0, key));
}

}  // namespace

TEST_CASE("intset: numbers are added, found and erased in order, whatever their width") {
  CHECK(rc::check([] {
    Intset numbers;
    std::set<std::int64_t> model;
    const auto any =
        rc::gen::oneOf(rc::gen::inRange<std::int64_t>(-40, 40), rc::gen::inRange<std::int64_t>(-40000, 40000),
                       rc::gen::arbitrary<std::int64_t>(), rc::gen::just(std::numeric_limits<std::int64_t>::min()),
                       rc::gen::just(std::numeric_limits<std::int64_t>::max()));
    for (const std::int64_t value : *rc::gen::container<std::vector<std::int64_t>>(any)) {
      if (value % 3 == 0) {
        RC_ASSERT(numbers.Erase(value) == (model.erase(value) > 0));
      } else {
        RC_ASSERT(numbers.Add(value) == model.insert(value).second);
      }
      RC_ASSERT(numbers.view().Contains(value) == model.contains(value));
    }
    RC_ASSERT(numbers.view().size() == model.size());
    std::size_t index = 0;
    for (const std::int64_t value : model) RC_ASSERT(numbers.view().At(index++) == value);
    RC_ASSERT(CheckIntset(Intset(numbers).Take()).has_value());
  }));
}

TEST_CASE("intset: the bytes are those of redis-server") {
  Intset numbers;
  for (const int n : {5, -1, 300}) numbers.Add(n);
  CHECK(Intset(numbers).Take() == "\x02\x00\x00\x00\x03\x00\x00\x00\xff\xff\x05\x00\x2c\x01"s);
  numbers.Add(70000);
  numbers.Erase(300);
  CHECK(numbers.Take() == "\x04\x00\x00\x00\x03\x00\x00\x00\xff\xff\xff\xff\x05\x00\x00\x00\x70\x11\x01\x00"s);
}

TEST_CASE("intset: damaged bytes are refused") {
  const auto error = [](const std::string& bytes) { return CheckIntset(bytes).error().text; };
  CHECK(error("") == "intset: byte 0: impossible size");
  CHECK(error("\x03\x00\x00\x00\x00\x00\x00\x00"s) == "intset: byte 0: unknown width of the numbers");
  CHECK(error("\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00"s) == "intset: byte 4: wrong number of elements");
  CHECK(error("\x02\x00\x00\x00\xff\xff\xff\xff\x01\x00"s) == "intset: byte 4: wrong number of elements");
  CHECK(error("\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x01\x00"s) == "intset: byte 10: numbers are not in order");
}

TEST_CASE("set: members are added, found and erased, in every form") {
  CHECK(rc::check([] {
    Keyspace keyspace(1, 7);
    PackingLimits limits;
    limits.set_intset = *rc::gen::element<std::size_t>(0, 4, 100);
    keyspace.set_limits(limits);
    std::set<std::string> model;
    const int range = *rc::gen::element(8, 300);
    const bool texts = *rc::gen::arbitrary<bool>();
    for (int round = 0; round < 20; ++round) {
      const auto drawn =
          *rc::gen::container<std::vector<int>>(*rc::gen::inRange(0, 40), rc::gen::inRange(-range, range));
      keyspace.Change(keyspace.Find(0, "s"), "s", ValueType::kSet, [&](Contents& contents) {
        SetEditor set(contents, keyspace);
        for (const int n : drawn) {
          std::string member = fmt::format("{}{}", texts && n % 3 == 0 ? "m" : "", std::abs(n));
          if (texts && n % 50 == 0) member += std::string(100, 'x');
          if (n < 0) {
            RC_ASSERT(set.Erase(member) == (model.erase(member) > 0));
          } else {
            RC_ASSERT(set.Add(member) == model.insert(member).second);
          }
        }
        return set.HasItems();
      });
      const Spot spot = keyspace.Find(0, "s");
      RC_ASSERT(static_cast<bool>(spot) == !model.empty());
      if (!spot) continue;
      RC_ASSERT(ValueText(*spot) == SetText(model));
      const SetView view(*spot);
      for (const std::string& member : model) RC_ASSERT(view.Contains(member));
      RC_ASSERT(!view.Contains("missing"));
      RC_ASSERT(!view.Contains("-5"));
      std::set<std::string> by_rank;
      IntText buffer;
      for (std::uint64_t rank = 0; rank < view.size(); ++rank) by_rank.emplace(view.AtRank(rank, buffer));
      RC_ASSERT(by_rank == model);
    }
  }));
}

TEST_CASE("set: integers are an intset up to the limit, and once it is left never again") {
  Keyspace keyspace(1);
  AddMany(keyspace, "s", Numbers(1, 512));
  CHECK(ViewOf(keyspace, "s").is_intset());
  AddMany(keyspace, "s", {"513"});
  CHECK_FALSE(ViewOf(keyspace, "s").is_intset());
  CHECK(ViewOf(keyspace, "s").size() == 513);

  AddMany(keyspace, "t", {"1", "2", "a"});
  CHECK_FALSE(ViewOf(keyspace, "t").is_intset());
  keyspace.Change(keyspace.Find(0, "t"), "t", ValueType::kSet, [&](Contents& contents) {
    SetEditor set(contents, keyspace);
    CHECK(set.Erase("a"));
    return set.HasItems();
  });
  CHECK_FALSE(ViewOf(keyspace, "t").is_intset());

  // What only looks like a number is none.
  for (const char* text : {"01", "-0", "+1", "1 ", "9223372036854775808", ""}) {
    CAPTURE(text);
    AddMany(keyspace, text, {"1", text});
    CHECK_FALSE(ViewOf(keyspace, text).is_intset());
    CHECK(ViewOf(keyspace, text).size() == 2);
  }
}

TEST_CASE("set: the limit of the configuration counts when a file brings an intset") {
  Keyspace keyspace(1);
  PackingLimits limits;
  limits.set_intset = 3;
  keyspace.set_limits(limits);
  Intset numbers;
  CHECK_FALSE(SetFromIntset(Intset(numbers).Take(), keyspace));
  for (const int n : {1, 2, 3}) numbers.Add(n);
  CHECK(SetFromIntset(Intset(numbers).Take(), keyspace)->packing == Packing::kIntset);
  numbers.Add(4);
  auto contents = SetFromIntset(numbers.Take(), keyspace);
  CHECK(contents->packing == Packing::kListpack);
  keyspace.SetContents(keyspace.Find(0, "s"), "s", ValueType::kSet, std::move(*contents));
  CHECK(ValueText(*keyspace.Find(0, "s")) == SetText({"1", "2", "3", "4"}));
}

TEST_CASE("set: memory is counted exactly, and all of it is given back") {
  Keyspace keyspace(1);
  const std::uint64_t empty = keyspace.memory();
  AddMany(keyspace, "small", Numbers(1, 10));
  AddMany(keyspace, "large", Numbers(1, 5000));
  CHECK(keyspace.memory() > empty + 5000 * 4);
  keyspace.CopyTo(keyspace.Find(0, "large"), 0, "copy");
  AddMany(keyspace, "copy", {"more"});
  CHECK(ViewOf(keyspace, "large").size() == 5000);
  CHECK(ViewOf(keyspace, "copy").size() == 5001);
  for (const char* key : {"small", "large", "copy"}) keyspace.Erase(keyspace.Find(0, key));
  CHECK(keyspace.TakeDiscarded().collections.size() == 2);
  CHECK(keyspace.memory() == empty);
}
