// A decision as words, one field each: for <config>.vigil, and for peers.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "sentinel/core/decision.h"

namespace sentinel {

// "number=3", "kind=failover", "agreed=<id>,1,120" ...: lists repeat their word. Never with control characters.
// O(size), at most some 100 words.
std::vector<std::string> EncodeDecision(const Decision& decision);

// Error kInvalid names the word. Unknown fields are an error, lists longer than their bounds too: what it returns is
// within the bounds of decision.h whoever wrote the words.
base::Result<Decision> DecodeDecision(std::span<const std::string> words);

// Longest such list, with room for fields to come.
inline constexpr std::size_t kMaxDecisionWords = 160;

// A text within the bounds of a remark, without control characters.
std::string Clean(std::string_view text);

// "2026-11-22 19:40:01.123 UTC".
std::string TimeText(base::WallTime at);

}  // namespace sentinel
