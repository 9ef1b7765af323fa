// Those who connected to us: their commands, from arrival to reply.
#pragma once

#include "replication/base/time.h"
#include "sentinel/core/action.h"
#include "sentinel/core/input.h"
#include "sentinel/core/state.h"

namespace sentinel {

// All commands of a sentinel, once: a table that holds some already stays as it is.
void FillCommandTable(serve::CommandTable& table);

void WelcomeClient(State& state, const ClientArrived& arrived, const base::Now& now, Actions& out);
// Runs one command; its reply leaves as a Reply action that carries the change it rests on, behind those to earlier
// commands of this client. While one of these is held (SENTINEL SET, a vote), commands about the connection itself
// (SUBSCRIBE, HELLO, CLIENT) are not run: they change how the replies before them are delivered.
void RunCommand(State& state, const ClientCommand& command, const base::Now& now, Actions& out);
void ForgetClient(State& state, const ClientGone& gone, Actions& out);

// Answers those who wait for a save: +OK, or the error when it failed. To be called by Step for every StateSaved,
// after `state.durable_change` has been raised. O(clients).
void AnswerAfterSave(State& state, const StateSaved& saved, const base::Now& now, Actions& out);

// The reply that a handler left for later (Call::ticket) can be given: runs `command` again for it. Nothing happens
// when the client is gone.
void AnswerHeld(State& state, serve::ClientId client, std::uint64_t ticket, const std::vector<std::string>& command,
                const base::Now& now, Actions& out);

}  // namespace sentinel
