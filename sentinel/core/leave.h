// Leaving in good order: peers of ours are told, so that our silence is no alarm to them.
//
// A good-bye changes no majority: whoever left is still a voter, down as far as counting goes; only +sdown, and the
// script that it would run, are left out, until it has come back.
// Source: spec/decisions.md A12.
#pragma once

#include <string_view>

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

inline constexpr std::string_view kGoodBye = "good-bye";

// SIGTERM, SIGINT, SHUTDOWN: says good-bye to every peer that understands it, and stops when they have heard it, or
// after a fifth of a second. Asked again, it stops at once.
void Leave(State& state, const base::Now& now, Actions& out);
// One has heard it.
void GoodByeHeard(State& state, Actions& out);
// They have had their time.
void LeaveDue(State& state, Actions& out);

// `SENTINEL GOOD-BYE <id>`: that peer is leaving. What it leads, others may lead at once.
void TakeGoodBye(State& state, const base::RunId& from, const base::Now& now, Actions& out);
// Does this peer's silence follow from its good-bye?
inline bool HasLeft(const Peer& peer) {
  return peer.left_at.has_value();
}
// It has answered: one that left and answers on a later connection is back.
void NoteAnswer(Peer& peer);

}  // namespace sentinel
