// What nodes and peers do to us that they should not: refused passwords, replies beyond all measure. Counted, and
// announced once for each of them until it has behaved again.
#pragma once

#include <string_view>

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"
#include "sentinel/core/watched.h"

namespace sentinel {

// The limits of what is kept on others' word. What lies beyond is dropped and counted (INFO, section Sentinel).
inline constexpr std::size_t kMaxReplicas = 250;   // of one master
inline constexpr std::size_t kMaxSentinels = 100;  // of one master
inline constexpr std::size_t kMaxHelloBytes = 2048;
inline constexpr std::size_t kMaxInfoKept = 128 << 10;  // of each node's INFO text, for INFO-CACHE

// The answer to our AUTH.
void NoteAuth(State& state, const Watched& watched, const ReplyValue& reply, Actions& out);
// The answer to a PING: a node that wants a password, or gives our user no right to ask, says so here.
void NoteRefusal(State& state, const Watched& watched, const ReplyValue& reply, Actions& out);
// A reply that was too large, malformed, or asked for by nobody.
void NoteOffence(State& state, const Watched& watched, std::string_view what, Actions& out);
// It has answered INFO as it should. Its next offence is announced again when its connection has stood for 10 s: one
// that answers INFO and then breaks every connection is told once.
void NoteGoodConduct(const Watched& watched, const base::Now& now);

// One more replica or sentinel of `master` would be too many: counted, announced once.
bool TooManyReplicas(State& state, Master& master, Actions& out);
bool TooManySentinels(State& state, Master& master, Actions& out);

// "slave 127.0.0.1:7001 127.0.0.1 7001 @ mymaster ...": a peer under the first master that it watches with us.
std::string DescribeAny(const State& state, const Watched& watched);

}  // namespace sentinel
