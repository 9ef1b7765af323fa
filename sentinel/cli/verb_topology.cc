// vigil topology: who replicates from whom, as a tree.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sentinel/cli/find_sentinels.h"
#include "sentinel/cli/render_status.h"
#include "sentinel/cli/render_tree.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {

int TopologyTree(const MasterOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto topology = AskTopology(found->where, options.master);
  if (!topology) return ReportAskError(topology.error(), *found, options.master);
  if (options.json) {
    Say(Dump(TreeJson(*topology)));
  } else {
    std::string out = RenderTree(*topology, Paint::ForStdout());
    out.pop_back();
    Say(out);
  }
  return topology->healthy() ? kDone : kDegraded;
}

}  // namespace cli
