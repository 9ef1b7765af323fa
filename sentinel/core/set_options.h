// SENTINEL SET: one master's settings, at run time. Checked whole before anything is applied.
#pragma once

#include <string>
#include <vector>

#include "replication/base/result.h"
#include "replication/base/time.h"
#include "replication/serve/command_row.h"
#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Applies `<option> <value> [<value>] ...` from words[3] on, announces +set for each, asks for a save. Returns the
// change to wait for. Error: the text of the reply; nothing has been applied then.
// Source: spec/sentinel.md 1.3.
base::Result<ChangeNumber> SetOptions(State& state, Master& master, const serve::Words& words, const base::Now& now,
                                      Actions& out);

}  // namespace sentinel
