#include "replication/core/wait.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "replication/base/text.h"
#include "replication/core/blocked_keys.h"
#include "replication/core/execute.h"

namespace replication {
namespace {

// Numbers of milliseconds beyond this are as good as "for ever", and can be added to a clock.
constexpr std::int64_t kMaxMillis = std::int64_t{1} << 52;

void Answer(NodeState& state, ClientId id, std::int64_t count) {
  NodeClient* client = state.Find(id);
  if (client == nullptr) return;
  resp::ReplyWriter(client->out, client->protocol).Integer(count);
  state.server.clients.Wake(*client);
  Resume(state, *client);
}

void Wait(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  if (!state.is_master()) {
    return reply.Error(
        "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is "
        "configured to be writable (which is not the default) writes to replicas are just local and are not "
        "propagated.");
  }
  const auto count = base::ParseInt<std::int64_t>(words[1]);
  if (!count) return reply.Error("ERR value is not an integer or out of range");
  const auto timeout = base::ParseInt<std::int64_t>(words[2]);
  if (!timeout || *timeout > kMaxMillis) return reply.Error("ERR timeout is not an integer or out of range");
  if (*timeout < 0) return reply.Error("ERR timeout is negative");

  const int acked = state.replicas.CountAcked(client.write_offset);
  if (acked >= *count || client.in_exec) return reply.Integer(acked);
  Waiter waiter{client.write_offset, static_cast<int>(std::min<std::int64_t>(*count, 1 << 30)), std::nullopt};
  if (*timeout > 0) waiter.until = now.mono + base::Millis(*timeout);
  state.waiters.waiting[client.id] = waiter;
  state.waiters.ask = true;
  client.blocked = Blocked::kWait;
}

void ClientPause(NodeState& state, NodeClient&, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  Pause::What what = Pause::What::kAll;
  if (words.size() == 4) {
    if (base::EqualsIgnoreCase(words[3], "write")) {
      what = Pause::What::kWrites;
    } else if (!base::EqualsIgnoreCase(words[3], "all")) {
      return reply.Error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    }
  }
  const auto timeout = base::ParseInt<std::int64_t>(words[2]);
  if (!timeout || *timeout > kMaxMillis) return reply.Error("ERR timeout is not an integer or out of range");
  if (*timeout < 0) return reply.Error("ERR timeout is negative");
  // A pause that runs is only ever made stricter and longer.
  if (now.mono < state.pause.client_until) {
    what = std::max(what, state.pause.by_client);
  } else {
    state.pause.client_until = now.mono;
  }
  state.pause.by_client = what;
  state.pause.client_until = std::max(state.pause.client_until, now.mono + base::Millis(*timeout));
  reply.Ok();
}

void ClientUnpause(NodeState& state, NodeClient&, const resp::Words&, const Now& now, resp::ReplyWriter& reply) {
  state.pause.by_client = Pause::What::kNothing;
  state.pause.client_until = now.mono;
  CheckPause(state, now);
  reply.Ok();
}

using namespace serve;

constexpr std::array kRows = {
    NodeCommand{{"client|pause",
                 -3,
                 kAdmin | kNoScript | kLoading | kStale,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous | kCatConnection,
                 "connection",
                 "Lets the requests of clients wait for some time"},
                &ClientPause},
    NodeCommand{{"client|unblock",
                 -3,
                 kAdmin | kNoScript | kLoading | kStale,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous | kCatConnection,
                 "connection",
                 "Unblock a client blocked in a blocking command from a different connection",
                 "<clientid> [TIMEOUT|ERROR]"},
                &ClientUnblock},
    NodeCommand{{"client|unpause",
                 2,
                 kAdmin | kNoScript | kLoading | kStale,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous | kCatConnection,
                 "connection",
                 "Ends a pause"},
                &ClientUnpause},
    NodeCommand{{"wait",
                 3,
                 kNoScript,
                 {},
                 kCatSlow | kCatConnection,
                 "generic",
                 "Waits until so many replicas have acknowledged what this connection wrote",
                 "<numreplicas> <timeout>"},
                &Wait},
};

}  // namespace

std::span<const NodeCommand> WaitCommands() {
  return kRows;
}

void CheckWaiters(NodeState& state, const Now& now) {
  state.waiters.changed = false;
  std::vector<std::pair<ClientId, int>> done;
  for (const auto& [id, waiter] : state.waiters.waiting) {
    const int acked = state.replicas.CountAcked(waiter.offset);
    if (acked >= waiter.replicas || (waiter.until && now.mono >= *waiter.until)) done.emplace_back(id, acked);
  }
  for (const auto& [id, acked] : done) {
    state.waiters.waiting.erase(id);
    Answer(state, id, acked);
  }
}

void UnblockWaiters(NodeState& state, std::string_view error) {
  for (const auto& [id, waiter] : std::exchange(state.waiters.waiting, {})) {
    NodeClient* client = state.Find(id);
    if (client == nullptr) continue;
    resp::ReplyWriter(client->out, client->protocol).Error(error);
    state.server.clients.Wake(*client);
    Resume(state, *client);
  }
}

void CheckPause(NodeState& state, const Now& now) {
  if (now.mono >= state.pause.client_until) state.pause.by_client = Pause::What::kNothing;
  if (state.pause.what(now.mono) == Pause::What::kAll) return;
  // Those whose request still has to wait come back at once.
  for (const auto& [id, client] : state.server.clients.all()) {
    auto& each = static_cast<NodeClient&>(*client);
    if (each.blocked == Blocked::kPause) Resume(state, each);
  }
}

std::optional<MonoTime> WaitDeadline(const NodeState& state) {
  std::optional<MonoTime> next;
  for (const auto& [id, waiter] : state.waiters.waiting) {
    if (waiter.until) next = std::min(next.value_or(*waiter.until), *waiter.until);
  }
  const Pause& pause = state.pause;
  if (pause.by_client != Pause::What::kNothing) next = std::min(next.value_or(pause.client_until), pause.client_until);
  return next;
}

}  // namespace replication
