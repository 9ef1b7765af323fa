// After a planned failover: the former master is told whom to follow, its configuration is written, its writes may go
// on (to nowhere), its clients are dropped; and what it had that the new one has not is reported as a loss.
//
// Source: spec/decisions.md A6.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

// The promotion is published: makes the former master, if it can be reached, follow `promoted`. Its part leaves when
// the promotion is durable.
void RetireMaster(State& state, Master& master, Replica& promoted, const base::Now& now, Actions& out);

// An answer of the former master: kCompare or kLast.
void TakeSettled(State& state, Master& master, StepKind step, const ReplyValue& reply, Actions& out);

// The attempt has ended without a promotion: the link of the steps is closed when what was said on it is answered.
void EndSteps(State& state, Master& master, const base::Now& now, Actions& out);

// It has not answered for too long; or, while a hand-over goes on, its link is to be made anew.
void SettleDue(State& state, Master& master, const base::Now& now, Actions& out);

}  // namespace sentinel
