#include "sentinel/cli/render_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sentinel/cli/table.h"

namespace cli {
namespace {

using json = nlohmann::ordered_json;  // keys in the order in which a person looks for them

}  // namespace

std::string RoleWord(const NodeView& node) {
  if (!node.answers) return "?";
  switch (node.role) {
    case Role::kMaster:
      return "master";
    case Role::kReplica:
      return "replica";
    case Role::kUnknown:
      break;
  }
  return "?";
}

namespace {

Cell LinkCell(const Topology& topology, const NodeView& node) {
  if (!node.answers) return {"no answer", Tone::kBad};
  if (node.role == Role::kMaster) {
    return node.address == topology.address ? Cell{"-"} : Cell{"second master", Tone::kBad};
  }
  if (node.syncing) return {"full sync", Tone::kWarn};
  if (!node.link_up) {
    return {node.link_down_for >= 0 ? fmt::format("down {} s", node.link_down_for) : "down", Tone::kBad};
  }
  if (node.follows != topology.address) return {"up, from " + node.follows.ToString(), Tone::kWarn};
  return {"up", Tone::kGood};
}

Row NodeRow(const Topology& topology, const NodeView& node) {
  const bool is_master = node.address == topology.address;
  const auto number = [](std::int64_t value, std::string_view unit) {
    return value < 0 ? std::string("-") : Grouped(value) + std::string(unit);
  };
  return {{node.address.ToString(), is_master ? Tone::kBold : Tone::kPlain},
          {RoleWord(node), is_master ? Tone::kBold : Tone::kPlain},
          LinkCell(topology, node),
          {number(node.offset, "")},
          {number(node.lag_bytes, " B")},
          {number(node.lag_seconds, " s ago")}};
}

Row SentinelRow(const Topology& topology, const SentinelView& sentinel) {
  if (!sentinel.answers) {
    return {{sentinel.address.ToString()}, {"no answer", Tone::kBad}, {"-"}, {"-"}, {"-"}, {"-"}, {"-"}};
  }
  const bool agrees = sentinel.master == topology.address;
  Cell opinion{"up", Tone::kGood};
  if (sentinel.master_down) opinion = {"down", Tone::kBad};
  if (sentinel.failing_over) opinion = {"failing over", Tone::kWarn};
  return {{sentinel.address.ToString()},
          opinion,
          {sentinel.master.ToString(), agrees ? Tone::kPlain : Tone::kBad},
          {fmt::format("{}", sentinel.config_epoch.value)},
          {fmt::format("{}", sentinel.replicas.size())},
          {fmt::format("{}", sentinel.peers.size())},
          sentinel.quorum_ok ? Cell{"reachable", Tone::kGood} : Cell{"out of reach", Tone::kBad}};
}

std::string Summary(const Topology& topology, const Paint& paint) {
  const std::string state = StateWord(topology);
  const Tone tone = state == "OK" ? Tone::kGood : state == "DOWN" ? Tone::kBad : Tone::kWarn;
  std::string line = paint(Tone::kBold, topology.master) + "  " + paint(tone, state) + "  ";
  const NodeView* const master = topology.Master();
  if (topology.writable()) {
    line += "writable at " + paint(Tone::kBold, topology.address.ToString());
  } else if (master == nullptr) {
    line += paint(Tone::kBad, "NOT WRITABLE") + ": no master is known";
  } else if (topology.refused()) {
    line += fmt::format("{} does not let us ask: {}", topology.address.ToString(), master->error);
  } else {
    line += fmt::format("{} at {}: {}", paint(Tone::kBad, "NOT WRITABLE"), topology.address.ToString(),
                        master->why_not_writable);
  }
  const auto replicas = std::ranges::count_if(topology.nodes, [&](const NodeView& n) { return &n != master; });
  const auto linked = std::ranges::count_if(topology.nodes, [&](const NodeView& n) {
    return &n != master && n.role == Role::kReplica && n.link_up && !n.syncing;
  });
  const auto answering = std::ranges::count_if(topology.sentinels, &SentinelView::answers);
  return line + fmt::format("  ({}/{} replicas linked, {}/{} sentinels, quorum {})\n", linked, replicas, answering,
                            topology.sentinels.size(), topology.quorum);
}

json Known(std::int64_t value) {
  return value < 0 ? json(nullptr) : json(value);
}
json Known(const base::Endpoint& address) {
  return address.empty() ? json(nullptr) : json(address.ToString());
}

json NodeJson(const NodeView& node) {
  return {{"address", node.address.ToString()},
          {"answers", node.answers},
          {"error", node.error.empty() ? json(nullptr) : json(node.error)},
          {"role", node.answers ? json(RoleWord(node)) : json(nullptr)},
          {"offset", Known(node.offset)},
          {"lag_bytes", Known(node.lag_bytes)},
          {"lag_seconds", Known(node.lag_seconds)},
          {"follows", Known(node.follows)},
          {"link", node.role != Role::kReplica ? json(nullptr) : json(node.link_up ? "up" : "down")},
          {"link_down_seconds", Known(node.link_down_for)},
          {"full_sync", node.syncing},
          {"writable", node.writable}};
}

json SentinelJson(const SentinelView& sentinel) {
  return {{"address", sentinel.address.ToString()},
          {"id", sentinel.id.empty() ? json(nullptr) : json(sentinel.id)},
          {"answers", sentinel.answers},
          {"error", sentinel.error.empty() ? json(nullptr) : json(sentinel.error)},
          {"master", Known(sentinel.master)},
          {"config_epoch", sentinel.config_epoch.value},
          {"finds_master_down", sentinel.master_down},
          {"failing_over", sentinel.failing_over},
          {"knows_replicas", sentinel.replicas.size()},
          {"knows_sentinels", sentinel.peers.size()},
          {"quorum", sentinel.quorum},
          {"quorum_reachable", sentinel.quorum_ok}};
}

}  // namespace

std::string StateWord(const Topology& topology) {
  const bool failing_over = std::ranges::any_of(topology.sentinels, &SentinelView::failing_over);
  if (failing_over) return "FAILING-OVER";
  if (topology.refused()) return "UNKNOWN";
  if (!topology.writable()) return "DOWN";
  return topology.healthy() ? "OK" : "DEGRADED";
}

std::string RenderStatus(const Topology& topology, const Paint& paint) {
  std::string out = Summary(topology, paint);
  if (!topology.problems.empty()) {
    out += "\n";
    for (const std::string& problem : topology.problems) out += "  " + paint(Tone::kBad, "!") + " " + problem + "\n";
  }
  std::vector<Row> rows;
  for (const NodeView& node : topology.nodes) rows.push_back(NodeRow(topology, node));
  out += "\n" + Table({"NODE", "ROLE", "LINK", "OFFSET", "LAG", "ACKED"}, {false, false, false, true, true, true}, rows,
                      paint);
  rows.clear();
  for (const SentinelView& sentinel : topology.sentinels) rows.push_back(SentinelRow(topology, sentinel));
  out += "\n" + Table({"SENTINEL", "MASTER IS", "AT", "EPOCH", "REPLICAS", "PEERS", "QUORUM"},
                      {false, false, false, true, true, true, false}, rows, paint);
  return out;
}

nlohmann::ordered_json TopologyJson(const Topology& topology) {
  json nodes = json::array();
  for (const NodeView& node : topology.nodes) nodes.push_back(NodeJson(node));
  json sentinels = json::array();
  for (const SentinelView& sentinel : topology.sentinels) sentinels.push_back(SentinelJson(sentinel));
  return {{"name", topology.master},
          {"state", StateWord(topology)},
          {"healthy", topology.healthy()},
          {"writable", topology.writable()},
          {"address", Known(topology.address)},
          {"quorum", topology.quorum},
          {"problems", topology.problems},
          {"nodes", nodes},
          {"sentinels", sentinels}};
}

std::string RenderStatusJson(const std::vector<Topology>& topologies) {
  json masters = json::array();
  bool healthy = true;
  for (const Topology& topology : topologies) {
    healthy = healthy && topology.healthy();
    masters.push_back(TopologyJson(topology));
  }
  return Dump({{"healthy", healthy}, {"masters", masters}}) + "\n";
}

std::string Dump(const nlohmann::ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

}  // namespace cli
