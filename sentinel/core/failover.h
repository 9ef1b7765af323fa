// A failover from the election to the last replica: one function per stage.
//
// Source: spec/sentinel.md 2.10; spec/decisions.md A3, A4, A5, A12.
#pragma once

#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "sentinel/core/action.h"
#include "sentinel/core/choose_replica.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Something that the present stage waits for may have changed: a connection, an INFO, a down state, a save.
void AdvanceFailover(State& state, Master& master, const base::Now& now, Actions& out);

// The election is won, or not needed: chooses among the replicas as soon as their answers allow it.
void BeginSelection(State& state, Master& master, const base::Now& now, Actions& out);
void SelectionDue(State& state, Master& master, const base::Now& now, Actions& out);

// The last look (A4): a peer's answer; the time after which it is asked afresh, or overridden by an operator's wish.
void TakeLastLook(State& state, Peer& peer, const Command& asked, const ReplyValue& reply, const base::Now& now,
                  Actions& out);
// Our own loop stood still, or a clock jumped: answers that are under way are about a time before. Those that were
// about to look for the last time look once more.
void RepeatLastLooks(State& state, const base::Now& now, Actions& out);
void LastLookDue(State& state, Master& master, const base::Now& now, Actions& out);

// The next INFO to the promoted replica is due; the next LEADING; and the end of our patience with the whole stage.
void PromotionDue(State& state, Master& master, const base::Now& now, Actions& out);
void LeadingDue(State& state, Master& master, const base::Now& now, Actions& out);
void FailoverTimeoutDue(State& state, Master& master, const base::Now& now, Actions& out);

// The command that makes `replica` a master has left us: from here on there is no way back but the attempt's end.
void PromotionIsOut(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out);
// It was refused: the last look has to be taken again.
void PromotionIsNotOut(Master& master, const base::Now& now);

// Ends an attempt before its promotion was seen, announces `event`, and lets the next one be scheduled.
void AbortFailover(State& state, Master& master, std::string_view event, const base::Now& now, Actions& out);

// Why each replica was or was not chosen, for the log.
void ExplainCandidates(const std::vector<Candidate>& ranked, Actions& out);

}  // namespace sentinel
