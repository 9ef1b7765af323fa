#include "replication/core/wait.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "replication/base/text.h"
#include "replication/core/blocked_keys.h"
#include "replication/core/execute.h"
#include "replication/core/feed.h"
#include "replication/core/journal.h"

namespace replication {
namespace {

// Numbers of milliseconds beyond this are as good as "for ever", and can be added to a clock.
constexpr std::int64_t kMaxMillis = std::int64_t{1} << 52;

constexpr std::string_view kNoJournal = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";

void Answer(NodeState& state, ClientId id, const Waiter& waiter) {
  NodeClient* client = state.Find(id);
  if (client == nullptr) return;
  resp::ReplyWriter reply(client->out, client->protocol);
  if (waiter.local && !state.settings.appendonly) {
    reply.Error(kNoJournal);
  } else {
    ReplyWhatIsThere(state, waiter, reply);
  }
  state.server.clients.Wake(*client);
  Resume(state, *client);
}

int ReplicasThere(const NodeState& state, const Waiter& waiter) {
  return waiter.durable ? state.replicas.CountDurable(waiter.offset) : state.replicas.CountAcked(waiter.offset);
}

bool OnDiskHere(const NodeState& state, const Waiter& waiter) {
  return DurableThrough(state) >= waiter.offset;
}

bool Fulfilled(const NodeState& state, const Waiter& waiter) {
  return ReplicasThere(state, waiter) >= waiter.replicas && (!waiter.local || OnDiskHere(state, waiter));
}

// Answers at once, or lets the client wait. `timeout` is in milliseconds; 0: for ever.
void Begin(NodeState& state, NodeClient& client, Waiter waiter, std::int64_t timeout, const Now& now,
           resp::ReplyWriter& reply) {
  waiter.offset = client.write_offset;
  if (Fulfilled(state, waiter) || client.in_exec) return ReplyWhatIsThere(state, waiter, reply);
  if (timeout > 0) waiter.until = now.mono + base::Millis(timeout);
  if (waiter.local) WantDurable(state, waiter.offset);
  state.waiters.waiting[client.id] = waiter;
  state.waiters.ask = state.waiters.ask || ReplicasThere(state, waiter) < waiter.replicas;
  client.blocked = Blocked::kWait;
}

// Empty: the error has been answered.
std::optional<std::int64_t> TimeoutOrReply(std::string_view word, resp::ReplyWriter& reply) {
  const auto timeout = base::ParseInt<std::int64_t>(word);
  if (timeout && *timeout >= 0 && *timeout <= kMaxMillis) return timeout;
  reply.Error(timeout && *timeout < 0 ? "ERR timeout is negative" : "ERR timeout is not an integer or out of range");
  return std::nullopt;
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
  const auto timeout = TimeoutOrReply(words[2], reply);
  if (!timeout) return;
  Begin(state, client, {.replicas = static_cast<int>(std::min<std::int64_t>(*count, 1 << 30))}, *timeout, now, reply);
}

// WAITAOF numlocal numreplicas timeout. Source: the command's documentation, since Redis 7.2.
void WaitAof(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  const auto local = base::ParseInt<std::int64_t>(words[1]);
  if (!local) return reply.Error("ERR value is not an integer or out of range");
  if (*local < 0 || *local > 1) return reply.Error("ERR value is out of range, value must between 0 and 1");
  const auto count = base::ParseInt<std::int64_t>(words[2]);
  if (!count) return reply.Error("ERR value is not an integer or out of range");
  if (*count < 0) return reply.Error("ERR value is out of range, must be positive");
  const auto timeout = TimeoutOrReply(words[3], reply);
  if (!timeout) return;
  if (!state.is_master()) {
    return reply.Error(
        "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local "
        "and are not propagated.");
  }
  if (*local > 0 && !state.settings.appendonly) return reply.Error(kNoJournal);
  const Waiter waiter{
      .replicas = static_cast<int>(std::min<std::int64_t>(*count, 1 << 30)), .durable = true, .local = *local > 0};
  Begin(state, client, waiter, *timeout, now, reply);
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
    NodeCommand{{"waitaof",
                 4,
                 kNoScript,
                 {},
                 kCatSlow | kCatConnection,
                 "generic",
                 "Waits until what this connection wrote is on the disks of this server and of so many replicas",
                 "<numlocal> <numreplicas> <timeout>"},
                &WaitAof},
};

}  // namespace

std::span<const NodeCommand> WaitCommands() {
  return kRows;
}

void CheckWaiters(NodeState& state, const Now& now) {
  state.waiters.changed = false;
  std::vector<std::pair<ClientId, Waiter>> done;
  for (const auto& [id, waiter] : state.waiters.waiting) {
    const bool hopeless = waiter.local && !state.settings.appendonly;
    const bool over = waiter.until && now.mono >= *waiter.until;
    if (hopeless || over || Fulfilled(state, waiter)) done.emplace_back(id, waiter);
  }
  for (const auto& [id, waiter] : done) {
    state.waiters.waiting.erase(id);
    Answer(state, id, waiter);
  }
}

void ReplyWhatIsThere(const NodeState& state, const Waiter& waiter, resp::ReplyWriter& reply) {
  if (waiter.durable) {
    reply.Array(2);
    reply.Integer(OnDiskHere(state, waiter) ? 1 : 0);
  }
  reply.Integer(ReplicasThere(state, waiter));
}

void AskReplicas(NodeState& state) {
  if (state.waiters.waiting.empty() || state.replicas.empty()) return;
  const bool durable = std::ranges::any_of(
      state.waiters.waiting, [](const auto& each) { return each.second.durable && each.second.replicas > 0; });
  // Stock replicas do not look at the word; ours takes it for a wish to sync now and to say when that is done.
  FeedAlone(state, {"REPLCONF", "GETACK", durable ? kGetAckDurable : "*"});
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
