// SENTINEL ADOPT-EPOCH: the operator's way out when an epoch is too far ahead to be believed of one peer (A11).
#pragma once

#include "replication/base/result.h"
#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// The largest epoch that every sentinel can say: answers about votes carry it as a signed number.
inline constexpr std::uint64_t kLargestEpoch = 0x7FFFFFFFFFFFFFFE;

// Raises our election clock to `epoch`, announces it, saves. Returns the change that the reply promises. The same epoch
// again is fine; an error, with the text of the reply, for an older one and for one beyond kLargestEpoch.
base::Result<ChangeNumber> AdoptEpochByOrder(State& state, base::Epoch epoch, Actions& out);

}  // namespace sentinel
