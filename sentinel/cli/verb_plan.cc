// vigil plan: two looks at everybody, the sentinels' own reckoning, and what they add up to. Changes nothing.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sentinel/cli/ask_sentinel.h"
#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/render_status.h"
#include "sentinel/cli/switch_plan.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {

using nlohmann::json;

int PlanSwitch(const PlanOptions& options) {
  base::Endpoint to;
  if (!options.to.empty()) {
    const auto address = ParseEndpoint(options.to, 6379);
    if (!address) {
      Complain(address.error().text, "see `vigil plan --help`");
      return kBadUsage;
    }
    to = *address;
  }
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto explain = AskAnySentinel(*found, options.master, {"SENTINEL", "EXPLAIN", options.master});
  if (!explain) return ReportRefusedAnswer(explain.error(), *found, options.master);
  const auto outlook = EvidenceFromReply(explain->reply);
  if (!outlook) {
    Complain(fmt::format("{}: {}", explain->sentinel.ToString(), outlook.error().text), "is it of another version?");
    return kFailed;
  }
  json history = json::array();
  if (const auto answer = AskAnySentinel(*found, options.master, {"SENTINEL", "HISTORY", options.master})) {
    for (const Reply& item : answer->reply.items) {
      if (auto decision = EvidenceFromReply(item)) history.push_back(std::move(*decision));
    }
  }
  const auto earlier = AskTopology(found->where, options.master);
  if (!earlier) return ReportAskError(earlier.error(), *found, options.master);
  const auto begin = std::chrono::steady_clock::now();
  if (!Pause(std::chrono::milliseconds(100))) return kInterruptedExit;
  const auto topology = AskTopology(found->where, options.master, Depth::kThorough);
  if (!topology) return ReportAskError(topology.error(), *found, options.master);
  const auto apart = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  const SwitchPlan plan = MakePlan(options.kind, *earlier, *topology, apart, *outlook, history, to);
  if (options.json) {
    Say(Dump(PlanJson(plan)));
  } else {
    std::string out = RenderPlan(plan, std::min<std::size_t>(ScreenSize().columns, 120) - 1, Paint::ForStdout());
    out.pop_back();
    Say(out);
  }
  return plan.possible() ? kDone : kRefused;
}

}  // namespace cli
