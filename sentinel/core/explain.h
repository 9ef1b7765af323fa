// SENTINEL EXPLAIN: what would happen to a master now. Looks at the same functions that decide. Field by field:
// sentinel/core/README.md.
#pragma once

#include "sentinel/core/call.h"

namespace sentinel {

void ExplainCommand(Call& call);

}  // namespace sentinel
