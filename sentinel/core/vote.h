// Votes: what we promise to a candidate, and what we answer to those who ask about a master.
//
// An election is about one master, and a vote is judged by what was promised about that master alone: it is given in
// an epoch later than our last vote there, later than the configuration that we know, and later than what we may have
// promised and forgotten. The election clock `current_epoch`, which all masters share, is only where candidates take
// their next number from. (Stock refuses every epoch below its clock. When hundreds of masters fail at once, each
// candidate's attempt lifts the clock and voids the questions of all the others that are still on their way.)
//
// Why no epoch of a master has two leaders: a leader has the votes of a majority, two majorities share a sentinel, and
// no sentinel votes twice in one epoch of one master. `vote.epoch` only grows while the master is watched, RESET keeps
// it, and it is durable before anybody is told. Where it is lost, by REMOVE and MONITOR, by a file that was edited or
// that a stock sentinel has written, `vote_floor` stands in for it: every vote adopts its epoch, so that the clock,
// which is never lost and never falls, is at or beyond all of them.
// Why an old leader does no harm: whoever has voted later, or knows a later configuration, refuses him at his last
// look (failover.h); a majority that has elected a later one shares a sentinel with his.
// Stock voters go on refusing by their clock, which costs an attempt, and stock candidates ask in epochs at their own:
// both are told no more than what they could hear from a stock voter whose clock is behind.
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

// Could a vote still be given in `epoch`? Says nothing of who leads now.
bool MayVoteIn(const Master& master, base::Epoch epoch);

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
