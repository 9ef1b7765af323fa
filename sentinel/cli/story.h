// A decision of SENTINEL HISTORY told in sentences, with its times and numbers. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace cli {

// What a decision looks like when it is told: one sentence or two in each element, in the order of events.
std::vector<std::string> TellDecision(const nlohmann::json& decision);

// What is going on now, from SENTINEL EXPLAIN: who is the master, what a failover waits for, what stands in its way.
std::vector<std::string> TellNow(const nlohmann::json& outlook);

// 1203 -> "1.2 s", 45 -> "45 ms", 125000 -> "2 min 5 s".
std::string LengthInWords(long long ms);

// `text` in lines of at most `width`, broken between words; the lines after the first begin with `indent` spaces.
std::string Wrap(const std::string& text, std::size_t width, std::size_t indent = 0);

}  // namespace cli
