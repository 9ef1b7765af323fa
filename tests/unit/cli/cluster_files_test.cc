#include "sentinel/cli/cluster_files.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "sentinel/cli/server_configs.h"

using namespace cli;

namespace {

Cluster Example() {
  Cluster cluster;
  cluster.down_after = base::Millis(750);
  cluster.servers = {
      {ServerKind::kNode, "node-1", {"127.0.0.1", 7001}, "/opt/vigil node/bin", {4711, 998877, "boot-a"}},
      {ServerKind::kNode, "node-2", {"127.0.0.1", 7002}, "/opt/vigil node/bin", {}},
      {ServerKind::kSentinel, "sentinel-1", {"127.0.0.1", 27001}, "/opt/\"s\"", {4712, 998878, "boot-a"}},
  };
  return cluster;
}

// A folder of our own that goes away with the test.
struct TemporaryFolder {
  std::filesystem::path path;
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vigil-cli-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("cluster.json: what is written is read back") {
  const Cluster cluster = Example();
  const auto again = FromJson(ToJson(cluster));
  REQUIRE(again);
  CHECK(again->master == "mymaster");
  CHECK(again->quorum == 2);
  CHECK(again->down_after == base::Millis(750));
  CHECK(again->servers == cluster.servers);
  CHECK(again->Sentinels() == std::vector<base::Endpoint>{{"127.0.0.1", 27001}});
  REQUIRE(again->At({"127.0.0.1", 7002}) != nullptr);
  CHECK(again->At({"127.0.0.1", 7002})->name == "node-2");
  CHECK(again->At({"127.0.0.1", 9}) == nullptr);
}

TEST_CASE("cluster.json: a damaged file is an error, never a crash") {
  const std::string good = ToJson(Example());
  for (std::size_t length = 0; length + 2 < good.size(); ++length) CHECK_FALSE(FromJson(good.substr(0, length)));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return FromJson(text);
  };
  CHECK_FALSE(with("\"format\": 1", "\"format\": 2"));
  CHECK_FALSE(with("\"node-1\"", "\"../node-1\""));
  CHECK_FALSE(with("4711", "-1"));
  CHECK_FALSE(with("\"node\"", "\"mode\""));
  CHECK_FALSE(with("7001", "\"7001\""));
  CHECK_FALSE(FromJson("[]"));
}

TEST_CASE("cluster.json: a folder without one has no cluster; a second command has to wait") {
  const TemporaryFolder folder;
  const auto none = LoadCluster(folder.path);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == base::ErrorCode::kNotFound);

  Cluster cluster = Example();
  cluster.folder = folder.path;
  REQUIRE(SaveCluster(cluster));
  const auto loaded = LoadCluster(folder.path);
  REQUIRE(loaded);
  CHECK(loaded->servers == cluster.servers);
  CHECK(loaded->folder == folder.path);
  {
    const auto lock = FolderLock::Take(folder.path);
    REQUIRE(lock);
    CHECK_FALSE(FolderLock::Take(folder.path));
  }
  CHECK(FolderLock::Take(folder.path));
}

TEST_CASE("server configs: a path with spaces and quotes survives, and the sentinel remembers its master") {
  const Cluster cluster = Example();
  const base::Endpoint master{"127.0.0.1", 7001};
  const std::string node = NodeConfig(cluster.servers[1], master, "/tmp/a \"b\" c");
  CHECK(node.find("dir \"/tmp/a \\\"b\\\" c\"\n") != std::string::npos);
  CHECK(node.find("replicaof 127.0.0.1 7001\n") != std::string::npos);
  CHECK(NodeConfig(cluster.servers[0], {}, "/tmp").find("replicaof") == std::string::npos);

  const std::string sentinel = SentinelConfig(cluster.servers[2], cluster, master, "/tmp");
  CHECK(sentinel.find("sentinel monitor mymaster 127.0.0.1 7001 2\n") != std::string::npos);
  CHECK(sentinel.find("sentinel down-after-milliseconds mymaster 750\n") != std::string::npos);
  CHECK(RememberedIn(sentinel, "mymaster").address == master);
  CHECK(RememberedIn(sentinel + "sentinel config-epoch mymaster 12\n", "mymaster").config_epoch == base::Epoch{12});
  CHECK(RememberedIn(sentinel, "other").address.empty());
}

TEST_CASE("server configs: a node is told whom to follow, and the rest of its file stays") {
  const std::string own = "# mine\nport 7001\nreplicaof 127.0.0.1 7002\nmaxmemory 10mb\n";
  CHECK(WithMaster(own, {"127.0.0.1", 7003}) == "# mine\nport 7001\nreplicaof 127.0.0.1 7003\nmaxmemory 10mb\n");
  CHECK(WithMaster(own, {}) == "# mine\nport 7001\nmaxmemory 10mb\n");
  CHECK(WithMaster("port 7001\nslaveof 127.0.0.1 7002\n", {}) == "port 7001\n");
  CHECK(WithMaster("port 7001\n", {"127.0.0.1", 7003}).find("replicaof 127.0.0.1 7003\n") != std::string::npos);
}
