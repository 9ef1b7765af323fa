// Our connections: opened, kept, and made anew.
//
// Source: spec/sentinel.md 2.2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sentinel/core/action.h"
#include "sentinel/core/input.h"
#include "sentinel/core/state.h"
#include "sentinel/core/watched.h"

namespace sentinel {

// Beyond this many requests without reply nothing periodic is sent on a link.
inline constexpr int kMaxPending = 100;

// Connects whichever of the instance's links is down. A peer that is known without a port is not connected.
void OpenLinks(State& state, const Watched& watched, const base::Now& now, Actions& out);
// Closes a link, and lets it be opened again at its pace.
void DropLink(State& state, const Watched& watched, Link& link, const base::Now& now, Actions& out);
// Closes both links for good: the instance goes away, or its address changes.
void CloseLinks(State& state, const Watched& watched, Actions& out);
// Drops what seems half-open: connected for a while, and nothing comes any more.
void DropIfHalfOpen(State& state, const Watched& watched, const base::Now& now, Actions& out);
// The time of a reconnection has come, or an attempt has lasted too long. `detail` tells which link.
void Reconnect(State& state, const Watched& watched, std::uint64_t detail, const base::Now& now, Actions& out);

void LinkCameUp(State& state, const LinkUp& up, const base::Now& now, Actions& out);
void LinkWentDown(State& state, const LinkDown& down, const base::Now& now, Actions& out);

// Sends a batch on a link that is up. The batch leaves when `change` is durable.
void SendBatch(Link& link, std::vector<Command> batch, ChangeNumber change, Actions& out);
void SendOne(Link& link, Command command, ChangeNumber change, Actions& out);
// Its reply has come: whose link that is. Empty when the link is gone, and with it whatever the reply was about.
std::optional<Watched> TakePending(State& state, const ReplyArrived& arrived);

// The word to send for a command to the nodes of `master`: rename-command may have changed it.
std::string Verb(const Master& master, std::string_view command);

}  // namespace sentinel
