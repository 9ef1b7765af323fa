// Objective down: how many sentinels agree, and whether enough could.
//
// Source: spec/sentinel.md 2.7, 2.8.
#pragma once

#include <vector>

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

// Asks the peers whether they see `master` down, those that are due; all of them when `at_once`. With our id when we
// stand for election, with "*" otherwise.
void AskPeers(State& state, Master& master, bool at_once, const base::Now& now, Actions& out);

// A peer's answer to such a question.
void TakeOpinion(State& state, Peer& peer, const Command& asked, const ReplyValue& reply, const base::Now& now,
                 Actions& out);

// Counts the opinions that have not expired, and announces +odown or -odown when the count has crossed the quorum.
void JudgeObjectiveDown(State& state, Master& master, const base::Now& now, Actions& out);

}  // namespace sentinel
