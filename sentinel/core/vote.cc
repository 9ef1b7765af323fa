#include "sentinel/core/vote.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/changes.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/hello.h"

namespace sentinel {

bool MayVoteIn(const Master& master, base::Epoch epoch) {
  return epoch > std::max({master.vote.epoch, master.config_epoch, master.vote_floor});
}

Vote CastVote(State& state, Master& master, const VoteRequest& request, const base::Now& now, Actions& out) {
  const bool own = request.candidate == state.my_id;
  if (!own && !BelieveEpoch(state, request.candidate, request.epoch, now, out)) return master.vote;
  if (own) AdoptEpoch(state, request.epoch, out);
  if (!MayVoteIn(master, request.epoch)) return master.vote;  // asked before, or too late

  // A vote that a peer has counted must survive our crash: whoever tells it waits for the save that covers it, and so
  // does every repeated answer.
  master.vote = Vote{request.epoch, request.candidate, MarkChanged(state, out)};
  AnnounceEvent(state, &master, "+vote-for-leader", fmt::format("{} {}", request.candidate.hex, request.epoch.value),
                master.vote.change, out);
  if (!own) LeaveFieldTo(state, master, request.candidate, request.epoch, now, out);
  return master.vote;
}

Answer AnswerQuestion(State& state, const Question& question, const base::Now& now, Actions& out) {
  Answer answer;
  Master* master = FindMasterByAddress(state, question.master);
  if (master == nullptr) return answer;
  answer.down = master->liveness.down();
  if (question.candidate.empty()) return answer;
  // Nobody but we stands for us: who asks with our id reads the vote, and moves no clock.
  const bool stands = question.candidate != state.my_id;
  const Vote vote =
      stands ? CastVote(state, *master, VoteRequest{question.epoch, question.candidate}, now, out) : master->vote;
  if (!vote.candidate.empty()) answer.leader = vote.candidate.hex;
  answer.leader_epoch = vote.epoch;
  answer.change = vote.change;
  return answer;
}

void AdoptEpoch(State& state, base::Epoch epoch, Actions& out) {
  if (epoch <= state.current_epoch) return;
  state.current_epoch = epoch;
  state.epoch_change = MarkChanged(state, out);
  AnnounceEvent(state, nullptr, "+new-epoch", fmt::format("{}", epoch.value), state.epoch_change, out);
}

}  // namespace sentinel
