// The sentinel's figures for Prometheus.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sentinel/core/state.h"

namespace sentinel::edge {

// What has to be counted as it happens; the rest is read from the state.
class Metrics {
 public:
  // What the state was loaded with happened before the start, and is not counted.
  void Begin(const State& state);
  void OnEvent(std::string_view event) { ++events_[std::string(event)]; }
  // Decisions that have come to an end since the last call. A master remembers 32 of them: call after every event and
  // before Text(), and none is missed.
  void Observe(const State& state);

  // Names and labels are redis_exporter's where it has some; what only we have begins with vigil_. O(instances).
  // Source: the metric names that redis_exporter documents and serves for a sentinel.
  std::string Text(const State& state, const base::Now& now) const;

 private:
  // Upper bounds of the buckets, in seconds.
  static constexpr std::array<double, 13> kBounds = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
  struct Spread {
    std::vector<std::uint64_t> counts = std::vector<std::uint64_t>(kBounds.size() + 1);
    double sum = 0;
    void Add(double seconds);
  };
  struct OfMaster {
    std::uint64_t seen = 0;  // number of the last decision that was counted
    std::map<std::string, Spread> phases;
    Spread outage;
    std::map<std::pair<std::string, std::string>, std::uint64_t> decisions;  // kind, outcome
  };

  std::map<std::string, std::uint64_t> events_;
  std::map<std::string, OfMaster> masters_;
};

}  // namespace sentinel::edge
