#include "replication/core/roles.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "replication/base/check.h"
#include "replication/core/delay.h"
#include "replication/core/execute.h"
#include "replication/core/feed.h"
#include "replication/core/journal.h"

namespace replication {
namespace {

using base::LogLevel;
using Stage = Replica::Stage;

void EarlierOf(std::optional<MonoTime>& next, MonoTime at) {
  next = std::min(next.value_or(at), at);
}

// When this replica has been silent for too long.
std::optional<MonoTime> TimeLimit(const NodeState& state, const Replica& replica) {
  if (replica.plain_sync && replica.stage == Stage::kOnline) return std::nullopt;  // it sends no ACK
  switch (replica.stage) {
    case Stage::kWaitSnapshot:
      return std::nullopt;  // it waits for us
    case Stage::kPayload:
      // Only what could be sent and is not taken counts against it.
      if (replica.payload_cursor >= PayloadLimit(replica)) return std::nullopt;
      return replica.progress_at + state.settings.repl_timeout;
    case Stage::kOnline:
      return replica.ack_at + state.settings.repl_timeout;
  }
  return std::nullopt;
}

// While a replica waits for its payload to begin, an empty line each second tells it that we are alive.
bool WantsNewlines(const Replica& replica) {
  return replica.stage == Stage::kWaitSnapshot || (replica.stage == Stage::kPayload && !replica.header_sent);
}

void CloseReplica(NodeState& state, const Replica& replica, std::string_view why) {
  NodeClient& client = *state.Find(replica.client);
  state.Say(LogLevel::kWarning, fmt::format("Disconnecting replica {}: {}", client.peer, why));
  state.server.clients.Close(client, serve::Client::Closing::kNow);
}

// Is what waits for this replica more than it may be? `client-output-buffer-limit replica`.
bool OverLimit(const NodeState& state, Replica& replica, const Now& now) {
  const OutputLimit& limit = state.settings.replica_limit;
  const std::uint64_t lag = replica.lag_bytes(state.applied + 1);
  // A limit below the backlog would drop a replica whose bytes are kept anyway.
  const std::uint64_t hard = limit.hard == 0 ? 0 : std::max(limit.hard, state.settings.repl_backlog_size);
  if (hard > 0 && lag > hard) return true;
  if (limit.soft == 0 || lag <= limit.soft) {
    replica.over_soft_limit_at.reset();
    return false;
  }
  if (!replica.over_soft_limit_at) replica.over_soft_limit_at = now.mono;
  return now.mono - *replica.over_soft_limit_at >= limit.soft_for;
}

}  // namespace

StreamWindow WindowOf(const NodeState& state) {
  return StreamWindow{state.backlog, state.stream.begin(), state.applied + 1};
}

void OpenBacklog(NodeState& state) {
  if (state.backlog) return;
  state.backlog = true;
  state.DataEndsHere();  // what was written meanwhile has left no trace in the offsets
  state.stream.Restart(state.applied + 1);
}

void DisconnectReplicas(NodeState& state) {
  for (const auto& [id, replica] : state.replicas.all()) {
    state.server.clients.Close(*state.Find(id), serve::Client::Closing::kNow);
  }
}

void Promote(NodeState& state, const Now& now) {
  if (state.is_master()) return;
  // What has already arrived is not to be lost.
  if (state.link_up()) {
    const LinkId link = state.master.link;
    const std::string bytes = state.host.ReadMasterNow(link);
    if (!bytes.empty()) OnLinkBytes(state, link, bytes, now);
  }
  EndDelay(state, now);
  DropMasterLink(state, now);
  state.settings.replicaof = {};
  state.server.role = "master";
  // Replicas must learn the new name before they get the first byte under it.
  DisconnectReplicas(state);
  state.history.Fork(state.applied, state.random);
  state.feed_db = -1;
  state.resumable = true;
  state.no_replicas_since = now.mono;
  state.Say(LogLevel::kNotice,
            fmt::format("MASTER MODE enabled: new replication id {}, {} is valid up to offset {}",
                        state.history.replid.hex, state.history.replid2.hex, state.history.second_offset));
}

void Follow(NodeState& state, const base::Endpoint& master, const Now& now) {
  if (state.is_master()) {
    // Writes of the transaction that makes us a replica are still a master's: they belong before the end.
    if (state.exec_effects != nullptr) {
      Feed(state, *state.exec_effects, {});
      state.exec_effects->clear();
    }
    constexpr std::string_view kUnblocked =
        "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
    UnblockWaiters(state, kUnblocked);
    DismissBlocked(state, kUnblocked);
    // Our own history is what we ask to go on with. Replicas stay: all they have is in it.
    OpenBacklog(state);
    state.resumable = state.resumable || state.applied > 0 || state.keyspace.TotalSize() > 0;
  } else {
    DropMasterLink(state, now);
  }
  state.settings.replicaof = master;
  state.server.role = "replica";
  state.master.down_since.reset();
  state.master.failures = 0;
  state.Say(LogLevel::kNotice, fmt::format("Connecting to MASTER {}", master.ToString()));
  ConnectToMaster(state, now);
}

std::optional<MonoTime> ReplicasDeadline(const NodeState& state) {
  std::optional<MonoTime> next;
  for (const auto& [id, replica] : state.replicas.all()) {
    if (const auto limit = TimeLimit(state, replica)) EarlierOf(next, *limit);
    if (WantsNewlines(replica)) EarlierOf(next, replica.newline_at);
    if (replica.over_soft_limit_at)
      EarlierOf(next, *replica.over_soft_limit_at + state.settings.replica_limit.soft_for);
  }
  if (!state.is_master()) return next;
  if (!state.replicas.empty()) {
    EarlierOf(next, state.pinged_at + state.settings.repl_ping_replica_period);
  } else if (state.backlog && state.no_replicas_since && state.settings.repl_backlog_ttl.count() > 0 &&
             !state.settings.appendonly) {
    EarlierOf(next, *state.no_replicas_since + state.settings.repl_backlog_ttl);
  }
  return next;
}

void OnReplicasDeadline(NodeState& state, const Now& now) {
  for (auto& [id, replica] : state.replicas.all()) {
    NodeClient& client = *state.Find(id);
    if (client.closing == serve::Client::Closing::kNow) continue;
    const auto limit = TimeLimit(state, replica);
    if (limit && now.mono >= *limit) {
      CloseReplica(state, replica, "it was silent for repl-timeout");
    } else if (WantsNewlines(replica) && now.mono >= replica.newline_at) {
      client.out += "\n";
      replica.newline_at = now.mono + base::Seconds(1);
    }
  }
  if (!state.is_master()) return;
  if (!state.replicas.empty()) {
    if (now.mono < state.pinged_at + state.settings.repl_ping_replica_period) return;
    state.pinged_at = now.mono;
    if (!state.pause.holds_stream()) FeedAlone(state, {"PING"});
  } else if (state.backlog && state.no_replicas_since && state.settings.repl_backlog_ttl.count() > 0 &&
             !state.settings.appendonly && now.mono >= *state.no_replicas_since + state.settings.repl_backlog_ttl) {
    // Without a backlog offsets stand still while the data change: the old name must not be used any more.
    state.backlog = false;
    state.stream.Restart(state.applied + 1);
    state.history.Begin(state.random);
    state.no_replicas_since.reset();
    state.Say(LogLevel::kNotice, "Replication backlog freed: no replica was connected for repl-backlog-ttl");
  }
}

void KeepStreamWithinLimits(NodeState& state, const Now& now) {
  for (auto& [id, replica] : state.replicas.all()) {
    if (state.Find(id)->closing == serve::Client::Closing::kNow) continue;
    if (OverLimit(state, replica, now)) CloseReplica(state, replica, "it exceeds client-output-buffer-limit");
  }
  if (!state.backlog) return;
  Offset keep = state.applied + 1 - static_cast<Offset>(state.settings.repl_backlog_size);
  for (const auto& [id, replica] : state.replicas.all()) {
    if (replica.stage == Stage::kWaitSnapshot || state.Find(id)->closing == serve::Client::Closing::kNow) continue;
    keep = std::min(keep, replica.cursor);
  }
  state.stream.TrimBefore(std::min(keep, JournalNeeds(state)));
}

}  // namespace replication
