// What the sentinels can tell about a failover afterwards, with real processes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>

#include "tests/support/cluster.h"

using namespace support;

namespace {

// A map of a reply in RESP2: the value behind the field's name.
const Value& At(const Value& map, std::string_view field) {
  static const Value kNothing{};
  for (std::size_t i = 0; i + 1 < map.elements.size(); i += 2) {
    if (map.elements[i].text == field) return map.elements[i + 1];
  }
  return kNothing;
}

Value Newest(const Member& sentinel) {
  const Value all = sentinel.Do({"SENTINEL", "HISTORY", Cluster::kName, "COUNT", "1"});
  return all.elements.empty() ? Value{} : all.elements[0];
}

long Number(const Value& value) {
  return value.text.empty() ? -1 : std::stol(value.text);
}

}  // namespace

TEST_CASE("history: a master killed under writes: each sentinel tells why, who, whom, how long and what was lost") {
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, 500);
  const int old_port = cluster.AgreedMaster();
  Redis writer(old_port);
  for (int i = 0; i < 500; ++i) writer.Send({"SET", fmt::format("key{}", i), "value"});
  for (int i = 0; i < 250; ++i) writer.Next();
  cluster.NodeAt(old_port).Kill();
  REQUIRE(cluster.WaitNewMaster(old_port));
  const int new_port = cluster.AgreedMaster();

  const auto told = [](const Member& sentinel) {
    const Value newest = Newest(sentinel);
    return At(newest, "outcome").text == "switched" && !At(newest, "replicas").elements.empty() &&
           !At(At(newest, "steps"), "repointing").text.empty();
  };
  for (const auto& sentinel : cluster.sentinels) {
    REQUIRE(WaitFor([&] { return told(*sentinel); }, 20000));
    const Value newest = Newest(*sentinel);
    const std::string summary = At(newest, "summary").text;
    INFO(summary);
    CHECK(At(newest, "cause").text == "silence");
    CHECK(At(newest, "from").text == fmt::format("127.0.0.1:{}", old_port));
    CHECK(At(newest, "to").text == fmt::format("127.0.0.1:{}", new_port));
    CHECK(At(newest, "agreed").elements.size() == 3);
    CHECK(At(newest, "votes").elements.size() >= 2);
    const Value& chosen = At(newest, "replicas").elements.at(0);
    CHECK(At(chosen, "address").text == fmt::format("127.0.0.1:{}", new_port));
    CHECK(At(chosen, "verdict").text == "chosen");
    CHECK_FALSE(At(chosen, "reason").text.empty());
    CHECK(Number(At(chosen, "offset")) > 0);
    long sum = 0;
    const Value& steps = At(newest, "steps");
    for (std::size_t i = 1; i < steps.elements.size(); i += 2) sum += Number(steps.elements[i]);
    CHECK(steps.elements.size() == 16);
    CHECK(sum == Number(At(newest, "total-ms")));
    CHECK(Number(At(steps, "detection")) >= 500);
    // It died with its last bytes: nobody may claim that nothing was lost.
    CHECK(At(newest, "lost").text == "unknown");
    CHECK(At(newest, "lost-bytes").text == "unknown");
    CHECK(At(newest, "lost-how").text.find("kept the old history up to") != std::string::npos);
  }

  // Restarted; and one of them with a stock sentinel on its file in between, which writes there.
  Member& visited = *cluster.sentinels[0];
  for (const auto& sentinel : cluster.sentinels) {
    CAPTURE(sentinel->port);
    const std::string before = At(Newest(*sentinel), "summary").text;
    sentinel->Kill();
    if (sentinel.get() == &visited) {
      sentinel->make = Make::kStock;
      sentinel->Start();
      CHECK(sentinel->Do({"SENTINEL", "SET", Cluster::kName, "parallel-syncs", "2"}).text == "OK");
      const int port = sentinel->port;
      const std::string candidate(40, 'e');
      const Value vote =
          Ask(port, {"SENTINEL", "is-master-down-by-addr", "127.0.0.1", std::to_string(new_port), "500", candidate});
      CHECK(vote.elements.at(1).text == candidate);
      sentinel->Kill();
      sentinel->make = Make::kOurs;
    }
    sentinel->Start();
    CHECK(At(Newest(*sentinel), "summary").text.substr(0, 40) == before.substr(0, 40));
  }
  // Stock voted in epoch 500 meanwhile, for whom is written nowhere: nobody is named, and nobody else gets the vote.
  const Value again = visited.Do(
      {"SENTINEL", "is-master-down-by-addr", "127.0.0.1", std::to_string(new_port), "500", std::string(40, 'd')});
  CHECK(again.elements.at(1).text == "*");
  CHECK(again.elements.at(2).integer == 500);
}

TEST_CASE("history: a master that froze and comes back: what it wrote beyond is counted") {
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, 500);
  const int old_port = cluster.AgreedMaster();
  cluster.NodeAt(old_port).process.Signal(SIGSTOP);
  REQUIRE(cluster.WaitNewMaster(old_port));
  cluster.NodeAt(old_port).process.Signal(SIGCONT);
  for (const auto& sentinel : cluster.sentinels) {
    const bool known = WaitFor([&] { return At(Newest(*sentinel), "lost").text != "unknown"; }, 60000);
    INFO(At(Newest(*sentinel), "lost-how").text);
    CHECK(known);
    // Nobody wrote, but hellos that waited in its sockets are in its stream, if it came to them before it was demoted.
    const Value newest = Newest(*sentinel);
    const std::string& lost = At(newest, "lost").text;
    CHECK((lost == "exact" || lost == "at-most"));
    CHECK(std::stoi(At(newest, "lost-bytes").text) < 2000);
  }
}

TEST_CASE("explain: what would happen now, and what a stock sentinel switches off") {
  Cluster cluster;
  cluster.Build(Make::kStock, {Make::kOurs, Make::kOurs, Make::kStock}, 1000);
  const Member& sentinel = *cluster.sentinels[0];
  const std::vector<std::string> explain = {"SENTINEL", "EXPLAIN", Cluster::kName};
  REQUIRE(WaitFor(
      [&] { return At(At(sentinel.Do(explain), "features"), "pre-vote").text.find("is stock") != std::string::npos; }));
  Value said = sentinel.Do(explain);
  INFO(At(said, "verdict").text);
  CHECK(At(said, "would-succeed").text == "yes");
  CHECK(At(said, "voters").text == "3");
  CHECK(At(said, "majority").text == "2");
  CHECK(At(said, "sentinels").elements.size() == 3);
  CHECK(At(said, "replicas").elements.size() == 2);
  CHECK(At(At(said, "replicas").elements.at(0), "make").text == "stock");
  for (const std::string feature : {"pushed-down", "pause"}) {
    CHECK(At(At(said, "features"), feature).text.find("is stock") != std::string::npos);
  }
  CHECK(At(At(said, "features"), "planned-failover").text == "coordinated by CLIENT PAUSE and FAILOVER");
  CHECK(At(At(said, "features"), "empty-master-refusal").text.find("is stock") != std::string::npos);
  const std::string quorum = sentinel.Do({"SENTINEL", "CKQUORUM", Cluster::kName}).text;
  CHECK(quorum.starts_with("OK 3 usable Sentinels. Quorum and failover authorization can be reached. "));
  CHECK(quorum.find("pre-vote, pushed-down, pause are off: ") != std::string::npos);
  cluster.sentinels[1]->Kill();
  cluster.sentinels[2]->Kill();
  CHECK(WaitFor([&] { return At(sentinel.Do(explain), "would-succeed").text == "no"; }));
  said = sentinel.Do(explain);
  CHECK(At(said, "verdict").text.find("only 1 of 3 sentinels") != std::string::npos);
}
