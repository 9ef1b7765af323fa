// vigil config diff: what the sentinels of a master are set to, where they differ.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sentinel/cli/find_sentinels.h"
#include "sentinel/cli/render_status.h"
#include "sentinel/cli/settings_diff.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {

int ConfigDiff(const MasterOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto topology = AskTopology(found->where, options.master, Depth::kThorough);
  if (!topology) return ReportAskError(topology.error(), *found, options.master);
  const std::vector<Difference> differences = CompareSettings(topology->sentinels);
  if (options.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Difference& difference : differences) {
      nlohmann::ordered_json values = nlohmann::ordered_json::object();
      for (const auto& [sentinel, value] : difference.values) values[sentinel] = value;
      list.push_back({{"setting", difference.name}, {"values", values}});
    }
    Say(Dump({{"master", options.master}, {"differences", list}}));
    return differences.empty() ? kDone : kDegraded;
  }
  for (const SentinelView& sentinel : topology->sentinels) {
    if (!sentinel.answers)
      Complain(fmt::format("{} does not answer ({})", sentinel.address.ToString(), sentinel.error));
  }
  if (differences.empty()) {
    Say(fmt::format("The sentinels of {} that answer are set alike.", options.master));
    return kDone;
  }
  const Paint paint = Paint::ForStdout();
  for (const Difference& difference : differences) {
    Say(paint(Tone::kBold, difference.name));
    for (const auto& [sentinel, value] : difference.values) Say(fmt::format("    {:<22} {}", sentinel, value));
  }
  return kDegraded;
}

}  // namespace cli
