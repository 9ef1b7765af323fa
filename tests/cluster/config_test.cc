// sentinel.conf as a user meets it: there and back with stock, bad lines, bad places.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>

#include "tests/support/cluster.h"

using namespace support;

namespace {

struct Ended {
  int code = -1;
  std::string output;
};

Ended RunToEnd(const std::vector<std::string>& argv, const std::string& folder) {
  Process process(argv, folder + "/output", folder);
  const auto code = process.Wait(20000);
  process.Kill();
  return {code.value_or(-1), process.log()};
}

struct Seen {
  std::string id, address, epoch;
  bool operator==(const Seen&) const = default;
};

Seen Look(const Member& sentinel) {
  auto master = Pairs(sentinel.Do({"SENTINEL", "MASTER", Cluster::kName}));
  return {sentinel.Do({"SENTINEL", "MYID"}).text, master["ip"] + ":" + master["port"], master["config-epoch"]};
}

}  // namespace

TEST_CASE("config: there and back on one file: ours, stock redis-sentinel, ours again") {
  Cluster cluster;
  cluster.Build(Make::kStock, {Make::kOurs, Make::kOurs, Make::kOurs}, 500);
  const int old_port = cluster.AgreedMaster();
  cluster.NodeAt(old_port).Kill();
  REQUIRE(cluster.WaitNewMaster(old_port));
  cluster.NodeAt(old_port).Start();
  REQUIRE(cluster.WaitHealthy(90000));

  Member& sentinel = *cluster.sentinels[0];
  const Seen before = Look(sentinel);
  for (const Make next : {Make::kStock, Make::kOurs}) {
    sentinel.process.Signal(SIGTERM);
    CHECK(sentinel.process.Wait(20000) == 0);
    sentinel.make = next;
    sentinel.Start();
    const Seen after = Look(sentinel);
    INFO(ReadTextFile(sentinel.config_path));
    INFO(sentinel.process.log());
    CHECK(after.id == before.id);
    CHECK(after.address == before.address);
    CHECK(after.epoch == before.epoch);
    CHECK(sentinel.process.log().find("FATAL") == std::string::npos);
    const bool healthy = cluster.WaitHealthy(90000);
    INFO(cluster.Trouble());
    CHECK(healthy);
  }
}

TEST_CASE("config: killed by SIGKILL while it rewrites, the file is whole") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs);
  Member& sentinel = cluster.AddSentinel(Make::kOurs, 1, 5000);
  const std::string id = sentinel.Do({"SENTINEL", "MYID"}).text;
  for (int round = 0; round < 15; ++round) {
    CAPTURE(round);
    Redis admin(sentinel.port);
    for (int i = 0; i < 10; ++i)
      admin.Send({"SENTINEL", "SET", Cluster::kName, "down-after-milliseconds", std::to_string(5000 + i)});
    for (int i = 0; i < round % 5; ++i) admin.Next();
    sentinel.Kill();
    sentinel.Start();
    CHECK(sentinel.Do({"SENTINEL", "MYID"}).text == id);
    CHECK(Pairs(sentinel.Do({"SENTINEL", "MASTER", Cluster::kName}))["port"] == std::to_string(master.port));
  }
}

TEST_CASE("config: a malformed line is named with file, number, line and reason; exit 1") {
  TempDir temp;
  const std::string path = temp.path() + "/sentinel.conf";
  for (const std::string bad :
       {"sentinel monitor m 127.0.0.1", "sentinel monitor m 127.0.0.1 99999 2", "sentinel nonsense m 1",
        "sentinel monitor m 127.0.0.1 6379 0", "requirepass \"abc", "no-such-directive 1"}) {
    CAPTURE(bad);
    WriteTextFile(path, "port 26399\n# a comment\n" + bad + "\n");
    const Ended ended = RunToEnd({OurProgram("vigil-sentinel"), path}, temp.path());
    CHECK(ended.code == 1);
    CHECK(ended.output.find(path + ":3: '" + bad + "': ") != std::string::npos);
    unlink((temp.path() + "/output").c_str());
  }
}

TEST_CASE("config: our own settings stand in <config>.vigil; elsewhere, or damaged, they are refused by name; exit 1") {
  TempDir temp;
  const std::string path = temp.path() + "/sentinel.conf";
  const std::string monitor = fmt::format("port {}\nsentinel monitor m 127.0.0.1 6379 1\n", FreePort());
  WriteTextFile(path, monitor + "sentinel offset-first m yes\n");
  const Ended misplaced = RunToEnd({OurProgram("vigil-sentinel"), path}, temp.path());
  CHECK(misplaced.code == 1);
  CHECK(misplaced.output.find(path + ":3: 'sentinel offset-first m yes': ") != std::string::npos);
  CHECK(misplaced.output.find("belongs into " + path + ".vigil") != std::string::npos);
  unlink((temp.path() + "/output").c_str());

  WriteTextFile(path, monitor);
  WriteTextFile(path + ".vigil", "# ours\nsentinel vote m 1 nobody 0\n");
  const Ended damaged = RunToEnd({OurProgram("vigil-sentinel"), path}, temp.path());
  CHECK(damaged.code == 1);
  CHECK(damaged.output.find(path + ".vigil:2: 'sentinel vote m 1 nobody 0': ") != std::string::npos);
}

TEST_CASE("config: a setting of ours is durable beside sentinel.conf, which stock still starts from") {
  Cluster cluster;
  cluster.AddNode(Make::kOurs);
  Member& sentinel = cluster.AddSentinel(Make::kOurs, 1, 5000);
  CHECK(sentinel.Do({"SENTINEL", "SET", Cluster::kName, "offset-first", "yes"}).text == "OK");
  const std::string line = fmt::format("sentinel offset-first {} yes\n", Cluster::kName);
  CHECK(ReadTextFile(sentinel.config_path + ".vigil").find(line) != std::string::npos);
  CHECK(ReadTextFile(sentinel.config_path).find("offset-first") == std::string::npos);
  for (const Make next : {Make::kStock, Make::kOurs}) {
    sentinel.Kill();
    sentinel.make = next;
    sentinel.Start();
    CHECK(sentinel.Do({"SENTINEL", "FLUSHCONFIG"}).text == "OK");
    CHECK(ReadTextFile(sentinel.config_path + ".vigil").find(line) != std::string::npos);
  }
}

TEST_CASE("config: no file, a missing file, a port in use: one clear line, exit 1") {
  TempDir temp;
  const Ended none = RunToEnd({OurProgram("vigil-sentinel")}, temp.path());
  CHECK(none.code == 1);
  CHECK(none.output.find("configuration file is needed") != std::string::npos);

  const Ended missing = RunToEnd({OurProgram("vigil-sentinel"), "/nowhere/sentinel.conf"}, temp.path());
  CHECK(missing.code == 1);
  CHECK(missing.output.find("/nowhere/sentinel.conf") != std::string::npos);

  Cluster cluster;
  cluster.AddNode(Make::kOurs);
  const Member& sentinel = cluster.AddSentinel(Make::kOurs, 1, 5000);
  const std::string path = temp.path() + "/same-port.conf";
  WriteTextFile(path, fmt::format("bind 127.0.0.1\nport {}\n", sentinel.port));
  const Ended in_use = RunToEnd({OurProgram("vigil-sentinel"), path}, temp.path());
  CHECK(in_use.code == 1);
  CHECK(in_use.output.find(std::to_string(sentinel.port)) != std::string::npos);
  CHECK(in_use.output.find("in use") != std::string::npos);
}

TEST_CASE("config: notification and reconfiguration scripts run, with the words that stock gives them") {
  TempDir temp;
  const std::string script = temp.path() + "/script";
  const std::string told = temp.path() + "/told";
  const std::string open_there = temp.path() + "/open";
  WriteTextFile(script, fmt::format("#!/bin/sh\necho \"$@\" >> {}\nls -l /proc/$$/fd >> {}\n", told, open_there));
  REQUIRE(chmod(script.c_str(), 0755) == 0);
  int inherited[2] = {-1, -1};  // whoever starts a sentinel may leave it more than it needs
  REQUIRE(pipe(inherited) == 0);
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs);
  Member& replica = cluster.AddNode(Make::kOurs, &master);
  cluster.AddSentinel(
      Make::kOurs, 1, 500,
      {"logfile " + temp.path() + "/log", fmt::format("sentinel notification-script {} {}", Cluster::kName, script),
       fmt::format("sentinel client-reconfig-script {} {}", Cluster::kName, script)});
  REQUIRE(cluster.WaitHealthy());
  master.Kill();
  REQUIRE(cluster.WaitNewMaster(master.port));
  const std::string sdown = fmt::format("+sdown master {} 127.0.0.1 {}\n", Cluster::kName, master.port);
  const std::string reconfig =
      fmt::format("{} leader start 127.0.0.1 {} 127.0.0.1 {}\n", Cluster::kName, master.port, replica.port);
  CHECK(WaitFor([&] { return ReadTextFile(told).find(sdown) != std::string::npos; }));
  CHECK(WaitFor([&] { return ReadTextFile(told).find(reconfig) != std::string::npos; }));
  CHECK(WaitFor([&] { return cluster.sentinels[0]->Do({"SENTINEL", "PENDING-SCRIPTS"}).elements.empty(); }));

  for (const int end : inherited) close(end);
  const std::string descriptors = ReadTextFile(open_there);
  INFO(descriptors);
  CHECK(descriptors.find(" 0 -> /dev/null\n") != std::string::npos);
  CHECK(descriptors.find("/log\n") == std::string::npos);
  CHECK(descriptors.find("pipe:") == std::string::npos);
  CHECK(descriptors.find("socket:") == std::string::npos);

  WriteTextFile(temp.path() + "/bad.conf",
                fmt::format("port {}\nsentinel monitor m 127.0.0.1 6379 1\nsentinel notification-script m /no/such\n",
                            FreePort()));
  const Ended bad = RunToEnd({OurProgram("vigil-sentinel"), temp.path() + "/bad.conf"}, temp.path());
  CHECK(bad.code == 1);
  CHECK(bad.output.find("/no/such") != std::string::npos);
}
