// The `sentinel ...` lines of sentinel.conf, as rows.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/time.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Lines may come in any order, so they are applied in this one. Source: spec/sentinel.md 1.1.
enum class DirectivePass : std::uint8_t { kSelf, kMonitor, kMasters };

struct SentinelDirective {
  // `words` begin with the directive's name. Empty, or the reason why the line is refused.
  using ApplySelf = std::string (*)(State& state, const std::vector<std::string>& words, const base::Now& now);
  using ApplyMaster = std::string (*)(State& state, Master& master, const std::vector<std::string>& words,
                                      const base::Now& now);

  std::string_view name;  // lower case
  std::size_t min_words;  // the name included
  std::size_t max_words;
  DirectivePass pass;
  ApplySelf self;      // one of these two;
  ApplyMaster master;  // this one finds words[1] resolved to a master
};

std::span<const SentinelDirective> SentinelDirectives();

// Longest period that a setting may name: it must fit behind any moment without overflow.
inline constexpr base::Millis kLongestPeriod{1'000'000'000'000};

}  // namespace sentinel
