// May we do at a master what a planned failover needs? Asked by commands that the master refuses by their arguments,
// or, before it looks at those, for want of the right: nothing happens by them. Only when somebody wants to know: every
// refused right leaves a line in the master's ACL LOG.
#pragma once

#include <string>

#include "sentinel/core/action.h"
#include "sentinel/core/call.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Was the command refused for want of a right, or because it does not exist there?
bool IsForbidden(const ReplyValue& reply);

// When the rights at `master` are not known as of this moment, asks for them and leaves the reply for later: the
// command is run again when they are known, or after half a second. False: nothing is worth waiting for, answer now.
bool AwaitRights(Call& call, Master& master);
// A reply to one of the questions; Command::serial says to which.
void TakeRights(State& state, Master& master, const Command& asked, const ReplyValue& reply, const base::Now& now,
                Actions& out);
// Those that have waited for long enough are answered without.
void RightsDue(State& state, const base::Now& now, Actions& out);

// How a plain SENTINEL FAILOVER would be done now: "coordinated by ...", ", missing right: ..." for what would have
// been gentler; "forced: ...", "not possible: ...", "unknown: ...".
std::string PlannedFailoverOutlook(const Master& master, const base::Now& now);

}  // namespace sentinel
