// Fast-fail: a master whose process has died while its machine lives says so itself. Its connections end, and its port
// refuses new ones. `sentinel fast-fail <name> <ms>` (0: off, the default) lets it count as down then, without waiting
// for down-after: when an established link to it was lost, its port has refused connections for that long without
// interruption, and a quorum of ours finds the same. A stock sentinel among the voters switches it off: it could not
// say what it finds.
//
// A replica whose link to the master is still up speaks against it: then it is not the process that is gone, but our
// way to it, and silence and testimony decide.
//
// Source: spec/decisions.md A1, A4, A9.
#pragma once

#include <optional>
#include <string>

#include "sentinel/core/action.h"
#include "sentinel/core/input.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Why fast-fail would not act for this master now; empty when it would. For CKQUORUM and EXPLAIN.
std::optional<std::string> FastFailOffBecause(const State& state, const Master& master);

// The master's command link has ended, or an attempt to make it has failed.
void NoteConnectFailed(State& state, Master& master, LinkDown::Reason reason, const base::Now& now, Actions& out);
// A connection was made: whatever was refused before, the port is open now.
void NoteAccepted(State& state, Master& master, const base::Now& now, Actions& out);
// When the next attempt is due while it refuses: at a tenth of fast-fail, and exactly when that time is over. Empty
// when the ordinary pace is enough.
std::optional<base::MonoTime> NextFastAttempt(const Master& master, const base::Now& now);

// `SENTINEL REFUSED-PUSH <ip> <port> <0|1> <id>`: the peer `id` finds that the master's port has refused it for long
// enough, repeated each second while it lasts; or no longer. Reply: +OK, always.
void ApplyRefusedPush(State& state, const base::Endpoint& master, bool refused, const base::RunId& from,
                      const base::Now& now, Actions& out);

// Counts who finds it refusing; the master counts as down, or no longer, when that crosses the quorum.
void JudgeFastFail(State& state, Master& master, const base::Now& now, Actions& out);
// Another address: nothing of the former one stands.
void ForgetRefusals(Master& master);

}  // namespace sentinel
