// What looks dead and is not, with real processes: frozen masters, frozen sentinels, refused ports.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "tests/support/cluster.h"

using namespace support;

namespace {

void Sleep(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

int Trials(const char* variable, int usual) {
  const char* asked = std::getenv(variable);
  return asked == nullptr ? usual : std::atoi(asked);
}

// The names of the events in a log's text, those about replicas and sentinels left out.
std::vector<std::string> MasterEvents(const std::string& log) {
  std::vector<std::string> events;
  std::size_t at = 0;
  while (at < log.size()) {
    const std::size_t end = std::min(log.find('\n', at), log.size());
    const std::string line = log.substr(at, end - at);
    at = end + 1;
    for (const char sign : {'+', '-'}) {
      const std::size_t begin = line.find(fmt::format(" {}", sign));
      if (begin == std::string::npos) continue;
      const std::string event = line.substr(begin + 1);
      const std::string name = event.substr(0, event.find(' '));
      const bool down = name == "+sdown" || name == "-sdown";
      if (!down || event.starts_with(name + " master ")) events.push_back(name);
    }
  }
  return events;
}

// Did this sentinel send its irreversible command although the master had answered it during that attempt?
bool PromotedDespiteAnAnswer(const std::vector<std::string>& events) {
  bool trying = false;
  bool answered = false;
  for (const std::string& event : events) {
    if (event == "+try-failover") {
      trying = true;
      answered = false;
    }
    answered |= event == "-sdown";
    if (event == "+failover-state-wait-promotion") {
      if (trying && answered) return true;
      trying = false;
    }
  }
  return false;
}

}  // namespace

// Frozen for down-after + 50 to + 1000 ms. VIGIL_PAUSE_TRIALS: how often (4 in the ordinary run; 200 to count).
TEST_CASE("detection: a frozen master that answered before the last look ended is never replaced") {
  const int trials = Trials("VIGIL_PAUSE_TRIALS", 4);
  const int down_after = 500;
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, down_after);
  int failovers = 0;
  int aborted = 0;
  for (int trial = 0; trial < trials; ++trial) {
    CAPTURE(trial);
    const int old_port = cluster.AgreedMaster();
    REQUIRE(old_port != 0);
    std::vector<std::size_t> seen;
    for (const auto& sentinel : cluster.sentinels) seen.push_back(sentinel->process.log().size());
    Process& master = cluster.NodeAt(old_port).process;
    master.Signal(SIGSTOP);
    // The length of the pause is what is tried here: nothing to wait for.
    const int step = trials > 1 ? 950 * trial / (trials - 1) : 0;
    Sleep(down_after + 50 + step);
    master.Signal(SIGCONT);
    const bool healthy = cluster.WaitHealthy(90000);
    INFO(cluster.Trouble());
    INFO(Logs(cluster));
    REQUIRE(healthy);
    failovers += cluster.AgreedMaster() != old_port ? 1 : 0;
    for (std::size_t i = 0; i < cluster.sentinels.size(); ++i) {
      const auto events = MasterEvents(cluster.sentinels[i]->process.log().substr(seen[i]));
      CHECK_FALSE(PromotedDespiteAnAnswer(events));
      aborted += static_cast<int>(std::count(events.begin(), events.end(), "-failover-abort-master-back"));
    }
  }
  std::cout << fmt::format("detection: {} pauses of down-after + 50 to 1000 ms: {} failovers, {} attempts abandoned\n",
                           trials, failovers, aborted);
}

TEST_CASE("detection: sentinels that were frozen themselves do not take it for the master's silence") {
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, 1000);
  const int old_port = cluster.AgreedMaster();
  for (const auto& sentinel : cluster.sentinels) sentinel->process.Signal(SIGSTOP);
  Sleep(3500);  // longer than the TILT trigger, too
  for (const auto& sentinel : cluster.sentinels) sentinel->process.Signal(SIGCONT);
  for (const auto& sentinel : cluster.sentinels) {
    CHECK(WaitFor([&] { return sentinel->process.log().find("+tilt") != std::string::npos; }));
    CHECK(sentinel->Info("sentinel_tilt") == "1");
  }
  // No 30 s in which nothing happens: a master that dies now is replaced.
  Sleep(2500);
  INFO(Logs(cluster));
  for (const auto& sentinel : cluster.sentinels) {
    const auto events = MasterEvents(sentinel->process.log());
    CHECK(std::count(events.begin(), events.end(), "+sdown") == 0);
  }
  cluster.NodeAt(old_port).Kill();
  CHECK(cluster.WaitNewMaster(old_port, 20000));
}

TEST_CASE("fast-fail: a killed master is replaced long before down-after, on ours and on stock nodes") {
  for (const Make nodes : {Make::kOurs, Make::kStock}) {
    CAPTURE(nodes);
    Cluster cluster;
    cluster.Build(nodes, {Make::kOurs, Make::kOurs, Make::kOurs}, 60000);
    for (const auto& sentinel : cluster.sentinels) {
      REQUIRE(sentinel->Do({"SENTINEL", "SET", Cluster::kName, "fast-fail", "200"}).ok());
    }
    // It is kept: a sentinel that starts again knows it.
    Member& restarted = *cluster.sentinels[2];
    restarted.Kill();
    restarted.Start();
    REQUIRE(cluster.WaitHealthy());
    CHECK(ReadTextFile(restarted.config_path + ".vigil").find("sentinel fast-fail mymaster 200") != std::string::npos);

    const int old_port = cluster.AgreedMaster();
    cluster.NodeAt(old_port).process.Signal(SIGSTOP);
    Sleep(1000);  // frozen is not refused: nothing happens
    cluster.NodeAt(old_port).process.Signal(SIGCONT);
    CHECK(cluster.AgreedMaster() == old_port);
    cluster.NodeAt(old_port).Kill();
    INFO(Logs(cluster));
    CHECK(cluster.WaitNewMaster(old_port, 20000));
  }
}
