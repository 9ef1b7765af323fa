// Those who connected to us: their commands, from arrival to reply.
#pragma once

#include "replication/base/time.h"
#include "sentinel/core/action.h"
#include "sentinel/core/input.h"
#include "sentinel/core/state.h"

namespace sentinel {

void WelcomeClient(State& state, const ClientArrived& arrived, const base::Now& now, Actions& out);
// Runs one command; its reply leaves as a Reply action that carries the change it rests on.
void RunCommand(State& state, const ClientCommand& command, const base::Now& now, Actions& out);
void ForgetClient(State& state, const ClientGone& gone, Actions& out);

}  // namespace sentinel
