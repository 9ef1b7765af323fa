// vigil show: every node and sentinel of a master with all that is known of it.
#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>

#include "sentinel/cli/ask_sentinel.h"
#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/reach.h"
#include "sentinel/cli/render_status.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs_look.h"

namespace cli {

int Show(const MasterOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  auto outlook = std::async(std::launch::async, [&] {
    const auto answer = AskAnySentinel(*found, options.master, {"SENTINEL", "EXPLAIN", options.master});
    return answer ? EvidenceFromReply(answer->reply) : base::Result<nlohmann::json>(tl::unexpected(answer.error()));
  });
  const auto topology = AskTopology(found->where, options.master, Depth::kThorough);
  const auto explained = outlook.get();
  if (!topology) return ReportAskError(topology.error(), *found, options.master);
  const nlohmann::json opinion = explained ? *explained : nlohmann::json::object();
  if (options.json) {
    auto out = TopologyJson(*topology);
    out["candidates"] = Part(opinion, "replicas");
    out["features"] = Part(opinion, "features");
    out["links"] = LinksJson(FindLinks(*topology));
    Say(Dump(out));
  } else {
    std::string out = RenderShow(*topology, opinion, Paint::ForStdout());
    out.pop_back();
    Say(out);
  }
  return topology->healthy() ? kDone : kDegraded;
}

int Matrix(const MasterOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto topology = AskTopology(found->where, options.master);
  if (!topology) return ReportAskError(topology.error(), *found, options.master);
  const std::vector<Link> links = FindLinks(*topology);
  if (options.json) {
    Say(Dump({{"master", options.master}, {"links", LinksJson(links)}}));
  } else {
    std::string out = RenderMatrix(*topology, links, Paint::ForStdout());
    out.pop_back();
    Say(out);
  }
  return std::ranges::all_of(links, &Link::reaches) ? kDone : kDegraded;
}

}  // namespace cli
