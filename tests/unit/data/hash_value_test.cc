#include "replication/data/hash_value.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <map>
#include <set>

#include "tests/unit/data/data_support.h"

using namespace data;

namespace {

Contents Packed(std::initializer_list<std::string_view> elements) {
  Listpack pack;
  for (const std::string_view element : elements) pack.Append(element);
  Contents contents;
  contents.packed = pack.Take();
  return contents;
}

// Fields of 1 to n, set one after the other.
void SetMany(Keyspace& keyspace, std::string_view key, int n) {
  keyspace.Change(keyspace.Find(0, key), key, ValueType::kHash, [&](Contents& contents) {
    HashEditor hash(contents, keyspace);
    for (int i = 1; i <= n; ++i) hash.Set(fmt::format("f{}", i), fmt::format("{}", i));
    return true;
  });
}

}  // namespace

TEST_CASE("hash: fields are set, found and erased, packed or not") {
  CHECK(rc::check([] {
    Keyspace keyspace(1, 7);
    PackingLimits limits;
    limits.hash_entries = *rc::gen::element<std::size_t>(0, 4, 128);
    limits.hash_value = *rc::gen::element<std::size_t>(3, 64);
    keyspace.set_limits(limits);
    std::map<std::string, std::string> model;
    const int range = *rc::gen::element(8, 300);
    for (int round = 0; round < 20; ++round) {
      const auto drawn =
          *rc::gen::container<std::vector<int>>(*rc::gen::inRange(0, 40), rc::gen::inRange(-range, range));
      keyspace.Change(keyspace.Find(0, "h"), "h", ValueType::kHash, [&](Contents& contents) {
        HashEditor hash(contents, keyspace);
        for (const int n : drawn) {
          const std::string field = fmt::format("{}{}", n % 3 == 0 ? "field" : "", std::abs(n));
          if (n < 0) {
            RC_ASSERT(hash.Erase(field) == (model.erase(field) > 0));
          } else {
            const std::string value(static_cast<std::size_t>(n % 11), 'v');
            RC_ASSERT(hash.Set(field, value) == model.insert_or_assign(field, value).second);
          }
        }
        return hash.HasItems();
      });
      const Spot spot = keyspace.Find(0, "h");
      RC_ASSERT(static_cast<bool>(spot) == !model.empty());
      if (!spot) continue;
      RC_ASSERT(ValueText(*spot) == HashText(model));
      const HashView view(*spot);
      IntText buffer;
      for (const auto& [field, value] : model) RC_ASSERT(view.Find(field, buffer) == value);
      RC_ASSERT(!view.Find("missing", buffer));
      std::set<std::string> by_rank;
      for (std::uint64_t rank = 0; rank < view.size(); ++rank) {
        HashView::Buffer buffers;
        by_rank.emplace(view.AtRank(rank, buffers).field);
      }
      RC_ASSERT(by_rank.size() == model.size());
    }
  }));
}

TEST_CASE("hash: it is packed up to the limits of the configuration, and never again") {
  Keyspace keyspace(1);
  SetMany(keyspace, "h", 512);
  CHECK(HashView(*keyspace.Find(0, "h")).packed());
  SetMany(keyspace, "h", 513);
  CHECK_FALSE(HashView(*keyspace.Find(0, "h")).packed());
  keyspace.Change(keyspace.Find(0, "h"), "h", ValueType::kHash, [&](Contents& contents) {
    HashEditor hash(contents, keyspace);
    for (int i = 2; i <= 513; ++i) hash.Erase(fmt::format("f{}", i));
    return hash.HasItems();
  });
  CHECK_FALSE(HashView(*keyspace.Find(0, "h")).packed());
  CHECK(HashView(*keyspace.Find(0, "h")).size() == 1);
}

TEST_CASE("hash: a scan visits what stays there exactly once, whatever else comes and goes") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    FieldTree tree{KeyHash(seed)};
    std::set<std::string> staying;
    for (int i = 0; i < 1000; ++i) {
      tree.Set(fmt::format("s{}", i), "v");
      staying.insert(fmt::format("s{}", i));
    }
    std::map<std::string, int> seen;
    std::uint64_t cursor = 0;
    do {
      cursor = tree.Scan(cursor, 10, [&seen](std::string_view field, std::string_view) { ++seen[std::string(field)]; });
      for (int i = 0; i < 40; ++i) {
        const std::string other = fmt::format("x{}", random.Below(3000));
        random.Chance(0.5) ? void(tree.Set(other, "v")) : void(tree.Erase(other));
      }
    } while (cursor != 0);
    for (const std::string& field : staying) CHECK(seen[field] == 1);
    tree.CheckShape();
  }
}

TEST_CASE("hash: long fields and values of any size have their place in a tree") {
  FieldTree tree{KeyHash(1)};
  std::map<std::string, std::string> model;
  for (int i = 0; i < 300; ++i) {
    const std::string field(static_cast<std::size_t>(i * 37 % 700), static_cast<char>('a' + i % 26));
    const std::string value(static_cast<std::size_t>(i * i), 'v');
    CHECK(tree.Set(field, value) == model.insert_or_assign(field, value).second);
  }
  tree.CheckShape();
  CHECK(tree.size() == model.size());
  for (const auto& [field, value] : model) CHECK(tree.Find(field) == value);
  for (const auto& [field, value] : model) CHECK(tree.Erase(field));
  CHECK(tree.size() == 0);
  CHECK(tree.bytes() == sizeof(FieldTree));
}

TEST_CASE("hash: a field twice or one without a value makes no hash") {
  Keyspace keyspace(1);
  CHECK(HashFromListpack(Packed({"a", "1", "b", "2"}).packed, keyspace));
  CHECK_FALSE(HashFromListpack(Packed({"a", "1", "a", "2"}).packed, keyspace));
  CHECK_FALSE(HashFromListpack(Packed({"a", "1", "b"}).packed, keyspace));
  CHECK_FALSE(HashFromListpack(Packed({}).packed, keyspace));
}

TEST_CASE("hash: memory is counted exactly, and all of it is given back") {
  Keyspace keyspace(1);
  const std::uint64_t empty = keyspace.memory();
  SetMany(keyspace, "small", 10);
  SetMany(keyspace, "large", 5000);
  const Spot large = keyspace.Find(0, "large");
  CHECK(keyspace.memory() > empty + 5000 * 5);
  keyspace.CopyTo(large, 0, "copy");
  keyspace.SetExpiry(keyspace.Find(0, "copy"), 1000);
  keyspace.MoveTo(keyspace.Find(0, "copy"), 0, "moved");
  SetMany(keyspace, "moved", 6000);
  CHECK(HashView(*keyspace.Find(0, "large")).size() == 5000);
  CHECK(HashView(*keyspace.Find(0, "moved")).size() == 6000);
  CHECK(keyspace.Find(0, "moved")->expires_at() == 1000);
  for (const char* key : {"small", "large", "moved"}) keyspace.Erase(keyspace.Find(0, key));
  CHECK(keyspace.memory() == empty);
}

TEST_CASE("hash: a large one that goes is left to whoever has the time to free it") {
  Keyspace keyspace(1);
  SetMany(keyspace, "deleted", 5000);
  SetMany(keyspace, "overwritten", 5000);
  SetMany(keyspace, "small", 600);
  CHECK_FALSE(HashView(*keyspace.Find(0, "small")).packed());
  keyspace.Erase(keyspace.Find(0, "deleted"));
  Put(keyspace, 0, "overwritten", "text");
  keyspace.Erase(keyspace.Find(0, "small"));
  CHECK(keyspace.TakeDiscarded().collections.size() == 2);
  CHECK_FALSE(keyspace.has_discarded());
}
