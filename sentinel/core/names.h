// Host names: resolved by the edge, connected to when the answer has come.
//
// Source: spec/sentinel.md 1.7.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/input.h"
#include "sentinel/core/state.h"
#include "sentinel/core/watched.h"

namespace sentinel {

// May this host be written down and connected to: an address, or a name when names are resolved?
bool MayBeHost(const State& state, std::string_view host);
// Is `wanted` the node at `address`, also known as `hostname`?
bool IsAt(const base::Endpoint& wanted, const base::Endpoint& address, const std::string& hostname);
// The address under which the master or a replica is filed that is announced as `endpoint`; `endpoint` itself when it
// is none of them.
base::Endpoint KnownAs(const Master& master, const base::Endpoint& endpoint);

// True when the instance's host still is a name; asks for its address then.
bool NeedsResolving(const Watched& watched, Actions& out);
// A connection to a host that is known by a name has failed, or others name another address for it: its name is looked
// up again, at most once a second. True when that has been asked now. A new address is taken over when the answer
// comes, unless a connection to the old one stands.
bool AskNameAgain(State& state, const Watched& watched, const base::Now& now, Actions& out);
// Gives the address to every instance that waits for it, and connects.
void TakeResolved(State& state, const NameResolved& resolved, const base::Now& now, Actions& out);

}  // namespace sentinel
