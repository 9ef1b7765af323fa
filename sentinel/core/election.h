// Who leads a failover: standing, counting votes, and leaving the field to others.
//
// Source: spec/sentinel.md 2.9; spec/decisions.md A3.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Sets the moment of our next attempt: after our rank among the live peers of ours, not while another leader has the
// field, not before a retry or a back-off allows it. Nothing when the master is not objectively down.
void ScheduleStand(State& state, Master& master, const base::Now& now, Actions& out);
// That moment has come: stands for election, or asks for pre-votes first.
void StandDue(State& state, Master& master, const base::Now& now, Actions& out);

// Raises the epoch, votes for ourselves, asks the others. `forced`: by an operator.
void Stand(State& state, Master& master, bool forced, const base::Now& now, Actions& out);
// Counts the votes for the epoch in which we stand, and draws the conclusion when there is one.
void CountVotes(State& state, Master& master, const base::Now& now, Actions& out);
// The attempt has lasted as long as it may.
void ElectionOver(State& state, Master& master, const base::Now& now, Actions& out);
// A save ended: own votes that have become durable are counted.
void OwnVotesAreDurable(State& state, const base::Now& now, Actions& out);

// The disk has refused, and takes our state again. While it refuses we do not stand: votes that cannot be saved count
// for nobody, ours included. Now attempts begin anew, without the delays of those that came to nothing.
void SavesWorkAgain(State& state, const base::Now& now, Actions& out);

void TakePreVote(State& state, Peer& peer, const Command& asked, const ReplyValue& reply, const base::Now& now,
                 Actions& out);

// Those who could not answer yet are asked again.
void AskPreVotesAgain(State& state, Master& master, const base::Now& now, Actions& out);

// Drops the question for pre-votes that is under way.
void EndPreVote(State& state, Master& master);

// Are there as many live sentinels, ourselves included, as an election needs votes? Without them standing would only
// raise the epoch.
bool MajorityInReach(State& state, const Master& master);

// Our vote is given away, or another has won: that leader has the field for a while, and an attempt of ours that is
// not beyond its irreversible command ends.
void LeaveFieldTo(State& state, Master& master, const base::RunId& leader, base::Epoch epoch, const base::Now& now,
                  Actions& out);
// A leader that is down has no field.
void LeaderIsDown(State& state, const base::RunId& leader, const base::Now& now, Actions& out);
// Is somebody else leading, as far as we know, and within its patience?
bool FieldIsTaken(const Master& master, const base::Now& now);

// Does anybody we know of stand in a newer epoch than the one in which we stand or lead?
bool NewerEpochKnown(const Master& master);

// Our position among the live sentinels of ours: who comes first acts first, and mostly alone. The order is that of the
// ids, in a circle that begins at a place given by the master's name, so that everybody who sees the same sentinels
// alive computes the same order, and of many masters that fail at once each sentinel leads its share.
int RankOf(State& state, const Master& master);

// An attempt came to nothing: when the next may begin. Doubles from a fraction of a second to 10 s.
void RetryLater(State& state, Master& master, const base::Now& now);
// A failover of this master has happened: for the back-off from the third within 60 s on.
void NoteFailover(Master& master, const base::Now& now);
// How long the next one waits on account of the recent ones.
base::Millis BackOffOf(const Master& master, const base::Now& now);

}  // namespace sentinel
