// Who reaches whom, as each of them says; and all that `show` tells of them. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sentinel/cli/terminal.h"
#include "sentinel/cli/topology.h"

namespace cli {

struct Link {
  std::string from;  // an address, or "here"
  std::string to;
  std::string kind;  // "asks" (we, just now), "watches" (a sentinel), "follows" (a replica)
  bool reaches = false;
  std::int64_t rtt_us = -1;          // of a question from here; -1: not measured
  std::int64_t last_answer_ms = -1;  // how old the latest proof of life is; -1: unknown
  std::string note;                  // why not
};

// From here to everybody; from each sentinel that answers to every node and peer it knows; from each replica to the
// master that it follows. Of who does not answer nothing is known but that.
std::vector<Link> FindLinks(const Topology& topology);
nlohmann::ordered_json LinksJson(const std::vector<Link>& links);

// Rows are who asks, columns who is asked, by number: 80 columns hold ten servers.
std::string RenderMatrix(const Topology& topology, const std::vector<Link>& links, const Paint& paint);

// `outlook`: SENTINEL EXPLAIN, or an empty object beside stock sentinels.
std::string RenderShow(const Topology& topology, const nlohmann::json& outlook, const Paint& paint);

}  // namespace cli
