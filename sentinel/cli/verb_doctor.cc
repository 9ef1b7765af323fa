// vigil doctor: asks everybody about everything, and says what to do about it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>

#include "sentinel/cli/ask_sentinel.h"
#include "sentinel/cli/diagnose.h"
#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/render_status.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

bool MayRun(const std::string& path) {
  return access(path.c_str(), X_OK) == 0;
}

base::Result<std::vector<Finding>> Examine(const Found& found, const std::string& master) {
  auto outlook = std::async(std::launch::async, [&] {
    const auto answer = AskAnySentinel(found, master, {"SENTINEL", "EXPLAIN", master});
    return answer ? EvidenceFromReply(answer->reply) : base::Result<nlohmann::json>(tl::unexpected(answer.error()));
  });
  const auto topology = AskTopology(found.where, master, Depth::kThorough);
  const auto explained = outlook.get();
  if (!topology) return tl::unexpected(topology.error());
  return Diagnose(*topology, explained ? *explained : nlohmann::json(), LocalFacts{&MayRun});
}

}  // namespace

int Doctor(const DoctorOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  std::vector<std::string> names{options.master};
  if (options.master.empty()) {
    auto known = AskMasterNames(found->where);
    if (!known) return ReportAskError(known.error(), *found);
    names = std::move(*known);
  }
  if (names.empty()) {
    Complain("the sentinels watch no master", "add one with SENTINEL MONITOR or in their sentinel.conf");
    return kDegraded;
  }
  std::vector<std::future<base::Result<std::vector<Finding>>>> asked;
  for (const std::string& name : names) {
    asked.push_back(std::async(std::launch::async, [&] { return Examine(*found, name); }));
  }
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto some = asked[i].get();
    if (!some) return ReportAskError(some.error(), *found, names[i]);
    for (const Finding& finding : *some) {
      // What is wrong with a machine is told once, not for each of its masters.
      if (std::ranges::find(findings, finding) == findings.end()) findings.push_back(finding);
    }
  }
  std::ranges::stable_sort(findings, {}, &Finding::severity);
  const bool well = std::ranges::all_of(findings, [](const Finding& f) { return f.severity == Severity::kNote; });
  if (options.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Finding& finding : findings) {
      list.push_back({{"severity", SeverityWord(finding.severity)},
                      {"area", finding.area},
                      {"subject", finding.subject},
                      {"text", finding.text},
                      {"remedy", finding.remedy}});
    }
    Say(Dump({{"masters", names}, {"well", well}, {"findings", list}}));
  } else {
    std::string out =
        RenderFindings(findings, std::min<std::size_t>(ScreenSize().columns, 120) - 1, Paint::ForStdout());
    out.pop_back();
    Say(out);
  }
  return well ? kDone : kDegraded;
}

}  // namespace cli
