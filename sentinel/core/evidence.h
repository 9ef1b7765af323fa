// Writes decisions down while they are made. Each function is called where the thing happens, in one line; none of them
// decides anything, and none makes a promise wait.
//
// Whoever adds a decision of another sort: NoteDecision() for a thing of its own ("returning-master-demoted"),
// Remark() for something that belongs to what is going on (a hold, an abort, a method that was not possible).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "sentinel/core/action.h"
#include "sentinel/core/choose_replica.h"
#include "sentinel/core/state.h"

namespace sentinel {

// --- For everybody ---

// A single thing that was decided. `kind` is one word ("pause", "foreign-node"), `detail` a sentence that a person
// reads. Kept by the next save, which it asks for; nothing waits for that.
void NoteDecision(State& state, Master& master, std::string_view kind, std::string_view detail, const base::Now& now,
                  Actions& out);
// Beside what is being decided now; without an open decision it is dropped. A sentence; the time is put before it.
// The same text twice in a row is kept once.
void Remark(Master& master, std::string_view text, const base::Now& now);
// Events that are written down without being asked: a table in evidence.cc says which, and which of them are decisions
// of their own when nothing else is going on.
bool IsRemarkable(std::string_view event);
// Ends a step: takes the events that it announced.
void TakeRemarkable(State& state, const base::Now& now, Actions& out);

// --- The course of a failover ---

// `master.down_cause` and `master.liveness` say why and since when. Opens a decision.
void NoteDown(State& state, Master& master, const base::Now& now);
void NoteBack(State& state, Master& master, const base::Now& now, Actions& out);
// Objectively down: `master.sentinels` say who agrees.
void NoteAgreed(State& state, Master& master, const base::Now& now);
// We stand for election in `master.failover.epoch`. Opens a decision when an operator asked for it.
void NoteStanding(State& state, Master& master, const base::Now& now);
// Votes are counted from `master.vote` and `master.sentinels`.
void NoteElected(State& state, Master& master, const base::Now& now);
void NoteSelected(Master& master, const std::vector<Candidate>& ranked, const base::Now& now);
void NotePromotionSent(Master& master, const base::Now& now);
// The promoted replica says that it is a master; its address is published with `master.failover.change`.
void NotePromoted(State& state, Master& master, const Replica& promoted, const base::Now& now);
// The attempt of ours has come to nothing, for the reason that `event` names.
void NoteAborted(State& state, Master& master, std::string_view event, const base::Now& now, Actions& out);
// The address is another one now; `leader` brought it: ourselves when our failover has ended. Called before
// `master.address` changes.
void NoteSwitched(State& state, Master& master, const base::Endpoint& to, const base::RunId& leader,
                  const base::Now& now, Actions& out);
// The node at `address` has said this of its replication: is it the old master of a switch whose loss is not settled?
void NoteInfo(State& state, Master& master, const base::Endpoint& address, const InfoReport& info, Actions& out);
// A save is durable: publications that waited for it are done.
void NoteDurable(State& state, const base::Now& now, Actions& out);

// The ranking in words: each with its rank, and why it stands there or cannot be chosen. At most kListedPerDecision.
std::vector<Considered> Considerations(const std::vector<Candidate>& ranked);

// --- Between sentinels ---

// `SENTINEL DECISION <master> <id> <word> ...`: the leader `id` tells what its failover looked like; the words are
// those of decision_text.h. Completes what we saw ourselves, or is kept as it is. Reply: +OK, also when master or peer
// are unknown; an error when the words cannot be read.
base::Result<void> ApplyReport(State& state, std::string_view master, const base::RunId& from,
                               std::span<const std::string> words, const base::Now& now, Actions& out);

}  // namespace sentinel
