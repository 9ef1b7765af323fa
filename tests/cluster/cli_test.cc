// `vigil` as a person meets it: its words, its exit codes, and the processes it leaves or does not leave behind.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/cluster/cli_bench.h"
#include "tests/support/process.h"
#include "tests/support/redis.h"

using namespace support;
using nlohmann::json;

namespace {

std::vector<std::string> With(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<std::string> StockFlags() {
  const std::string node = StockProgram("redis-server");
  const std::string sentinel = StockProgram("redis-sentinel");
  REQUIRE_MESSAGE(!node.empty(), "no redis-server: scripts/stock_redis unpacks one, VIGIL_STOCK_BIN names its folder");
  REQUIRE(!sentinel.empty());
  return {"--node-exe", node, "--sentinel-exe", sentinel};
}

// From nothing to a cluster, through a failover and a demonstration, to nothing.
void WholeLife(const std::vector<std::string>& programs) {
  Bench bench;
  // Stock sentinels reconnect at most once a second: with less than that they find a new master down right after the
  // switch, and fail over again.
  const char* down_after = programs.empty() ? "500" : "2000";
  const Said up = bench.Do(With({"up", "--down-after", down_after}, programs));
  INFO(up.text);
  REQUIRE(up.code == 0);
  CHECK(up.Has("Healthy after"));
  CHECK(bench.Servers().size() == 6);

  const std::string first = fmt::format("127.0.0.1:{}", bench.Server("node-1").at("port").get<int>());
  const Said addr = bench.Do({"addr", "mymaster"});
  CHECK(addr.code == 0);
  CHECK(addr.text == first + "\n");
  CHECK(bench.Do({"addr", "nobody"}).code == 1);

  const Said status = bench.Do({"status"});
  INFO(status.text);
  CHECK(status.code == 0);
  CHECK(status.text.starts_with("mymaster  OK  writable at " + first));
  CHECK_FALSE(status.Has("\x1b"));
  const Said as_json = bench.Do({"status", "--json"});
  CHECK(as_json.code == 0);
  const json told = json::parse(as_json.text);
  CHECK(told.at("healthy") == true);
  CHECK(told.at("masters").at(0).at("address") == first);
  CHECK(told.at("masters").at(0).at("nodes").size() == 3);
  CHECK(told.at("masters").at(0).at("sentinels").size() == 3);

  const Said failover = bench.Do({"failover", "mymaster"});
  INFO(failover.text);
  CHECK(failover.code == 0);
  CHECK(failover.Has("+promoted-slave"));
  CHECK(failover.Has("every replica follows it"));
  const Said second = bench.Do({"addr", "mymaster"});
  CHECK(second.text != addr.text);

  const Said demo = bench.Do({"demo"});
  INFO(demo.text);
  CHECK(demo.code == 0);
  CHECK(demo.Has("SIGKILL to the master " + second.text.substr(0, second.text.size() - 1)));
  CHECK(demo.Has("+switch-master"));
  CHECK(demo.Has("outage seen by the client"));
  CHECK(demo.Has("acknowledged writes lost"));
  CHECK(demo.Has("the cluster is healthy"));
  CHECK(bench.Do({"addr", "mymaster"}).text != second.text);
  CHECK(bench.Do({"status"}).code == 0);

  CHECK(bench.Running() == 6);
  const Said down = bench.Do({"down"});
  CHECK(down.code == 0);
  CHECK(down.Has("Ended 6 processes"));
  CHECK(bench.Running() == 0);
  CHECK(bench.Do({"down"}).code == 0);
  CHECK(bench.Do({"status"}).code == 3);
}

}  // namespace

TEST_CASE("cli: up, status, addr, failover, demo and down (our nodes and sentinels)") {
  WholeLife({});
}

TEST_CASE("cli: up, status, addr, failover, demo and down (stock nodes and sentinels)") {
  WholeLife(StockFlags());
}

TEST_CASE("cli: a failover says how it was done and what it cost, and what operators know is asked and told") {
  Bench bench;
  REQUIRE(bench.Do({"up", "--down-after", "2000"}).code == 0);
  const auto address = [&](const char* node) {
    return fmt::format("127.0.0.1:{}", bench.Server(node).at("port").get<int>());
  };
  Said said = bench.Do({"explain", "mymaster"});
  INFO(said.text);
  CHECK(said.code == 0);
  CHECK(said.Has("sentinel "));
  CHECK(said.Has("would be chosen"));
  said = bench.Do({"history", "mymaster"});
  CHECK(said.code == 0);
  CHECK(said.Has("has decided nothing about mymaster yet"));

  said = bench.Do({"failover", "mymaster", "--coordinated", "--to", address("node-3"), "--handover-timeout", "20000"});
  CAPTURE(said.text);
  CHECK(said.code == 0);
  CHECK(
      said.Has("The failover was coordinated by FAILOVER of the node; nothing that the old master acknowledged was "
               "lost."));
  CHECK(bench.Do({"addr", "mymaster"}).text == address("node-3") + "\n");

  said = bench.Do({"failover", "mymaster", "--force"});
  CAPTURE(said.text);
  CHECK(said.code == 0);
  CHECK(said.Has("The failover was forced: the operator wants it so; "));
  const std::string master = bench.Do({"addr", "mymaster"}).text;
  CHECK(master != address("node-3") + "\n");

  said = bench.Do({"failover", "mymaster", "--coordinated", "--to", "127.0.0.1:1"});
  CHECK(said.code == 5);
  CHECK(said.Has("No such replica of 'mymaster': 127.0.0.1:1"));
  CHECK(bench.Do({"failover", "mymaster", "--coordinated", "--force"}).code == 2);
  CHECK(bench.Do({"failover", "mymaster", "--to", "no address at all"}).code == 2);

  said = bench.Do({"history", "mymaster", "--count", "1"});
  CAPTURE(said.text);
  CHECK(said.code == 0);
  CHECK(said.Has("manual-failover from " + address("node-3")));
  CHECK(said.Has("    ms        "));
  said = bench.Do({"history", "mymaster", "--json"});
  CHECK(said.code == 0);
  const json told = json::parse(said.text);
  CHECK(told.at("decisions").size() >= 2);
  CHECK(told.at("decisions").at(0).at("steps").at("promotion").is_number());

  CHECK(bench.Do({"pause", "mymaster", "soon"}).code == 2);
  said = bench.Do({"pause", "mymaster", "10m", "--reason", "new switches"});
  CAPTURE(said.text);
  CHECK(said.code == 0);
  said = bench.Do({"explain", "mymaster"});
  CHECK(said.Has("    waits     pause: "));
  CHECK(said.Has("new switches"));
  CHECK(bench.Do({"resume", "mymaster"}).code == 0);
  CHECK_FALSE(bench.Do({"explain", "mymaster"}).Has("    waits "));

  CHECK(bench.Do({"forget", "mymaster", address("node-1")}).code == 5);  // it lives
  bench.Kill("sentinel-3");
  REQUIRE(WaitFor([&] { return bench.Do({"forget", "mymaster", address("sentinel-3")}).code == 0; }));
  REQUIRE(WaitFor([&] {
    const Said outlook = bench.Do({"explain", "mymaster", "--json"});
    return outlook.code == 0 && json::parse(outlook.text).at("sentinels").size() == 2;
  }));
}

TEST_CASE("cli: what stock sentinels do not know is said") {
  Bench bench;
  REQUIRE(bench.Do(With({"up", "--down-after", "2000"}, StockFlags())).code == 0);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"failover", "mymaster", "--coordinated"},
                                             {"history", "mymaster"},
                                             {"explain", "mymaster"},
                                             {"why", "mymaster"},
                                             {"switchover", "mymaster"},
                                             {"pause", "mymaster", "10m"}}) {
    const Said said = bench.Do(words);
    CAPTURE(said.text);
    CHECK(said.code == 5);
    CHECK(said.Has("stock"));
  }
  // What can be seen without their help is shown.
  CHECK(bench.Do({"topology", "mymaster"}).code == 0);
  CHECK(bench.Do({"matrix", "mymaster"}).code == 0);
  CHECK(bench.Do({"show", "mymaster"}).Has("stock 7."));
  const Said findings = bench.Do({"doctor"});
  CHECK(findings.code == 4);
  CHECK(findings.Has("it comes back empty"));
}

TEST_CASE("cli: up completes a cluster that lost processes, and finds one that is whole") {
  Bench bench;
  REQUIRE(bench.Do({"up", "--down-after", "500"}).code == 0);
  Said again = bench.Do({"up"});
  CHECK(again.code == 0);
  CHECK(again.Has("already running"));
  CHECK(bench.Do({"up", "--nodes", "5"}).code == 1);

  const std::string old_address = bench.Do({"addr", "mymaster"}).text;
  bench.Kill("node-1");
  bench.Kill("sentinel-2");
  again = bench.Do({"up"});
  INFO(again.text);
  CHECK(again.code == 0);
  CHECK(again.Has("4 of 6 processes"));
  CHECK(bench.Running() == 6);
  // The one that died was the master: its replicas held the data, so it came back as one of them.
  CHECK(bench.Do({"addr", "mymaster"}).text != old_address);

  // All gone at once, as after a reboot: the same cluster on the same ports.
  const json before = bench.Servers();
  for (const json& server : before) kill(server.at("pid").get<pid_t>(), SIGKILL);
  REQUIRE(WaitFor([&] {
    return std::ranges::all_of(before, [](const json& server) { return Ended(server.at("pid").get<pid_t>()); });
  }));
  again = bench.Do({"up"});
  INFO(again.text);
  CHECK(again.code == 0);
  for (const json& server : before) {
    CHECK(bench.Server(server.at("name")).at("port") == server.at("port"));
    CHECK(bench.Server(server.at("name")).at("pid") != server.at("pid"));
  }
}

TEST_CASE("cli: status counts what does not answer, and says so in its exit code") {
  Bench bench;
  REQUIRE(bench.Do({"up", "--down-after", "60000"}).code == 0);
  bench.Kill("node-2");
  kill(bench.Pid("sentinel-3"), SIGSTOP);
  Said status = bench.Do({"status"});
  INFO(status.text);
  CHECK(status.code == 4);
  CHECK(status.Has("mymaster  DEGRADED  writable at"));
  CHECK(status.Has("(1/2 replicas linked, 2/3 sentinels, quorum 2)"));
  bench.Kill("node-1");
  status = bench.Do({"status"});
  INFO(status.text);
  CHECK(status.code == 4);
  CHECK(status.Has("mymaster  DOWN  NOT WRITABLE at"));
  // A stopped process is ended all the same.
  CHECK(bench.Do({"down"}).code == 0);
  CHECK(bench.Running() == 0);
}

TEST_CASE("cli: a program that does not start is named with the end of its log, and nothing stays behind") {
  Bench bench;
  const std::string program = bench.folder() + "-program";
  WriteTextFile(program, "#!/bin/sh\ncd \"$(dirname \"$1\")\"\necho 'no idea what to do with' \"$1\" >&2\nexit 3\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const Said up = bench.Do({"up", "--sentinel-exe", program});
  INFO(up.text);
  CHECK(up.code == 1);
  // All three end at once, and the first that is noticed is named: any of them.
  CHECK(up.Has("vigil: sentinel-"));
  CHECK(up.Has("ended with exit status 3"));
  CHECK(up.Has("  no idea what to do with "));
  CHECK(bench.Running() == 0);
  CHECK_FALSE(std::filesystem::exists(bench.folder() + "/cluster.json"));
}

TEST_CASE("cli: an interrupt of up leaves no process") {
  Bench bench;
  // A sentinel that never answers: up waits, so the interrupt comes in time.
  const std::string program = bench.folder() + "-program";
  WriteTextFile(program, "#!/bin/sh\nexec sleep 600\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  Process up = bench.Start({"up", "--dir", bench.folder(), "--sentinel-exe", program});
  REQUIRE(WaitFor([&] { return bench.Running() == 6; }));
  up.Signal(SIGTERM);
  const auto code = up.Wait(kLimitMs);
  INFO(up.log());
  CHECK(code == 130);
  CHECK(bench.Running() == 0);
}

TEST_CASE("cli: what cannot work is said in one line on stderr") {
  Bench bench;
  const auto one_line = [](const Said& said) {
    return said.text.starts_with("vigil: ") && said.text.find('\n') == said.text.size() - 1;
  };
  const std::string nobody = fmt::format("127.0.0.1:{}", FreePort());
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"nonsense"},
           {"up", "--nodes", "0"},
           {"up", "--nodes", "many"},
           {"addr"},
           {"failover"},
           {"pause", "mymaster"},
           {"plan", "nothing", "mymaster"},
           {"plan", "switchover", "mymaster", "--to", "no address at all"},
           {"drain", "no address at all"},
           {"config"},
           {"status", "--sentinel", "not an address"},
       }) {
    const Said said = bench.Vigil(words);
    CAPTURE(words);
    CAPTURE(said.text);
    CHECK(said.code == 2);
    CHECK(one_line(said));
  }
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"status", "--sentinel", nobody},
           {"addr", "mymaster", "--sentinel", nobody},
           {"failover", "mymaster", "--sentinel", nobody},
           {"switchover", "mymaster", "--sentinel", nobody},
           {"plan", "failover", "mymaster", "--sentinel", nobody},
           {"doctor", "--sentinel", nobody},
           {"why", "mymaster", "--sentinel", nobody},
           {"topology", "mymaster", "--sentinel", nobody},
           {"config", "diff", "mymaster", "--sentinel", nobody},
           {"drain", nobody},
           {"status", "--dir", bench.folder()},
       }) {
    const Said said = bench.Vigil(words);
    CAPTURE(words);
    CAPTURE(said.text);
    CHECK(said.code == 3);
    CHECK(one_line(said));
  }
  // Each that was tried is named with what it answered.
  const std::string other = fmt::format("127.0.0.1:{}", FreePort());
  const Said tried = bench.Vigil({"status", "--sentinel", nobody, "--sentinel", other});
  CHECK(tried.Has(nobody + ": connection refused"));
  CHECK(tried.Has(other + ": connection refused"));
  CHECK(bench.Vigil({"satus"}).Has("did you mean 'status'?"));
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"down", "--dir", bench.folder()},
           {"up", "--dir", "/dev/null/x"},
           {"up", "--dir", bench.folder(), "--node-exe", "no-such-program"},
       }) {
    const Said said = bench.Vigil(words);
    CAPTURE(words);
    CAPTURE(said.text);
    CHECK(said.code == 1);
    CHECK(one_line(said));
  }
  CHECK(bench.Vigil({"--version"}).code == 0);
  for (const char* verb : {"up", "down", "status", "addr", "failover", "demo", "doctor", "plan", "switchover", "drain",
                           "topology", "why", "pause", "resume", "history", "forget"}) {
    const Said help = bench.Vigil({verb, "--help"});
    CHECK(help.code == 0);
    CHECK(help.Has("Usage: vigil " + std::string(verb)));
    CHECK(help.Has("Examples:"));
  }
}
