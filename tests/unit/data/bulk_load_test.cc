#include "replication/data/bulk_load.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "replication/data/keyspace.h"

namespace data {
namespace {

std::string Key(int number) {
  return fmt::format("key:{}", number);
}

bool Add(BulkLoad& load, int db, int number) {
  return load.Add(db, Key(number), NewValue::Of(fmt::format("value of {}", number)), kNever, 0);
}

}  // namespace

TEST_CASE("bulk load: all keys are there after the last flush, whatever number was expected") {
  for (const std::size_t expected : {std::size_t{0}, std::size_t{10}, std::size_t{20000}, ~std::size_t{0} / 2}) {
    CAPTURE(expected);
    Keyspace keyspace(2, 5);
    const std::uint64_t empty = keyspace.memory();
    BulkLoad load(keyspace);
    load.Expect(0, expected);
    for (int i = 0; i < 3000; ++i) {
      REQUIRE(Add(load, 0, i));
      if (i % 10 == 0) REQUIRE(Add(load, 1, i));
    }
    REQUIRE(load.Flush());
    CHECK(keyspace.Size(0) == 3000);
    CHECK(keyspace.Size(1) == 300);
    IntText buffer;
    for (int i = 0; i < 3000; ++i) {
      const Spot spot = keyspace.Find(0, Key(i));
      REQUIRE(spot);
      CHECK(spot->Text(buffer) == fmt::format("value of {}", i));
    }
    // What says how many keys will come may lie: memory follows the keys that do come.
    CHECK(keyspace.memory() - empty < 3300 * 700);
    // And nothing more is expected afterwards.
    const std::uint64_t loaded = keyspace.memory();
    keyspace.Set(keyspace.Find(0, "one more"), "one more", "v", kNever);
    CHECK(keyspace.memory() - loaded < 1000);
  }
}

TEST_CASE("bulk load: a key that comes twice is found out, at once or a little later") {
  for (const int distance : {1, 5, 15, 16, 17, 100}) {
    CAPTURE(distance);
    Keyspace keyspace(1, 5);
    BulkLoad load(keyspace);
    bool refused = false;
    for (int i = 0; i < 200 && !refused; ++i) refused = !Add(load, 0, i == 50 + distance ? 50 : i);
    if (!refused) refused = !load.Flush();
    CHECK(refused);
    CHECK(load.duplicate() == Key(50));
  }
}

TEST_CASE("bulk load: given up in the middle, it keeps nothing") {
  Keyspace keyspace(1, 5);
  {
    BulkLoad load(keyspace);
    for (int i = 0; i < 20; ++i) REQUIRE(Add(load, 0, i));
  }
  CHECK(keyspace.Size(0) < 20);
}

}  // namespace data
