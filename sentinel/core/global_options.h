// SENTINEL CONFIG and SENTINEL DEBUG: settings of the whole sentinel, at run time.
//
// Source: spec/sentinel.md 1.3, 1.4.
#pragma once

#include "sentinel/core/call.h"

namespace sentinel {

// SENTINEL CONFIG GET <pattern> | SET <option> <value>.
void ConfigCommand(Call& call);
// SENTINEL DEBUG [<period> <ms> ...]: shows or sets the periods of the protocol. Not kept in the file.
void DebugCommand(Call& call);

}  // namespace sentinel
