// The maps of SENTINEL MASTER, REPLICAS and SENTINELS: names and values by position, as clients index them.
//
// Source: spec/sentinel.md 1.2, "Instance map"; order and values as a running redis-sentinel 7.0 prints them.
#pragma once

#include "replication/base/time.h"
#include "replication/resp/reply_writer.h"
#include "sentinel/core/state.h"

namespace sentinel {

void ReplyMaster(const State& state, const Master& master, const base::Now& now, resp::ReplyWriter& reply);
void ReplyReplica(const State& state, const Master& master, const Replica& replica, const base::Now& now,
                  resp::ReplyWriter& reply);
// `opinion` is what this peer said of the master that was asked about.
void ReplyPeer(const State& state, const Master& master, const Peer& peer, const Opinion& opinion, const base::Now& now,
               resp::ReplyWriter& reply);

// Milliseconds since then; 0 when it never was.
std::int64_t AgeOf(const base::Now& now, const std::optional<base::MonoTime>& then);

}  // namespace sentinel
