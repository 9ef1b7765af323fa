// vigil history, vigil explain: what was decided and why, and what would be decided now.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sentinel/cli/ask_sentinel.h"
#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

using nlohmann::json;

int ReportOdd(const base::Endpoint& sentinel, const base::Error& error) {
  Complain(fmt::format("{}: {}", sentinel.ToString(), error.text), "is it of another version?");
  return kFailed;
}

}  // namespace

int History(const HistoryOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  std::vector<std::string> words{"SENTINEL", "HISTORY", options.master};
  if (options.count) words.insert(words.end(), {"COUNT", fmt::format("{}", *options.count)});
  const auto answer = AskAnySentinel(*found, options.master, words);
  if (!answer) return ReportRefusedAnswer(answer.error(), *found, options.master);
  json decisions = json::array();
  for (const Reply& item : answer->reply.items) {
    auto decision = EvidenceFromReply(item);
    if (!decision) return ReportOdd(answer->sentinel, decision.error());
    decisions.push_back(std::move(*decision));
  }
  if (options.json) {
    Say(json{{"master", options.master}, {"sentinel", answer->sentinel.ToString()}, {"decisions", decisions}}.dump(2));
    return kDone;
  }
  if (decisions.empty()) {
    Say(fmt::format("The sentinel at {} has decided nothing about {} yet.", answer->sentinel.ToString(),
                    options.master));
    return kDone;
  }
  const Paint paint = Paint::ForStdout();
  std::string out;
  for (const json& decision : decisions) out += RenderDecision(decision, paint);
  out.pop_back();
  Say(out);
  return kDone;
}

int ExplainNow(const ExplainOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto answer = AskAnySentinel(*found, options.master, {"SENTINEL", "EXPLAIN", options.master});
  if (!answer) return ReportRefusedAnswer(answer.error(), *found, options.master);
  const auto outlook = EvidenceFromReply(answer->reply);
  if (!outlook) return ReportOdd(answer->sentinel, outlook.error());
  if (options.json) {
    Say(outlook->dump(2));
  } else {
    std::string out = RenderOutlook(*outlook, Paint::ForStdout());
    out.pop_back();
    Say(out);
  }
  return outlook->value("would-succeed", "") == "yes" ? kDone : kDegraded;
}

}  // namespace cli
