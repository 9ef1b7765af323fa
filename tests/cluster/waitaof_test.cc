// WAITAOF: what is on disks, here and on replicas.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <thread>

#include "tests/support/cluster.h"
#include "tests/support/redis.h"

using namespace support;

namespace {

std::vector<std::string> Journalling(const std::string& policy) {
  return {"appendonly yes", "appendfsync " + policy};
}

bool CaughtUp(const Member& master, const Member& replica) {
  return replica.Info("master_link_status") == "up" &&
         replica.Info("slave_repl_offset") == master.Info("master_repl_offset");
}

}  // namespace

TEST_CASE("waitaof: a write is on the disks of the master and of its replica, whatever appendfsync says") {
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
  Member& master = cluster.AddNode(Make::kOurs, nullptr, Journalling(policy));
  Member& replica = cluster.AddNode(Make::kOurs, &master, Journalling(policy));
  Member& forgetful = cluster.AddNode(Make::kOurs, &master);
  REQUIRE(WaitFor([&] { return CaughtUp(master, replica) && CaughtUp(master, forgetful); }));
  Redis writer(master.port, 60000);
  for (int i = 0; i < 5; ++i) {
    REQUIRE(writer.Do({"SET", fmt::format("k{}", i), "v"}).ok());
    CHECK(writer.Do({"WAITAOF", "1", "1", "0"}).ToString() == "[:1, :1]");
  }
  // Nothing is written any more: the other one has it, and no disk for it.
  CHECK(writer.Do({"WAIT", "2", "0"}).integer == 2);
  CHECK(writer.Do({"WAITAOF", "1", "2", "100"}).ToString() == "[:1, :1]");
  CHECK(writer.Do({"MULTI"}).ok());
  writer.Do({"INCR", "n"});
  writer.Do({"WAITAOF", "0", "5", "0"});
  CHECK(writer.Do({"EXEC"}).elements.size() == 2);
}

TEST_CASE("waitaof: who waits is answered when it cannot come true, and when somebody says so") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs, nullptr, Journalling("everysec"));
  const auto waiting = [&](const std::vector<std::string>& words) {
    auto client = std::make_unique<Redis>(master.port, 60000);
    const std::int64_t id = client->Do({"CLIENT", "ID"}).integer;
    client->Do({"SET", "k", "v"});
    client->Send(words);
    REQUIRE(WaitFor([&] {
      return master.Do({"CLIENT", "LIST"}).text.find(fmt::format("id={} ", id)) != std::string::npos &&
             master.Info("blocked_clients") != "0";
    }));
    return std::pair(std::move(client), id);
  };
  {
    auto [client, id] = waiting({"WAITAOF", "1", "3", "0"});
    CHECK(master.Do({"CLIENT", "UNBLOCK", std::to_string(id)}).integer == 1);
    CHECK(client->Next().elements.size() == 2);
  }
  {
    auto [client, id] = waiting({"WAITAOF", "0", "3", "0"});
    CHECK(master.Do({"CLIENT", "UNBLOCK", std::to_string(id), "ERROR"}).integer == 1);
    CHECK(client->Next().text.starts_with("UNBLOCKED"));
  }
  {
    auto [client, id] = waiting({"WAITAOF", "1", "3", "0"});
    REQUIRE(master.Do({"CONFIG", "SET", "appendonly", "no"}).ok());
    CHECK(client->Next().text == "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  }
  {
    auto [client, id] = waiting({"WAITAOF", "0", "3", "0"});
    REQUIRE(master.Do({"REPLICAOF", "127.0.0.1", "1"}).ok());
    CHECK(client->Next().text.starts_with("UNBLOCKED"));
  }
  CHECK(master.Do({"WAITAOF", "0", "0", "0"}).text.starts_with("ERR WAITAOF cannot be used with replica instances."));
  REQUIRE(master.Do({"REPLICAOF", "NO", "ONE"}).ok());
  CHECK(master.Do({"WAITAOF", "1", "0", "0"}).text ==
        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  CHECK(master.Do({"WAITAOF", "2", "0", "0"}).text == "ERR value is out of range, value must between 0 and 1");
  CHECK(master.Do({"WAITAOF", "0", "-1", "0"}).text == "ERR value is out of range, must be positive");
  CHECK(master.Do({"WAITAOF", "0", "0", "-1"}).text == "ERR timeout is negative");
  CHECK(master.Do({"WAITAOF", "0", "0", "0"}).ToString() == "[:0, :0]");
}

TEST_CASE("waitaof: a stock master understands the acknowledgements of a replica with a journal") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kStock);
  Member& replica = cluster.AddNode(Make::kOurs, &master, Journalling("always"));
  REQUIRE(WaitFor([&] { return CaughtUp(master, replica); }));
  Redis writer(master.port, 60000);
  for (int i = 0; i < 5; ++i) {
    REQUIRE(writer.Do({"SET", fmt::format("k{}", i), "v"}).ok());
    CHECK(writer.Do({"WAIT", "1", "0"}).integer == 1);
  }
  CHECK(replica.Do({"GET", "k4"}).text == "v");
}
