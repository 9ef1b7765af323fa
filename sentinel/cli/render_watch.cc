#include "sentinel/cli/render_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "sentinel/cli/render_status.h"
#include "sentinel/cli/table.h"

namespace cli {
namespace {

Tone ToneOf(const std::string& state) {
  return state == "OK" ? Tone::kGood : state == "DOWN" ? Tone::kBad : Tone::kWarn;
}

std::string Head(const Topology& topology, const Paint& paint) {
  const std::string state = StateWord(topology);
  const auto replicas =
      std::ranges::count_if(topology.nodes, [&](const NodeView& node) { return node.address != topology.address; });
  const auto linked = std::ranges::count_if(topology.nodes, [&](const NodeView& node) {
    return node.address != topology.address && node.role == Role::kReplica && node.link_up && !node.syncing;
  });
  const auto answering = std::ranges::count_if(topology.sentinels, &SentinelView::answers);
  std::string line = fmt::format("{}  {}  {}  {}/{} replicas  {}/{} sentinels", paint(Tone::kBold, topology.master),
                                 paint(ToneOf(state), state), topology.address.ToString(), linked, replicas, answering,
                                 topology.sentinels.size());
  for (const SentinelView& sentinel : topology.sentinels) {
    if (!sentinel.fields.Has("paused-for")) continue;
    line += "  " + paint(Tone::kWarn, fmt::format("PAUSED {} s", sentinel.fields.Number("paused-for") / 1000));
    break;
  }
  return line;
}

std::string NodeLine(const Topology& topology, const NodeView& node, const Paint& paint) {
  std::string link = "-";
  Tone tone = Tone::kPlain;
  if (!node.answers) {
    link = "no answer";
    tone = Tone::kBad;
  } else if (node.role == Role::kMaster) {
    link = node.address != topology.address ? "second master" : node.writable ? "writable" : "no writes";
    tone = link == "writable" ? Tone::kGood : Tone::kBad;
  } else if (node.syncing) {
    link = "full sync";
    tone = Tone::kWarn;
  } else {
    link = node.link_up ? "up" : "down";
    tone = node.link_up ? Tone::kGood : Tone::kBad;
  }
  const std::string offset = node.offset < 0 ? "-" : Grouped(node.offset);
  const std::string lag = node.lag_bytes < 0 ? "" : Grouped(node.lag_bytes) + " B behind";
  return fmt::format("  {:<22}{:<8} {} {:>16}  {}", node.address.ToString(), RoleWord(node),
                     paint(tone, fmt::format("{:<13}", link)), offset, lag);
}

std::string SentinelLine(const Topology& topology, const SentinelView& sentinel, const Paint& paint) {
  std::string state = "master up";
  Tone tone = Tone::kGood;
  if (!sentinel.answers) {
    state = "no answer";
    tone = Tone::kBad;
  } else if (sentinel.failing_over) {
    state = "failing over";
    tone = Tone::kWarn;
  } else if (sentinel.master_down) {
    state = "master down";
    tone = Tone::kBad;
  }
  std::string line =
      fmt::format("  {:<22}sentinel {}", sentinel.address.ToString(), paint(tone, fmt::format("{:<13}", state)));
  if (!sentinel.answers) return line;
  line += fmt::format(" epoch {:>5}  {}", sentinel.config_epoch.value, sentinel.quorum_ok ? "quorum" : "no quorum");
  if (sentinel.master != topology.address) line += "  " + paint(Tone::kBad, "says " + sentinel.master.ToString());
  return line;
}

}  // namespace

std::string RenderWatch(const WatchView& view, const Screen& screen, const Paint& paint) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("vigil watch  {}  q ends{}", view.time,
                              view.trouble.empty() ? "" : "  " + paint(Tone::kBad, view.trouble)));
  std::vector<std::string> problems;
  std::vector<std::string> tables;
  for (const Topology& topology : view.topologies) {
    lines.push_back(Head(topology, paint));
    for (const std::string& problem : topology.problems) problems.push_back(paint(Tone::kBad, "! ") + problem);
    if (!tables.empty()) tables.emplace_back();
    for (const NodeView& node : topology.nodes) tables.push_back(NodeLine(topology, node, paint));
    for (const SentinelView& sentinel : topology.sentinels) tables.push_back(SentinelLine(topology, sentinel, paint));
  }
  const auto add = [&](const std::vector<std::string>& more, std::size_t keep_free) {
    for (const std::string& line : more) {
      if (lines.size() + keep_free < screen.rows) lines.push_back(line);
    }
  };
  add(problems, 0);
  // A few lines of what happens are worth more than the last sentinel of a long list.
  const std::size_t for_events = std::min<std::size_t>(view.events.size(), screen.rows / 4);
  add({""}, for_events + 2);
  add(tables, for_events + 1);
  if (!view.events.empty() && lines.size() + 1 < screen.rows) {
    lines.emplace_back();
    const std::size_t room = screen.rows - lines.size();
    const std::size_t first = view.events.size() > room ? view.events.size() - room : 0;
    for (std::size_t i = first; i < view.events.size(); ++i) lines.push_back(view.events[i]);
  }
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "\n") + Clip(line, screen.columns);
  return out;
}

}  // namespace cli
