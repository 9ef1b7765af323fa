// What SENTINEL HISTORY and SENTINEL EXPLAIN answer, for people and for programs. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "replication/base/result.h"
#include "sentinel/cli/redis_client.h"
#include "sentinel/cli/terminal.h"

namespace cli {

// One decision, or one outlook, as an object: RESP2 sends maps and lists alike as arrays, so it is their names that
// tell which is which. Error kInvalid: not an even number of fields.
base::Result<nlohmann::json> EvidenceFromReply(const Reply& reply);

// A decision of HISTORY: when and what in a line, below it how long each step took, who voted, and which replicas
// there were. Ends with a line feed.
std::string RenderDecision(const nlohmann::json& decision, const Paint& paint);

// EXPLAIN: what would happen now, what stands in the way, who counts, whom it would take.
std::string RenderOutlook(const nlohmann::json& outlook, const Paint& paint);

// A field as text, numbers too; empty when absent.
std::string Text(const nlohmann::json& map, const std::string& name);
// A field that is a list or a map; an empty list when absent.
const nlohmann::json& Part(const nlohmann::json& map, const std::string& name);

// "#bytes 0 #offset 5 #taken-over 5", the end of +failover-loss, in words.
std::string LossInWords(const std::string& rest);

}  // namespace cli
