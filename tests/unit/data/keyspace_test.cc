#include "replication/data/keyspace.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "replication/base/random.h"
#include "replication/data/command.h"
#include "tests/unit/data/data_support.h"

using namespace data;

namespace {

struct Changes : ChangeListener {
  void KeyChanged(int db, std::string_view key) override { seen.push_back(fmt::format("{}:{}", db, key)); }
  void AllChanged(int db) override { seen.push_back(fmt::format("{}:*", db)); }
  std::vector<std::string> seen;
};

}  // namespace

TEST_CASE("keyspace: what was set is found, with its expiry, until it is erased") {
  Keyspace keyspace(2);
  Put(keyspace, 0, "name", "vigil");
  Put(keyspace, 0, "number", "-42", 5000);
  Put(keyspace, 1, "name", std::string(5000, 'x'));
  CHECK(Get(keyspace, 0, "name") == "vigil");
  CHECK(Get(keyspace, 0, "number") == "-42");
  CHECK(Get(keyspace, 1, "name") == std::string(5000, 'x'));
  CHECK(keyspace.Find(0, "number")->encoding() == Encoding::kInt);
  CHECK(keyspace.Find(0, "number")->expires_at() == 5000);
  CHECK(keyspace.Find(0, "name")->expires_at() == kNever);
  CHECK(keyspace.Size(0) == 2);
  CHECK(keyspace.Expires(0) == 1);

  keyspace.Erase(keyspace.Find(0, "number"));
  CHECK_FALSE(keyspace.Find(0, "number"));
  CHECK(keyspace.Size(0) == 1);
  CHECK(keyspace.Expires(0) == 0);
}

TEST_CASE("keyspace: empty keys and values, zero bytes and every length near the limits of an encoding") {
  Keyspace keyspace(1);
  Put(keyspace, 0, "", "");
  CHECK(Get(keyspace, 0, "") == "");
  const std::string zeros("a\0b\0", 4);
  Put(keyspace, 0, zeros, zeros);
  CHECK(Get(keyspace, 0, zeros) == zeros);
  for (const std::size_t length : {1U, 20U, 21U, 44U, 45U, 1023U, 1024U, 1025U, 70000U}) {
    CAPTURE(length);
    const std::string text(length, '7');
    Put(keyspace, 0, text, text);
    Put(keyspace, 0, "again", text, 9);
    CHECK(Get(keyspace, 0, text) == text);
    CHECK(Get(keyspace, 0, "again") == text);
  }
}

TEST_CASE("keyspace: random changes keep it equal to a plain map, and its counters right") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Keyspace keyspace(2, seed);
    Model model;
    // Growing, then shrinking: the table splits and merges buckets.
    for (int i = 0; i < 12000; ++i) ChangeSomething(keyspace, model, random, i < 8000 ? 3000 : 40);
    CHECK(ContentsOf(keyspace) == model);
    CHECK(keyspace.TotalSize() == model.size());
    const auto expiring = std::ranges::count_if(model, [](const auto& item) { return item.second.second != kNever; });
    CHECK(keyspace.Expires(0) + keyspace.Expires(1) == static_cast<std::size_t>(expiring));
  }
}

TEST_CASE("keyspace: memory falls back to where it began when all keys are erased") {
  Keyspace keyspace(1);
  const std::uint64_t before = keyspace.memory();
  for (int i = 0; i < 20000; ++i)
    Put(keyspace, 0, fmt::format("key:{}", i), std::string(i % 3000, 'v'), i % 2 ? i : kNever);
  CHECK(keyspace.memory() > before + 20000 * 50);
  for (int i = 0; i < 20000; ++i) keyspace.Erase(keyspace.Find(0, fmt::format("key:{}", i)));
  CHECK(keyspace.Size(0) == 0);
  CHECK(keyspace.memory() <= before + 65536);  // the first segment of buckets stays
}

TEST_CASE("keyspace: a key of 16 bytes with a value of 32 takes at most 85 bytes") {
  // Between two doublings of the number of buckets, so that no lucky size is picked.
  for (const int keys : {100000, 130000, 160000, 190000}) {
    CAPTURE(keys);
    Keyspace keyspace(1);
    for (int i = 0; i < keys; ++i) Put(keyspace, 0, fmt::format("key:{:012}", i), std::string(32, 'v'));
    const double per_key = static_cast<double>(keyspace.memory()) / keys;
    MESSAGE(fmt::format("{} keys: {:.1f} bytes per key", keys, per_key));
    CHECK(per_key <= 85.0);
  }
}

TEST_CASE("keyspace: a key of 16 bytes with a value of 100 needs a block of 128") {
  // Four bytes more, and it would be the next class of the allocator: 160.
  Keyspace keyspace(1);
  const std::uint64_t empty = keyspace.memory();
  keyspace.Set(keyspace.Find(0, "key:000000000000"), "key:000000000000", std::string(100, 'v'), kNever);
  CHECK(keyspace.memory() - empty == 128);
}

TEST_CASE("keyspace: every change passes the door once per key") {
  Keyspace keyspace(2);
  Changes changes;
  keyspace.set_listener(&changes);
  Put(keyspace, 0, "a", "1");
  keyspace.Append(keyspace.Find(0, "a"), "2");
  keyspace.SetExpiry(keyspace.Find(0, "a"), 77);
  keyspace.CopyTo(keyspace.Find(0, "a"), 1, "b");
  keyspace.MoveTo(keyspace.Find(1, "b"), 1, "c");
  keyspace.Erase(keyspace.Find(1, "c"));
  keyspace.FlushDb(0);
  CHECK(changes.seen == std::vector<std::string>{"0:a", "0:a", "0:a", "1:b", "1:b", "1:c", "1:c", "0:*"});
  CHECK(keyspace.dirty() == 8);
}

TEST_CASE("keyspace: edits keep the expiry, copies do not follow later edits") {
  Keyspace keyspace(1);
  for (const std::size_t length : {3U, 5000U}) {
    const std::string text(length, 'a');
    Put(keyspace, 0, "k", text, 123);
    keyspace.CopyTo(keyspace.Find(0, "k"), 0, "copy");
    keyspace.Append(keyspace.Find(0, "k"), "bc");
    keyspace.Overwrite(keyspace.Find(0, "k"), length + 4, "z");
    CHECK(Get(keyspace, 0, "k") == text + "bc" + std::string(2, '\0') + "z");
    CHECK(keyspace.Find(0, "k")->expires_at() == 123);
    CHECK(keyspace.Find(0, "k")->packing() == Packing::kEdited);
    CHECK(Get(keyspace, 0, "copy") == text);
    CHECK(keyspace.Find(0, "copy")->expires_at() == 123);
  }
}

TEST_CASE("keyspace: a moved key replaces what is there, also across databases") {
  Keyspace keyspace(2);
  Put(keyspace, 0, "a", "1", 50);
  Put(keyspace, 1, "b", "2");
  keyspace.MoveTo(keyspace.Find(0, "a"), 1, "b");
  CHECK(keyspace.Size(0) == 0);
  CHECK(Get(keyspace, 1, "b") == "1");
  CHECK(keyspace.Find(1, "b")->expires_at() == 50);
  CHECK(keyspace.Expires(0) == 0);
  CHECK(keyspace.Expires(1) == 1);
}

TEST_CASE("keyspace: a scan gives every key that stays, while the table grows and shrinks under it") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Keyspace keyspace(1, seed);
    std::set<std::string> missing;
    for (int i = 0; i < 300; ++i) {
      missing.insert(fmt::format("stays:{}", i));
      Put(keyspace, 0, fmt::format("stays:{}", i), "1");
    }
    std::uint64_t cursor = 0;
    int next = 0;
    int erased = 0;
    int calls = 0;
    do {
      cursor = keyspace.Scan(0, cursor, [&missing](const Entry& entry) { missing.erase(std::string(entry.key())); });
      const std::uint64_t phase = (static_cast<std::uint64_t>(calls) / 40 + seed) % 3;
      for (int i = 0; i < 60 && phase == 0; ++i) Put(keyspace, 0, fmt::format("comes:{}", next++), "2");
      for (int i = 0; i < 60 && phase == 1 && erased < next; ++i) {
        keyspace.Erase(keyspace.Find(0, fmt::format("comes:{}", erased++)));
      }
      REQUIRE(++calls < 100000);
    } while (cursor != 0);
    CHECK(missing.empty());
  }
}

TEST_CASE("keyspace: active expiry deletes what is due, soonest first, within its budget") {
  Keyspace keyspace(2);
  for (int i = 0; i < 100; ++i) Put(keyspace, i % 2, fmt::format("k{}", i), "v", 1000 + (i * 37) % 100);
  Put(keyspace, 0, "stays", "v");
  CHECK(keyspace.NextExpiry() == 1000);
  std::vector<Effect> effects;
  CHECK(keyspace.ActiveExpire(999, 100, effects) == 0);
  CHECK(keyspace.ActiveExpire(1049, 10, effects) == 10);
  REQUIRE(effects.size() == 10);
  CHECK(effects[0].words == std::vector<std::string>{"DEL", "k0"});
  CHECK(keyspace.ActiveExpire(1049, 100, effects) == 40);
  CHECK(keyspace.TotalSize() == 51);
  CHECK(keyspace.NextExpiry() == 1050);
  CHECK(keyspace.AverageTtl(0, 1049) > 0);
  CHECK(keyspace.ActiveExpire(5000, 1000, effects) == 50);
  CHECK(keyspace.NextExpiry() == kNever);
  CHECK(keyspace.stats().expired == 100);
}

TEST_CASE("keyspace: flushed tables wait to be freed elsewhere") {
  Keyspace keyspace(3);
  Put(keyspace, 0, "a", "1");
  Put(keyspace, 2, "b", "2", 99);
  CHECK(keyspace.FlushAll() == 2);
  CHECK(keyspace.TotalSize() == 0);
  CHECK(keyspace.Expires(2) == 0);
  CHECK(keyspace.TakeDiscarded().tables.size() == 2);
  CHECK_FALSE(keyspace.has_discarded());
}

TEST_CASE("keyspace: contents change places as a whole, and the listener hears of it") {
  Keyspace old_data(2);
  Keyspace new_data(2);
  Changes changes;
  old_data.set_listener(&changes);
  Put(new_data, 1, "a", "new");
  new_data.set_functions({"#!lua name=f"});
  old_data.SwapContents(new_data);
  CHECK(Get(old_data, 1, "a") == "new");
  CHECK(new_data.TotalSize() == 0);
  CHECK(old_data.functions() == std::vector<std::string>{"#!lua name=f"});
  CHECK(changes.seen == std::vector<std::string>{"0:*", "1:*"});
}

TEST_CASE("keyspace: a random key is one of the keys, and each comes up") {
  Keyspace keyspace(1, 7);
  CHECK(keyspace.RandomKey(0) == nullptr);
  std::set<std::string> missing;
  for (int i = 0; i < 20; ++i) {
    Put(keyspace, 0, fmt::format("k{}", i), "v");
    missing.insert(fmt::format("k{}", i));
  }
  for (int i = 0; i < 5000 && !missing.empty(); ++i) missing.erase(std::string(keyspace.RandomKey(0)->key()));
  CHECK(missing.empty());
}
