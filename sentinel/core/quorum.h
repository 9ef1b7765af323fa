// Objective down: how many sentinels agree, and whether enough could.
//
// Source: spec/sentinel.md 2.7, 2.8.
#pragma once

#include <optional>

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Sentinels that count in a majority: all ever learned, dead ones included, and ourselves.
int VotersOf(const Master& master);
int MajorityOf(const Master& master);

// SENTINEL CKQUORUM. `usable` are ourselves and the peers that are not down.
struct QuorumReport {
  int usable = 1;
  int voters = 1;
  bool quorum_reachable = false;
  bool majority_reachable = false;
};
QuorumReport CheckQuorum(const State& state, const Master& master);

// A peer sees the master down, and said so lately: an opinion that is not renewed for 5 s is worth nothing, since the
// word that took it back may have been lost with a connection.
bool CountsAsDown(const State& state, const Opinion& opinion, const base::Now& now);

// `master` has become, or is no longer, subjectively down: peers are asked and told.
void MasterDownChanged(State& state, Master& master, const base::Now& now, Actions& out);

// Asks one peer whether it sees `master` down: for its vote while we stand for election, with "*" otherwise. Nothing is
// sent while the link is down.
void AskPeer(State& state, Master& master, Peer& peer, const base::Now& now, Actions& out);
// The ask timer: asks those that are due. Stock peers every 50 to 100 ms, since they never push; ours now and then.
void AskDue(State& state, Master& master, const base::Now& now, Actions& out);
// The question itself, also that of a last look.
Command MakeQuestion(const State& state, const Master& master, Request request, std::uint64_t serial, base::Epoch epoch,
                     bool with_vote);

// What a peer says, as it answers: stores opinion and vote. Empty when the reply is not one.
struct PeerAnswer {
  bool down = false;
  base::RunId leader;  // empty: "*"
  base::Epoch epoch;
};
std::optional<PeerAnswer> ParseAnswer(const ReplyValue& reply);
void TakeOpinion(State& state, Peer& peer, const Command& asked, const ReplyValue& reply, const base::Now& now,
                 Actions& out);
// One peer's opinion has arrived by whatever way.
void NoteOpinion(State& state, Master& master, Opinion& opinion, bool down, const base::Now& now, Actions& out);

// Counts the opinions that have not expired, and announces +odown or -odown when the count has crossed the quorum.
void JudgeObjectiveDown(State& state, Master& master, const base::Now& now, Actions& out);

}  // namespace sentinel
