// A mistake on the master, undone with a delayed replica: real processes, ours and a stock master.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/support/cluster.h"
#include "tests/support/redis.h"

using namespace support;

namespace {

const std::vector<std::string> kDebug = {"enable-debug-command yes"};

std::string Digest(const Member& node) {
  return node.Do({"DEBUG", "DIGEST"}, 20000).text;
}

bool HasReceivedAll(const Member& master, const Member& replica) {
  return replica.Info("master_link_status") == "up" &&
         replica.Info("slave_read_repl_offset") == master.Info("master_repl_offset");
}

bool SameData(const Member& a, const Member& b) {
  return b.Info("master_link_status") == "up" && Digest(a) == Digest(b);
}

}  // namespace

TEST_CASE("delay: FLUSHALL on the master, undone: pause, find it, apply what came before, promote, follow") {
  Make make = Make::kOurs;
  bool is_cut = false;
  SUBCASE("our master") {}
  SUBCASE("our master, and the link is cut in between") {
    is_cut = true;
  }
  SUBCASE("a stock master") {
    make = Make::kStock;
  }
  Cluster cluster;
  Member& master = cluster.AddNode(make, nullptr, kDebug);
  Member& replica = cluster.AddNode(Make::kOurs, &master, kDebug);
  Member& delayed = cluster.AddNode(Make::kOurs, &master,
                                    {"enable-debug-command yes", "replica-apply-delay 3600", "repl-backlog-size 64mb"});
  REQUIRE(WaitFor([&] { return HasReceivedAll(master, replica) && HasReceivedAll(master, delayed); }));

  Redis writer(master.port, 20000);
  for (int i = 0; i < 300; ++i) {
    writer.Do({"SET", fmt::format("k{}", i), "v", "EX", "86400"});
    writer.Do({"HSET", "hash", fmt::format("f{}", i), "v"});
    writer.Do({"MULTI"});
    writer.Do({"RPUSH", "list", std::to_string(i)});
    writer.Do({"ZADD", "scores", std::to_string(i), fmt::format("m{}", i)});
    writer.Do({"EXEC"});
  }
  REQUIRE(WaitFor([&] { return HasReceivedAll(master, delayed); }));
  if (is_cut) {
    REQUIRE(delayed.Do({"DEBUG", "DROP-LINK"}).ok());
    REQUIRE(WaitFor([&] { return master.Info("sync_partial_ok") == "1"; }));
  }
  const std::string good = Digest(master);
  writer.Do({"FLUSHALL"});
  writer.Do({"SET", "after", "the fall"});
  REQUIRE(WaitFor([&] { return HasReceivedAll(master, delayed) && SameData(master, replica); }));
  CHECK(delayed.Info("slave_priority") == "0");
  CHECK(Digest(delayed) != Digest(master));

  REQUIRE(delayed.Do({"REPLDELAY", "PAUSE"}).ok());
  const Value found = delayed.Do({"REPLDELAY", "PENDING", "MATCH", "flushall*"});
  REQUIRE(found.elements.size() == 1);
  const std::string bad = std::to_string(found.elements[0].elements[0].integer);
  const std::int64_t stands = delayed.Do({"REPLDELAY", "APPLY", "UNTIL", "BEFORE", bad}).integer;
  REQUIRE(WaitFor([&] { return delayed.Info("slave_repl_offset") == std::to_string(stands); }));
  CHECK(Digest(delayed) == good);

  REQUIRE(delayed.Do({"REPLICAOF", "NO", "ONE"}).ok());
  for (Member* node : {&master, &replica}) {
    REQUIRE(node->Do({"REPLICAOF", "127.0.0.1", std::to_string(delayed.port)}).ok());
  }
  CHECK(WaitFor([&] { return SameData(delayed, master) && SameData(delayed, replica); }));
  CHECK(Digest(delayed) == good);
  CHECK(delayed.Do({"SET", "k", "v"}).ok());
}

TEST_CASE("delay: sentinels do not choose a delayed replica") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs);
  Member& replica = cluster.AddNode(Make::kOurs, &master);
  Member& delayed = cluster.AddNode(Make::kOurs, &master, {"replica-apply-delay 3600", "replica-priority 1"});
  for (const Make make : {Make::kOurs, Make::kOurs, Make::kStock}) cluster.AddSentinel(make, 2, 500);
  REQUIRE(cluster.WaitHealthy());
  const int old_port = master.port;
  master.Kill();
  REQUIRE(cluster.WaitNewMaster(old_port));
  CHECK(cluster.AgreedMaster() == replica.port);
  REQUIRE(WaitFor([&] { return delayed.Info("master_port") == std::to_string(replica.port); }));
  CHECK(WaitFor([&] { return HasReceivedAll(replica, delayed); }));
}
