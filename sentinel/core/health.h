// Proof of life, and its absence: who is subjectively down.
//
// Source: spec/sentinel.md 2.3, 2.7; spec/decisions.md A2.
#pragma once

#include <optional>

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"
#include "sentinel/core/watched.h"

namespace sentinel {

// What is done again and again every `period` is done at moments that many have in common, so that one turn of the loop
// serves them all: the last such moment up to `at`, which is less than a twentieth of the period earlier. From one such
// moment to the next it is exactly the period.
base::MonoTime OnBeat(base::MonoTime at, base::Millis period);

// Masters: a twentieth of down-after, 10 ms to 1 s. Replicas and peers: a quarter of it, at most 1 s.
base::Millis PingPeriod(const Watched& watched);

// Sends a PING when the link is up and none is under way: a second one behind it could prove nothing earlier.
void SendPing(State& state, const Watched& watched, const base::Now& now, Actions& out);
// The ping timer.
void PingDue(State& state, const Watched& watched, const base::Now& now, Actions& out);

// Is this answer to PING a proof of life? +PONG, -LOADING and -MASTERDOWN are.
bool IsProofOfLife(const ReplyValue& reply);
void TakePong(State& state, const Watched& watched, const ReplyValue& reply, const base::Now& now, Actions& out);

// When the instance becomes, or became, down if nothing more is heard; and why.
struct DownDeadline {
  base::MonoTime at{};
  DownCause cause = DownCause::kSilence;
};
DownDeadline DownDeadlineOf(const State& state, const Watched& watched);

// Judges an instance at `now`: announces +sdown or -sdown when that has changed, with all that follows from it,
// and sets the timer for the next judgement.
void JudgeDown(State& state, const Watched& watched, const base::Now& now, Actions& out);
// The same in the middle of a turn: a PONG may still wait unread in its socket, so whoever would count as down now is
// left to the timer, which comes when all sockets have been read.
void ReviewDown(State& state, const Watched& watched, const base::Now& now, Actions& out);

}  // namespace sentinel
