// What of ours works only among ours, and which stock voter or stock node switches it off. Source: spec/decisions.md
// A1.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sentinel/core/state.h"

namespace sentinel {

// Names and states, in a fixed order, for EXPLAIN: "possible", "on, after 200 ms", "off: <who> is stock".
std::vector<std::pair<std::string_view, std::string>> FeaturesOf(const State& state, const Master& master,
                                                                 const base::Now& now);

// For CKQUORUM: which features stock voters switch off; empty when there are none. fast-fail is mentioned when it is
// set, whatever switches it off.
std::string SwitchedOffBy(const State& state, const Master& master);

}  // namespace sentinel
