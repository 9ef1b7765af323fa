// Nodes of other clusters at addresses that we know: never given a role by us.
//
// An address is used again (a container that got it, a port of another set): what answers there may be somebody else's
// master, and one SLAVEOF would destroy its data. Source: spec/decisions.md A7.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/state.h"

namespace sentinel {

// A hello about another master was heard through a node of ours. Two names for one and the same master are none of
// this.
void NoteForeignHello(State& state, const Hello& hello, InstanceId via, const base::Now& now, Actions& out);

// The node is another process than before: what was heard before this connection was not about it.
void ForgetForeignHello(DataNode& node);

// Does the node belong to another cluster? Because of such a hello; because another master of ours has its address; or
// because it is a master with replicas that we do not know, unless it is the process that was our master or has its
// history. Announces +foreign-node and -foreign-node when that changes. O(its replicas + masters).
bool IsForeign(State& state, const Master& master, Replica& replica, Actions& out);

// May it be told whom to follow? It is one of ours, as far as the process on this very connection has said.
bool MayBeOrdered(const Replica& replica);

}  // namespace sentinel
