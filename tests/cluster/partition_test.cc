// Hosts that cannot reach each other: three with a node and a sentinel each, a client on a fourth, and one on the
// master's host, in network namespaces.
//
// VIGIL_PARTITION=<seconds>: cuts of that length at T = 1000, stock first, then ours; prints a table (scripts/chaos).
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <thread>

#include "tests/support/cluster.h"
#include "tests/support/network.h"
#include "tests/support/writer.h"

using namespace support;

namespace {

using Clock = std::chrono::steady_clock;

enum class Kind { kBothWays, kOut, kIn, kSentinels };

const char* Name(Kind kind) {
  switch (kind) {
    case Kind::kBothWays:
      return "cut off, both ways";
    case Kind::kOut:
      return "one way: nothing leaves the master's host";
    case Kind::kIn:
      return "one way: nothing reaches the master's host";
    case Kind::kSentinels:
      return "cut off from the sentinels alone";
  }
  return "";
}

struct Figures {
  bool failed_over = false;
  int naive_acknowledged = 0;
  int naive_lost = 0;
  int aware_acknowledged = 0;
  int aware_lost = 0;
  int two_writers_ms = 0;
  std::optional<int> one_master_ms;  // after healing: one node says that it is a master
  std::optional<int> all_follow_ms;  // and all others follow it, with their links up
  std::string trouble;               // what was still wrong a minute later
};

int Millis(Clock::duration time) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

// Everything stands: nodes on hosts 1 to 3, their sentinels beside them on 4 to 6 (a host is a pair of addresses, so
// that sentinels can be cut off without their host), the client on 7.
struct Bed {
  Network network;
  Cluster cluster;
  Family family;
  int client = 0;

  Bed(Make make, int down_after_ms, Family used = Family::kIpv4) : family(used) {
    for (int i = 0; i < 7; ++i) client = network.AddHost();
    for (int host = 1; host <= 3; ++host) {
      cluster.PlaceOn(network, host, family);
      cluster.AddNode(make, host == 1 ? nullptr : cluster.nodes[0].get());
    }
    for (int host = 4; host <= 6; ++host) {
      cluster.PlaceOn(network, host, family);
      cluster.AddSentinel(make, 2, down_after_ms);
    }
    if (!cluster.WaitHealthy())
      throw std::runtime_error("the cluster did not become healthy: " + cluster.Trouble() + "\n" + Logs(cluster));
  }

  int HostOf(const Member& node) const {
    for (std::size_t i = 0; i < cluster.nodes.size(); ++i) {
      if (cluster.nodes[i].get() == &node) return static_cast<int>(i) + 1;
    }
    return 0;
  }

  int Masters() const {
    int masters = 0;
    for (const auto& node : cluster.nodes) masters += node->Info("role") == "master" ? 1 : 0;
    return masters;
  }

  Figures Play(Kind kind, int milliseconds, int round) {
    const int old_port = cluster.AgreedMaster();
    const Member& old_master = cluster.NodeAt(old_port);
    const int host = HostOf(old_master);

    std::vector<int> here = {host, host + 3};
    std::vector<int> elsewhere;
    for (int other = 1; other <= 7; ++other) {
      if (other != host && other != host + 3) elsewhere.push_back(other);
    }
    WriterOptions naive{.prefix = fmt::format("naive{}:", round), .space = network.Space(host)};
    naive.host = old_master.host;
    naive.port = old_port;
    WriterOptions aware{.prefix = fmt::format("aware{}:", round), .space = network.Space(client)};
    for (const auto& sentinel : cluster.sentinels) aware.sentinels.emplace_back(sentinel->host, sentinel->port);
    Writer naive_writer(naive);
    Writer aware_writer(aware);
    WaitFor([&] { return naive_writer.acknowledged() > 50 && aware_writer.acknowledged() > 50; });

    switch (kind) {
      case Kind::kBothWays:
        network.Cut(Network::Between(here, elsewhere, true));
        break;
      case Kind::kOut:
        network.Cut(Network::Between(here, elsewhere, false));
        break;
      case Kind::kIn:
        network.Cut(Network::Between(elsewhere, here, false));
        break;
      case Kind::kSentinels:
        network.Cut(Network::Between({host}, {4, 5, 6}, true));
        break;
    }
    // The length of the cut is what is asked for here: nothing to wait for.
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    network.Heal();
    const auto healed = Clock::now();

    Figures figures;
    const bool one = WaitFor([&] { return Masters() == 1; });
    if (one) figures.one_master_ms = Millis(Clock::now() - healed);
    const bool follow = WaitFor([&] {
      const int port = cluster.AgreedMaster();
      return port != 0 && Masters() == 1 && cluster.AllFollow(port);
    });
    if (follow) figures.all_follow_ms = Millis(Clock::now() - healed);
    // A switch that is late would be missed otherwise: everybody sees a healthy cluster before anything is judged.
    if (!cluster.WaitHealthy(60000)) figures.trouble = cluster.Trouble();
    naive_writer.Stop();
    aware_writer.Stop();
    const int port = cluster.AgreedMaster();
    figures.failed_over = port != old_port;
    figures.naive_acknowledged = static_cast<int>(naive_writer.acknowledged());
    figures.aware_acknowledged = static_cast<int>(aware_writer.acknowledged());
    if (port != 0) {
      figures.naive_lost = naive_writer.LostOn(cluster.NodeAt(port));
      figures.aware_lost = aware_writer.LostOn(cluster.NodeAt(port));
    }
    figures.two_writers_ms = Millis(TwoWritersFor({&naive_writer, &aware_writer}, old_port));
    return figures;
  }
};

std::string Text(const std::optional<int>& ms) {
  return ms ? fmt::format("{} ms", *ms) : "never";
}

std::string Line(const Figures& f) {
  return fmt::format("{:<8} | {:>5} of {:>5} | {:>5} of {:>5} | {:>8} ms | {:>9} | {:>9}", f.failed_over ? "yes" : "no",
                     f.naive_lost, f.naive_acknowledged, f.aware_lost, f.aware_acknowledged, f.two_writers_ms,
                     Text(f.one_master_ms), Text(f.all_follow_ms));
}

bool CannotRun(const char* what) {
  if (Network::WhyNot().empty()) return false;
  SaySkipped(what, Network::WhyNot());
  return true;
}

constexpr Kind kKinds[] = {Kind::kBothWays, Kind::kOut, Kind::kIn, Kind::kSentinels};

}  // namespace

TEST_CASE("network: hosts reach each other over IPv4 and IPv6, and a cut has a direction") {
  if (CannotRun("network")) return;
  Network network;
  const int a = network.AddHost();
  const int b = network.AddHost();
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    CAPTURE(static_cast<int>(family));
    Cluster cluster;
    cluster.PlaceOn(network, a, family);
    Member& node = cluster.AddNode(Make::kOurs);
    const Inside inside(network.Space(b));
    Redis redis(node.host, node.port, 20000);
    REQUIRE(redis.Do({"PING"}).text == "PONG");
    network.Cut({{a, b}});  // requests still arrive
    redis.Send({"SET", "k", "v"});
    CHECK(WaitFor([&] { return node.Do({"GET", "k"}).text == "v"; }));
    CHECK_FALSE(Redis(node.host, node.port, 200).connected());
    network.Heal();
    CHECK(redis.Next().ok());  // the kernel sends it again: nothing was closed
    network.Cut(Network::Between({a}, {b}, true));
    CHECK_FALSE(Redis(node.host, node.port, 200).connected());
    network.Heal();
    CHECK(WaitFor([&] { return Redis(node.host, node.port, 500).connected(); }));
  }
}

// The first cut is long: afterwards the kernel would wait as long again before it repeats what it could not deliver.
TEST_CASE("partition: the master's host is cut off: one switch, and one master again within 1.5 s of healing") {
  if (CannotRun("partition")) return;
  Bed bed(Make::kOurs, 500);
  int round = 0;
  for (const Kind kind : {Kind::kBothWays, Kind::kOut, Kind::kIn}) {
    const Figures figures = bed.Play(kind, round == 0 ? 10000 : 2500, round + 1);
    ++round;
    INFO(Name(kind) << ": " << Line(figures));
    INFO(Logs(bed.cluster));
    CHECK(figures.failed_over);
    REQUIRE(figures.one_master_ms.has_value());
    CHECK(*figures.one_master_ms <= 1500);
    CHECK(figures.all_follow_ms.has_value());
    CHECK(figures.trouble == "");
    // Whoever asks the sentinels loses at most what was not replicated when the cut came.
    CHECK(figures.aware_lost <= 2);
  }
}

TEST_CASE("partition: the master is cut off from the sentinels alone: no failover, nothing lost (IPv6)") {
  if (CannotRun("partition: sentinels alone")) return;
  Bed bed(Make::kOurs, 500, Family::kIpv6);
  const Figures figures = bed.Play(Kind::kSentinels, 3000, 1);
  INFO(Line(figures));
  INFO(Logs(bed.cluster));
  CHECK_FALSE(figures.failed_over);
  CHECK(figures.trouble == "");
  CHECK(figures.naive_lost == 0);
  CHECK(figures.aware_lost == 0);
  CHECK(figures.two_writers_ms == 0);
  bool held = false;
  for (const auto& sentinel : bed.cluster.sentinels) {
    held |= sentinel->process.log().find("+testimony-hold") != std::string::npos;
  }
  CHECK(held);  // otherwise the cut has not been noticed at all
}

TEST_CASE("partition: figures of ours beside stock's") {
  const char* asked = std::getenv("VIGIL_PARTITION");
  if (asked == nullptr) return;
  if (CannotRun("partition: figures")) return;
  const int seconds = std::atoi(asked);
  const char* only = std::getenv("VIGIL_PARTITION_MAKE");
  std::cout << fmt::format(
      "cut of {} s, T = 1000 ms, 200 writes/s per client\n{:<44} | switched | naive lost     "
      "| aware lost     | two writers | one again | all follow\n",
      seconds, "");
  for (const Make make : {Make::kStock, Make::kOurs}) {
    const std::string name = make == Make::kOurs ? "ours" : "stock";
    if (only != nullptr && name != only) continue;
    int round = 0;
    for (const Kind kind : kKinds) {
      Bed bed(make, 1000);
      const Figures figures = bed.Play(kind, seconds * 1000, ++round);
      std::cout << fmt::format("{:<44} | {}\n", name + ": " + Name(kind), Line(figures)) << std::flush;
    }
  }
}
