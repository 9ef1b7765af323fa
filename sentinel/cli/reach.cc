#include "sentinel/cli/reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/render_status.h"
#include "sentinel/cli/story.h"
#include "sentinel/cli/table.h"

namespace cli {
namespace {

// What a sentinel says of an instance, from the fields of SENTINEL MASTER, REPLICAS or SENTINELS.
Link Opinion(const SentinelView& sentinel, const Fields& fields, const base::Endpoint& to) {
  Link link{sentinel.address.ToString(), to.ToString(), "watches", true, -1, -1, ""};
  link.last_answer_ms = fields.Number("last-ok-ping-reply", -1);
  if (fields.Flag("flags", "disconnected")) link.note = "no connection";
  if (fields.Flag("flags", "s_down")) link.note = "finds it down";
  if (fields.Has("auth-failed")) link.note = "password refused: " + fields.Text("auth-failed");
  link.reaches = link.note.empty();
  return link;
}

std::string Millis(std::int64_t us) {
  return us < 10'000 ? fmt::format("{:.1f} ms", static_cast<double>(us) / 1000.0) : fmt::format("{} ms", us / 1000);
}

std::string VersionOf(const Fields& info) {
  if (info.Has("vigil_version")) return "vigil " + info.Text("vigil_version");
  return info.Has("redis_version") ? info.Text("redis_version") : "-";
}

Row NodeRow(const Topology& topology, const NodeView& node) {
  const bool is_master = node.address == topology.address;
  if (!node.answers)
    return {{node.address.ToString()}, {"?"}, {"-"}, {"no answer", Tone::kBad}, {"-"}, {"-"}, {"-"}, {"-"}};
  Cell link{"-"};
  if (node.role == Role::kReplica) {
    link = node.syncing   ? Cell{"full sync", Tone::kWarn}
           : node.link_up ? Cell{"up", Tone::kGood}
                          : Cell{"down", Tone::kBad};
  }
  const std::string io = node.info.Text("master_last_io_seconds_ago");
  return {{node.address.ToString(), is_master ? Tone::kBold : Tone::kPlain},
          {RoleWord(node), is_master ? Tone::kBold : Tone::kPlain},
          {VersionOf(node.info)},
          link,
          {node.offset < 0 ? "-" : Grouped(node.offset)},
          {node.lag_bytes < 0 ? "-" : Grouped(node.lag_bytes) + " B"},
          {io.empty() || node.role == Role::kMaster ? "-" : io + " s"},
          {node.info.Text("master_replid").substr(0, 8)}};
}

}  // namespace

std::vector<Link> FindLinks(const Topology& topology) {
  std::vector<Link> links;
  const auto from_here = [&](const base::Endpoint& to, bool answers, std::int64_t rtt_us, const std::string& error) {
    links.push_back({"here", to.ToString(), "asks", answers, rtt_us, answers ? 0 : -1, answers ? "" : error});
  };
  for (const NodeView& node : topology.nodes) from_here(node.address, node.answers, node.rtt_us, node.error);
  for (const SentinelView& each : topology.sentinels) from_here(each.address, each.answers, each.rtt_us, each.error);
  for (const SentinelView& sentinel : topology.sentinels) {
    if (!sentinel.answers) continue;
    links.push_back(Opinion(sentinel, sentinel.fields, sentinel.master));
    for (const Fields& fields : sentinel.replica_fields) {
      links.push_back(Opinion(sentinel, fields, fields.Address("ip", "port")));
    }
    for (const Fields& fields : sentinel.peer_fields) {
      links.push_back(Opinion(sentinel, fields, fields.Address("ip", "port")));
    }
  }
  for (const NodeView& node : topology.nodes) {
    if (!node.answers || node.role != Role::kReplica || node.follows.empty()) continue;
    Link link{node.address.ToString(), node.follows.ToString(), "follows", node.link_up, -1, -1, ""};
    const std::int64_t io = node.info.Number("master_last_io_seconds_ago", -1);
    if (io >= 0) link.last_answer_ms = io * 1000;
    if (!node.link_up) {
      link.note = node.link_down_for < 0 ? "no link" : fmt::format("no link for {} s", node.link_down_for);
    }
    links.push_back(link);
  }
  return links;
}

nlohmann::ordered_json LinksJson(const std::vector<Link>& links) {
  using ordered = nlohmann::ordered_json;
  ordered list = ordered::array();
  for (const Link& link : links) {
    list.push_back({{"from", link.from},
                    {"to", link.to},
                    {"kind", link.kind},
                    {"reaches", link.reaches},
                    {"rtt_ms", link.rtt_us < 0 ? ordered(nullptr) : ordered(static_cast<double>(link.rtt_us) / 1000.0)},
                    {"last_answer_ms", link.last_answer_ms < 0 ? ordered(nullptr) : ordered(link.last_answer_ms)},
                    {"note", link.note}});
  }
  return list;
}

std::string RenderMatrix(const Topology& topology, const std::vector<Link>& links, const Paint& paint) {
  std::vector<std::string> names;
  for (const NodeView& node : topology.nodes) names.push_back(node.address.ToString());
  for (const SentinelView& sentinel : topology.sentinels) names.push_back(sentinel.address.ToString());
  std::vector<std::string> headings{"#", "WHO"};
  std::vector<bool> right{true, false};
  for (std::size_t i = 0; i < names.size(); ++i) {
    headings.push_back(fmt::format("->{}", i + 1));
    right.push_back(true);
  }
  std::vector<Row> rows;
  std::string notes;
  const auto add_row = [&](const std::string& number, const std::string& who, bool silent) {
    Row row{{number}, {who}};
    for (const std::string& to : names) {
      const auto link =
          std::ranges::find_if(links, [&](const Link& each) { return each.from == who && each.to == to; });
      Cell cell{to == who ? "." : silent ? "?" : ""};
      if (link != links.end() && !link->reaches) {
        cell = {"NO", Tone::kBad};
        notes += fmt::format("  {} -> {}: {}\n", who, to, link->note);
      } else if (link != links.end()) {
        cell = {link->rtt_us >= 0 ? Millis(link->rtt_us) : "ok", Tone::kGood};
      }
      row.push_back(cell);
    }
    rows.push_back(std::move(row));
  };
  add_row("", "here", false);
  std::size_t number = 0;
  for (const NodeView& node : topology.nodes) {
    add_row(fmt::format("{}", ++number), node.address.ToString(), !node.answers);
  }
  for (const SentinelView& each : topology.sentinels) {
    add_row(fmt::format("{}", ++number), each.address.ToString(), !each.answers);
  }
  return Table(headings, right, rows, paint) + (notes.empty() ? "" : "\n" + notes);
}

std::string RenderShow(const Topology& topology, const nlohmann::json& outlook, const Paint& paint) {
  std::string out = fmt::format("{}  {}  {}\n", paint(Tone::kBold, topology.master), StateWord(topology),
                                topology.writable() ? "writable at " + topology.address.ToString() : "NOT WRITABLE");
  for (const std::string& problem : topology.problems) out += "  " + paint(Tone::kBad, "!") + " " + problem + "\n";
  std::vector<Row> rows;
  for (const NodeView& node : topology.nodes) rows.push_back(NodeRow(topology, node));
  out += "\n" + Table({"NODE", "ROLE", "VERSION", "LINK", "OFFSET", "LAG", "IO", "HISTORY"},
                      {false, false, false, false, true, true, true, false}, rows, paint);
  rows.clear();
  for (const nlohmann::json& replica : Part(outlook, "replicas")) {
    const bool out_of_it = Text(replica, "verdict") == "excluded";
    rows.push_back({{Text(replica, "address")},
                    {out_of_it ? "-" : Text(replica, "rank")},
                    {Text(replica, "priority")},
                    {Text(replica, "verdict"), out_of_it ? Tone::kBad : Tone::kPlain},
                    {Text(replica, "reason")}});
  }
  if (!rows.empty()) {
    out += "\n" +
           Table({"CANDIDATE", "RANK", "PRIO", "VERDICT", "BECAUSE"}, {false, true, true, false, false}, rows, paint);
  }
  rows.clear();
  for (const SentinelView& sentinel : topology.sentinels) {
    if (!sentinel.answers) {
      rows.push_back({{sentinel.address.ToString()}, {"-"}, {"no answer", Tone::kBad}, {"-"}, {"-"}, {"-"}, {"-"}});
      continue;
    }
    Cell opinion{"up", Tone::kGood};
    if (sentinel.master_down) opinion = {"down", Tone::kBad};
    if (sentinel.failing_over) opinion = {"failing over", Tone::kWarn};
    rows.push_back({{sentinel.address.ToString()},
                    {sentinel.ours() ? VersionOf(sentinel.info) : "stock " + VersionOf(sentinel.info)},
                    opinion,
                    {sentinel.master.ToString(), sentinel.master == topology.address ? Tone::kPlain : Tone::kBad},
                    {fmt::format("{}", sentinel.config_epoch.value)},
                    {fmt::format("{}", sentinel.quorum)},
                    {Millis(sentinel.rtt_us)}});
  }
  out += "\n" + Table({"SENTINEL", "VERSION", "MASTER IS", "AT", "EPOCH", "QUORUM", "RTT"},
                      {false, false, false, false, true, true, true}, rows, paint);
  std::string disagreements;
  for (const Link& link : FindLinks(topology)) {
    if (link.reaches || link.kind == "asks") continue;
    disagreements += fmt::format("  {} -> {}: {}\n", link.from, link.to, link.note);
  }
  if (!disagreements.empty()) out += "\n" + disagreements;
  return out;
}

}  // namespace cli
