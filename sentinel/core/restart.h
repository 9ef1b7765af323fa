// A master that came back with less than its replicas hold: empty, or without its last writes. Left alone it would take
// the difference from them, too.
//
// Source: spec/decisions.md A8.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// The configured master has another run id than before; `master.info` still is what the process before said. Its
// replicas are asked what they hold.
void NoteRestart(State& state, Master& master, const base::Now& now, Actions& out);

// An INFO of the master or of one of its replicas has arrived: judges, once the master has loaded its data, whether a
// replica that still follows the old history is ahead of it. Announces +empty-master and -empty-master; by policy the
// master counts as down from then on.
void JudgeRestart(State& state, Master& master, const base::Now& now, Actions& out);
// The restart timer: a master that is loading is asked again.
void RestartDue(State& state, Master& master, const base::Now& now, Actions& out);

// It holds less than a replica, whatever the policy is.
bool CameBackEmpty(const Master& master);
// Is what it says of its replicas to be believed? A process that has just come up in its place may be another
// cluster's, until it has been judged.
bool IsTrusted(const Master& master);

// Since when the master counts as down because of that; empty when it does not.
std::optional<base::MonoTime> EmptiedSince(const Master& master);
// It counts as down for that reason, and the operator wants to decide.
bool IsHeld(const Master& master);

}  // namespace sentinel
