// Just before an irreversible command, or the word about a disputed address, the leader asks once more: a majority,
// itself included, must again name exactly its id and epoch.
//
// Source: spec/decisions.md A4.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// They are asked afresh, or overridden by an operator's wish, after this.
inline constexpr base::Millis kLastLookWait{500};
// Others leave us the field for no longer.
inline constexpr base::Millis kLastLookPatience{3000};

// Asks all peers; when the cause was silence, the master as well (PING). Sets TimerKind::kLastLook.
void AskLastLook(State& state, Master& master, const base::Now& now, Actions& out);

enum class LookVerdict : std::uint8_t { kWait, kYes, kNo };
// What the answers to the look that is under way amount to by now.
LookVerdict JudgeLastLook(const State& state, const Master& master);

}  // namespace sentinel
