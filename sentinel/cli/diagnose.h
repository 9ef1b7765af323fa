// What is wrong, or will be in the next failure, with a deployment; each finding with what to do about it. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sentinel/cli/terminal.h"
#include "sentinel/cli/topology.h"

namespace cli {

// kError: a failover would fail, or data would be lost, or it is down now. kWarning: it will hurt in some failure.
// kNote: worth knowing.
enum class Severity { kError, kWarning, kNote };

struct Finding {
  Severity severity = Severity::kNote;
  std::string area;     // one word: quorum, config, scripts, passwords, replicas, persistence, clock, versions, ...
  std::string subject;  // the master, or the address it is about
  std::string text;     // one sentence
  std::string remedy;   // a command or a setting
  auto operator<=>(const Finding&) const = default;
};

// What else is known of the machine that `doctor` runs on: of a script's path, whether it can be run here.
struct LocalFacts {
  bool (*may_run)(const std::string& path) = nullptr;
};

// `topology` was asked thoroughly; `outlook` is SENTINEL EXPLAIN, or null when nobody could say. The worst first.
std::vector<Finding> Diagnose(const Topology& topology, const nlohmann::json& outlook, const LocalFacts& local = {});

// "error", "warning", "note".
std::string SeverityWord(Severity severity);

// Each finding in two lines, within `width` columns; then how many there were. Ends with a line feed.
std::string RenderFindings(const std::vector<Finding>& findings, std::size_t width, const Paint& paint);

}  // namespace cli
