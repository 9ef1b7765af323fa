// Members come and go, leave in good order, are forgotten; operators pause; addresses of all sorts.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>

#include "tests/support/bound_file.h"
#include "tests/support/cluster.h"
#include "tests/support/proxy.h"
#include "tests/support/small_disk.h"

using namespace support;

namespace {

std::string Field(const Member& sentinel, const std::string& field) {
  return Pairs(sentinel.Do({"SENTINEL", "MASTER", Cluster::kName}))[field];
}

std::string MyId(const Member& sentinel) {
  return sentinel.Do({"SENTINEL", "MYID"}).text;
}

// The row of SENTINEL SENTINELS or REPLICAS whose `field` is `value`.
std::map<std::string, std::string> Row(const Member& sentinel, const std::string& list, const std::string& field,
                                       const std::string& value) {
  for (const Value& row : sentinel.Do({"SENTINEL", list, Cluster::kName}).elements) {
    auto fields = Pairs(row);
    if (fields[field] == value) return fields;
  }
  return {};
}

bool IsDown(const Member& sentinel, const std::string& list, const std::string& field, const std::string& value) {
  return Row(sentinel, list, field, value)["flags"].starts_with("s_down");
}

// A cluster of ours in which INFO is read often, so that what it says is known soon.
void Build(Cluster& cluster, int down_after = 500) {
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, down_after);
  for (const auto& sentinel : cluster.sentinels) sentinel->Do({"SENTINEL", "DEBUG", "INFO-PERIOD", "500"});
}

}  // namespace

TEST_CASE("members: a dead sentinel and a dead replica are forgotten everywhere, and over restarts") {
  Cluster cluster;
  Build(cluster);
  Member& first = *cluster.sentinels[0];
  Member& second = *cluster.sentinels[1];
  Member& dead = *cluster.sentinels[2];
  const std::string id = MyId(dead);
  CHECK(first.Do({"SENTINEL", "FORGET", Cluster::kName, id}).text.find("it is alive") != std::string::npos);
  dead.Kill();
  REQUIRE(WaitFor([&] { return IsDown(first, "SENTINELS", "runid", id) && IsDown(second, "SENTINELS", "runid", id); }));
  CHECK(first.Do({"SENTINEL", "FORGET", Cluster::kName, id}).text == "OK");
  INFO(Logs(cluster));
  for (const Member* sentinel : {&first, &second}) {
    CHECK(WaitFor([&] { return Field(*sentinel, "num-other-sentinels") == "1"; }));
    CHECK(Field(*sentinel, "num-forgotten") == "1");
  }
  Member& replica = *cluster.nodes[2];
  const std::string address = fmt::format("127.0.0.1:{}", replica.port);
  replica.Kill();
  // Who still finds it alive when the others forget it keeps it.
  REQUIRE(WaitFor(
      [&] { return IsDown(first, "REPLICAS", "name", address) && IsDown(second, "REPLICAS", "name", address); }));
  CHECK(WaitFor([&] { return second.Do({"SENTINEL", "FORGET", Cluster::kName, address}).text == "OK"; }));
  CHECK(WaitFor([&] { return Field(first, "num-slaves") == "1"; }));
  for (Member* sentinel : {&first, &second}) {
    sentinel->Kill();
    sentinel->Start();
  }
  CHECK(Field(first, "num-other-sentinels") == "1");
  CHECK(Field(second, "num-slaves") == "1");
  CHECK(Field(second, "num-forgotten") == "2");
  // They come back by their own word.
  replica.Start();
  dead.Start();
  CHECK(WaitFor([&] { return Field(first, "num-other-sentinels") == "2" && Field(first, "num-slaves") == "2"; }));
  CHECK(WaitFor([&] { return Field(second, "num-forgotten").empty(); }));
}

TEST_CASE("members: a paused master dies and nothing happens until RESUME, restarts of sentinels included") {
  Cluster cluster;
  Build(cluster);
  const int old_port = cluster.AgreedMaster();
  const auto epoch = Field(*cluster.sentinels[0], "config-epoch");
  CHECK(cluster.sentinels[0]->Do({"SENTINEL", "PAUSE", Cluster::kName, "600000", "upgrade"}).ok());
  CHECK(WaitFor([&] { return Field(*cluster.sentinels[2], "pause-reason") == "upgrade"; }));
  CHECK(InfoField(cluster.sentinels[1]->port, "vigil_paused_masters") == "1");
  cluster.NodeAt(old_port).Kill();
  INFO(Logs(cluster));
  for (const auto& sentinel : cluster.sentinels) {
    REQUIRE(WaitFor([&] { return Field(*sentinel, "flags").find("o_down") != std::string::npos; }));
  }
  cluster.sentinels[1]->Kill();
  cluster.sentinels[1]->Start();
  REQUIRE(WaitFor([&] { return Field(*cluster.sentinels[1], "flags").find("o_down") != std::string::npos; }));
  CHECK(Field(*cluster.sentinels[1], "pause-reason") == "upgrade");
  // It would have failed over long since: its three sentinels agree, and said so.
  for (const auto& sentinel : cluster.sentinels) {
    CHECK(WaitFor([&] { return sentinel->process.log().find("+failover-delayed") != std::string::npos; }));
    CHECK(sentinel->process.log().find("+try-failover") == std::string::npos);
    CHECK(Field(*sentinel, "config-epoch") == epoch);
  }
  CHECK(cluster.AgreedMaster() == old_port);
  CHECK(cluster.sentinels[2]->Do({"SENTINEL", "RESUME", Cluster::kName}).ok());
  CHECK(cluster.WaitNewMaster(old_port));
  CHECK(WaitFor([&] { return Field(*cluster.sentinels[0], "pause-reason").empty(); }));
}

TEST_CASE("members: a sentinel that gets SIGTERM raises no alarm at the others, a killed one does") {
  Cluster cluster;
  Build(cluster);
  Member& first = *cluster.sentinels[0];
  Member& leaving = *cluster.sentinels[2];
  const std::string id = MyId(leaving);
  leaving.process.Signal(SIGTERM);
  CHECK(leaving.process.Wait(10000) == 0);
  REQUIRE(WaitFor([&] { return IsDown(first, "SENTINELS", "runid", id); }));
  INFO(Logs(cluster));
  CHECK(first.process.log().find("+sdown sentinel") == std::string::npos);
  CHECK(cluster.sentinels[1]->process.log().find("+sdown sentinel") == std::string::npos);
  CHECK_FALSE(Row(first, "SENTINELS", "runid", id)["said-good-bye"].empty());
  CHECK(Field(first, "num-other-sentinels") == "2");
  leaving.Start();
  REQUIRE(cluster.WaitHealthy());
  leaving.Kill();
  CHECK(WaitFor([&] { return first.process.log().find("+sdown sentinel " + id) != std::string::npos; }));
}

TEST_CASE(
    "members: a cluster on IPv6 fails over, with addresses written as stock writes them however they were given") {
  Cluster cluster;
  cluster.PlaceAt("::1");
  Member& master = cluster.AddNode(Make::kOurs);
  master.host = "0:0:0:0:0:0:0:1";  // to replicas and sentinels
  cluster.AddNode(Make::kOurs, &master);
  cluster.AddNode(Make::kOurs, &master);
  for (int i = 0; i < 3; ++i) cluster.AddSentinel(Make::kOurs, 2, 500);
  REQUIRE_MESSAGE(cluster.WaitHealthy(), cluster.Trouble());
  const int old_port = cluster.AgreedMaster();
  Member& first = *cluster.sentinels[0];
  CHECK(first.Do({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", Cluster::kName}).elements[0].text == "::1");
  const int replica = cluster.nodes[1]->port;
  CHECK(Row(first, "REPLICAS", "port", std::to_string(replica))["name"] == fmt::format("[::1]:{}", replica));
  CHECK(Row(first, "SENTINELS", "port", std::to_string(cluster.sentinels[1]->port))["ip"] == "::1");
  cluster.NodeAt(old_port).Kill();
  INFO(Logs(cluster));
  REQUIRE(cluster.WaitNewMaster(old_port));
  const int new_port = cluster.AgreedMaster(old_port);
  CHECK(WaitFor([&] { return cluster.AllFollow(new_port); }));
  CHECK(first.process.log().find(fmt::format("+switch-master mymaster ::1 {} ::1 {}", old_port, new_port)) !=
        std::string::npos);
  CHECK(WaitFor([&] {
    return ReadTextFile(first.config_path).find(fmt::format("sentinel monitor mymaster ::1 {} 2", new_port)) !=
           std::string::npos;
  }));
}

TEST_CASE("members: a master known by its name is watched, announced by it, and failed over") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs);
  master.host = "localhost";
  cluster.AddNode(Make::kOurs, &master);
  cluster.AddNode(Make::kOurs, &master);
  for (int i = 0; i < 3; ++i) {
    cluster.AddSentinel(Make::kOurs, 2, 500, {"sentinel resolve-hostnames yes", "sentinel announce-hostnames yes"});
  }
  REQUIRE(cluster.WaitHealthy());
  const int old_port = cluster.AgreedMaster();
  Member& first = *cluster.sentinels[0];
  CHECK(first.Do({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", Cluster::kName}).elements[0].text == "localhost");
  CHECK(Field(first, "ip") == "localhost");
  cluster.NodeAt(old_port).Kill();
  INFO(Logs(cluster));
  REQUIRE(cluster.WaitNewMaster(old_port));
  CHECK(WaitFor([&] { return cluster.AllFollow(cluster.AgreedMaster(old_port)); }));
  // Without resolve-hostnames a name is refused.
  CHECK(first.Do({"SENTINEL", "MONITOR", "other", "localhost", "1", "2"}).ok());
  CHECK(first.Do({"SENTINEL", "CONFIG", "SET", "resolve-hostnames", "no"}).ok());
  CHECK(first.Do({"SENTINEL", "MONITOR", "third", "localhost", "1", "2"}).is_error());
}

TEST_CASE("members: sentinels behind mapped ports find each other by what they announce, also when that changes") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs);
  cluster.AddNode(Make::kOurs, &master);
  std::vector<std::unique_ptr<Proxy>> proxies;
  for (int i = 0; i < 3; ++i) {
    Member& sentinel = cluster.AddSentinel(Make::kOurs, 2, 500);
    proxies.push_back(std::make_unique<Proxy>(sentinel.port));
    CHECK(sentinel.Do({"SENTINEL", "CONFIG", "SET", "announce-ip", "127.0.0.1"}).ok());
    CHECK(sentinel.Do({"SENTINEL", "CONFIG", "SET", "announce-port", std::to_string(proxies.back()->port())}).ok());
  }
  INFO(Logs(cluster));
  const auto mapped = [&](const Member& at) {
    std::size_t found = 0;
    for (const auto& proxy : proxies) {
      found += Row(at, "SENTINELS", "port", std::to_string(proxy->port()))["flags"] == "sentinel";
    }
    return found == 2;
  };
  for (const auto& sentinel : cluster.sentinels) CHECK(WaitFor([&] { return mapped(*sentinel); }));
  for (const auto& proxy : proxies) CHECK(proxy->accepted() > 0);
  CHECK(WaitFor([&] { return Field(*cluster.sentinels[0], "num-slaves") == "1"; }));
  const int old_port = master.port;
  REQUIRE(WaitFor([&] { return cluster.AllFollow(old_port); }));
  master.Kill();
  CHECK(cluster.WaitNewMaster(old_port));
}

TEST_CASE("members: nodes and sentinels that are known by mapped addresses fail over, and the old master returns") {
  Cluster cluster;
  cluster.BehindProxies();
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, 500);
  INFO(Logs(cluster));
  const int old_port = cluster.AgreedMaster();
  Member& old_master = cluster.NodeAt(old_port);
  REQUIRE(old_port == old_master.proxy->port());
  old_master.Kill();
  REQUIRE(cluster.WaitNewMaster(old_port));
  const int new_port = cluster.AgreedMaster(old_port);
  CHECK(cluster.NodeAt(new_port).proxy->port() == new_port);
  old_master.Start();
  CHECK(WaitFor([&] { return cluster.AllFollow(new_port); }));
  CHECK_MESSAGE(cluster.WaitHealthy(), cluster.Trouble());
  // Nobody is listed under an address that it has not announced.
  const Value replicas = cluster.sentinels[0]->Do({"SENTINEL", "REPLICAS", Cluster::kName});
  CHECK(replicas.elements.size() == 2);
  CHECK(Row(*cluster.sentinels[0], "REPLICAS", "port", std::to_string(old_port))["flags"] == "slave");
}

TEST_CASE("members: a master whose name stands for another address is followed there, and nothing is switched") {
  if (!SmallDisk::WhyNot().empty()) return SaySkipped("members: a name that moves", SmallDisk::WhyNot());
  const TempDir temp;
  const std::string hosts = temp.path() + "/hosts";
  const auto name_stands_for = [&](const std::string& address) {
    WriteTextFile(hosts, "127.0.0.1 localhost\n" + address + " master.vigil.test\n");
  };
  name_stands_for("127.0.0.1");
  const BoundFile bound(hosts, "/etc/hosts", BoundFile::Access::kFull);
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs, nullptr, {"bind 127.0.0.1 127.0.0.2"});
  master.host = "master.vigil.test";
  for (int i = 0; i < 3; ++i) cluster.AddSentinel(Make::kOurs, 2, 20000, {"sentinel resolve-hostnames yes"});
  INFO(Logs(cluster));
  const auto address = [&](const Member& sentinel) {
    const Value at = sentinel.Do({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", Cluster::kName});
    return at.elements.empty() ? std::string() : at.elements[0].text;
  };
  for (const auto& sentinel : cluster.sentinels) {
    REQUIRE(WaitFor([&] { return Field(*sentinel, "num-other-sentinels") == "2"; }));
    REQUIRE(address(*sentinel) == "127.0.0.1");
  }
  master.Kill();
  name_stands_for("127.0.0.2");
  const std::string text = ReadTextFile(master.config_path);
  const std::string bind = "bind 127.0.0.1 127.0.0.2";
  WriteTextFile(master.config_path, std::string(text).replace(text.find(bind), bind.size(), "bind 127.0.0.2"));
  master.host = "127.0.0.2";
  master.Start();
  for (const auto& sentinel : cluster.sentinels) {
    CHECK(WaitFor([&] { return address(*sentinel) == "127.0.0.2" && Field(*sentinel, "flags") == "master"; }));
    const std::string log = sentinel->process.log();
    CHECK(log.find("+host-moved master mymaster") != std::string::npos);
    CHECK(log.find("+switch-master") == std::string::npos);
    CHECK(WaitFor([&] { return Field(*sentinel, "num-other-sentinels") == "2"; }));
  }
}
