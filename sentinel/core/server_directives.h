// The plain lines of sentinel.conf, those that redis.conf knows too, as rows.
#pragma once

#include <string>
#include <vector>

#include "sentinel/core/settings.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Takes one line. Empty, or the reason why it is refused. A directive of redis.conf 7.0 without meaning for a
// sentinel is accepted and remembered in `settings.ignored`; one that would weaken what the user believes to be in
// force (a rule of access, TLS) is refused.
std::string ApplyServerDirective(State& state, ProcessSettings& settings, const std::vector<std::string>& words);

}  // namespace sentinel
