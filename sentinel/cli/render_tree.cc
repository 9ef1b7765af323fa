#include "sentinel/cli/render_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "sentinel/cli/render_status.h"

namespace cli {
namespace {

using json = nlohmann::ordered_json;

// Two nodes that follow each other would be a tree without end: each node is shown once.
using Shown = std::set<base::Endpoint>;

// Seconds by which it applies later what it is sent; 0: at once.
std::int64_t DelayOf(const NodeView& node) {
  return node.info.Number("slave_apply_delay_secs", 0);
}

std::vector<const NodeView*> Followers(const Topology& topology, const base::Endpoint& address) {
  std::vector<const NodeView*> followers;
  for (const NodeView& node : topology.nodes) {
    if (node.answers && node.role == Role::kReplica && node.follows == address) followers.push_back(&node);
  }
  return followers;
}

bool IsRoot(const Topology& topology, const NodeView& node) {
  if (!node.answers || node.role != Role::kReplica) return true;
  return std::ranges::find(topology.nodes, node.follows, &NodeView::address) == topology.nodes.end();
}

std::string Describe(const Topology& topology, const NodeView& node, const Paint& paint) {
  std::string text = paint(node.address == topology.address ? Tone::kBold : Tone::kPlain, node.address.ToString());
  if (!node.answers) return text + "  " + paint(Tone::kBad, fmt::format("no answer ({})", node.error));
  text += "  " + RoleWord(node);
  if (node.role == Role::kMaster) {
    if (node.address != topology.address) return text + ", " + paint(Tone::kBad, "a second master");
    text += node.writable ? ", " + paint(Tone::kGood, "writable")
                          : ", " + paint(Tone::kBad, "takes no writes: " + node.why_not_writable);
    return text + (node.offset < 0 ? "" : fmt::format(", offset {}", Grouped(node.offset)));
  }
  if (node.syncing) {
    text += ", " + paint(Tone::kWarn, "full sync");
  } else if (!node.link_up) {
    text += ", " + paint(Tone::kBad,
                         node.link_down_for < 0 ? "link down" : fmt::format("link down for {} s", node.link_down_for));
  }
  if (node.lag_bytes >= 0) text += fmt::format(", {} B behind", Grouped(node.lag_bytes));
  if (DelayOf(node) > 0) text += fmt::format(", delayed by {} s", DelayOf(node));
  if (IsRoot(topology, node)) {
    const std::string whom = node.follows.empty() ? "nobody" : node.follows.ToString();
    text += ", " + paint(Tone::kBad, fmt::format("follows {}, which is none of these", whom));
  }
  return text;
}

void Below(const Topology& topology, const NodeView& node, const std::string& indent, const Paint& paint, Shown& shown,
           std::string& out) {
  const auto followers = Followers(topology, node.address);
  for (std::size_t i = 0; i < followers.size(); ++i) {
    if (!shown.insert(followers[i]->address).second) continue;
    const bool last = i + 1 == followers.size();
    out += fmt::format("{}{} {}\n", indent, last ? "`-" : "|-", Describe(topology, *followers[i], paint));
    Below(topology, *followers[i], indent + (last ? "   " : "|  "), paint, shown, out);
  }
}

json NodeTree(const Topology& topology, const NodeView& node, Shown& shown) {
  json replicas = json::array();
  for (const NodeView* const follower : Followers(topology, node.address)) {
    if (shown.insert(follower->address).second) replicas.push_back(NodeTree(topology, *follower, shown));
  }
  const auto known = [](std::int64_t value) { return value < 0 ? json(nullptr) : json(value); };
  return {{"address", node.address.ToString()},
          {"answers", node.answers},
          {"role", node.answers ? json(RoleWord(node)) : json(nullptr)},
          {"link", node.role != Role::kReplica ? json(nullptr) : json(node.link_up ? "up" : "down")},
          {"offset", known(node.offset)},
          {"lag_bytes", known(node.lag_bytes)},
          {"delay_seconds", DelayOf(node)},
          {"replicas", replicas}};
}

}  // namespace

std::string RenderTree(const Topology& topology, const Paint& paint) {
  std::string out = fmt::format("{}  {}\n", paint(Tone::kBold, topology.master), StateWord(topology));
  Shown shown;
  const auto add = [&](const NodeView& node) {
    if (!shown.insert(node.address).second) return;
    out += Describe(topology, node, paint) + "\n";
    Below(topology, node, "", paint, shown, out);
  };
  for (const NodeView& node : topology.nodes) {
    if (IsRoot(topology, node)) add(node);
  }
  for (const NodeView& node : topology.nodes) add(node);  // a ring has no root
  return out;
}

json TreeJson(const Topology& topology) {
  json roots = json::array();
  Shown shown;
  const auto add = [&](const NodeView& node) {
    if (shown.insert(node.address).second) roots.push_back(NodeTree(topology, node, shown));
  };
  for (const NodeView& node : topology.nodes) {
    if (IsRoot(topology, node)) add(node);
  }
  for (const NodeView& node : topology.nodes) add(node);
  return {{"master", topology.master}, {"state", StateWord(topology)}, {"roots", roots}};
}

}  // namespace cli
