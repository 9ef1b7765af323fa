// Clients that wait: for replicas (WAIT), for the end of a pause, for the edge.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "replication/core/node.h"

namespace replication {

struct NodeClient;

// One WAIT or WAITAOF.
struct Waiter {
  Offset offset = 0;  // the end of what the client wrote
  int replicas = 0;
  std::optional<MonoTime> until;
  bool durable = false;  // WAITAOF: replicas count by what is on their disks
  bool local = false;    // WAITAOF: and our own disk counts
};

struct Waiters {
  std::map<ClientId, Waiter> waiting;
  bool ask = false;      // GETACK is due at the end of this turn
  bool changed = false;  // an ACK came since the waiters were last looked at
};

// Why writes (or everything) wait. Reasons coexist: the strictest and the latest count.
struct Pause {
  enum class What { kNothing, kWrites, kAll };
  What by_client = What::kNothing;  // CLIENT PAUSE
  MonoTime client_until{};
  bool by_shutdown = false;  // writes
  bool by_failover = false;  // writes

  // Somebody waits for the stream to have an end: nothing of our own is put behind it.
  bool holds_stream() const { return by_shutdown || by_failover; }
  What what(MonoTime now) const {
    const What client = now < client_until ? by_client : What::kNothing;
    return client == What::kAll ? What::kAll : holds_stream() ? What::kWrites : client;
  }
};

// Answers the WAITs that are fulfilled or out of time.
void CheckWaiters(NodeState& state, const Now& now);
// WAIT has no meaning on a replica: those who wait are told so.
void UnblockWaiters(NodeState& state, std::string_view error);
// What WAIT or WAITAOF would answer now, as the reply to this client.
void ReplyWhatIsThere(const NodeState& state, const Waiter& waiter, resp::ReplyWriter& reply);
// Asks replicas how far they are, those that somebody's WAITAOF depends on for what is on their disks.
void AskReplicas(NodeState& state);
// A pause has ended or become weaker: postponed requests run, unless something still holds them. O(clients).
void CheckPause(NodeState& state, const Now& now);
std::optional<MonoTime> WaitDeadline(const NodeState& state);

struct NodeCommand;
// WAIT, WAITAOF, CLIENT PAUSE, CLIENT UNPAUSE, CLIENT UNBLOCK.
std::span<const NodeCommand> WaitCommands();

}  // namespace replication
