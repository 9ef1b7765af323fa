// DEBUG's words that take a process or its connections down.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/support/cluster.h"
#include "tests/support/redis.h"

using namespace support;

TEST_CASE("debug: RESTART and CRASH-AND-RECOVER begin the same process anew, with the data that were safe") {
  Cluster cluster;
  Member& node =
      cluster.AddNode(Make::kOurs, nullptr, {"appendonly yes", "appendfsync always", "enable-debug-command yes"});
  REQUIRE(node.Do({"SET", "k", "v"}).text == "OK");
  const std::string pid = node.Info("process_id");
  std::string run_id = node.Info("run_id");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"DEBUG", "RESTART"}, {"DEBUG", "RESTART", "20"}, {"DEBUG", "CRASH-AND-RECOVER"}}) {
    CAPTURE(words);
    node.Do(words);  // its connection ends
    REQUIRE(WaitFor([&] {
      const std::string now = node.Info("run_id");
      return !now.empty() && now != run_id;
    }));
    run_id = node.Info("run_id");
    CHECK(node.Info("process_id") == pid);
    REQUIRE(WaitFor([&] { return node.Do({"GET", "k"}).text == "v"; }));
  }
  CHECK(node.Do({"DEBUG", "RESTART", "x"}).text == "ERR value is not an integer or out of range");
  CHECK(node.Do({"DEBUG", "CRASH-AND-RECOVER", "-1"}).text == "ERR value is not an integer or out of range");
}

TEST_CASE("debug: DROP-LINK is mended by a partial resync, REPL-PAUSE-READ holds a replica back") {
  Cluster cluster;
  const std::vector<std::string> lines = {"enable-debug-command yes"};
  Member& master = cluster.AddNode(Make::kOurs, nullptr, lines);
  Member& replica = cluster.AddNode(Make::kOurs, &master, lines);
  const auto caught_up = [&] {
    return replica.Info("master_link_status") == "up" &&
           replica.Info("slave_repl_offset") == master.Info("master_repl_offset");
  };
  REQUIRE(WaitFor(caught_up));
  CHECK(replica.Do({"DEBUG", "DROP-LINK"}).text == "OK");
  REQUIRE(WaitFor([&] { return master.Info("sync_partial_ok") == "1"; }));
  CHECK(master.Do({"DEBUG", "DROP-LINK", "REPLICAS"}).text == "OK");
  REQUIRE(WaitFor([&] { return master.Info("sync_partial_ok") == "2"; }));
  CHECK(master.Info("sync_full") == "1");
  CHECK(master.Do({"DEBUG", "DROP-LINK", "nobody"}).text == "ERR syntax error");

  REQUIRE(WaitFor(caught_up));
  CHECK(replica.Do({"DEBUG", "REPL-PAUSE-READ", "1"}).text == "OK");
  Redis writer(master.port, 60000);
  CHECK(writer.Do({"SET", "k", "v"}).text == "OK");
  CHECK(writer.Do({"WAIT", "1", "100"}).integer == 0);
  CHECK(replica.Do({"GET", "k"}).kind == Value::Kind::kNil);
  CHECK(replica.Do({"DEBUG", "REPL-PAUSE-READ", "0"}).text == "OK");
  CHECK(writer.Do({"WAIT", "1", "0"}).integer == 1);
  CHECK(replica.Do({"GET", "k"}).text == "v");
}
