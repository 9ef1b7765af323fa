// Backups of a journal and the moments that it gives back, with real processes.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "tests/support/cluster.h"
#include "tests/support/small_disk.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"appendonly yes", "enable-debug-command yes", "save \"\""};

std::vector<std::string> With(std::vector<std::string> more) {
  more.insert(more.end(), kLines.begin(), kLines.end());
  return more;
}

std::string Folder(const Member& node) {
  return node.directory + "/appendonlydir";
}

struct Ran {
  int code = -1;
  std::string text;
};
// One run of vigil-node to its end.
Ran Run(const TempDir& temp, std::vector<std::string> words) {
  static int number = 0;
  words.insert(words.begin(), OurProgram("vigil-node"));
  Process process(words, fmt::format("{}/tool{}.log", temp.path(), ++number));
  const auto code = process.Wait(120000);
  REQUIRE(code);
  return {*code, process.log()};
}
Ran RestoreTo(const TempDir& temp, const Member& node, const std::string& offset, const std::string& into) {
  return Run(temp, {node.config_path, "--restore-to-offset", offset, "--restore-into", into});
}

Value Digest(const Member& node) {
  return node.Do({"DEBUG", "DIGEST"}, 30000);
}
bool Loaded(const Member& node) {
  return WaitFor([&] { return node.Info("loading") == "0"; });
}

// All files below a folder, with their bytes.
std::map<std::string, std::string> Content(const std::string& folder) {
  std::map<std::string, std::string> content;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) content[entry.path().string()] = ReadTextFile(entry.path().string());
  }
  return content;
}

// "... through offset <replid>:4711, last written ...": 4711. What has no command in it was not written at any time.
std::string OffsetIn(const std::string& text) {
  const std::size_t name = text.find(" offset ");
  REQUIRE(name != std::string::npos);
  const std::size_t begin = text.find(':', name);
  const std::size_t end = text.find_first_not_of("0123456789", begin + 1);
  REQUIRE(end != std::string::npos);
  REQUIRE(begin != std::string::npos);
  return text.substr(begin + 1, end - begin - 1);
}

// A moment of a node: where its stream ended, and its data then.
struct Moment {
  std::string offset;
  Value digest;
};

}  // namespace

TEST_CASE("journal undo: every moment comes back, on ours and on stock, and the source stays as it was") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, With({}));
  node.Do({"SET", "before", "the base"});
  node.Do({"BGREWRITEAOF"});
  REQUIRE(WaitFor([&] { return node.Info("aof_rewrite_in_progress") == "0"; }));
  const std::vector<std::vector<std::vector<std::string>>> steps = {
      {{"SET", "s", std::string("bin\0ary\r\n", 9)}, {"SETEX", "soon", "100000", "v"}},
      {{"RPUSH", "l", "a", "b", "c"}, {"SADD", "set", "1", "2", "x"}, {"SPOP", "set"}},
      {{"HSET", "h", "f", "v"}, {"ZADD", "z", "1.5", "m"}, {"XADD", "x", "*", "f", "v"}},
      {{"MULTI"}, {"SELECT", "7"}, {"SET", "in", "seven"}, {"SELECT", "0"}, {"INCR", "n"}, {"EXEC"}},
      {{"EVAL", "redis.call('set','by','script') redis.call('incr','n') return 1", "0"}, {"PFADD", "hll", "a"}},
      {{"PEXPIRE", "before", "1"}},
      {{"FLUSHALL"}},
      {{"SET", "after", "all"}},
  };
  Redis redis(node.port, 10000);
  std::vector<Moment> moments;
  moments.push_back({node.Info("master_repl_offset"), Digest(node)});
  for (const auto& step : steps) {
    for (const auto& words : step) CHECK_FALSE(redis.Do(words).is_error());
    if (step[0][0] == "PEXPIRE") {
      REQUIRE(WaitFor([&] { return node.Do({"EXISTS", "before"}).integer == 0 && node.Info("expired_keys") == "1"; }));
    }
    moments.push_back({node.Info("master_repl_offset"), Digest(node)});
  }
  INFO(ReadTextFile(node.process.log_path()));
  const auto found = Run(cluster.temp, {"--journal", "show", Folder(node), "--match", "flush*", "--json"});
  CHECK(found.code == 0);
  CHECK(found.text.find("\"command\":[\"FLUSHALL\"]") != std::string::npos);
  CHECK(found.text.find(fmt::format("\"before\":{}", moments[moments.size() - 3].offset)) != std::string::npos);

  node.Do({"SHUTDOWN"}, 1000);
  REQUIRE(node.process.Wait(30000));
  const auto before = Content(Folder(node));
  const bool stock = !StockProgram("redis-server").empty();
  for (std::size_t i = 0; i < moments.size(); ++i) {
    const std::string into = fmt::format("{}/restored{}", cluster.temp.path(), i);
    const Ran ran = RestoreTo(cluster.temp, node, moments[i].offset, into);
    INFO("moment " << i << " at " << moments[i].offset << ": " << ran.text);
    REQUIRE(ran.code == 0);
    const Make make = stock && i % 2 == 1 ? Make::kStock : Make::kOurs;
    Member& restored = cluster.AddNode(make, nullptr, With({"dir " + into}));
    REQUIRE(Loaded(restored));
    CHECK(Digest(restored) == moments[i].digest);
    CHECK(restored.Info("master_replid2") == std::string(40, '0'));
    restored.Kill();
  }
  // The last one again, by time: nothing is younger than it.
  const auto list = Run(cluster.temp, {"--journal", "list", Folder(node)});
  const std::size_t to = list.text.find(" to ", list.text.find("times:"));
  REQUIRE(to != std::string::npos);
  const std::string last = list.text.substr(to + 4, 24);
  const std::string by_time = cluster.temp.path() + "/by_time";
  const Ran ran = Run(cluster.temp, {node.config_path, "--restore-to-time", last, "--restore-into", by_time});
  INFO(ran.text);
  REQUIRE(ran.code == 0);
  Member& timed = cluster.AddNode(Make::kOurs, nullptr, With({"dir " + by_time}));
  REQUIRE(Loaded(timed));
  CHECK(Digest(timed) == moments.back().digest);

  const std::string exported = cluster.temp.path() + "/exported";
  CHECK(Run(cluster.temp, {"--journal", "export", Folder(node), exported}).code == 0);
  if (stock) {
    Process check({StockProgram("redis-check-aof"), exported + "/appendonly.aof.manifest"}, exported + ".check");
    const auto code = check.Wait(60000);
    INFO(check.log());
    CHECK(code == 0);
    CHECK(check.log().find("All AOF files and manifest are valid") != std::string::npos);
  }
  CHECK(Content(Folder(node)) == before);
}

TEST_CASE("journal undo: a backup under load, beside rewrites, has exactly the data of its offset") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, With({}));
  // It holds whatever the master says, and applies it as far as it is told: what the backups are compared with.
  Member& judge =
      cluster.AddNode(Make::kOurs, &node,
                      {"enable-debug-command yes", "save \"\"", "replica-apply-delay 3600", "repl-backlog-size 64mb"});
  REQUIRE(WaitFor([&] { return judge.Info("master_link_status") == "up"; }));
  REQUIRE(judge.Do({"REPLDELAY", "PAUSE"}).text == "OK");
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::thread load([&] {
    Redis redis(node.port, 20000);
    for (int i = 0; !stop; ++i) {
      const std::string key = fmt::format("k{}", i % 500);
      redis.Send({"SET", key, std::string(100, static_cast<char>('a' + i % 26))});
      redis.Send({"MULTI"});
      redis.Send({"RPUSH", "list", key});
      redis.Send({"INCR", "count"});
      redis.Send({"EXEC"});
      for (int reply = 0; reply < 5; ++reply) redis.Next();
      ++written;
    }
  });
  std::vector<std::pair<std::string, std::string>> backups;  // folder, offset
  for (int i = 0; i < 3; ++i) {
    const int seen = written;
    CHECK(WaitFor([&] { return written > seen + 200; }));
    node.Do({"BGREWRITEAOF"});
    const std::string into = fmt::format("{}/backup{}", cluster.temp.path(), i);
    const Ran ran = Run(cluster.temp, {"--journal", "backup", Folder(node), into});
    INFO(ran.text);
    CHECK(ran.code == 0);
    if (ran.code == 0) backups.emplace_back(into, OffsetIn(ran.text));
  }
  stop = true;
  load.join();
  REQUIRE(backups.size() == 3);
  REQUIRE(WaitFor([&] { return judge.Info("slave_read_repl_offset") == node.Info("master_repl_offset"); }));
  for (const auto& [folder, offset] : backups) {
    INFO(folder << " at " << offset);
    REQUIRE_FALSE(judge.Do({"REPLDELAY", "APPLY", "UNTIL", "OFFSET", offset}, 20000).is_error());
    REQUIRE(WaitFor([&] { return judge.Info("slave_repl_offset") == offset; }));
    const std::size_t slash = folder.rfind('/');
    Member& restored = cluster.AddNode(
        Make::kOurs, nullptr, With({"dir " + folder.substr(0, slash), "appenddirname " + folder.substr(slash + 1)}));
    REQUIRE(Loaded(restored));
    CHECK(restored.Do({"GET", "count"}).text == std::to_string(restored.Do({"LLEN", "list"}).integer));
    CHECK(Digest(restored) == Digest(judge));
    restored.Kill();
  }
}

TEST_CASE("journal undo: what lies in archive/ is listed, and continued by what is in use") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, With({"journal-retention 1gb"}));
  const auto rewrite = [&] {
    node.Do({"BGREWRITEAOF"});
    REQUIRE(WaitFor([&] { return node.Info("aof_rewrite_in_progress") == "0"; }));
  };
  std::vector<Moment> moments;
  const auto note = [&] { moments.push_back({node.Info("master_repl_offset"), Digest(node)}); };
  for (const char* value : {"one", "two", "three"}) {
    note();
    node.Do({"SET", "key", value});
    note();
    node.Do({"RPUSH", "list", value});
    rewrite();
  }
  note();
  const Ran list = Run(cluster.temp, {"--journal", "list", Folder(node)});
  INFO(list.text);
  CHECK(list.text.find("has 4 generations") != std::string::npos);
  CHECK(list.text.find(fmt::format("offsets: {} to {}", moments[0].offset, moments.back().offset)) !=
        std::string::npos);
  for (std::size_t i = 0; i < moments.size(); ++i) {
    const std::string into = fmt::format("{}/restored{}", cluster.temp.path(), i);
    const Ran ran = RestoreTo(cluster.temp, node, moments[i].offset, into);
    INFO("moment " << i << " at " << moments[i].offset << ": " << ran.text);
    REQUIRE(ran.code == 0);
    Member& restored = cluster.AddNode(Make::kOurs, nullptr, With({"dir " + into}));
    REQUIRE(Loaded(restored));
    CHECK(Digest(restored) == moments[i].digest);
    restored.Kill();
  }
}

TEST_CASE("journal undo: files of a stock server give back the seconds that their marks name") {
  if (StockProgram("redis-server").empty()) return SaySkipped("journal undo: stock", "no redis-server");
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, With({"aof-timestamp-enabled yes"}));
  stock.Do({"SET", "a", "1"});
  const Value good = Digest(stock);
  const auto second = [&] { return stock.Do({"TIME"}).elements.at(0).text; };
  const std::string then = second();
  REQUIRE(WaitFor([&] { return second() > then; }));
  stock.Do({"FLUSHALL"});
  const Ran all = Run(cluster.temp, {"--journal", "show", Folder(stock)});
  INFO(all.text);
  REQUIRE(all.text.find("SET a 1") != std::string::npos);
  const std::size_t begin = all.text.rfind('\n', all.text.find("SET a 1")) + 1;
  const std::string time = all.text.substr(begin, 24);
  const std::string into = cluster.temp.path() + "/into";
  const Ran ran = Run(cluster.temp, {stock.config_path, "--restore-to-time", time, "--restore-into", into});
  INFO(ran.text);
  REQUIRE(ran.code == 0);
  Member& restored = cluster.AddNode(Make::kOurs, nullptr, With({"dir " + into}));
  REQUIRE(Loaded(restored));
  CHECK(Digest(restored) == good);
}

TEST_CASE("journal undo: vigil journal finds a node's folder by its address") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, With({}));
  REQUIRE(node.Do({"SET", "key", "value"}).ok());
  int number = 0;
  const auto vigil = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {OurProgram("vigil"), "journal"});
    Process process(words, fmt::format("{}/vigil{}.log", cluster.temp.path(), ++number));
    const auto code = process.Wait(60000);
    return Ran{code.value_or(-1), process.log()};
  };
  const std::string address = fmt::format("127.0.0.1:{}", node.port);
  CHECK(vigil({"show", address, "--match", "key"}).text.find("SET key value") != std::string::npos);
  CHECK(vigil({"backup", address, cluster.temp.path() + "/copy"}).code == 0);
  CHECK(vigil({"check", cluster.temp.path() + "/copy"}).code == 0);
  CHECK(vigil({"check", address}).text.find("another node uses") != std::string::npos);
  CHECK(vigil({"lst", address}).text.find("did you mean 'list'") != std::string::npos);
  CHECK(vigil({"--help"}).text.starts_with("Usage:"));
  node.Do({"CONFIG", "SET", "appendonly", "no"});
  const Ran none = vigil({"list", address});
  CHECK(none.code == 1);
  CHECK(none.text.find("CONFIG SET appendonly yes") != std::string::npos);
  CHECK(vigil({"list", "127.0.0.1:1"}).code == 3);
}

TEST_CASE("journal undo: what cannot be done is said, with the way out, and leaves nothing behind") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, With({}));
  Redis redis(node.port);
  redis.Do({"SET", "a", "1"});
  const Moment good{node.Info("master_repl_offset"), Digest(node)};
  redis.Do({"MULTI"});
  redis.Do({"SET", "b", std::string(3000, 'b')});
  redis.Do({"EXEC"});
  const std::int64_t end = std::stoll(node.Info("master_repl_offset"));
  const std::string into = cluster.temp.path() + "/into";
  const auto nothing_left = [&] {
    return !std::filesystem::exists(into) && !std::filesystem::exists(into + ".unfinished");
  };
  const auto fails = [&](const Ran& ran, int code, const std::string& says) {
    INFO(ran.text);
    CHECK(ran.code == code);
    CHECK(ran.text.find(says) != std::string::npos);
    CHECK(nothing_left());
  };
  fails(RestoreTo(cluster.temp, node, std::to_string(end - 10), into), 1,
        fmt::format("the nearest moments are {} before and {} behind it", good.offset, end));
  fails(RestoreTo(cluster.temp, node, std::to_string(end + 1), into), 1,
        fmt::format("the last moment of this journal is {}", end));
  fails(RestoreTo(cluster.temp, node, "x", into), 2, "'x' is no offset");
  fails(Run(cluster.temp, {node.config_path, "--restore-to-offset", "5"}), 2, "--restore-into DIR is needed");
  fails(Run(cluster.temp, {node.config_path, "--restore-to-time", "2023-11-15", "--restore-into", into}), 2,
        "is no time");
  fails(Run(cluster.temp, {node.config_path, "--restore-to-time", "2023-11-15T12:00:00Z", "--restore-into", into}), 1,
        "the first moment of this journal is");
  fails(Run(cluster.temp, {"--journal", "backup", cluster.temp.path(), into}), 1, "holds no manifest");
  fails(Run(cluster.temp, {"--journal", "backup", cluster.temp.path() + "/nowhere", into}), 1, "can't read");
  fails(Run(cluster.temp, {"--journal", "backpu", Folder(node), into}), 2, "did you mean 'backup'");
  fails(Run(cluster.temp, {"--journal", "backup", Folder(node)}), 2, "backup takes FOLDER and NEW");
  fails(Run(cluster.temp, {"--journal", "list", Folder(node), "--full"}), 2, "'--full' is no flag here");

  // A target that holds something stays as it is.
  std::filesystem::create_directory(into);
  WriteTextFile(into + "/mine", "x");
  const Ran taken = RestoreTo(cluster.temp, node, good.offset, into);
  CHECK(taken.code == 1);
  CHECK(taken.text.find("is not an empty directory") != std::string::npos);
  CHECK(ReadTextFile(into + "/mine") == "x");
  std::filesystem::remove_all(into);

  // A byte in the last batch: the moment before it is still there, and nothing behind it.
  node.Kill();
  std::string incr;
  for (const auto& entry : std::filesystem::directory_iterator(Folder(node))) {
    if (entry.path().string().ends_with(".incr.aof")) incr = entry.path().string();
  }
  std::string bytes = ReadTextFile(incr);
  bytes[bytes.size() - 1000] = 'X';
  WriteTextFile(incr, bytes);
  fails(Run(cluster.temp, {"--journal", "backup", Folder(node), into}), 1, "is damaged at byte");
  fails(Run(cluster.temp, {"--journal", "export", Folder(node), into}), 1, "is damaged at byte");
  fails(RestoreTo(cluster.temp, node, std::to_string(end), into), 1, "is damaged at byte");
  const Ran before = RestoreTo(cluster.temp, node, good.offset, into);
  INFO(before.text);
  REQUIRE(before.code == 0);
  Member& restored = cluster.AddNode(Make::kOurs, nullptr, With({"dir " + into}));
  REQUIRE(Loaded(restored));
  CHECK(Digest(restored) == good.digest);
}

TEST_CASE("journal undo: Ctrl-C and a full disk leave nothing behind") {
  Cluster cluster;
  const std::string folder = cluster.temp.path() + "/journal";
  std::filesystem::create_directory(folder);
  WriteTextFile(folder + "/a.aof.manifest", "file a.aof.1.base.rdb seq 1 type b\n");
  WriteTextFile(folder + "/a.aof.1.base.rdb", "REDIS0011");
  // Holes, which are read as zeros and written as such: so much that nobody copies it before the signal comes.
  std::filesystem::resize_file(folder + "/a.aof.1.base.rdb", std::uintmax_t{32} << 30);
  const std::string into = cluster.temp.path() + "/into";
  SUBCASE("interrupted") {
    Process copy({OurProgram("vigil-node"), "--journal", "backup", folder, into}, cluster.temp.path() + "/copy.log");
    REQUIRE(WaitFor([&] { return std::filesystem::exists(into + ".unfinished/a.aof.1.base.rdb"); }));
    copy.Signal(SIGINT);
    const auto code = copy.Wait(60000);
    INFO(copy.log());
    CHECK(code == 130);
    CHECK(copy.log().find("nothing of") != std::string::npos);
  }
  SUBCASE("full") {
    if (!SmallDisk::WhyNot().empty()) return SaySkipped("journal undo: full disk", SmallDisk::WhyNot());
    const std::string small = cluster.temp.path() + "/small";
    std::filesystem::create_directory(small);
    SmallDisk disk(small);
    const Ran ran = Run(cluster.temp, {"--journal", "backup", folder, small + "/into"});
    INFO(ran.text);
    CHECK(ran.code == 1);
    CHECK(ran.text.find("No space left on device") != std::string::npos);
    CHECK(std::filesystem::is_empty(small));
  }
  CHECK_FALSE(std::filesystem::exists(into));
  CHECK_FALSE(std::filesystem::exists(into + ".unfinished"));
}
