#include "sentinel/cli/switch_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "replication/base/text.h"
#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/story.h"

namespace cli {
namespace {

using base::Endpoint;
using nlohmann::json;

const NodeView* Find(const Topology& topology, const Endpoint& address) {
  const auto found = std::ranges::find(topology.nodes, address, &NodeView::address);
  return found == topology.nodes.end() ? nullptr : &*found;
}

const json* FindReplica(const json& outlook, const Endpoint& address) {
  for (const json& replica : Part(outlook, "replicas")) {
    if (Text(replica, "address") == address.ToString()) return &replica;
  }
  return nullptr;
}

// The replica that would be promoted, and why; or what stands against the wished one.
void ChooseCandidate(const Topology& topology, const json& outlook, const Endpoint& wished, SwitchPlan& plan) {
  if (!wished.empty()) {
    const json* const replica = FindReplica(outlook, wished);
    if (replica == nullptr && Find(topology, wished) == nullptr) {
      plan.obstacles.push_back(fmt::format("{} is no replica of {}", wished.ToString(), topology.master));
      return;
    }
    if (wished == topology.address) {
      plan.obstacles.push_back(fmt::format("{} is the master already", wished.ToString()));
      return;
    }
    plan.to = wished;
    plan.why_that_one = "it is the one that you name";
    if (replica != nullptr && Text(*replica, "verdict") == "excluded") {
      plan.obstacles.push_back(fmt::format("{} is excluded: {}", wished.ToString(), Text(*replica, "reason")));
    }
    return;
  }
  for (const json& replica : Part(outlook, "replicas")) {
    if (Text(replica, "verdict") != "would be chosen") continue;
    for (const NodeView& node : topology.nodes) {
      if (node.address.ToString() == Text(replica, "address")) plan.to = node.address;
    }
    plan.why_that_one = Text(replica, "reason");
  }
  if (plan.to.empty()) {
    std::string text = "no replica is fit to be promoted";
    for (const json& replica : Part(outlook, "replicas")) {
      text += fmt::format("; {}: {}", Text(replica, "address"), Text(replica, "reason"));
    }
    plan.obstacles.push_back(text);
  }
}

void ForecastCatchUp(const Topology& earlier, const Topology& topology, std::chrono::milliseconds apart,
                     SwitchPlan& plan) {
  const NodeView* const node = Find(topology, plan.to);
  const NodeView* const before = Find(earlier, plan.to);
  if (node == nullptr) return;
  plan.behind_bytes = node->lag_bytes;
  if (node->lag_bytes == 0) plan.catch_up_ms = 0;
  if (node->lag_bytes <= 0 || before == nullptr || before->offset < 0 || apart.count() <= 0) return;
  const base::Offset received = node->offset - before->offset;
  if (received > 0) plan.catch_up_ms = std::max<std::int64_t>(1, node->lag_bytes * apart.count() / received);
}

// From what switches of this master took before, else from what the settings allow.
void ForecastGap(const Topology& topology, const json& history, SwitchPlan& plan) {
  const bool planned = plan.kind == "switchover";
  std::vector<std::int64_t> seen;
  for (const json& decision : history) {
    const bool fits =
        Text(decision, "outcome") == "switched" && Text(decision, "kind") == (planned ? "manual-failover" : "failover");
    if (!fits) continue;
    const json& steps = Part(decision, "steps");
    std::int64_t sum = 0;
    for (const auto& [name, ms] : steps.items()) {
      // A planned one stops writes when the hand-over begins; followers are re-pointed while it takes writes.
      const bool counts = planned ? name == "promotion" || name == "publication" : name != "repointing";
      if (counts && ms.is_number()) sum += ms.get<std::int64_t>();
    }
    seen.push_back(sum);
  }
  if (!seen.empty()) {
    std::ranges::sort(seen);
    plan.gap_ms = seen[seen.size() / 2];
    plan.gap_basis =
        fmt::format("the middle one of {} before it, which took {} to {} ms", seen.size(), seen.front(), seen.back());
    return;
  }
  if (planned) {
    plan.gap_ms = 500;
    plan.gap_basis =
        "the bound: the master is paused for at most that long, then it goes on; mostly it takes 10 to 100 ms";
    return;
  }
  for (const SentinelView& sentinel : topology.sentinels) {
    plan.gap_ms = std::max(plan.gap_ms, sentinel.fields.Number("down-after-milliseconds", -1));
  }
  if (plan.gap_ms >= 0) plan.gap_basis = "down-after-milliseconds, and mostly less than 200 ms for the rest";
}

void ForecastSyncs(const Topology& topology, SwitchPlan& plan) {
  const NodeView* const candidate = Find(topology, plan.to);
  const NodeView* const master = topology.Master();
  if (candidate == nullptr) return;
  const std::string history = candidate->info.Text("master_replid");
  const base::Offset first = candidate->info.Number("repl_backlog_first_byte_offset", -1);
  const bool has_backlog = candidate->info.Number("repl_backlog_active") != 0;
  for (const NodeView& node : topology.nodes) {
    if (&node == candidate) continue;
    SyncForecast forecast{node.address, false, ""};
    const std::string replid = node.info.Text("master_replid");
    if (!node.answers) {
      forecast.reason = "it does not answer now; what it needs is seen when it returns";
    } else if (!has_backlog) {
      forecast = {node.address, true, "the new master keeps no backlog"};
    } else if (replid != history) {
      forecast = {node.address, true, "it has another history than the new master"};
    } else if (node.offset >= 0 && first >= 0 && node.offset + 1 < first) {
      forecast = {node.address, true,
                  fmt::format("it is at {}, and the backlog of the new master begins at {}", node.offset, first)};
    } else if (&node == master && plan.kind == "failover") {
      forecast = {node.address, plan.behind_bytes > 0,
                  plan.behind_bytes > 0
                      ? fmt::format("when it returns with {} bytes more than the new master has", plan.behind_bytes)
                      : "when it returns with what the new master has"};
    } else if (plan.kind == "failover" && node.offset > candidate->offset) {
      forecast = {node.address, true,
                  fmt::format("it is {} bytes ahead of the new master", node.offset - candidate->offset)};
    } else {
      forecast.reason = "what it lacks stands in the backlog of the new master";
    }
    plan.syncs.push_back(std::move(forecast));
  }
}

void FindDrift(const Topology& topology, SwitchPlan& plan) {
  static constexpr std::array kShown = {"maxmemory",
                                        "maxmemory-policy",
                                        "appendonly",
                                        "appendfsync",
                                        "save",
                                        "min-replicas-to-write",
                                        "repl-backlog-size",
                                        "maxclients",
                                        "databases",
                                        "timeout",
                                        "notify-keyspace-events",
                                        "client-output-buffer-limit"};
  static constexpr std::array kSecret = {"requirepass", "masterauth"};
  const NodeView* const candidate = Find(topology, plan.to);
  const NodeView* const master = topology.Master();
  if (candidate == nullptr || master == nullptr) return;
  const auto differs = [&](const char* name) {
    return master->config.Has(name) && candidate->config.Has(name) &&
           master->config.Text(name) != candidate->config.Text(name);
  };
  for (const char* name : kShown) {
    if (!differs(name)) continue;
    plan.drift.push_back(
        fmt::format("{}: '{}' becomes '{}'", name, master->config.Text(name), candidate->config.Text(name)));
  }
  for (const char* name : kSecret) {
    if (differs(name)) plan.drift.push_back(fmt::format("{} differs (not shown): clients may be refused", name));
  }
  for (const char* name : {"redis_version", "vigil_version"}) {
    const std::string from = master->info.Text(name);
    const std::string to = candidate->info.Text(name);
    if (from != to) {
      plan.drift.push_back(
          fmt::format("{}: {} becomes {}", name, from.empty() ? "none" : from, to.empty() ? "none" : to));
    }
  }
}

void FindRisks(const Topology& topology, const json& outlook, SwitchPlan& plan) {
  for (const std::string& problem : topology.problems) plan.risks.push_back(problem);
  for (const auto& [name, why] : Part(outlook, "holds").items()) {
    if (plan.kind == "failover")
      plan.risks.push_back(fmt::format("it would wait ({}): {}", name, why.get<std::string>()));
  }
  const auto full = std::ranges::count_if(plan.syncs, &SyncForecast::full);
  if (full > 0) {
    plan.risks.push_back(fmt::format("{} {} sent everything: load and memory on {}, parallel-syncs at a time", full,
                                     full == 1 ? "node is" : "nodes are", plan.to.ToString()));
  }
  if (plan.kind == "failover" && plan.behind_bytes > 0) {
    plan.risks.push_back(
        fmt::format("the {} bytes that {} lacks would be lost", plan.behind_bytes, plan.to.ToString()));
  }
}

}  // namespace

SwitchPlan MakePlan(const std::string& kind, const Topology& earlier, const Topology& topology,
                    std::chrono::milliseconds apart, const json& outlook, const json& history, const Endpoint& to) {
  SwitchPlan plan;
  plan.kind = kind;
  plan.master = topology.master;
  plan.from = topology.address;
  const bool planned = kind == "switchover";
  ChooseCandidate(topology, outlook, to, plan);
  plan.how = planned ? Text(Part(outlook, "features"), "planned-failover") : Text(outlook, "detection");
  if (planned && !topology.writable()) {
    const NodeView* const master = topology.Master();
    plan.obstacles.push_back(
        fmt::format("the master cannot hand over: {}", master == nullptr ? "none is known" : master->why_not_writable));
  }
  // A switchover needs a majority for its epoch as a failover does.
  for (const json& each : Part(outlook, "obstacles")) {
    const std::string text = each.get<std::string>();
    if (std::ranges::find(plan.obstacles, text) == plan.obstacles.end()) plan.obstacles.push_back(text);
  }
  ForecastCatchUp(earlier, topology, apart, plan);
  ForecastGap(topology, history, plan);
  ForecastSyncs(topology, plan);
  FindDrift(topology, plan);
  FindRisks(topology, outlook, plan);
  return plan;
}

std::string RenderPlan(const SwitchPlan& plan, std::size_t width, const Paint& paint) {
  std::string out;
  const auto row = [&](std::string_view name, const std::string& text) {
    out += fmt::format("  {:<10}{}\n", name, Wrap(text, width - 12, 12));
  };
  const bool possible = plan.possible();
  out += fmt::format("{} of {}: {}\n", plan.kind, paint(Tone::kBold, plan.master),
                     paint(possible ? Tone::kGood : Tone::kBad, possible ? "would succeed" : "would not succeed"));
  for (const std::string& obstacle : plan.obstacles) row("obstacle", obstacle);
  row("from", plan.from.ToString());
  if (!plan.to.empty()) {
    row("to", fmt::format("{}: {}", plan.to.ToString(), plan.why_that_one));
    row("behind", plan.behind_bytes < 0 ? "unknown"
                  : plan.behind_bytes == 0
                      ? "0 B: it has what the master has"
                      : fmt::format("{} B{}", Grouped(plan.behind_bytes),
                                    plan.catch_up_ms < 0
                                        ? ", and it did not receive anything meanwhile"
                                        : fmt::format(", caught up in about {}", LengthInWords(plan.catch_up_ms))));
  }
  if (!plan.how.empty()) row("how", plan.how);
  if (plan.gap_ms >= 0) row("no writes", fmt::format("for about {} ({})", LengthInWords(plan.gap_ms), plan.gap_basis));
  for (const SyncForecast& sync : plan.syncs) {
    row("follows", fmt::format("{}  {}: {}", sync.node.ToString(), sync.full ? "FULL COPY" : "partial", sync.reason));
  }
  for (const std::string& each : plan.drift) row("changes", each);
  for (const std::string& each : plan.risks) row("risk", each);
  return out;
}

nlohmann::ordered_json PlanJson(const SwitchPlan& plan) {
  using ordered = nlohmann::ordered_json;
  const auto known = [](std::int64_t value) { return value < 0 ? ordered(nullptr) : ordered(value); };
  ordered syncs = ordered::array();
  for (const SyncForecast& sync : plan.syncs) {
    syncs.push_back({{"node", sync.node.ToString()}, {"full", sync.full}, {"reason", sync.reason}});
  }
  return {{"kind", plan.kind},
          {"master", plan.master},
          {"possible", plan.possible()},
          {"obstacles", plan.obstacles},
          {"from", plan.from.empty() ? ordered(nullptr) : ordered(plan.from.ToString())},
          {"to", plan.to.empty() ? ordered(nullptr) : ordered(plan.to.ToString())},
          {"why", plan.why_that_one},
          {"how", plan.how},
          {"behind_bytes", known(plan.behind_bytes)},
          {"catch_up_ms", known(plan.catch_up_ms)},
          {"write_gap_ms", known(plan.gap_ms)},
          {"write_gap_basis", plan.gap_basis},
          {"syncs", syncs},
          {"drift", plan.drift},
          {"risks", plan.risks}};
}

}  // namespace cli
