// Which address do the others name, under which config epoch, and in which epoch have they voted? Asked without casting
// votes: before a returning master is demoted (A7), and to settle a conflict of addresses (A11).
//
// Sentinels of ours answer in one word of their own (SENTINEL CONFIGURATION). Stock ones are asked two questions that
// they know: SENTINEL MASTER, and is-master-down-by-addr with epoch 0 and our id, to which they reply with the vote
// that they have given. (Tried with 7.0.15: the epoch of the vote comes back, nothing is cast, nothing is saved.)
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Asks every other sentinel of the master that is connected. Answers to earlier surveys count no more.
void BeginSurvey(State& state, Master& master, const base::Now& now, Actions& out);

// An answer. A configuration newer than ours is adopted; whoever waits for the survey is told.
void TakeSurvey(State& state, Peer& peer, const Command& asked, const ReplyValue& reply, const base::Now& now,
                Actions& out);

// What the answers so far mean for the address that we name.
struct AddressAgreement {
  int agree = 1;            // sentinels that name it at our config epoch or a later one, ourselves included
  bool newer_vote = false;  // one of them, or we, voted in an epoch beyond our config epoch: a switch may be under way
};
AddressAgreement AgreementOn(const State& state, const Master& master);

// What SENTINEL CONFIGURATION answers of us. `change` is what it rests on.
struct OwnConfiguration {
  SurveyAnswer answer;
  ChangeNumber change = 0;
};
OwnConfiguration ConfigurationOf(const State& state, const Master& master);

}  // namespace sentinel
