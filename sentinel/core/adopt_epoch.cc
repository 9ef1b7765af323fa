#include "sentinel/core/adopt_epoch.h"

#include <fmt/format.h>

#include "sentinel/core/vote.h"

namespace sentinel {

base::Result<ChangeNumber> AdoptEpochByOrder(State& state, base::Epoch epoch, Actions& out) {
  if (epoch < state.current_epoch) {
    return base::Fail(base::ErrorCode::kInvalid,
                      fmt::format("ERR the epoch is {} already, and never falls", state.current_epoch.value));
  }
  if (epoch.value > kLargestEpoch) {
    return base::Fail(base::ErrorCode::kInvalid, fmt::format("ERR an epoch is at most {}", kLargestEpoch));
  }
  AdoptEpoch(state, epoch, out);
  return state.epoch_change;
}

}  // namespace sentinel
