// vigil forget, vigil pause, vigil resume: what an operator tells the sentinels of masters and their members.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sentinel/cli/ask_sentinel.h"
#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

using nlohmann::json;

// The voters that are no sentinels of ours, as EXPLAIN names them.
std::vector<std::string> StockVoters(const Found& found, const std::string& master) {
  std::vector<std::string> stock;
  const auto answer = AskAnySentinel(found, master, {"SENTINEL", "EXPLAIN", master});
  const auto outlook = answer ? EvidenceFromReply(answer->reply) : base::Result<json>(json::object());
  if (!outlook || !outlook->contains("sentinels")) return stock;
  for (const json& sentinel : outlook->at("sentinels")) {
    if (sentinel.value("make", "") == "stock") stock.push_back(sentinel.value("sentinel", ""));
  }
  return stock;
}

std::string AreStock(const std::vector<std::string>& stock) {
  return fmt::format("{} {}", fmt::join(stock, " and "),
                     stock.size() == 1 ? "is a stock sentinel" : "are stock sentinels");
}

// Sends it, and says `done` with the sentinel that took it.
int Tell(const AskOptions& ask, const std::string& master, const std::vector<std::string>& words,
         const std::string& done, bool as_json) {
  const auto found = FindSentinels(ask);
  if (!found) return ReportNoSentinels(found.error());
  const bool pausing = words[1] == "PAUSE";
  const auto answer = AskAnySentinel(*found, master, words);
  if (!answer) {
    const std::vector<std::string> stock = pausing ? StockVoters(*found, master) : std::vector<std::string>();
    if (stock.empty()) return ReportRefusedAnswer(answer.error(), *found, master);
    Complain(fmt::format("a pause of {} would stop nothing: {}, and there it fails over all the same", master,
                         AreStock(stock)),
             "replace it by a vigil-sentinel, or pause the others with --anyway");
    return kRefused;
  }
  const std::vector<std::string> stock = pausing ? StockVoters(*found, master) : std::vector<std::string>();
  if (as_json) {
    json out{{"master", master}, {"sentinel", answer->sentinel.ToString()}, {"done", true}};
    if (pausing) out["ineffective_because_of"] = stock;
    Say(out.dump());
    return kDone;
  }
  Say(fmt::format("{} The sentinel at {} has it on disk and tells the others.", done, answer->sentinel.ToString()));
  if (!stock.empty()) {
    Say(fmt::format("Beware: {}, and a pause is not heeded there.", AreStock(stock)));
  }
  return kDone;
}

}  // namespace

int Forget(const ForgetOptions& options) {
  return Tell(options.ask, options.master, {"SENTINEL", "FORGET", options.master, options.member},
              fmt::format("{} is no member of {} any more.", options.member, options.master), options.json);
}

int PauseMaster(const PauseOptions& options) {
  std::vector<std::string> words{"SENTINEL", "PAUSE", options.master, fmt::format("{}", options.length.count())};
  if (options.anyway) words.emplace_back("ANYWAY");
  if (!options.reason.empty()) words.push_back(options.reason);
  return Tell(options.ask, options.master, words,
              fmt::format("No automatic failover or repair of {} for {} s; `vigil failover` still works, and "
                          "`vigil resume {}` ends it.",
                          options.master, options.length.count() / 1000.0, options.master),
              options.json);
}

int Resume(const MasterOptions& options) {
  return Tell(options.ask, options.master, {"SENTINEL", "RESUME", options.master},
              fmt::format("{} is guarded again.", options.master), options.json);
}

}  // namespace cli
