// Scripts that never end: what ours and stock redis-server 7.0.15 answer while one runs, and how it is ended.
#include <chrono>

#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\"", "busy-reply-threshold 100"};

// In this order, on one connection, while a script runs.
const std::vector<Request> kMeanwhile = {{"PING"},
                                         {"GET", "a"},
                                         {"INFO"},
                                         {"MULTI"},
                                         {"SET", "a", "1"},
                                         {"EXEC"},
                                         {"DISCARD"},
                                         {"WATCH", "a"},
                                         {"UNWATCH"},
                                         {"SUBSCRIBE", "x"},
                                         {"AUTH", "x"},
                                         {"RESET"},
                                         {"CLIENT", "LIST"},
                                         {"CLIENT", "ID"},
                                         {"PSYNC", "?", "-1"},
                                         {"SHUTDOWN"},
                                         {"SHUTDOWN", "ABORT"},
                                         {"SHUTDOWN", "SAVE"},
                                         {"EVAL", "return 1", "0"},
                                         {"SCRIPT", "EXISTS", "a"},
                                         {"SCRIPT", "FLUSH"},
                                         {"NOSUCH"},
                                         {"GET"},
                                         {"CONFIG", "GET", "port"},
                                         {"ROLE"},
                                         {"COMMAND", "COUNT"},
                                         {"REPLICAOF", "NO", "ONE"}};

bool IsBusy(const Member& node) {
  return WaitFor([&] { return node.Do({"PING"}).ToString().find("BUSY") != std::string::npos; });
}

// Everything that both are asked and answer, from the first script to the end of the process.
std::vector<std::string> Story(Cluster& cluster, Make make) {
  std::vector<std::string> said;
  Member& node = cluster.AddNode(make, nullptr, kLines);
  Redis caller(node.port, 20000);
  Redis other(node.port, 20000);
  const auto note = [&](const Value& reply) { said.push_back(reply.ToString()); };
  note(other.Do({"SCRIPT", "KILL"}));
  for (const char* script : {"while true do end", "while true do redis.pcall('get','a') end",
                             "while true do pcall(function() while true do end end) end"}) {
    caller.Send({"MULTI"});
    caller.Send({"SET", "a", "b"});
    caller.Send({"EVAL", script, "0"});
    caller.Send({"GET", "a"});
    for (int i = 0; i < 4; ++i) note(caller.Next());
    caller.Send({"EXEC"});
    REQUIRE(IsBusy(node));
    for (const Request& request : kMeanwhile) note(other.Do(request));
    note(other.Do({"SCRIPT", "KILL"}));
    note(caller.Next());
    note(other.Do({"GET", "a"}));
  }
  caller.Send({"EVAL", "redis.call('set','x','1') while true do end", "0"});
  REQUIRE(IsBusy(node));
  note(other.Do({"SCRIPT", "KILL"}));
  note(other.Do({"GET", "a"}));
  other.Send({"SHUTDOWN", "NOSAVE"});
  CHECK(node.process.Wait(20000) == 0);
  return said;
}

}  // namespace

TEST_CASE("script turns: while a script runs and does not end, both answer alike") {
  Cluster cluster;
  const std::vector<std::string> theirs = Story(cluster, Make::kStock);
  const std::vector<std::string> ours = Story(cluster, Make::kOurs);
  REQUIRE(theirs.size() == ours.size());
  for (std::size_t i = 0; i < theirs.size(); ++i) CHECK(theirs[i] == ours[i]);
}

TEST_CASE("script turns: a replica of the other kind stays, and gets what the script did when it has ended") {
  for (const Make master_make : {Make::kOurs, Make::kStock}) {
    Cluster cluster;
    Member& master = cluster.AddNode(master_make, nullptr, kLines);
    Member& replica = cluster.AddNode(master_make == Make::kOurs ? Make::kStock : Make::kOurs, &master, kLines);
    REQUIRE(WaitFor([&] { return replica.Info("master_link_status") == "up"; }));
    Redis caller(master.port, 20000);
    // A second or so.
    caller.Send({"EVAL",
                 "redis.call('rpush','l','1') local n=0 for i=1,150000000 do n=n+i end redis.call('rpush','l','2') "
                 "return 1",
                 "0"});
    REQUIRE(IsBusy(master));
    CHECK(replica.Do({"EXISTS", "l"}).integer == 0);
    CHECK(caller.Next().integer == 1);
    CHECK(WaitFor([&] { return replica.Do({"LLEN", "l"}).integer == 2; }));
    // A script that runs long on the replica keeps the stream waiting, not lost.
    Redis reader(replica.port, 20000);
    reader.Send({"EVAL", "while true do end", "0"});
    REQUIRE(IsBusy(replica));
    master.Do({"SET", "late", "1"});
    CHECK(replica.Do({"SCRIPT", "KILL"}).ok());
    CHECK(reader.Next().is_error());
    CHECK(WaitFor([&] { return replica.Do({"EXISTS", "late"}).integer == 1; }));
    CHECK(master.Do({"DEBUG", "DIGEST"}) == replica.Do({"DEBUG", "DIGEST"}));
  }
}
