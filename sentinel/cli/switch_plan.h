// What a failover or a switchover would do now, said beforehand. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sentinel/cli/terminal.h"
#include "sentinel/cli/topology.h"

namespace cli {

// What is predicted of one of the nodes that will follow the new master.
struct SyncForecast {
  base::Endpoint node;
  bool full = false;   // it would be sent everything
  std::string reason;  // why, in words
};

struct SwitchPlan {
  std::string kind;  // "failover" or "switchover"
  std::string master;
  base::Endpoint from;
  base::Endpoint to;                   // empty: nobody can take over
  std::string why_that_one;            // of `to`
  std::string how;                     // "coordinated by FAILOVER of the node"
  std::vector<std::string> obstacles;  // it would be refused or fail because of these
  std::int64_t behind_bytes = -1;      // what the candidate lacks now; -1: unknown
  std::int64_t catch_up_ms = -1;       // at the rate at which it was seen to receive; -1: unknown
  std::int64_t gap_ms = -1;            // how long no write is accepted
  std::string gap_basis;               // where that number comes from
  std::vector<SyncForecast> syncs;     // everybody who would follow it, the old master too
  std::vector<std::string> drift;      // settings that would change with the master
  std::vector<std::string> risks;

  bool possible() const { return obstacles.empty() && !to.empty(); }
};

// `earlier` and `topology` are two looks, `apart` between them; `topology` was asked thoroughly. `outlook` is SENTINEL
// EXPLAIN, `history` the decisions of SENTINEL HISTORY, newest first. `to`: the wished replica, or empty.
SwitchPlan MakePlan(const std::string& kind, const Topology& earlier, const Topology& topology,
                    std::chrono::milliseconds apart, const nlohmann::json& outlook, const nlohmann::json& history,
                    const base::Endpoint& to);

std::string RenderPlan(const SwitchPlan& plan, std::size_t width, const Paint& paint);
nlohmann::ordered_json PlanJson(const SwitchPlan& plan);

}  // namespace cli
