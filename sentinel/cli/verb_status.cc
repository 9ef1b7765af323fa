// vigil status, vigil addr: questions that change nothing.
#include <fmt/format.h>

#include <cstdio>

#include "sentinel/cli/find_sentinels.h"
#include "sentinel/cli/render_status.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {

int Status(const StatusOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  std::vector<std::string> names{options.master};
  if (options.master.empty()) {
    auto known = AskMasterNames(found->where);
    if (!known) return ReportAskError(known.error(), *found);
    names = std::move(*known);
  }
  std::vector<Topology> topologies;
  bool healthy = !names.empty();
  for (const std::string& name : names) {
    auto topology = AskTopology(found->where, name);
    if (!topology) return ReportAskError(topology.error(), *found);
    healthy = healthy && topology->healthy();
    topologies.push_back(std::move(*topology));
  }
  std::string out;
  if (options.json) {
    out = RenderStatusJson(topologies);
  } else {
    const Paint paint = Paint::ForStdout();
    for (const Topology& topology : topologies) out += (out.empty() ? "" : "\n") + RenderStatus(topology, paint);
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  if (names.empty())
    Complain("the sentinels watch no master", "add one with SENTINEL MONITOR or in their sentinel.conf");
  for (const Topology& topology : topologies) {
    if (!topology.refused()) continue;
    Complain(fmt::format("{} does not let us ask", topology.address.ToString()), kPasswordAdvice);
    return kCannotAsk;
  }
  return healthy ? kDone : kFailed;
}

int Addr(const AskOptions& options, const std::string& master) {
  const auto found = FindSentinels(options);
  if (!found) return ReportNoSentinels(found.error());
  const auto address = AskAddress(found->where, master);
  if (!address) return ReportAskError(address.error(), *found);
  Say(address->ToString());
  return kDone;
}

}  // namespace cli
