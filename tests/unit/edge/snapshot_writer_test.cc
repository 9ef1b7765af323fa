#include "replication/edge/snapshot_writer.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <optional>

#include "replication/data/keyspace.h"
#include "replication/data/rdb_reader.h"
#include "replication/data/snapshot.h"
#include "replication/edge/rdb_loader.h"
#include "tests/support/process.h"
#include "tests/unit/net/bed.h"

using replication::BeginSnapshot;
using replication::SnapshotBatch;
using replication::SnapshotId;
using replication::edge::RdbLoader;
using replication::edge::SnapshotWriter;

namespace {

// A data set, a writer, and what the writer says.
struct WriterBed : net_test::Bed {
  std::shared_ptr<host::WayBack> way_back = std::make_shared<host::WayBack>(loop);
  data::Keyspace keyspace{16};
  std::string chunks;
  bool last = false;
  int batches_given = 0;
  int batches_done = 0;
  std::optional<base::Result<void>> saved;
  SnapshotWriter writer{way_back,
                        {.batch_done = [this](SnapshotId) { ++batches_done; },
                         .chunk =
                             [this](SnapshotId, const std::string& bytes, bool is_last) {
                               CHECK_FALSE(last);
                               chunks += bytes;
                               last = is_last;
                             },
                         .saved = [this](SnapshotId, const base::Result<void>& result) { saved = result; }}};

  ~WriterBed() { way_back->Close(); }

  void Fill(int keys) {
    for (int i = 0; i < keys; ++i) {
      const std::string key = "key:" + std::to_string(i);
      keyspace.Set(keyspace.Find(0, key), key, std::string(100, static_cast<char>('a' + i % 26)), data::kNever);
    }
  }

  // Begins snapshot `id` and gives its batches, all but the last one if `stop_short`.
  void Snapshot(SnapshotId id, const std::string& file, bool stop_short = false) {
    const auto snapshot = data::Snapshot::Begin(keyspace);
    BeginSnapshot begin;
    begin.id = id;
    begin.file = file;
    begin.databases = snapshot->databases();
    writer.Begin(begin);
    bool more = true;
    while (more) {
      SnapshotBatch batch;
      batch.id = id;
      more = snapshot->Step(100, 1 << 16, batch.batch);
      batch.last = !more;
      if (batch.last && stop_short) return;
      writer.Add(std::move(batch));
      ++batches_given;
    }
  }
};

std::size_t KeysIn(std::string_view bytes) {
  data::Keyspace loaded(16);
  data::RdbReader reader(loaded);
  const auto taken = reader.Feed(bytes);
  REQUIRE_MESSAGE(taken.has_value(), taken.error().text);
  REQUIRE(reader.complete());
  CHECK(*taken == bytes.size());
  return loaded.TotalSize();
}

}  // namespace

TEST_CASE("snapshot writer: chunks come back in order and make a whole file") {
  WriterBed bed;
  bed.Fill(20000);
  bed.Snapshot(1, "");
  REQUIRE(bed.RunUntil([&] { return bed.last && bed.batches_done == bed.batches_given; }));
  CHECK(KeysIn(bed.chunks) == 20000);
}

TEST_CASE("snapshot writer: a file is there as a whole or not at all") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/dump.rdb";
  WriterBed bed;
  bed.Fill(1000);
  bed.Snapshot(1, path);
  REQUIRE(bed.RunUntil([&] { return bed.saved.has_value(); }));
  REQUIRE(bed.saved->has_value());
  const std::string first = support::ReadTextFile(path);
  CHECK(KeysIn(first) == 1000);

  bed.Fill(2000);
  bed.saved.reset();
  bed.Snapshot(2, path, true);
  REQUIRE(bed.RunUntil([&] { return bed.batches_done == bed.batches_given; }));
  bed.writer.Cancel(2);
  // Its thread has ended when the temporary file is gone.
  REQUIRE(bed.RunUntil([&] {
    bed.loop.Post([] {});
    return std::distance(std::filesystem::directory_iterator(temp.path()), {}) == 1;
  }));
  CHECK_FALSE(bed.saved.has_value());
  CHECK(support::ReadTextFile(path) == first);
}

TEST_CASE("snapshot writer: a folder that is not there is reported, and the rest of the batches is dropped") {
  const support::TempDir temp;
  WriterBed bed;
  bed.Fill(1000);
  bed.Snapshot(1, temp.path() + "/none/dump.rdb");
  REQUIRE(bed.RunUntil([&] { return bed.saved.has_value(); }));
  REQUIRE_FALSE(bed.saved->has_value());
  CHECK(bed.saved->error().text.find("No such file or directory") != std::string::npos);
}

TEST_CASE("snapshot writer: may end in the middle of its work") {
  const support::TempDir temp;
  {
    WriterBed bed;
    bed.Fill(5000);
    bed.Snapshot(1, "", true);
    bed.Snapshot(2, temp.path() + "/dump.rdb", true);
  }
  CHECK(std::filesystem::is_empty(temp.path()));
}

TEST_CASE("rdb loader: gives the whole file in small pieces, and says when there is none") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/dump.rdb";
  net_test::Bed bed;
  const auto way_back = std::make_shared<host::WayBack>(bed.loop);
  CHECK(RdbLoader::Open(path, way_back, [] {}).error().code == base::ErrorCode::kNotFound);
  CHECK(RdbLoader::Open(temp.path(), way_back, [] {}).error().code == base::ErrorCode::kIo);

  std::string content(5'000'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 2654435761U >> 16);
  support::WriteTextFile(path, content);
  const auto loader = std::move(*RdbLoader::Open(path, way_back, [] {}));
  CHECK(loader->size() == content.size());
  std::string taken;
  REQUIRE(bed.RunUntil([&] {
    const auto piece = loader->Take();
    REQUIRE(piece.has_value());
    CHECK(piece->size() <= 64 << 10);
    taken += *piece;
    if (!piece->empty()) bed.loop.Post([] {});
    return loader->ended();
  }));
  CHECK(taken == content);
  way_back->Close();
}
