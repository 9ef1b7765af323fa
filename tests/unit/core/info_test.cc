#include "replication/core/info.h"

#include <doctest/doctest.h>

#include <map>

#include "replication/base/text.h"
#include "tests/unit/core/world.h"

using replication::Box;
using replication::RenderInfo;
using replication::Settings;
using replication::World;

namespace {

std::string Text(World& world, Box& box, std::vector<std::string_view> sections = {}) {
  return RenderInfo(box.state(), sections, world.now);
}

std::vector<std::string> SectionsOf(std::string_view text) {
  std::vector<std::string> names;
  for (const std::string_view line : base::Split(text, '\n')) {
    if (line.starts_with("# ")) names.emplace_back(base::Trim(line.substr(2)));
  }
  return names;
}

std::map<std::string, std::string> FieldsOf(std::string_view text) {
  std::map<std::string, std::string> fields;
  for (const std::string_view line : base::Split(text, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const bool is_new = fields.emplace(line.substr(0, colon), base::Trim(line.substr(colon + 1))).second;
    CHECK_MESSAGE(is_new, "twice: ", line);
  }
  return fields;
}

}  // namespace

TEST_CASE("info: sections come in the order of a running server, each once, as asked") {
  World world;
  Box& box = world.Add("a");
  const std::vector<std::string> by_default = {"Server",     "Clients",     "Memory",  "Persistence",
                                               "Stats",      "Replication", "CPU",     "Modules",
                                               "Errorstats", "Cluster",     "Keyspace"};
  CHECK(SectionsOf(Text(world, box)) == by_default);
  CHECK(SectionsOf(Text(world, box, {"default"})) == by_default);
  CHECK(SectionsOf(Text(world, box, {"ALL"})).size() == 13);
  CHECK(SectionsOf(Text(world, box, {"keyspace", "Server", "server"})) ==
        std::vector<std::string>{"Server", "Keyspace"});
  CHECK(Text(world, box, {"nothing"}).empty());
  CHECK(Text(world, box).starts_with("# Server\r\nredis_version:7.0.15\r\n"));
  CHECK(Text(world, box, {"cpu", "modules"}).ends_with("\r\n\r\n# Modules\r\n"));
}

TEST_CASE("info: a master shows its replicas, a replica its master, as a sentinel reads them") {
  World world;
  Box& master = world.Add("master");
  Box& replica = world.Add("replica", [&](Settings& settings) {
    settings.replicaof = {"127.0.0.1", master.port};
    settings.replica_priority = 7;
  });
  REQUIRE(world.PassUntil([&] { return replica.state().link_up(); }));
  world.Do(master, {"set", "a", "1"});
  world.Pass(base::Seconds(2));
  const auto of_master = FieldsOf(Text(world, master));
  CHECK(of_master.at("role") == "master");
  CHECK(of_master.at("connected_slaves") == "1");
  const std::string offset = of_master.at("master_repl_offset");
  CHECK(of_master.at("slave0").starts_with("ip=127.0.0.1,port=" + std::to_string(replica.port) +
                                           ",state=online,offset=" + offset + ",lag="));
  CHECK(of_master.at("db0") == "keys=1,expires=0,avg_ttl=0");
  CHECK(of_master.at("run_id").size() == 40);

  const std::string text = Text(world, replica);
  const auto of_replica = FieldsOf(text);
  CHECK(of_replica.at("role") == "slave");
  CHECK(text.find("role:slave") < text.find("master_host:"));
  CHECK(of_replica.at("master_port") == std::to_string(master.port));
  CHECK(of_replica.at("master_link_status") == "up");
  CHECK_FALSE(of_replica.contains("master_link_down_since_seconds"));
  CHECK(of_replica.at("slave_repl_offset") == offset);
  CHECK(of_replica.at("slave_read_repl_offset") == offset);
  CHECK(of_replica.at("slave_priority") == "7");
  CHECK(of_replica.at("replica_announced") == "1");
  CHECK(of_replica.at("master_replid") == of_master.at("master_replid"));

  world.Kill(master);
  world.Pass(base::Seconds(3));
  const auto alone = FieldsOf(Text(world, replica));
  CHECK(alone.at("master_link_status") == "down");
  CHECK(alone.at("master_last_io_seconds_ago") == "-1");
  CHECK(base::ParseInt<int>(alone.at("master_link_down_since_seconds")).value_or(0) >= 2);
}

TEST_CASE("info: a replica that never reached its master says so") {
  World world;
  Box& replica = world.Add("replica", [](Settings& settings) { settings.replicaof = {"127.0.0.1", 1}; });
  world.Pass(base::Seconds(5));
  CHECK(FieldsOf(Text(world, replica)).at("master_link_down_since_seconds") == "-1");
}
