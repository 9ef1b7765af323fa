// Full syncs that do not go well, with real processes: slow replicas, several at once, masters that die in the middle,
// and payloads that nobody can read.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "tests/cluster/hostile_server.h"
#include "tests/cluster/raw_peer.h"
#include "tests/support/cluster.h"

using namespace support;

namespace {

constexpr std::size_t kMegabyte = 1 << 20;

// Freed memory that an instrumented program keeps would look like growth.
class LittleQuarantine {
 public:
  LittleQuarantine() {
    const char* given = std::getenv("ASAN_OPTIONS");
    had_ = given != nullptr;
    if (had_) before_ = given;
    setenv("ASAN_OPTIONS", (before_ + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64").c_str(), 1);
  }
  ~LittleQuarantine() {
    if (had_) {
      setenv("ASAN_OPTIONS", before_.c_str(), 1);
    } else {
      unsetenv("ASAN_OPTIONS");
    }
  }
  LittleQuarantine(const LittleQuarantine&) = delete;
  LittleQuarantine& operator=(const LittleQuarantine&) = delete;

 private:
  bool had_ = false;
  std::string before_;
};

// A field of /proc/<pid>/status in bytes: VmRSS, VmHWM.
std::size_t Resident(const Member& node, const std::string& field) {
  std::ifstream file(fmt::format("/proc/{}/status", node.process.pid()));
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(field + ":")) continue;
    return std::stoul(line.substr(field.size() + 1)) * 1024;
  }
  return 0;
}

// The highest resident set is counted from here on.
void ForgetPeak(const Member& node) {
  std::ofstream(fmt::format("/proc/{}/clear_refs", node.process.pid())) << "5";
}

constexpr std::size_t kValue = 16 << 10;

// Writes `count` values of 16 KiB from `first` on.
void Write(const Member& node, int first, int count, char with) {
  Redis redis(node.port, 60000);
  REQUIRE(redis.connected());
  for (int i = 0; i < count; ++i) {
    redis.Send({"SET", fmt::format("value:{}", first + i), std::string(kValue, with)});
    if (i % 16 == 15 || i + 1 == count) {
      for (int k = 0; k <= i % 16; ++k) REQUIRE(redis.Next().ok());
    }
  }
}

// Asks for everything as a replica of ours does, which nobody waits with.
void AskForAll(RawPeer& replica) {
  replica.Send({"REPLCONF", "capa", "eof", "capa", "psync2", "capa", "vigil"});
  REQUIRE(replica.Line() == "+OK");
  replica.Send({"PSYNC", "?", "-1"});
}

bool SameData(const Member& a, const Member& b) {
  return b.Info("master_link_status") == "up" && a.Info("master_repl_offset") == b.Info("master_repl_offset") &&
         a.Do({"DEBUG", "DIGEST"}, 20000) == b.Do({"DEBUG", "DIGEST"}, 20000);
}

// The bytes of an RDB file of `version` with one string each for `keys`, without its end.
std::string Payload(int version, const std::vector<std::string>& keys) {
  std::string bytes = fmt::format("REDIS{:04}", version);
  bytes += std::string("\xFE\x00", 2);
  for (const std::string& key : keys) {
    bytes += '\0';
    bytes += static_cast<char>(key.size());
    bytes += key + "\x03new";
  }
  return bytes;
}

// A master in a test's hands: what it sends behind +FULLRESYNC, and when it was asked.
class TestMaster {
 public:
  TestMaster() : server_([this](const std::vector<std::string>& words) { return Answer(words); }) {}

  void Send(std::string payload) {
    const std::lock_guard lock(mutex_);
    payload_ = std::move(payload);
  }
  std::size_t asked() const {
    const std::lock_guard lock(mutex_);
    return asked_at_.size();
  }
  std::vector<std::chrono::steady_clock::time_point> asked_at() const {
    const std::lock_guard lock(mutex_);
    return asked_at_;
  }
  void Drop() { server_.Drop(); }
  int port() const { return server_.port(); }

 private:
  std::string Answer(const std::vector<std::string>& words) {
    const std::string verb = base::ToLower(words[0]);
    if (verb == "replconf" && base::ToLower(words[1]) == "ack") return "";
    if (verb == "info") return HostileServer::Bulk("# Replication\r\nrole:master\r\n");
    if (verb != "psync") return HostileServer::Honest(words);
    const std::lock_guard lock(mutex_);
    asked_at_.push_back(std::chrono::steady_clock::now());
    return fmt::format("+FULLRESYNC {} 1000\r\n$EOF:{}\r\n{}", std::string(40, 'b'), kMark, payload_);
  }

 public:
  inline static const std::string kMark = std::string(40, 'm');

 private:
  mutable std::mutex mutex_;
  std::string payload_;
  std::vector<std::chrono::steady_clock::time_point> asked_at_;
  HostileServer server_;
};

}  // namespace

TEST_CASE("full sync: a replica that takes nothing costs its output limit, and is dropped beyond it") {
  const LittleQuarantine little;
  Cluster cluster;
  Member& master = cluster.AddNode(
      Make::kOurs, nullptr,
      {"client-output-buffer-limit replica 32mb 0 0", "repl-backlog-size 1mb", "rdbcompression no", "save \"\""});
  Write(master, 0, 3000, 'a');  // 47 MiB
  const std::size_t used = std::stoul(master.Info("used_memory"));
  const std::size_t resident = Resident(master, "VmRSS");
  ForgetPeak(master);

  RawPeer slow(master.port);
  AskForAll(slow);
  REQUIRE(slow.Line().starts_with("+FULLRESYNC "));
  // 24 MiB of stream are within its limit: it is held, however long it takes.
  Write(master, 0, 1500, 'b');
  CHECK(master.AllInfo()["slave0"].find("state=send_bulk") != std::string::npos);
  CHECK(std::stoul(master.Info("used_memory")) - used > 20 * kMegabyte);  // that is what is watched
  // And now everything three times, far beyond it.
  for (const char with : {'c', 'd', 'e'}) Write(master, 0, 3000, with);
  CHECK(WaitFor([&] { return master.Info("connected_slaves") == "0"; }));
  CHECK(slow.closed());
  CHECK(master.process.log().find("exceeds client-output-buffer-limit") != std::string::npos);
  // The limit, what a payload may be ahead of its socket (16), copies of overwritten values before they go to a file
  // (16), and what allocators round up: values of 16 KiB take up to 20.
  const std::size_t peak = Resident(master, "VmHWM") - resident;
  MESSAGE("the master grew by " << peak / kMegabyte << " MiB at most");
  CHECK(peak < 2 * (32 + 16 + 16 + 16) * kMegabyte);  // without limits it would be 260 and more
  // It is given back.
  if (master.Info("mem_allocator") != "libc") {  // that of an instrumented program keeps what it has
    CHECK(WaitFor([&] { return std::stoul(master.Info("used_memory")) < used + 16 * kMegabyte; }));
  }
  CHECK(master.Info("repl_snapshot_in_progress") == "0");
}

TEST_CASE("full sync: a replica whose way is slow is held within its limit, and ends with everything") {
  const LittleQuarantine little;
  Cluster cluster;
  cluster.BehindProxies();
  Member& master = cluster.AddNode(Make::kOurs, nullptr,
                                   {"client-output-buffer-limit replica 256mb 0 0", "repl-backlog-size 1mb",
                                    "rdbcompression no", "save \"\"", "enable-debug-command yes", "repl-timeout 60"});
  Write(master, 0, 3000, 'a');
  const std::size_t resident = Resident(master, "VmRSS");
  ForgetPeak(master);
  master.proxy->Set(Proxy::kToClient, Flow::kStall);
  Member& replica = cluster.AddNode(Make::kOurs, nullptr, {"enable-debug-command yes", "repl-timeout 60"});
  REQUIRE(replica.Do({"REPLICAOF", "127.0.0.1", std::to_string(master.announced)}).ok());
  // Its words reach the master, the payload does not reach it.
  master.proxy->Set(Proxy::kToClient, Flow::kPass);
  REQUIRE(WaitFor([&] { return master.proxy->bytes(Proxy::kToClient) > 2 * kMegabyte; }));
  master.proxy->Set(Proxy::kToClient, Flow::kStall);
  Write(master, 0, 3000, 'b');
  const std::size_t peak = Resident(master, "VmHWM") - resident;
  MESSAGE("the master grew by " << peak / kMegabyte << " MiB at most");
  CHECK(peak < 2 * (47 + 16 + 16 + 16) * kMegabyte);  // the stream, 47 MiB, and the payload's share
  master.proxy->Set(Proxy::kToClient, Flow::kPass);
  const bool same = WaitFor([&] { return SameData(master, replica); });
  INFO(Logs(cluster));
  CHECK(same);
  CHECK(master.Info("sync_full") == "1");
}

TEST_CASE("full sync: three snapshots at once; a fourth replica waits for one of them to end") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs, nullptr, {"rdbcompression no", "save \"\"", "repl-timeout 60"});
  Write(master, 0, 3000, 'a');
  // Who reads nothing holds its snapshot: 47 MiB are more than a payload may be ahead of its socket.
  RawPeer first(master.port);
  RawPeer second(master.port);
  RawPeer third(master.port);
  std::vector<std::string> histories;
  for (RawPeer* each : {&first, &second, &third}) {
    AskForAll(*each);
    histories.push_back(each->Line());
    CHECK(histories.back().starts_with("+FULLRESYNC "));
    Write(master, 0, 1, 'b');  // so that the next begins at another offset
  }
  CHECK(histories[0] != histories[1]);
  CHECK(histories[1] != histories[2]);
  const auto states = [&] {
    auto info = master.AllInfo();
    std::vector<std::string> all;
    for (int i = 0; i < 5; ++i) {
      const std::string line = info[fmt::format("slave{}", i)];
      const std::size_t at = line.find("state=");
      if (at != std::string::npos) all.push_back(line.substr(at + 6, line.find(',', at) - at - 6));
    }
    std::ranges::sort(all);
    return all;
  };
  RawPeer fourth(master.port);
  RawPeer fifth(master.port);
  AskForAll(fourth);
  AskForAll(fifth);
  using States = std::vector<std::string>;
  CHECK(WaitFor([&] {
    return states() == States{"send_bulk", "send_bulk", "send_bulk", "wait_bgsave", "wait_bgsave"};
  }));
  CHECK(master.Do({"SET", "meanwhile", "1"}).ok());
  // One ends; those who waited share the next, and what was written meanwhile is in it.
  CHECK(second.ReadUntil(std::string(1, '\xFF')));
  const bool drained = WaitFor([&] {
    second.closed();  // takes what is there
    return states() == States{"online", "send_bulk", "send_bulk", "send_bulk", "send_bulk"};
  });
  CHECK(drained);
  const std::string begins = fourth.Line();
  CHECK(begins.starts_with("+FULLRESYNC "));
  CHECK(fifth.Line() == begins);
  // Who shares a payload goes as far ahead of the other as any may.
  CHECK(WaitFor([&] { return !fifth.closed() && fourth.ReadUntil("meanwhile", 50); }));
  CHECK(first.closed() == false);
  CHECK(third.closed() == false);
}

TEST_CASE(
    "full sync: one that breaks off leaves the old data, or honestly none; tried again at once, then less often") {
  bool keeps = true;
  const char* way = "swapdb";
  SUBCASE("swapdb") {}
  SUBCASE("disabled") {
    way = "disabled";
  }
  SUBCASE("flush-before-load") {
    way = "flush-before-load";
    keeps = false;
  }
  TestMaster master;
  const std::vector<std::string> keys = {"one", "two", "three"};
  master.Send(Payload(10, keys));  // and no more
  Cluster cluster;
  Member& replica = cluster.AddNode(Make::kOurs, nullptr, {fmt::format("repl-diskless-load {}", way)});
  REQUIRE(replica.Do({"SET", "old", "1"}).ok());
  REQUIRE(replica.Do({"REPLICAOF", "127.0.0.1", std::to_string(master.port())}).ok());

  const auto old_data = [&] {
    const Value answer = replica.Do({"GET", "old"});
    return keeps ? answer.text == "1" : answer.is_error() && answer.text.starts_with("LOADING");
  };
  constexpr std::size_t kAttempts = 6;
  for (std::size_t i = 1; i <= kAttempts; ++i) {
    CAPTURE(i);
    REQUIRE(WaitFor([&] { return master.asked() == i; }));
    CHECK(WaitFor([&] { return replica.Info("master_sync_in_progress") == "1" && old_data(); }));
    CHECK(replica.Info(keeps ? "async_loading" : "loading") == "1");
    master.Drop();
    CHECK(WaitFor([&] { return replica.Info("master_sync_in_progress") == "0" || master.asked() > i; }));
  }
  const auto at = master.asked_at();
  std::vector<long> gaps;
  for (std::size_t i = 1; i < at.size(); ++i) {
    gaps.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(at[i] - at[i - 1]).count());
  }
  MESSAGE("asked again after " << fmt::format("{}", fmt::join(gaps, ", ")) << " ms");
  // About 50 ms at first and a second at last on a machine of its own; each of ours is asked for its state in between.
  CHECK(gaps[0] < 5000);
  CHECK(*std::ranges::max_element(gaps) < 20000);
  // Now it cannot be reached at all, and says what it has.
  INFO(replica.process.log());
  CHECK(WaitFor([&] {
    master.Drop();
    auto info = replica.AllInfo();
    return info["master_link_status"] == "down" && info["loading"] == "0" && info["master_sync_in_progress"] == "0";
  }));
  if (keeps) {
    CHECK(replica.Do({"GET", "old"}).text == "1");
  } else {
    // Nothing of the half payload is there.
    CHECK(replica.Do({"REPLICAOF", "NO", "ONE"}).ok());
    CHECK(replica.Do({"DBSIZE"}).integer == 0);
    CHECK(replica.Do({"REPLICAOF", "127.0.0.1", std::to_string(master.port())}).ok());
  }
  master.Send(Payload(10, keys) + '\xFF' + std::string(8, '\0') + TestMaster::kMark);
  master.Drop();
  CHECK(WaitFor([&] { return replica.Info("master_link_status") == "up"; }));
  CHECK(replica.Do({"GET", "three"}).text == "new");
  CHECK(replica.Do({"DBSIZE"}).integer == 3);
}

TEST_CASE("full sync: a payload of a version that came after us is refused by name, and the old data stay") {
  TestMaster master;
  master.Send(Payload(80, {"one"}) + '\xFF' + std::string(8, '\0') + TestMaster::kMark);
  Cluster cluster;
  Member& replica = cluster.AddNode(Make::kOurs);
  REQUIRE(replica.Do({"SET", "old", "1"}).ok());
  REQUIRE(replica.Do({"REPLICAOF", "127.0.0.1", std::to_string(master.port())}).ok());
  REQUIRE(WaitFor([&] { return master.asked() >= 3; }));
  INFO(replica.process.log());
  CHECK(replica.process.log().find("sync failed: ") != std::string::npos);
  CHECK(replica.process.log().find("version 80 is not supported, only 1 to ") != std::string::npos);
  CHECK(replica.Info("master_link_status") == "down");
  CHECK(replica.Do({"GET", "old"}).text == "1");
  CHECK(replica.Do({"DBSIZE"}).integer == 1);
  // What Redis 7.2, 7.4 and Valkey 8 write is understood.
  for (const int version : {11, 12}) {
    CAPTURE(version);
    master.Send(Payload(version, {"one", "two"}) + '\xFF' + std::string(8, '\0') + TestMaster::kMark);
    master.Drop();
    CHECK(WaitFor([&] { return replica.Do({"DBSIZE"}).integer == 2; }));
    REQUIRE(replica.Do({"REPLICAOF", "NO", "ONE"}).ok());
    REQUIRE(replica.Do({"FLUSHALL"}).ok());
    REQUIRE(replica.Do({"REPLICAOF", "127.0.0.1", std::to_string(master.port())}).ok());
  }
}
