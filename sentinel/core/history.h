// SENTINEL HISTORY: decisions as people and programs read them. Field by field: sentinel/core/README.md.
#pragma once

#include <string>

#include "replication/resp/reply_writer.h"
#include "sentinel/core/state.h"

namespace sentinel {

// One decision as a map; the first two fields, `time` and `summary`, are enough at three in the morning.
void ReplyDecision(const State& state, const Master& master, const Decision& decision, resp::ReplyWriter& reply);

// "failover from 127.0.0.1:6379 to 127.0.0.1:6380 in 1021 ms: no acceptable answer ...".
std::string Summary(const State& state, const Decision& decision);

// "10.0.0.3:26379 (5b9846da)", "this sentinel (5b9846da)": who a run id is. An unknown one is shown whole.
std::string NameOf(const State& state, const base::RunId& id);

}  // namespace sentinel
