// SENTINEL FORGET: a replica or sentinel that is gone for good stops being counted, pinged and listed, here and at all
// peers of ours.
//
// Refused for what is alive or attached. A tombstone keeps others' mentions from bringing it back: a sentinel's ends
// with its own next hello, a replica's when the master's INFO lists it again. Stock sentinels hear nothing of it; while
// one of them still counts a forgotten sentinel we count it too, so that no majority of ours is smaller than theirs.
// Source: spec/decisions.md A12.
#pragma once

#include <string>
#include <string_view>

#include "replication/base/result.h"
#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

inline constexpr std::string_view kForgotten = "forgotten";

// Beyond this many tombstones of a master the oldest go.
inline constexpr std::size_t kMaxTombstones = 256;

struct ForgetResult {
  std::string reply;  // "OK", or with what stock voters make of it
  ChangeNumber change = 0;
};
// `what`: an id of forty digits, or "host:port", "[::1]:port". Errors carry the text of the reply.
base::Result<ForgetResult> Forget(State& state, Master& master, std::string_view what, const base::Now& now,
                                  Actions& out);

// What a peer of ours has forgotten: `SENTINEL FORGOTTEN <name> sentinel|replica <id|-> <ip> <port> <unix-ms> <by>`.
// kInvalid when it is alive or attached here, or was heard of since; in the former case it is looked at again for some
// time, since two sentinels seldom find the same in the same millisecond. Nothing happens for an unknown master, or
// when we have forgotten it too. Otherwise returns the change.
base::Result<ChangeNumber> TakeForgotten(State& state, const std::string& master, const Tombstone& stone,
                                         const base::Now& now, Actions& out);
std::vector<std::string> ForgottenNotice(const Master& master, const Tombstone& stone);
struct ForgottenNoticeRead {
  std::string master;
  Tombstone stone;
};
base::Result<ForgottenNoticeRead> ReadForgottenNotice(const std::vector<std::string>& fields);
// The answer of a peer to `SENTINEL FORGOTTEN`: an array of such notices.
void TakeForgottens(State& state, const ReplyValue& reply, const base::Now& now, Actions& out);

// TimerKind::kForget: who could not be forgotten yet is forgotten now, or was heard of since, or is left alone after
// all.
void ForgetLaterDue(State& state, Master& master, const base::Now& now, Actions& out);

// The forgotten one is back: a sentinel has said hello, or the master's INFO lists a replica. Ends the tombstone.
void EndTombstone(State& state, Master& master, const Tombstone& back, Actions& out);

// Counts anew the forgotten sentinels that a stock peer still counts. After a change of members, of tombstones, or of
// what a peer is.
void CountSilentVoters(State& state, Master& master);
// Asks the stock peers of `master` how many sentinels they count; nothing while we have forgotten none.
void AskVotersThere(State& state, Master& master, Actions& out);
void TakeVotersThere(State& state, const Peer& peer, const std::string& master, const ReplyValue& reply);

}  // namespace sentinel
