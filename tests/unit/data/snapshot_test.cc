#include "replication/data/snapshot.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/data/data_support.h"

using namespace data;

namespace {

// Puts the records of a batch into `read`; a key given twice fails the test.
void Collect(const Batch& batch, Model& read) {
  for (const Batch::Record& record : batch.records()) {
    const bool fresh =
        read.try_emplace({record.db, std::string(batch.Key(record))}, ValueText(batch, record), record.expires_at)
            .second;
    REQUIRE(fresh);
  }
}

Model ReadAll(Snapshot& snapshot) {
  Model read;
  Batch batch;
  while (snapshot.Step(100, 100000, batch)) Collect(batch, read);
  Collect(batch, read);
  return read;
}

struct Running {
  std::unique_ptr<Snapshot> snapshot;
  Model expected;
  Model read;
};

}  // namespace

TEST_CASE("snapshot: of an empty data set is empty") {
  Keyspace keyspace(4);
  const auto snapshot = Snapshot::Begin(keyspace);
  Batch batch;
  CHECK_FALSE(snapshot->Step(10, 1000, batch));
  CHECK(batch.empty());
  CHECK(snapshot->done());
  CHECK(snapshot->databases().empty());
}

TEST_CASE("snapshot: random changes between slices leave exactly the data set of the start") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Keyspace keyspace(3, seed);
    Model model;
    for (int i = 0; i < 4000; ++i) ChangeSomething(keyspace, model, random, 2000);

    // Up to three at once, begun at different moments, while the table grows, shrinks and grows again.
    std::vector<Running> running;
    Batch batch;
    int finished = 0;
    for (int i = 0; finished < 6; ++i) {
      if (running.size() < Snapshot::kMax && random.Below(50) == 0) {
        running.push_back({Snapshot::Begin(keyspace), model, {}});
        REQUIRE(running.back().snapshot != nullptr);
      }
      const std::uint64_t keys = (i / 1500) % 2 == 0 ? 30 : 6000;
      for (std::uint64_t n = random.Below(40); n > 0; --n) ChangeSomething(keyspace, model, random, keys);
      if (running.empty()) continue;
      Running& one = running[random.Below(running.size())];
      const bool more = one.snapshot->Step(random.Below(30), 20000, batch);
      Collect(batch, one.read);
      REQUIRE(one.snapshot->keys_captured() >= one.read.size());
      if (more) continue;
      REQUIRE(one.snapshot->done());
      CHECK(one.read == one.expected);
      CHECK(one.snapshot->total_keys() == one.expected.size());
      running.erase(running.begin() + (&one - running.data()));
      ++finished;
    }
    CHECK(ContentsOf(keyspace) == model);
    running.clear();
  }
}

TEST_CASE("snapshot: flushes, swapped databases and a new data set do not touch it") {
  for (const int what : {0, 1, 2, 3}) {
    CAPTURE(what);
    base::Random random(5);
    Keyspace keyspace(2);
    Keyspace other(2);
    Model model;
    for (int i = 0; i < 3000; ++i) ChangeSomething(keyspace, model, random, 1000);
    const Model expected = model;
    auto snapshot = Snapshot::Begin(keyspace);
    Model read;
    Batch batch;
    REQUIRE(snapshot->Step(200, 1 << 20, batch));
    Collect(batch, read);

    if (what == 0) keyspace.FlushAll();
    if (what == 1) keyspace.FlushDb(1);
    if (what == 2) keyspace.SwapDb(0, 1);
    if (what == 3) {
      keyspace.SwapContents(other);
      // The old data may be freed at once.
      other.FlushAll();
      other.TakeDiscarded();
    }
    keyspace.TakeDiscarded();
    model = ContentsOf(keyspace);
    for (int i = 0; i < 3000; ++i) ChangeSomething(keyspace, model, random, 1000);
    const Model rest = ReadAll(*snapshot);
    for (const auto& item : rest) REQUIRE(read.insert(item).second);
    CHECK(read == expected);
    CHECK(ContentsOf(keyspace) == model);
    // Tables that nobody else holds were not freed here, but left to the keyspace.
    CHECK(keyspace.has_discarded() == (what != 2));
  }
}

TEST_CASE("snapshot: no more than three run at once, and they may be given up") {
  Keyspace keyspace(1);
  for (int i = 0; i < 1000; ++i) Put(keyspace, 0, fmt::format("k{}", i), "v");
  auto a = Snapshot::Begin(keyspace);
  auto b = Snapshot::Begin(keyspace);
  auto c = Snapshot::Begin(keyspace);
  CHECK(Snapshot::Begin(keyspace) == nullptr);
  b.reset();
  b = Snapshot::Begin(keyspace);
  CHECK(b != nullptr);
  for (int i = 0; i < 1000; ++i) keyspace.Erase(keyspace.Find(0, fmt::format("k{}", i)));
  CHECK(ReadAll(*b).size() == 1000);
}

TEST_CASE("snapshot: pre-images are counted until they are given out") {
  Keyspace keyspace(1);
  for (int i = 0; i < 1000; ++i) Put(keyspace, 0, fmt::format("k{}", i), std::string(i == 0 ? 100000 : 100, 'v'));
  const auto snapshot = Snapshot::Begin(keyspace);
  CHECK(snapshot->pre_image_bytes() == 0);
  Put(keyspace, 0, "k0", "short now");
  CHECK(snapshot->pre_image_bytes() >= 100000);
  const std::size_t before = snapshot->pre_image_bytes();
  Put(keyspace, 0, "k0", "shorter");  // captured already
  CHECK(snapshot->pre_image_bytes() == before);
  Batch batch;
  CHECK(snapshot->Step(1, 1, batch));
  CHECK(snapshot->pre_image_bytes() == 0);
  CHECK(batch.bytes() == before);
}

TEST_CASE("snapshot: a large value is shared, and an edit works on a copy") {
  Keyspace keyspace(1);
  Put(keyspace, 0, "big", std::string(100000, 'a'));
  const auto snapshot = Snapshot::Begin(keyspace);
  keyspace.Append(keyspace.Find(0, "big"), "tail");
  keyspace.Append(keyspace.Find(0, "big"), "tail");
  Model read = ReadAll(*snapshot);
  CHECK(read.at({0, "big"}).first == std::string(100000, 'a'));
  CHECK(Get(keyspace, 0, "big") == std::string(100000, 'a') + "tailtail");
}

TEST_CASE("snapshot: a slice ends when it is full") {
  Keyspace keyspace(1);
  for (int i = 0; i < 10000; ++i) Put(keyspace, 0, fmt::format("k{}", i), "v");
  const auto snapshot = Snapshot::Begin(keyspace);
  Batch batch;
  CHECK(snapshot->Step(50, 1 << 20, batch));
  CHECK(batch.size() >= 50);
  CHECK(batch.size() < 100);
  CHECK(snapshot->Step(1 << 20, 2000, batch));
  CHECK(batch.bytes() < 4000);
}
