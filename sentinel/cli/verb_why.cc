// vigil why: the latest decision about a master, told; and where things stand.
#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "sentinel/cli/ask_sentinel.h"
#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/story.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {

using nlohmann::json;

int Why(const MasterOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto history = AskAnySentinel(*found, options.master, {"SENTINEL", "HISTORY", options.master});
  if (!history) return ReportRefusedAnswer(history.error(), *found, options.master);
  const auto explain = AskAnySentinel(*found, options.master, {"SENTINEL", "EXPLAIN", options.master});
  if (!explain) return ReportRefusedAnswer(explain.error(), *found, options.master);
  const auto outlook = EvidenceFromReply(explain->reply);
  if (!outlook) {
    Complain(fmt::format("{}: {}", explain->sentinel.ToString(), outlook.error().text), "is it of another version?");
    return kFailed;
  }
  // What is newer than the latest failover, and that one.
  std::vector<json> decisions;
  for (const Reply& item : history->reply.items) {
    const auto decision = EvidenceFromReply(item);
    if (!decision) continue;
    decisions.push_back(*decision);
    if (Text(*decision, "outcome") != "noted") break;
  }
  if (options.json) {
    json told = json::array();
    for (const json& decision : decisions) told.push_back({{"decision", decision}, {"story", TellDecision(decision)}});
    Say(json{{"master", options.master},
             {"sentinel", history->sentinel.ToString()},
             {"decisions", told},
             {"now", TellNow(*outlook)}}
            .dump(2));
    return kDone;
  }
  const std::size_t width = std::min<std::size_t>(ScreenSize().columns, 100) - 1;
  const Paint paint = Paint::ForStdout();
  if (decisions.empty()) {
    Say(fmt::format("The sentinel at {} has decided nothing about {} yet.", history->sentinel.ToString(),
                    options.master));
  }
  for (auto decision = decisions.rbegin(); decision != decisions.rend(); ++decision) {
    bool first = true;
    for (const std::string& sentence : TellDecision(*decision)) {
      const std::string text = Wrap(sentence, width, 2);
      Say(first ? paint(Tone::kBold, text) : "  " + Wrap(sentence, width - 2, 2));
      first = false;
    }
    Say("");
  }
  for (const std::string& sentence : TellNow(*outlook)) Say(Wrap(sentence, width, 2));
  return kDone;
}

}  // namespace cli
