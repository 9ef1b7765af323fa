// The journal, with real processes: killed at any moment, on a full disk, with files that somebody has damaged.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "tests/support/cluster.h"
#include "tests/support/small_disk.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"appendonly yes", "enable-debug-command yes"};

std::vector<std::string> With(std::vector<std::string> more) {
  more.insert(more.end(), kLines.begin(), kLines.end());
  return more;
}

std::string Folder(const Member& node) {
  return node.directory + "/appendonlydir";
}

// The incr files that the manifest names, oldest first.
std::vector<std::string> Incrs(const Member& node) {
  std::vector<std::string> found;
  std::ifstream manifest(Folder(node) + "/appendonly.aof.manifest");
  std::string word, name, seq, number, type, letter;
  while (manifest >> word >> name >> seq >> number >> type >> letter) {
    if (letter == "i") found.push_back(Folder(node) + "/" + name);
  }
  return found;
}

// Writes in pieces of several at once on one connection, until the connection breaks: the number of those acknowledged,
// each a key of its own and a member of a list that only MULTI writes.
class Load {
 public:
  Load(int port, std::string prefix) : prefix_(std::move(prefix)) {
    thread_ = std::thread([this, port] {
      Redis redis(port, 5000);
      for (std::int64_t next = 0; !stop_;) {
        for (int i = 0; i < 8; ++i) redis.Send({"SET", prefix_ + std::to_string(next + i), std::string(100, 'v')});
        redis.Send({"MULTI"});
        redis.Send({"RPUSH", prefix_ + "list", std::to_string(next)});
        redis.Send({"RPUSH", prefix_ + "twin", std::to_string(next)});
        redis.Send({"EXEC"});
        for (int i = 0; i < 8; ++i) {
          if (!redis.Next().ok()) return;
          acknowledged_ = next + i + 1;
        }
        for (int i = 0; i < 3; ++i) redis.Next();
        if (redis.Next().kind != Value::Kind::kArray) return;
        ++transactions_;
        next += 8;
      }
    });
  }
  ~Load() { Stop(); }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::int64_t acknowledged() const { return acknowledged_; }

  // Every acknowledged write is there, and no half of a transaction.
  void CheckAllOn(const Member& node) {
    Redis redis(node.port, 20000);
    int missing = 0;
    for (std::int64_t i = 0; i < acknowledged_; ++i) redis.Send({"EXISTS", prefix_ + std::to_string(i)});
    for (std::int64_t i = 0; i < acknowledged_; ++i) missing += redis.Next().integer == 1 ? 0 : 1;
    CHECK(missing == 0);
    const std::int64_t pairs = redis.Do({"LLEN", prefix_ + "list"}).integer;
    CHECK(pairs >= transactions_);
    CHECK(redis.Do({"LLEN", prefix_ + "twin"}).integer == pairs);
  }

 private:
  std::string prefix_;
  std::atomic<std::int64_t> acknowledged_{0};
  std::atomic<std::int64_t> transactions_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

int Rounds(int by_default) {
  const char* text = std::getenv("VIGIL_JOURNAL_KILLS");
  return text == nullptr ? by_default : std::atoi(text);
}

bool CaughtUp(const Member& master, const Member& replica) {
  return replica.Info("master_link_status") == "up" &&
         replica.Info("slave_repl_offset") == master.Info("master_repl_offset");
}

}  // namespace

TEST_CASE("journal: a master killed under load keeps what it acknowledged, and its replica goes on") {
  std::string policy;
  SUBCASE("always") {
    policy = "always";
  }
  SUBCASE("everysec") {
    policy = "everysec";
  }
  SUBCASE("no") {
    policy = "no";
  }
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs, nullptr, With({"appendfsync " + policy}));
  Member& replica = cluster.AddNode(Make::kOurs, &master, {"enable-debug-command yes"});
  REQUIRE(WaitFor([&] { return CaughtUp(master, replica); }));
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < Rounds(2); ++round) {
    INFO("round " << round << "\n" << Logs(cluster));
    const std::string replid = master.Info("master_replid");
    Load one(master.port, fmt::format("a{}:", round));
    Load two(master.port, fmt::format("b{}:", round));
    REQUIRE(WaitFor([&] { return one.acknowledged() > 50 && two.acknowledged() > 50; }));
    if (round % 3 == 2) master.Do({"BGREWRITEAOF"});
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 300'000));
    master.Kill();
    one.Stop();
    two.Stop();
    master.Start();
    REQUIRE(WaitFor([&] { return master.Info("loading") == "0"; }));
    one.CheckAllOn(master);
    two.CheckAllOn(master);
    CHECK(master.Info("master_replid2") == replid);
    CHECK(master.Info("master_replid") != replid);
    REQUIRE(WaitFor([&] { return CaughtUp(master, replica); }));
    // What the replica was sent is in the journal: it goes on from there.
    CHECK(master.Info("sync_full") == "0");
    CHECK(master.Info("sync_partial_ok") != "0");
    CHECK(master.Do({"DEBUG", "DIGEST"}, 20000) == replica.Do({"DEBUG", "DIGEST"}, 20000));
  }
}

TEST_CASE("journal: with journal-retention a rewrite keeps what it replaces, up to a limit") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, With({"appendfsync no", "journal-retention 1d"}));
  const auto archived = [&] {
    std::size_t count = 0;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(Folder(node) + "/archive", failed)) {
      count += entry.path().extension() == ".rdb" ? 1 : 0;
    }
    return count;
  };
  const auto rewrite = [&] {
    const std::string before = node.Info("aof_rewrites");
    node.Do({"SET", "k", std::string(5000, 'x')});
    REQUIRE(node.Do({"BGREWRITEAOF"}).text.starts_with("Background append only file rewriting"));
    REQUIRE(
        WaitFor([&] { return node.Info("aof_rewrites") != before && node.Info("aof_rewrite_in_progress") == "0"; }));
  };
  REQUIRE(WaitFor([&] { return node.Info("aof_rewrites") == "1"; }));  // the first base
  for (int i = 0; i < 3; ++i) rewrite();
  CHECK(archived() == 3);
  CHECK(node.Do({"CONFIG", "SET", "journal-retention", "soon"}).text.find("argument must be a time") !=
        std::string::npos);
  REQUIRE(node.Do({"CONFIG", "SET", "journal-retention", "12kb"}).ok());
  rewrite();
  CHECK(archived() == 2);
  REQUIRE(node.Do({"CONFIG", "SET", "journal-retention", "0"}).ok());
  rewrite();
  CHECK(archived() == 0);
}

TEST_CASE("journal: a killed replica goes on in its master's history where it was") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs, nullptr, {"enable-debug-command yes"});
  Member& replica = cluster.AddNode(Make::kOurs, &master, kLines);
  for (int i = 0; i < 200; ++i) REQUIRE(master.Do({"SET", "k" + std::to_string(i), "v"}).ok());
  REQUIRE(WaitFor([&] { return CaughtUp(master, replica) && !Incrs(replica).empty(); }));
  REQUIRE(WaitFor([&] { return replica.Info("aof_rewrite_in_progress") == "0"; }));
  const std::string full = master.Info("sync_full");
  for (int round = 0; round < 3; ++round) {
    INFO(Logs(cluster));
    replica.Kill();
    for (int i = 0; i < 50; ++i) REQUIRE(master.Do({"SET", fmt::format("r{}:{}", round, i), "v"}).ok());
    replica.Start();
    REQUIRE(WaitFor([&] { return CaughtUp(master, replica); }));
    CHECK(replica.Info("master_replid") == master.Info("master_replid"));
    CHECK(master.Info("sync_full") == full);
    CHECK(master.Do({"DEBUG", "DIGEST"}) == replica.Do({"DEBUG", "DIGEST"}));
  }
  // Promoted, it is durable under its new name at once.
  REQUIRE(replica.Do({"REPLICAOF", "NO", "ONE"}, 10000).ok());
  const std::string replid = replica.Info("master_replid");
  REQUIRE(replica.Do({"SET", "after", "promotion"}).ok());
  replica.Kill();
  WriteTextFile(replica.config_path, [&] {
    std::string text = ReadTextFile(replica.config_path);
    text.erase(text.find("replicaof"), text.find('\n', text.find("replicaof")) - text.find("replicaof"));
    return text;
  }());
  replica.Start();
  CHECK(replica.Do({"GET", "after"}).text == "promotion");
  CHECK(replica.Info("master_replid2") == replid);
}

TEST_CASE("journal: a torn tail is cut and kept, a damaged middle is refused, and nothing is ever started empty") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, kLines);
  for (int i = 0; i < 300; ++i) REQUIRE(node.Do({"SET", "k" + std::to_string(i), std::string(50, 'v')}).ok());
  node.Kill();
  const std::string file = Incrs(node).back();
  const auto size = std::filesystem::file_size(file);
  const auto starts = [&] {
    Process process({OurProgram("vigil-node"), node.config_path}, node.directory + ".try", node.directory);
    const auto code = process.Wait(20000);
    return std::pair(code, process.log());
  };

  SUBCASE("torn") {
    std::filesystem::resize_file(file, size - 7);
    node.Start();
    CHECK(node.Do({"DBSIZE"}).integer == 299);
    CHECK(std::filesystem::exists(Folder(node) + "/archive"));
    // It is whole again: the next start has nothing to cut.
    REQUIRE(node.Do({"SET", "k299", "again"}).ok());
    node.Kill();
    node.Start();
    CHECK(node.Do({"DBSIZE"}).integer == 300);
  }
  SUBCASE("torn, and that is not wanted") {
    std::filesystem::resize_file(file, size - 7);
    WriteTextFile(node.config_path, ReadTextFile(node.config_path) + "\naof-load-truncated no\n");
    const auto [code, log] = starts();
    CHECK(code == 1);
    CHECK(log.find(file) != std::string::npos);
    CHECK(std::filesystem::file_size(file) == size - 7);
  }
  SUBCASE("damaged") {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(size / 2));
    stream.put('\x7f');
    stream.close();
    const auto [code, log] = starts();
    CHECK(code == 1);
    CHECK(log.find("is damaged at byte") != std::string::npos);
    const auto tool = [&](const std::string& what) {
      Process process({OurProgram("vigil-node"), "--journal", what, Folder(node)}, node.directory + ".tool");
      return process.Wait(20000);
    };
    CHECK(tool("check") == 1);
    CHECK(tool("repair") == 0);
    CHECK(tool("check") == 0);
    node.Start();
    const std::int64_t left = node.Do({"DBSIZE"}).integer;
    CHECK(left > 100);
    CHECK(left < 200);
  }
  SUBCASE("a file is missing") {
    std::filesystem::rename(file, file + ".away");
    const auto [code, log] = starts();
    CHECK(code == 1);
    CHECK(log.find(file) != std::string::npos);
  }
  SUBCASE("the manifest is missing") {
    std::filesystem::remove(Folder(node) + "/appendonly.aof.manifest");
    const auto [code, log] = starts();
    CHECK(code == 1);
    CHECK(log.find("appendonly.aof.manifest") != std::string::npos);
  }
  SUBCASE("two nodes on one directory") {
    node.Start();
    const std::string other = node.directory + ".other.conf";
    WriteTextFile(other, ReadTextFile(node.config_path) + fmt::format("\nport {}\n", FreePort()));
    Process process({OurProgram("vigil-node"), other}, node.directory + ".try", node.directory);
    CHECK(process.Wait(20000) == 1);
    CHECK(process.log().find("another node uses the append-only directory") != std::string::npos);
    CHECK(node.Do({"DBSIZE"}).integer == 300);
  }
}

TEST_CASE("journal: switched on and off while it runs, and rewritten") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, {"enable-debug-command yes"});
  for (int i = 0; i < 100; ++i) REQUIRE(node.Do({"SET", "k" + std::to_string(i), "v"}).ok());
  CHECK(node.Info("aof_enabled") == "0");
  CHECK(node.Do({"BGREWRITEAOF"}).is_error());
  REQUIRE(node.Do({"CONFIG", "SET", "appendonly", "yes"}).ok());
  REQUIRE(WaitFor([&] { return Incrs(node).size() == 1 && node.Info("aof_rewrite_in_progress") == "0"; }));
  REQUIRE(node.Do({"SET", "more", "v"}).ok());
  for (int i = 0; i < 3; ++i) {
    const std::string before = Incrs(node).back();
    REQUIRE(node.Do({"BGREWRITEAOF"}).text == "Background append only file rewriting started");
    REQUIRE(node.Do({"SET", "during", std::to_string(i)}).ok());
    REQUIRE(WaitFor([&] { return Incrs(node).size() == 1 && Incrs(node).back() != before; }));
    REQUIRE(WaitFor([&] { return !std::filesystem::exists(before) && node.Info("aof_rewrite_in_progress") == "0"; }));
  }
  CHECK(node.Info("aof_last_bgrewrite_status") == "ok");
  const Value digest = node.Do({"DEBUG", "DIGEST"});
  node.Kill();
  WriteTextFile(node.config_path, ReadTextFile(node.config_path) + "\nappendonly yes\n");
  node.Start();
  CHECK(node.Do({"DEBUG", "DIGEST"}) == digest);
  CHECK(node.Do({"DBSIZE"}).integer == 102);

  // By its size.
  REQUIRE(node.Do({"CONFIG", "SET", "auto-aof-rewrite-min-size", "100kb"}).ok());
  const std::string old = Incrs(node).front();
  for (int i = 0; i < 300; ++i) REQUIRE(node.Do({"SET", "same", std::string(1000, 'x')}).ok());
  REQUIRE(WaitFor([&] { return !std::filesystem::exists(old); }));

  REQUIRE(node.Do({"CONFIG", "SET", "appendonly", "no"}).ok());
  REQUIRE(node.Do({"SET", "unwritten", "v"}).ok());
  REQUIRE(node.Do({"CONFIG", "SET", "appendonly", "yes"}).ok());
  REQUIRE(WaitFor([&] { return node.Info("aof_rewrite_in_progress") == "0"; }));
  const Value last = node.Do({"DEBUG", "DIGEST"});
  node.Kill();
  node.Start();
  CHECK(node.Do({"DEBUG", "DIGEST"}) == last);
  CHECK(node.Do({"GET", "unwritten"}).text == "v");
}

TEST_CASE("journal: on a full disk writes are refused, reads go on, and all is well when there is room again") {
  if (!SmallDisk::WhyNot().empty()) return SaySkipped("journal: full disk", SmallDisk::WhyNot());
  std::string policy;
  SUBCASE("always") {
    policy = "always";
  }
  SUBCASE("everysec") {
    policy = "everysec";
  }
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, With({"appendfsync " + policy}));
  node.Kill();
  const std::string config = node.directory + ".conf";
  WriteTextFile(config, ReadTextFile(node.config_path));
  node.config_path = config;
  SmallDisk disk(node.directory);
  node.Start();
  for (int i = 0; i < 100; ++i) REQUIRE(node.Do({"SET", "k" + std::to_string(i), "v"}, 10000).ok());
  disk.Fill();
  // Some writes may still fit into what was allotted; in the end none is acknowledged.
  std::set<std::string> acknowledged;
  Redis waits(node.port, 30000);
  int sent = 0;
  const bool refused = WaitFor([&] {
    const std::string key = "late" + std::to_string(sent++);
    const Value reply = node.Do({"SET", key, std::string(2000, 'x')}, 1000);
    if (reply.ok()) acknowledged.insert(key);
    return reply.is_error() && reply.text.starts_with("MISCONF Errors writing to the AOF file");
  });
  INFO(Logs(cluster));
  REQUIRE(refused);
  CHECK(node.Do({"GET", "k5"}).text == "v");
  CHECK(node.Info("aof_last_write_status") == "err");
  disk.Free();
  REQUIRE(WaitFor([&] { return node.Do({"SET", "again", "v"}, 1000).ok(); }));
  CHECK(node.Info("aof_last_write_status") == "ok");
  const Value digest = node.Do({"DEBUG", "DIGEST"});
  node.Kill();
  node.Start();
  CHECK(node.Do({"DEBUG", "DIGEST"}) == digest);
  CHECK(node.Do({"GET", "again"}).text == "v");
  for (const std::string& key : acknowledged) CHECK(node.Do({"EXISTS", key}).integer == 1);
  node.Kill();
}
