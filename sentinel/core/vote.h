// Votes: what we promise to a candidate, and what we answer to those who ask about a master.
//
// Source: spec/sentinel.md 2.8, 2.9; spec/decisions.md A3, A10.
#pragma once

#include <optional>
#include <string>

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

struct VoteRequest {
  base::Epoch epoch;
  base::RunId candidate;
};

// Gives, or repeats, this sentinel's vote for the leader of `request.epoch`. One vote per master and epoch: a later
// candidate is told the earlier one's id, so a repeated question is harmless. A higher epoch is adopted. Giving a
// vote away leaves the field to that candidate (A3). Whoever tells the vote promises `vote.change`.
Vote CastVote(State& state, Master& master, const VoteRequest& request, const base::Now& now, Actions& out);

// SENTINEL IS-MASTER-DOWN-BY-ADDR <ip> <port> <epoch> <id or *>.
struct Question {
  base::Endpoint master;
  base::Epoch epoch;
  base::RunId candidate;  // empty: "*", no vote is asked for
};
struct Answer {
  bool down = false;
  std::string leader = "*";
  base::Epoch leader_epoch;
  ChangeNumber change = 0;  // what the reply rests on
};
// An unknown master is answered [0, "*", 0], as stock does.
Answer AnswerQuestion(State& state, const Question& question, const base::Now& now, Actions& out);

// Takes over a newer election clock, and says so. No effect when `epoch` is not newer. The caller has judged whether
// it is to be believed (A11).
void AdoptEpoch(State& state, base::Epoch epoch, Actions& out);

}  // namespace sentinel
