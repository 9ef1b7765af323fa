// Replicas that claim a role or follow a master other than agreed are corrected.
//
// Stock's rule: a claim that has stood for 8 s beside a sane master. A former master that returns is corrected sooner
// (returning.h), a node of another cluster never (foreign.h).
//
// Source: spec/sentinel.md 2.5.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"
#include "sentinel/core/watched.h"

namespace sentinel {

// Does it say that it follows `master` itself, by address or by name?
bool FollowsAgreed(const Master& master, const Replica& replica);

// Judges what the replica's last INFO claims. When it is wrong but not yet for long enough, a timer brings it back
// here at the moment from which it would be.
void CorrectReplica(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out);

// The master that the replicas are to follow is beyond doubt: it answers, it says that it is a master, and it said so
// lately.
bool LooksSane(const State& state, const Master& master, const base::Now& now);

// The transaction that changes a node's master, and makes its clients find out: MULTI, SLAVEOF, CONFIG REWRITE,
// CLIENT KILL TYPE normal, CLIENT KILL TYPE pubsub, EXEC; and an INFO behind it, so that the effect is seen in the
// same round trip. A node that was a master tells inside the transaction, too, where its history ends. `to` is null
// for NO ONE. Leaves when `change` is durable. The node's command link must be up.
void SendSlaveOf(const Master& master, DataNode& node, const base::Endpoint* to, ChangeNumber change,
                 const base::Now& now, Actions& out);

// The answer to that transaction: what a former master says of its history goes to the record of the failover.
void TakeSlaveOf(State& state, const Watched& watched, const ReplyValue& reply, Actions& out);

}  // namespace sentinel
