// The link on which a planned failover talks to the master: opened for it, and never used for a hello.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"
#include "sentinel/core/watched.h"

namespace sentinel {

// A master that is told to follow this address follows nobody: it refuses writes and keeps all it has.
inline constexpr std::string_view kDeadEndHost = "127.0.0.1";
inline constexpr std::uint16_t kDeadEndPort = 1;

// Connects to the master, unless that is under way; closes for good. Closing drops what has not left.
void OpenSteps(State& state, Master& master, const base::Now& now, Actions& out);
void CloseSteps(State& state, Master& master, Actions& out);

// False when the link is not up. The answer comes to TakeStep(). Leaves when `change` is durable.
bool SayStep(State& state, Master& master, StepKind step, std::vector<std::string> words, ChangeNumber change,
             const base::Now& now, Actions& out);
// Whatever the answer.
void SayIgnored(State& state, Master& master, std::vector<std::string> words, ChangeNumber change, Actions& out);

// No hello goes to this node now: it would wait behind a pause, or lengthen a history that is being compared.
bool HelloWithheld(const Master& master, const Watched& to);

}  // namespace sentinel
