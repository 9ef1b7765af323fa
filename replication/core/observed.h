// What the server has seen of its own work: durations of commands, slow ones, delays, who looks on.
#pragma once

#include "replication/core/state.h"

namespace replication {

struct Observed {};

}  // namespace replication
