// Two sentinels name different addresses under one config epoch: nobody is right by that alone. An election settles it:
// the winner publishes, under its new epoch, the address that most sentinels reach as a master; on a tie the one that
// the sentinel with the smallest id names.
//
// How it comes about: failovers forced on both sides of a cut, a configuration file that was copied or restored. At
// epoch 0, where no election has ever chosen anything, two living masters under one name are an operator's
// contradiction, perhaps two clusters of the same name: that is announced and left to the operator, since settling it
// would destroy one of the two data sets.
//
// Source: spec/decisions.md A11.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/state.h"

namespace sentinel {

// `hello` names another address at our own config epoch: announces it once, and has it settled.
void NoteConflict(State& state, Master& master, Opinion& opinion, const Hello& hello, const base::Now& now,
                  Actions& out);

// The settle timer: stands for election, or draws the conclusion from what has been answered by now.
void ConflictDue(State& state, Master& master, const base::Now& now, Actions& out);

// The election that was to settle a conflict is won: asks which address everybody reaches.
void ConflictElectionWon(State& state, Master& master, const base::Now& now, Actions& out);
// The last look (A4) that comes before the address is published: more is known of it, or it has to be begun anew.
void ConflictLooked(State& state, Master& master, const base::Now& now, Actions& out);
// An answer to the winner's question has arrived.
void SurveyOfConflict(State& state, Master& master, const base::Now& now, Actions& out);

// Makes a question about the master (MakeQuestion) one about the address under which `peer` knows it: about another one
// it could not answer.
void NameAsKnownTo(const Master& master, const base::RunId& peer, Command& question);

}  // namespace sentinel
