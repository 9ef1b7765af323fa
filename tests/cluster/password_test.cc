// Wrong passwords: named, harmless, and mended by SENTINEL SET.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "tests/support/cluster.h"

using namespace support;

namespace {

// Nodes that want a password, one master and one replica.
void AddNodes(Cluster& cluster, Make make, const std::vector<std::string>& lines) {
  Member& master = cluster.AddNode(make, nullptr, lines);
  cluster.AddNode(make, &master, lines);
}

// Do() has no password: these nodes answer -NOAUTH to it, which is an answer as well.
Value AskNode(const Member& node, const std::string& password, const std::vector<std::string>& words) {
  Redis redis(node.host, node.port, 2000);
  redis.Do({"AUTH", password});
  return redis.Do(words);
}

std::int64_t CurrentEpoch(const Member& sentinel) {
  // No query shows it; the file does.
  const std::string text = ReadTextFile(sentinel.config_path);
  const std::size_t at = text.find("sentinel current-epoch ");
  return at == std::string::npos ? -1 : std::stoll(text.substr(at + 23));
}

bool SeesMasterUp(const Member& sentinel, int replicas) {
  auto master = Pairs(sentinel.Do({"SENTINEL", "MASTER", Cluster::kName}));
  return master["flags"] == "master" && master["num-slaves"] == std::to_string(replicas);
}

}  // namespace

TEST_CASE("passwords: a wrong auth-pass is named, raises no epoch, and SENTINEL SET auth-pass mends it") {
  for (const Make make : {Make::kOurs, Make::kStock}) {
    CAPTURE(make);
    Cluster cluster;
    AddNodes(cluster, make, {"requirepass right", "masterauth right"});
    for (int i = 0; i < 3; ++i)
      cluster.AddSentinel(Make::kOurs, 2, 500, {fmt::format("sentinel auth-pass {} wrong", Cluster::kName)});
    INFO(Logs(cluster));
    for (const auto& sentinel : cluster.sentinels) {
      CHECK(WaitFor([&] { return sentinel->process.log().find("auth failed") != std::string::npos; }));
      // It cannot see that the master is alive; stock says the same.
      CHECK(WaitFor([&] {
        return Pairs(sentinel->Do({"SENTINEL", "MASTER", Cluster::kName}))["flags"].find("s_down") != std::string::npos;
      }));
    }
    // Time for a dozen attempts at T = 500: without a replica that answers none may raise the epoch.
    CHECK_FALSE(WaitFor(
        [&] {
          return std::any_of(cluster.sentinels.begin(), cluster.sentinels.end(),
                             [](const auto& sentinel) { return CurrentEpoch(*sentinel) > 0; });
        },
        1500));
    CHECK(AskNode(*cluster.nodes[0], "right", {"ROLE"}).elements.at(0).text == "master");
    for (const auto& sentinel : cluster.sentinels)
      CHECK(sentinel->Do({"SENTINEL", "SET", Cluster::kName, "auth-pass", "right"}).ok());
    for (const auto& sentinel : cluster.sentinels) CHECK(WaitFor([&] { return SeesMasterUp(*sentinel, 1); }));

    // And what it supervises then fails over.
    const int old_port = cluster.nodes[0]->port;
    cluster.nodes[0]->Kill();
    CHECK(cluster.WaitNewMaster(old_port));
    CHECK(WaitFor([&] {
      const Value role = AskNode(*cluster.nodes[1], "right", {"ROLE"});
      return !role.elements.empty() && role.elements[0].text == "master";
    }));
  }
}

TEST_CASE("passwords: nodes that change theirs while watched are named, and no master is lost over it") {
  Cluster cluster;
  AddNodes(cluster, Make::kStock, {"requirepass first", "masterauth first"});
  for (int i = 0; i < 3; ++i)
    cluster.AddSentinel(Make::kOurs, 2, 500, {fmt::format("sentinel auth-pass {} first", Cluster::kName)});
  for (const auto& sentinel : cluster.sentinels) REQUIRE(WaitFor([&] { return SeesMasterUp(*sentinel, 1); }));
  INFO(Logs(cluster));
  for (const auto& node : cluster.nodes) {
    CHECK(AskNode(*node, "first", {"CONFIG", "SET", "requirepass", "second", "masterauth", "second"}).ok());
    // Those who are in stay in: the next connection is the one that is refused.
    AskNode(*node, "second", {"CLIENT", "KILL", "TYPE", "normal"});
    AskNode(*node, "second", {"CLIENT", "KILL", "TYPE", "pubsub"});
  }
  for (const auto& sentinel : cluster.sentinels)
    CHECK(WaitFor([&] { return sentinel->process.log().find("auth failed") != std::string::npos; }));
  // They know each other, and agree that they cannot see it: still nobody raises the epoch for replicas that refuse
  // them too.
  CHECK_FALSE(WaitFor([&] { return cluster.AgreedMaster(cluster.nodes[0]->port) != 0; }, 1500));
  for (const auto& sentinel : cluster.sentinels) CHECK(CurrentEpoch(*sentinel) == 0);
  for (const auto& sentinel : cluster.sentinels)
    CHECK(sentinel->Do({"SENTINEL", "SET", Cluster::kName, "auth-pass", "second"}).ok());
  for (const auto& sentinel : cluster.sentinels) CHECK(WaitFor([&] { return SeesMasterUp(*sentinel, 1); }));
  CHECK(cluster.AgreedMaster() == cluster.nodes[0]->port);
}
