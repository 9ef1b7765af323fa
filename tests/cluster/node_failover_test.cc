// FAILOVER between nodes, again and again under load: nothing is lost, and nobody needs more than the bytes it misses.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/cluster.h"

using namespace support;

namespace {

using Clock = std::chrono::steady_clock;

// A client that goes where it may write: counts up, and remembers the longest time without an acknowledgement.
class Follower {
 public:
  explicit Follower(std::vector<int> ports) : ports_(std::move(ports)), thread_([this] { Run(); }) {}
  ~Follower() { Stop(); }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  long acknowledged() const { return acknowledged_; }
  // The longest gap since this was last asked, in milliseconds.
  long TakeGap() { return gap_.exchange(0); }

 private:
  void Run() {
    std::vector<std::unique_ptr<Redis>> links(ports_.size());
    std::size_t at = 0;
    Clock::time_point last = Clock::now();
    while (!stop_) {
      if (links[at] == nullptr || !links[at]->connected()) links[at] = std::make_unique<Redis>(ports_[at], 20000);
      const long next = acknowledged_ + 1;
      const Value reply = links[at]->Do({"SET", fmt::format("counter:{}", next % 1000), std::to_string(next)});
      if (!reply.ok()) {
        if (reply.kind == Value::Kind::kNone) links[at].reset();
        at = (at + 1) % ports_.size();
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        continue;
      }
      const Clock::time_point now = Clock::now();
      const long gap = std::chrono::duration_cast<std::chrono::milliseconds>(now - last).count();
      last = now;
      gap_ = std::max(gap_.load(), gap);
      acknowledged_ = next;
    }
  }
  std::vector<int> ports_;
  std::atomic<long> acknowledged_{0};
  std::atomic<long> gap_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

long Total(const Cluster& cluster, const std::string& field) {
  long total = 0;
  for (const auto& node : cluster.nodes) {
    std::string value;
    REQUIRE(WaitFor([&] { return !(value = node->Info(field)).empty(); }));
    total += std::stol(value);
  }
  return total;
}

}  // namespace

TEST_CASE("failover: twenty in a row under load, to each node in turn: no full sync, nothing acknowledged is lost") {
  constexpr int kTimes = 20;
  Cluster cluster;
  Member& first = cluster.AddNode(Make::kOurs, nullptr, {"enable-debug-command yes"});
  for (int i = 0; i < 2; ++i) cluster.AddNode(Make::kOurs, &first, {"enable-debug-command yes"});
  REQUIRE(WaitFor([&] { return cluster.AllFollow(first.port); }));
  const long full = Total(cluster, "sync_full");
  CHECK(full == 2);
  const long partial = Total(cluster, "sync_partial_ok");
  std::vector<int> ports;
  for (const auto& node : cluster.nodes) ports.push_back(node->port);
  Follower client(ports);
  std::vector<long> gaps;
  std::size_t master = 0;
  for (int i = 0; i < kTimes; ++i) {
    CAPTURE(i);
    const long before = client.acknowledged();
    REQUIRE(WaitFor([&] { return client.acknowledged() > before + 50; }));
    client.TakeGap();
    const std::size_t target = (master + 1 + static_cast<std::size_t>(i % 2)) % cluster.nodes.size();
    Member& from = *cluster.nodes[master];
    Member& to = *cluster.nodes[target];
    const Value reply = from.Do({"FAILOVER", "TO", "127.0.0.1", std::to_string(to.port)}, 20000);
    INFO(reply.ToString());
    REQUIRE(reply.ok());
    REQUIRE(WaitFor([&] { return to.Info("role") == "master" && from.Info("role") == "slave"; }));
    const long then = client.acknowledged();
    REQUIRE(WaitFor([&] { return client.acknowledged() > then + 5; }));
    gaps.push_back(client.TakeGap());
    // The third one is told, as a supervisor would.
    for (std::size_t other = 0; other < cluster.nodes.size(); ++other) {
      if (other == target || other == master) continue;
      REQUIRE(cluster.nodes[other]->Do({"REPLICAOF", "127.0.0.1", std::to_string(to.port)}, 20000).ok());
    }
    const bool follow = WaitFor([&] { return cluster.AllFollow(to.port); });
    INFO(Logs(cluster));
    REQUIRE(follow);
    master = target;
  }
  client.Stop();
  const long acknowledged = client.acknowledged();
  std::ranges::sort(gaps);
  MESSAGE("write gaps: median " << gaps[gaps.size() / 2] << " ms, longest " << gaps.back() << " ms; " << acknowledged
                                << " writes");
  INFO(Logs(cluster));
  CHECK(Total(cluster, "sync_full") == full);
  CHECK(Total(cluster, "sync_partial_ok") >= partial + 2 * kTimes);
  // The last thousand are all there, the newest of each key.
  Redis redis(cluster.nodes[master]->port, 20000);
  for (long number = std::max(1L, acknowledged - 999); number <= acknowledged; ++number) {
    const Value held = redis.Do({"GET", fmt::format("counter:{}", number % 1000)});
    REQUIRE(held.kind == Value::Kind::kString);
    REQUIRE(std::stol(held.text) >= number);
  }
  const Member& now = *cluster.nodes[master];
  for (const auto& node : cluster.nodes) {
    CHECK(WaitFor([&] {
      return node->Info("master_repl_offset") == now.Info("master_repl_offset") &&
             node->Do({"DEBUG", "DIGEST"}, 20000) == now.Do({"DEBUG", "DIGEST"}, 20000);
    }));
  }
}
