// INFO of a sentinel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "replication/base/time.h"
#include "sentinel/core/state.h"

namespace sentinel {

struct InfoText {
  std::string text;
  ChangeNumber change = 0;  // the addresses in it rest on this change
};

// The sections asked for (all of them when none is), in their usual order; unknown names are skipped.
// O(masters) with the section "sentinel".
// Source: spec/sentinel.md 1.5; field names as a running redis-sentinel 7.0 prints them.
InfoText DescribeSentinel(const State& state, const std::vector<std::string_view>& sections, const base::Now& now);

}  // namespace sentinel
