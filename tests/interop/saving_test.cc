// Saves that fail or are cut short: what lay on the disk before stays whole, everybody is told, and the next one works.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "tests/support/cluster.h"
#include "tests/support/small_disk.h"

using namespace support;

namespace {

constexpr const char* kAccepted = "RDB looks OK";

// What redis-check-rdb says of a file.
std::string Judged(const TempDir& temp, const std::string& path) {
  Process check({StockProgram("redis-check-rdb"), path}, temp.path() + "/check.log");
  return check.Wait(20000) == 0 ? check.log() : "failed: " + check.log();
}

std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::erase(names, "ballast");
  std::ranges::sort(names);
  return names;
}

// About `bytes` of values that no compression makes smaller.
void Fill(const Member& node, int bytes, unsigned seed) {
  Redis redis(node.port, 20000);
  for (int i = 0; i * 1000 < bytes; ++i) {
    std::string value;
    for (int k = 0; k < 1000; ++k) {
      seed = seed * 1664525U + 1013904223U;
      value.push_back(static_cast<char>(seed >> 24));
    }
    redis.Do({"SET", fmt::format("key:{}:{}", seed % 7, i), value});
  }
}

// A node of ours whose folder is a small disk, with a save on it.
struct Bed {
  Cluster cluster;
  std::string folder = cluster.temp.path() + "/data";
  std::unique_ptr<SmallDisk> disk;
  Member* node = nullptr;
  std::string path = folder + "/dump.rdb";
  std::string before;

  Bed() {
    std::filesystem::create_directory(folder);
    disk = std::make_unique<SmallDisk>(folder);
    node = &cluster.AddNode(Make::kOurs, nullptr, {"dir " + folder, "save 3600 1000000", "enable-debug-command yes"});
    Fill(*node, 20000, 1);
    REQUIRE(node->Do({"SAVE"}).ok());
    before = ReadTextFile(path);
    REQUIRE(before.size() > 20000);
    REQUIRE(node->Do({"SET", "more", "x"}).ok());
  }

  std::string BgSave() {
    CHECK(node->Do({"BGSAVE"}).kind == Value::Kind::kStatus);
    REQUIRE(WaitFor([&] { return node->Info("rdb_bgsave_in_progress") == "0"; }));
    return node->Info("rdb_last_bgsave_status");
  }

  // A save has failed for this reason: who asks and who reads the log knows, and the old file is as it was.
  void CheckFailed(const std::string& reason) {
    CHECK(BgSave() == "err");
    CHECK(node->process.log().find("Background saving error") != std::string::npos);
    CHECK(node->process.log().find(reason) != std::string::npos);
    CHECK(node->Do({"SET", "more", "y"}).text.starts_with("MISCONF"));
    CHECK(node->Do({"PING"}).text.starts_with("MISCONF"));
    CHECK(node->Do({"GET", "more"}).text == "x");
    CHECK(node->Do({"SAVE"}).is_error());
    CHECK(ReadTextFile(path) == before);
    CHECK(FilesIn(folder) == std::vector<std::string>{"dump.rdb"});
    CHECK(Judged(cluster.temp, path).find(kAccepted) != std::string::npos);
  }

  // The reason is gone: the next save works, and it is what a restart finds.
  void CheckRecovered() {
    CHECK(BgSave() == "ok");
    CHECK(node->Do({"SET", "last", "z"}).ok());
    CHECK(node->Do({"SAVE"}).ok());
    CHECK(Judged(cluster.temp, path).find(kAccepted) != std::string::npos);
    const Value digest = node->Do({"DEBUG", "DIGEST"});
    node->Kill();
    node->Start();
    REQUIRE(WaitFor([&] { return node->Info("loading") == "0"; }));
    CHECK(node->Do({"DEBUG", "DIGEST"}) == digest);
  }
};

}  // namespace

TEST_CASE("saving: a full disk fails the save and nothing else, until there is space") {
  if (!SmallDisk::WhyNot().empty()) return SaySkipped("saving: full disk", SmallDisk::WhyNot());
  Bed bed;
  INFO(Logs(bed.cluster));
  bed.disk->Fill();
  bed.CheckFailed("No space left on device");
  bed.disk->Free();
  bed.CheckRecovered();
}

TEST_CASE("saving: a disk that fills while it is written to leaves no half file") {
  if (!SmallDisk::WhyNot().empty()) return SaySkipped("saving: disk that fills", SmallDisk::WhyNot());
  Bed bed;
  INFO(Logs(bed.cluster));
  Fill(*bed.node, 200000, 2);  // more than the disk has
  REQUIRE(bed.node->Do({"SET", "more", "x"}).ok());
  bed.CheckFailed("No space left on device");
  bed.node->Do({"CONFIG", "SET", "stop-writes-on-bgsave-error", "no"});
  for (int i = 0; i < 7; ++i) {
    for (int k = 0; k < 200; ++k) bed.node->Do({"DEL", fmt::format("key:{}:{}", i, k)});
  }
  bed.CheckRecovered();
}

TEST_CASE("saving: a folder that cannot be written to fails the save and nothing else, until it can") {
  if (!SmallDisk::WhyNot().empty()) return SaySkipped("saving: unwritable folder", SmallDisk::WhyNot());
  Bed bed;
  INFO(Logs(bed.cluster));
  bed.disk->MakeReadOnly(true);
  bed.CheckFailed("Read-only file system");
  bed.disk->MakeReadOnly(false);
  bed.CheckRecovered();
}

TEST_CASE("saving: killed during BGSAVE, the file is the one before, and the next save takes its place") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, {"enable-debug-command yes"});
  INFO(Logs(cluster));
  const std::string path = node.directory + "/dump.rdb";
  Fill(node, 200000, 1);
  REQUIRE(node.Do({"SAVE"}).ok());
  const Value digest = node.Do({"DEBUG", "DIGEST"});
  const std::string before = ReadTextFile(path);
  for (unsigned round = 0; round < 3; ++round) {
    CAPTURE(round);
    Fill(node, 10'000'000, 2 + round);
    // In one go, so that the answer is of the moment at which the save has just begun.
    Redis redis(node.port, 20000);
    redis.Send({"BGSAVE"});
    redis.Send({"INFO", "persistence"});
    CHECK(redis.Next().kind == Value::Kind::kStatus);
    REQUIRE(redis.Next().text.find("rdb_bgsave_in_progress:1") != std::string::npos);
    // At other places each time: as soon as a file is being written, or somewhat later.
    if (round > 0) {
      WaitFor([&] {
        for (const std::string& name : FilesIn(node.directory)) {
          std::error_code gone;
          const std::string each = node.directory + "/" + name;
          if (name.find("dump.rdb.") == std::string::npos && name.find("temp") == std::string::npos) continue;
          if (std::filesystem::file_size(each, gone) >= round * 3'000'000) return true;
        }
        return ReadTextFile(path).size() != before.size();
      });
    }
    node.Kill();
    const std::string after = ReadTextFile(path);
    if (after.size() != before.size()) {
      // It had come through before the signal did: then it is whole.
      CHECK(Judged(cluster.temp, path).find(kAccepted) != std::string::npos);
      WriteTextFile(path, before);
    } else {
      CHECK(after == before);
    }
    node.Start();
    REQUIRE(WaitFor([&] { return node.Info("loading") == "0"; }));
    CHECK(node.Do({"DEBUG", "DIGEST"}) == digest);
  }
  REQUIRE(node.Do({"SET", "more", "x"}).ok());
  REQUIRE(node.Do({"SAVE"}, 20000).ok());
  CHECK(Judged(cluster.temp, path).find(kAccepted) != std::string::npos);
  CHECK(node.Info("rdb_last_bgsave_status") == "ok");
  // What the killed ones left behind is no more than they wrote: nothing grows with each.
  CHECK(FilesIn(node.directory).size() <= 3);
}
