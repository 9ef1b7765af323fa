// vigil status, vigil addr: questions that change nothing.
#include <fmt/format.h>

#include <cstdio>
#include <future>
#include <nlohmann/json.hpp>

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
  // All at once: where half of the servers are frozen, each question takes its second.
  std::vector<std::future<base::Result<Topology>>> asked;
  for (const std::string& name : names) {
    asked.push_back(std::async(std::launch::async, [&] { return AskTopology(found->where, name); }));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    auto topology = asked[i].get();
    if (!topology) return ReportAskError(topology.error(), *found, name);
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
    return kUnreachable;
  }
  return healthy ? kDone : kDegraded;
}

int Addr(const MasterOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto address = AskAddress(found->where, options.master);
  if (!address) return ReportAskError(address.error(), *found, options.master);
  const std::string text = address->ToString();
  Say(options.json ? nlohmann::json{{"master", options.master}, {"address", text}}.dump() : text);
  return kDone;
}

}  // namespace cli
