#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "sentinel/cli/render_status.h"

using namespace cli;

namespace {

const base::Endpoint kOne{"127.0.0.1", 7001};
const base::Endpoint kTwo{"127.0.0.1", 7002};
const base::Endpoint kThree{"127.0.0.1", 7003};

SentinelView SentinelAt(std::uint16_t port) {
  SentinelView view;
  view.address = {"127.0.0.1", port};
  view.id = std::string(36, 'a') + std::to_string(port % 10000);
  view.answers = true;
  view.master = kOne;
  view.quorum = 2;
  view.quorum_ok = true;
  view.quorum_text = "OK 3 usable Sentinels. Quorum and failover authorization can be reached";
  view.replicas = {kTwo, kThree};
  view.peers = {{"127.0.0.1", 1}, {"127.0.0.1", 2}};
  return view;
}

NodeView ReplicaAt(const base::Endpoint& address, base::Offset offset) {
  NodeView node;
  node.address = address;
  node.answers = true;
  node.role = Role::kReplica;
  node.follows = kOne;
  node.link_up = true;
  node.offset = offset;
  return node;
}

Topology Healthy() {
  Topology topology;
  topology.master = "mymaster";
  NodeView master;
  master.address = kOne;
  master.answers = true;
  master.role = Role::kMaster;
  master.writable = true;
  master.offset = 1234567;
  master.attached = {{kTwo, "online", 1234567, 0}, {kThree, "online", 1234500, 1}};
  topology.nodes = {ReplicaAt(kThree, 1234500), ReplicaAt(kTwo, 1234567), master};
  topology.sentinels = {SentinelAt(27003), SentinelAt(27001), SentinelAt(27002)};
  return topology;
}

std::string FirstLine(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

bool Mentions(const std::vector<std::string>& problems, std::string_view text) {
  for (const std::string& problem : problems) {
    if (problem.find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("status: a healthy master is writable, first in the list, and replicas show their lag") {
  Topology topology = Healthy();
  Judge(topology);
  CHECK(topology.healthy());
  CHECK(topology.quorum == 2);
  REQUIRE(topology.nodes.size() == 3);
  CHECK(topology.nodes[0].address == kOne);
  CHECK(topology.nodes[1].lag_bytes == 0);
  CHECK(topology.nodes[2].lag_bytes == 67);
  CHECK(topology.nodes[2].lag_seconds == 1);
  CHECK(topology.sentinels[0].address.port == 27001);

  const std::string text = RenderStatus(topology, Paint(false));
  CHECK(FirstLine(text) == "mymaster  OK  writable at 127.0.0.1:7001  (2/2 replicas linked, 3/3 sentinels, quorum 2)");
  CHECK(text.find("1,234,567") != std::string::npos);
  CHECK(text.find("67 B") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(RenderStatus(topology, Paint(true)).find("\x1b[1;32mOK\x1b[0m") != std::string::npos);
}

TEST_CASE("status: a dead master is said in the first line, whatever else is wrong") {
  Topology topology = Healthy();
  NodeView& master = topology.nodes[2];
  master = NodeView{};
  master.address = kOne;
  master.error = "connection refused";
  master.why_not_writable = master.error;
  for (SentinelView& sentinel : topology.sentinels) sentinel.master_down = true;
  Judge(topology);
  CHECK_FALSE(topology.writable());
  REQUIRE_FALSE(topology.problems.empty());
  CHECK(topology.problems[0] == "the master 127.0.0.1:7001 does not answer (connection refused)");
  CHECK(FirstLine(RenderStatus(topology, Paint(false)))
            .starts_with("mymaster  DOWN  NOT WRITABLE at 127.0.0.1:7001: connection refused"));

  topology.sentinels[1].failing_over = true;
  CHECK(StateWord(topology) == "FAILING-OVER");
}

TEST_CASE("status: each kind of trouble has its line") {
  Topology topology = Healthy();
  SUBCASE("a replica without its master") {
    topology.nodes[0].link_up = false;
    topology.nodes[0].link_down_for = 12;
    Judge(topology);
    CHECK(Mentions(topology.problems, "replica 127.0.0.1:7003 has no link to its master since 12 s"));
  }
  SUBCASE("a replica of somebody else") {
    topology.nodes[0].follows = {"10.0.0.9", 6379};
    Judge(topology);
    CHECK(Mentions(topology.problems, "replica 127.0.0.1:7003 follows 10.0.0.9:6379, not the master"));
  }
  SUBCASE("a second master") {
    topology.nodes[0].role = Role::kMaster;
    Judge(topology);
    CHECK(Mentions(topology.problems, "127.0.0.1:7003 calls itself a master too"));
  }
  SUBCASE("a sentinel that sends clients elsewhere") {
    topology.sentinels[0].master = kTwo;
    topology.sentinels[0].config_epoch = {7};
    Judge(topology);
    CHECK(topology.address == kOne);
    CHECK(Mentions(topology.problems, "sends clients to 127.0.0.1:7002 instead (config epoch 7)"));
  }
  SUBCASE("a sentinel that does not answer") {
    topology.sentinels[2] = SentinelView{};
    topology.sentinels[2].address = {"127.0.0.1", 27002};
    topology.sentinels[2].error = "connection refused";
    Judge(topology);
    CHECK(Mentions(topology.problems, "sentinel 127.0.0.1:27002 does not answer"));
  }
  SUBCASE("a quorum out of reach") {
    topology.sentinels[0].quorum_ok = false;
    topology.sentinels[0].quorum_text = "NOQUORUM 1 usable Sentinels.";
    Judge(topology);
    CHECK(Mentions(topology.problems, "NOQUORUM"));
  }
  SUBCASE("a sentinel that cannot reach a replica which answers us") {
    topology.sentinels[0].bad_replicas = {kTwo};
    Judge(topology);
    CHECK(Mentions(topology.problems, "cannot reach replica 127.0.0.1:7002"));
  }
  SUBCASE("a sentinel that knows too little") {
    topology.sentinels[0].replicas = {kTwo};
    topology.sentinels[0].peers.clear();
    Judge(topology);
    CHECK(Mentions(topology.problems, "knows 1 of 2 replicas"));
    CHECK(Mentions(topology.problems, "knows 0 of 2 other sentinels"));
  }
  CHECK(StateWord(topology) == "DEGRADED");
}

TEST_CASE("status: a replica that follows another replica of the same master is no problem") {
  Topology topology = Healthy();
  topology.nodes[0].follows = kTwo;
  Judge(topology);
  CHECK(topology.healthy());
}

TEST_CASE("status: what a sentinel saw of a replica's link some seconds ago is no problem of now") {
  Topology topology = Healthy();
  topology.sentinels[0].unlinked_replicas = {kTwo};
  Judge(topology);
  CHECK(topology.healthy());
}

TEST_CASE("status: of equally many voices the newest configuration counts") {
  Topology topology = Healthy();
  topology.sentinels.pop_back();
  topology.sentinels[0].master = kTwo;
  topology.sentinels[0].config_epoch = {3};
  Judge(topology);
  CHECK(topology.address == kTwo);
}

TEST_CASE("status: a master that wants a password is unknown, not down") {
  Topology topology = Healthy();
  topology.nodes[2] = NodeView{};
  topology.nodes[2].address = kOne;
  topology.nodes[2].error = "NOAUTH Authentication required.";
  Judge(topology);
  CHECK(topology.refused());
  CHECK(StateWord(topology) == "UNKNOWN");
  CHECK(FirstLine(RenderStatus(topology, Paint(false))).find("does not let us ask: NOAUTH") != std::string::npos);
}

TEST_CASE("status: nobody answers") {
  Topology topology;
  topology.master = "mymaster";
  topology.sentinels = {SentinelView{}};
  Judge(topology);
  CHECK_FALSE(topology.healthy());
  CHECK(FirstLine(RenderStatus(topology, Paint(false))).find("NOT WRITABLE: no master is known") != std::string::npos);
}

TEST_CASE("status: JSON says the same, and null for what is unknown") {
  Topology topology = Healthy();
  topology.nodes[0].link_up = false;
  Judge(topology);
  const auto out = nlohmann::json::parse(RenderStatusJson({topology}));
  CHECK(out["healthy"] == false);
  const auto& master = out["masters"][0];
  CHECK(master["name"] == "mymaster");
  CHECK(master["address"] == "127.0.0.1:7001");
  CHECK(master["writable"] == true);
  CHECK(master["state"] == "DEGRADED");
  REQUIRE(master["nodes"].size() == 3);
  CHECK(master["nodes"][0]["role"] == "master");
  CHECK(master["nodes"][0]["lag_bytes"].is_null());
  CHECK(master["nodes"][0]["link"].is_null());
  CHECK(master["nodes"][2]["link"] == "down");
  CHECK(master["nodes"][2]["lag_bytes"] == 67);
  CHECK(master["sentinels"].size() == 3);
  CHECK(master["problems"].size() == topology.problems.size());
}
