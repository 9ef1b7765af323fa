// Sentinels that cannot write what they would promise: no vote, no silence about it, and no wait once they can.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <vector>

#include "tests/support/bound_file.h"
#include "tests/support/cluster.h"
#include "tests/support/small_disk.h"

using namespace support;

namespace {

using Clock = std::chrono::steady_clock;

// Three sentinels of ours, each with a small disk of its own under its configuration.
struct Bed {
  Cluster cluster;
  std::vector<std::unique_ptr<SmallDisk>> disks;

  explicit Bed(int down_after_ms) {
    Member& master = cluster.AddNode(Make::kOurs);
    cluster.AddNode(Make::kOurs, &master);
    cluster.AddNode(Make::kOurs, &master);
    for (int i = 0; i < 3; ++i) {
      Member& sentinel = cluster.AddSentinel(Make::kOurs, 2, down_after_ms);
      sentinel.process.Signal(SIGTERM);
      sentinel.process.Wait(20000);
      const std::string text = ReadTextFile(sentinel.config_path);
      disks.push_back(std::make_unique<SmallDisk>(sentinel.directory));
      WriteTextFile(sentinel.config_path, text);
      sentinel.Start();
    }
    if (!cluster.WaitHealthy()) throw std::runtime_error(cluster.Trouble() + "\n" + Logs(cluster));
  }
  ~Bed() {
    for (const auto& sentinel : cluster.sentinels) sentinel->Kill();  // before its disk goes
  }

  // Asks for the vote of an epoch that nobody has used, for a candidate that nobody knows; what came, or nothing.
  Value AskForVote(const Member& sentinel, int master_port) const {
    return sentinel.Do(
        {"SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", std::to_string(master_port), "1000", std::string(40, 'c')},
        3000);
  }
};

bool Reports(const Member& sentinel) {
  return sentinel.process.log().find("was not able to save the new configuration on disk") != std::string::npos;
}

}  // namespace

TEST_CASE("disk: full under every sentinel: no vote, each reports it, a switch within 2 s of free space") {
  if (!SmallDisk::WhyNot().empty()) return SaySkipped("disk: full", SmallDisk::WhyNot());
  Bed bed(500);
  Cluster& cluster = bed.cluster;
  const int old_port = cluster.AgreedMaster();
  for (const auto& disk : bed.disks) disk->Fill();
  cluster.NodeAt(old_port).Kill();
  INFO(Logs(cluster));
  for (const auto& sentinel : cluster.sentinels) CHECK(WaitFor([&] { return Reports(*sentinel); }));
  // Time in which they would have agreed several times.
  CHECK_FALSE(WaitFor([&] { return cluster.AgreedMaster(old_port) != 0; }, 1500));
  for (const auto& sentinel : cluster.sentinels) {
    CHECK(sentinel->process.running());
    CHECK(sentinel->Answers());  // whatever waits for the disk, probes do not
  }
  for (const auto& disk : bed.disks) disk->Free();
  const auto freed = Clock::now();
  REQUIRE(cluster.WaitNewMaster(old_port));
  CHECK(Clock::now() - freed < std::chrono::seconds(2));
  // What they then said is on the disk.
  const int new_port = cluster.AgreedMaster();
  for (const auto& sentinel : cluster.sentinels) {
    sentinel->Kill();
    sentinel->Start();
  }
  CHECK(cluster.AgreedMaster() == new_port);
}

TEST_CASE("disk: full under one sentinel of three: the others fail over, and it follows once it can") {
  if (!SmallDisk::WhyNot().empty()) return SaySkipped("disk: full under one", SmallDisk::WhyNot());
  Bed bed(500);
  Cluster& cluster = bed.cluster;
  const int old_port = cluster.AgreedMaster();
  bed.disks[0]->Fill();
  for (int i = 0; i < 2; ++i) {
    const Value answer = bed.AskForVote(*cluster.sentinels[0], old_port);
    INFO(answer.ToString());
    CHECK(answer.is_error());
  }
  cluster.NodeAt(old_port).Kill();
  INFO(Logs(cluster));
  const auto named_by = [&](int i) {
    const Value address =
        cluster.sentinels[static_cast<std::size_t>(i)]->Do({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", Cluster::kName});
    return address.elements.size() == 2 ? std::stoi(address.elements[1].text) : 0;
  };
  CHECK(WaitFor([&] { return named_by(1) != old_port && named_by(1) == named_by(2) && named_by(1) != 0; }));
  CHECK(WaitFor([&] { return Reports(*cluster.sentinels[0]); }));
  // Peers that ask it for votes are answered, so nobody takes it for dead.
  for (const Value& row : cluster.sentinels[1]->Do({"SENTINEL", "SENTINELS", Cluster::kName}).elements)
    CHECK(Pairs(row)["flags"].find("s_down") == std::string::npos);
  bed.disks[0]->Free();
  CHECK(cluster.WaitNewMaster(old_port));
}

TEST_CASE("disk: one file alone made unwritable: no vote, each reports it, a switch within 2 s of its being writable") {
  if (!SmallDisk::WhyNot().empty()) return SaySkipped("disk: one file", SmallDisk::WhyNot());
  std::string ending;
  SUBCASE("sentinel.conf") {}
  SUBCASE("<config>.vigil") {
    ending = ".vigil";
  }
  CAPTURE(ending);
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, 500);
  const int old_port = cluster.AgreedMaster();
  std::vector<std::unique_ptr<BoundFile>> pinned;
  for (const auto& sentinel : cluster.sentinels) {
    // There is something of ours to save: the file exists, and the next vote changes it.
    REQUIRE(sentinel->Do({"SENTINEL", "SET", Cluster::kName, "fast-fail", "0", "testimony-timeout", "20000"}).ok());
    const std::string path = sentinel->config_path + ending;
    pinned.push_back(std::make_unique<BoundFile>(path, path, BoundFile::Access::kReadOnly));
  }
  cluster.NodeAt(old_port).Kill();
  INFO(Logs(cluster));
  for (const auto& sentinel : cluster.sentinels) CHECK(WaitFor([&] { return Reports(*sentinel); }));
  CHECK_FALSE(WaitFor([&] { return cluster.AgreedMaster(old_port) != 0; }, 1500));
  for (const auto& sentinel : cluster.sentinels) {
    CHECK(sentinel->process.log().find("+elected-leader") == std::string::npos);
    CHECK(sentinel->Answers());
  }
  pinned.clear();
  const auto freed = Clock::now();
  REQUIRE(cluster.WaitNewMaster(old_port));
  CHECK(Clock::now() - freed < std::chrono::seconds(2));
}

TEST_CASE("disk: made read-only while it runs, SET is answered with an error, and works again afterwards") {
  if (!SmallDisk::WhyNot().empty()) return SaySkipped("disk: read-only", SmallDisk::WhyNot());
  Bed bed(5000);
  Member& sentinel = *bed.cluster.sentinels[0];
  const std::vector<std::string> set = {"SENTINEL", "SET", Cluster::kName, "failover-timeout", "12345"};
  bed.disks[0]->MakeReadOnly(true);
  const Value refused = sentinel.Do(set, 20000);
  INFO(refused.ToString());
  INFO(sentinel.process.log());
  CHECK_FALSE(refused.ok());
  CHECK(Reports(sentinel));
  CHECK(sentinel.Answers());
  bed.disks[0]->MakeReadOnly(false);
  CHECK(WaitFor([&] { return sentinel.Do(set, 20000).ok(); }));
  CHECK(ReadTextFile(sentinel.config_path).find("failover-timeout mymaster 12345") != std::string::npos);
}

TEST_CASE("disk: the configuration's folder taken away while it runs is reported, and put back is used again") {
  Cluster cluster;
  cluster.AddNode(Make::kOurs);
  Member& sentinel = cluster.AddSentinel(Make::kOurs, 1, 5000);
  const std::string id = sentinel.Do({"SENTINEL", "MYID"}).text;
  const std::string away = sentinel.directory + ".away";
  std::filesystem::rename(sentinel.directory, away);
  const std::vector<std::string> set = {"SENTINEL", "SET", Cluster::kName, "failover-timeout", "12345"};
  const Value refused = sentinel.Do(set, 20000);
  INFO(refused.ToString());
  INFO(sentinel.process.log());
  CHECK_FALSE(refused.ok());
  CHECK(Reports(sentinel));
  std::filesystem::rename(away, sentinel.directory);
  CHECK(WaitFor([&] { return sentinel.Do(set, 20000).ok(); }));
  sentinel.Kill();
  sentinel.Start();
  CHECK(sentinel.Do({"SENTINEL", "MYID"}).text == id);
  CHECK(Pairs(sentinel.Do({"SENTINEL", "MASTER", Cluster::kName}))["failover-timeout"] == "12345");
}
