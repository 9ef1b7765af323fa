#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sentinel/cli/diagnose.h"
#include "sentinel/cli/render_tree.h"
#include "sentinel/cli/settings_diff.h"
#include "sentinel/cli/switch_plan.h"

using namespace cli;
using nlohmann::json;

namespace {

const base::Endpoint kOne{"10.0.0.1", 6379};
const base::Endpoint kTwo{"10.0.0.2", 6379};
const base::Endpoint kThree{"10.0.0.3", 6379};

Reply Words(const std::vector<std::string>& words) {
  Reply reply;
  reply.kind = Reply::Kind::kArray;
  for (const std::string& word : words) {
    Reply item;
    item.kind = Reply::Kind::kText;
    item.text = word;
    reply.items.push_back(item);
  }
  return reply;
}

Fields Map(const std::vector<std::string>& words) {
  return *Fields::FromReply(Words(words));
}

NodeView Node(const base::Endpoint& address, const base::Endpoint& follows, base::Offset offset) {
  NodeView node;
  node.address = address;
  node.answers = true;
  node.role = follows.empty() ? Role::kMaster : Role::kReplica;
  node.follows = follows;
  node.offset = offset;
  node.link_up = !follows.empty();
  node.writable = follows.empty();
  node.lag_bytes = follows.empty() ? -1 : 1000 - offset;
  node.asked_at_us = 1'000'000'000;
  node.info = Fields::FromInfo(
      "redis_version:7.0.15\nvigil_version:1.0\nserver_time_usec:1000000500\nmaster_replid:aa\n"
      "repl_backlog_active:1\nrepl_backlog_first_byte_offset:1\nslave_priority:100\n");
  node.config =
      Map({"requirepass", "secret", "masterauth", "secret", "min-replicas-to-write", "1", "save", "", "appendonly",
           "yes", "repl-backlog-size", "67108864", "maxmemory", "0", "replica-read-only", "yes"});
  return node;
}

SentinelView Sentinel(const std::string& host, const std::string& down_after = "5000") {
  SentinelView view;
  view.address = {host, 26379};
  view.answers = true;
  view.master = kOne;
  view.quorum = 2;
  view.quorum_ok = true;
  view.fields = Map({"quorum", "2", "down-after-milliseconds", down_after, "failover-timeout", "10000"});
  view.info = Fields::FromInfo("redis_version:7.0.15\nvigil_version:1.0\nserver_time_usec:1000000500\n");
  view.asked_at_us = 1'000'000'000;
  return view;
}

Topology Sound() {
  Topology topology;
  topology.master = "m";
  topology.address = kOne;
  topology.quorum = 2;
  topology.nodes = {Node(kOne, {}, 1000), Node(kTwo, kOne, 1000), Node(kThree, kOne, 900)};
  topology.sentinels = {Sentinel("10.0.1.1"), Sentinel("10.0.1.2"), Sentinel("10.0.1.3")};
  return topology;
}

json Outlook() {
  return {
      {"features", {{"planned-failover", "coordinated by FAILOVER of the node"}, {"empty-master-refusal", "possible"}}},
      {"replicas",
       {{{"address", "10.0.0.2:6379"}, {"verdict", "would be chosen"}, {"reason", "it holds most"}},
        {{"address", "10.0.0.3:6379"}, {"verdict", "excluded"}, {"reason", "its link is lost"}}}}};
}

std::vector<Finding> Of(const Topology& topology) {
  return Diagnose(topology, Outlook());
}

bool Has(const std::vector<Finding>& findings, Severity severity, std::string_view area, std::string_view text) {
  return std::ranges::any_of(findings, [&](const Finding& finding) {
    return finding.severity == severity && finding.area == area && finding.text.find(text) != std::string::npos &&
           !finding.remedy.empty();
  });
}

void Set(NodeView& node, const std::string& name, const std::string& value) {
  std::vector<std::string> words;
  for (const std::string& each : node.config.Names()) {
    if (each != name) words.insert(words.end(), {each, node.config.Text(each)});
  }
  words.insert(words.end(), {name, value});
  node.config = Map(words);
}

}  // namespace

TEST_CASE("doctor: a sound deployment has no finding") {
  CHECK(Of(Sound()).empty());
  CHECK(RenderFindings({}, 80, Paint(false)) == "Nothing to complain about.\n");
}

TEST_CASE("doctor: quorum") {
  Topology topology = Sound();
  topology.quorum = 1;
  CHECK(Has(Of(topology), Severity::kWarning, "quorum", "a quorum of 1"));
  topology.quorum = 4;
  CHECK(Has(Of(topology), Severity::kError, "quorum", "no failover can ever begin"));
  topology = Sound();
  topology.sentinels.pop_back();
  CHECK(Has(Of(topology), Severity::kWarning, "quorum", "2 sentinels: the loss of one"));
  topology = Sound();
  topology.sentinels[2].answers = false;
  CHECK(Has(Of(topology), Severity::kWarning, "quorum", "2 of 3 sentinels answer: one more lost"));
  topology.sentinels[1].address.host = "10.0.1.1";
  CHECK(Has(Of(topology), Severity::kWarning, "quorum", "2 of 3 sentinels share this machine"));
}

TEST_CASE("doctor: settings that differ, passwords, replicas, persistence, clocks, versions") {
  Topology topology = Sound();
  topology.sentinels[1] = Sentinel("10.0.1.2", "60000");
  CHECK(Has(Of(topology), Severity::kWarning, "config",
            "down-after-milliseconds is 5000 at 10.0.1.1:26379 and 10.0.1.3:26379, 60000 at 10.0.1.2:26379"));
  topology = Sound();
  Set(topology.nodes[1], "masterauth", "old");
  const auto findings = Of(topology);
  CHECK(Has(findings, Severity::kError, "passwords", "its masterauth is not the requirepass of"));
  for (const Finding& finding : findings) CHECK(finding.text.find("secret") == std::string::npos);
  topology = Sound();
  for (NodeView& node : topology.nodes) Set(node, "requirepass", "");
  CHECK(Has(Of(topology), Severity::kWarning, "passwords", "it has no password"));
  topology = Sound();
  Set(topology.nodes[0], "min-replicas-to-write", "0");
  CHECK(Has(Of(topology), Severity::kWarning, "replicas", "min-replicas-to-write is 0"));
  Set(topology.nodes[0], "min-replicas-to-write", "3");
  CHECK(Has(Of(topology), Severity::kError, "replicas", "it takes no writes"));
  topology = Sound();
  Set(topology.nodes[0], "appendonly", "no");
  CHECK(Has(Of(topology), Severity::kNote, "persistence", "refuse an empty master"));
  CHECK(Has(Diagnose(topology, json()), Severity::kWarning, "persistence", "it comes back empty"));
  CHECK(Has(Of(topology), Severity::kWarning, "config", "appendonly is 'yes' here and 'no' at the master"));
  topology = Sound();
  topology.nodes[2].asked_at_us += 5'000'000;
  CHECK(Has(Of(topology), Severity::kWarning, "clock", "its clock is 5.0 s behind"));
  topology = Sound();
  topology.nodes[2].info = Fields::FromInfo("redis_version:7.0.15\n");
  CHECK(Has(Of(topology), Severity::kWarning, "versions", "the nodes differ: stock 7.0.15 at 10.0.0.3:6379"));
}

TEST_CASE("doctor: the worst comes first, each with its remedy, within the columns") {
  Topology topology = Sound();
  topology.quorum = 4;
  Set(topology.nodes[0], "min-replicas-to-write", "0");
  const std::string text = RenderFindings(Of(topology), 79, Paint(false));
  CHECK(text.starts_with("error   quorum  m: the quorum is 4"));
  CHECK(text.find("        -> `SENTINEL SET m quorum 2`") != std::string::npos);
  CHECK(text.find("1 errors, ") != std::string::npos);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    CHECK(end - at <= 79);
    at = end + 1;
  }
}

TEST_CASE("plan: candidate, catch-up, gap, full copies and drift") {
  Topology earlier = Sound();
  Topology topology = Sound();
  earlier.nodes[1].offset = 900;
  topology.nodes[1].offset = 950;
  topology.nodes[1].lag_bytes = 50;
  topology.nodes[2].info = Fields::FromInfo("master_replid:bb\n");
  Set(topology.nodes[1], "maxmemory", "100");
  Set(topology.nodes[1], "requirepass", "other");
  const SwitchPlan plan =
      MakePlan("switchover", earlier, topology, std::chrono::milliseconds(100), Outlook(), json::array(), {});
  CHECK(plan.possible());
  CHECK(plan.to == kTwo);
  CHECK(plan.behind_bytes == 50);
  CHECK(plan.catch_up_ms == 100);
  CHECK(plan.gap_ms == 500);
  REQUIRE(plan.syncs.size() == 2);
  CHECK_FALSE(plan.syncs[0].full);
  CHECK(plan.syncs[1].full);
  CHECK(plan.syncs[1].reason == "it has another history than the new master");
  CHECK(plan.drift == std::vector<std::string>{"maxmemory: '0' becomes '100'",
                                               "requirepass differs (not shown): clients may be refused"});
  const std::string text = RenderPlan(plan, 79, Paint(false));
  CHECK(text.starts_with("switchover of m: would succeed\n"));
  CHECK(text.find("'other'") == std::string::npos);
}

TEST_CASE("plan: what history took is what is expected, and what cannot be is said") {
  const json history = {
      {{"kind", "failover"},
       {"outcome", "switched"},
       {"steps", {{"detection", 1000}, {"promotion", 30}, {"repointing", 500}}}},
      {{"kind", "manual-failover"}, {"outcome", "switched"}, {"steps", {{"promotion", 9}, {"publication", 2}}}},
      {{"kind", "failover"}, {"outcome", "abandoned"}, {"steps", {{"detection", 99999}}}}};
  const auto plan = [&](const std::string& kind, const base::Endpoint& to) {
    return MakePlan(kind, Sound(), Sound(), std::chrono::milliseconds(100), Outlook(), history, to);
  };
  CHECK(plan("failover", {}).gap_ms == 1030);
  CHECK(plan("switchover", {}).gap_ms == 11);
  CHECK_FALSE(plan("switchover", kOne).possible());
  CHECK_FALSE(plan("switchover", {"10.0.0.9", 1}).possible());
  const SwitchPlan excluded = plan("switchover", kThree);
  CHECK(excluded.obstacles == std::vector<std::string>{"10.0.0.3:6379 is excluded: its link is lost"});
  // A crash of the master takes with it what the candidate lacks.
  Topology behind = Sound();
  behind.nodes[1].offset = 990;
  behind.nodes[1].lag_bytes = 10;
  const SwitchPlan crash =
      MakePlan("failover", behind, behind, std::chrono::milliseconds(100), Outlook(), json::array(), {});
  CHECK(crash.gap_ms == 5000);
  CHECK(std::ranges::count(crash.risks, "the 10 bytes that 10.0.0.2:6379 lacks would be lost") == 1);
  CHECK(crash.syncs[0].full);
}

TEST_CASE("config diff: what differs is named, and no password shown") {
  std::vector<SentinelView> sentinels = {Sentinel("a"), Sentinel("b", "60000")};
  sentinels[0].config = Map({"sentinel-pass", "secret", "announce-ip", "1.1.1.1", "resolve-hostnames", "no"});
  sentinels[1].config = Map({"sentinel-pass", "", "announce-ip", "2.2.2.2", "resolve-hostnames", "no"});
  const auto differences = CompareSettings(sentinels);
  REQUIRE(differences.size() == 2);
  CHECK(differences[0].name == "down-after-milliseconds");
  CHECK(differences[0].values.at("b:26379") == "60000");
  CHECK(differences[1].name == "sentinel-pass");
  CHECK(differences[1].values.at("a:26379") == "(set; not shown)");
  CHECK(differences[1].values.at("b:26379") == "(none)");
}

TEST_CASE("topology: chains stand below the one they follow, and a ring is shown once") {
  Topology topology = Sound();
  topology.nodes[2].follows = kTwo;
  const std::string text = RenderTree(topology, Paint(false));
  CHECK(text.find("\n`- 10.0.0.2:6379  replica, 0 B behind\n   `- 10.0.0.3:6379  replica, 100 B behind\n") !=
        std::string::npos);
  topology.nodes[1].follows = kThree;
  const std::string ring = RenderTree(topology, Paint(false));
  CHECK(ring.find("10.0.0.2:6379  replica") == ring.rfind("10.0.0.2:6379  replica"));
  CHECK(ring.find("10.0.0.3:6379  replica") != std::string::npos);
}
