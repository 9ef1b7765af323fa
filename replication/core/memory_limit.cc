#include "replication/core/memory_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "replication/core/feed.h"
#include "replication/core/observed.h"

namespace replication {
namespace {

constexpr base::Millis kCountClientsEvery{100};

bool MayEvict(const NodeState& state, const Now& now) {
  if (state.loading.active || !state.started_up) return false;
  if (!state.is_master() && state.settings.replica_ignore_maxmemory)
    return false;  // what goes is for the master to say
  return state.pause.what(now.mono) == Pause::What::kNothing;
}

// Keys that one round deletes at most. redis.conf speaks of time, which nobody knows here: deleting a key takes about a
// microsecond.
std::uint64_t KeysOfRound(int tenacity) {
  if (tenacity >= 100) return std::numeric_limits<std::uint64_t>::max();
  if (tenacity <= 10) return static_cast<std::uint64_t>(50 * tenacity) + 16;
  return static_cast<std::uint64_t>(500 * std::pow(1.15, tenacity - 10));
}

// Bytes; 0: no limit.
std::uint64_t LimitOfClients(const Settings& settings) {
  if (settings.maxmemory_clients >= 0) return static_cast<std::uint64_t>(settings.maxmemory_clients);
  return settings.maxmemory / 100 * static_cast<std::uint64_t>(-settings.maxmemory_clients);
}

}  // namespace

serve::ClientMemory NodeClient::memory() const {
  serve::ClientMemory memory{.unread = parser.buffered(), .unread_room = parser.held() - parser.buffered()};
  for (const auto& request : transaction.queue) {
    for (const std::string& word : request) memory.queued += sizeof word + word.capacity();
  }
  memory.total = sizeof *this + out.capacity() + parser.held() + withheld.capacity() + memory.queued;
  for (const auto* names : {&channels, &patterns, &shard_channels}) {
    for (const std::string& each : *names) memory.total += 64 + each.capacity();  // and the node of a tree, twice
  }
  return memory;
}

void KeepClientsWithinLimit(NodeState& state, const Now& now) {
  const std::uint64_t limit = LimitOfClients(state.settings);
  if (limit == 0) return;
  MemoryWatch& memory = state.memory;
  memory.clients_changed = true;
  if (memory.clients_judged_at && now.mono - *memory.clients_judged_at < kJudgeClientsEvery) return;
  memory.clients_judged_at = now.mono;
  memory.clients_changed = false;
  std::uint64_t total = 0;
  std::vector<std::pair<std::uint64_t, NodeClient*>> clients;
  for (const auto& [id, each] : state.server.clients.all()) {
    auto& client = static_cast<NodeClient&>(*each);
    if (client.kind != serve::ClientKind::kNormal || client.closing != serve::Client::Closing::kNo) continue;
    const std::uint64_t bytes = client.memory().total;
    total += bytes;
    if (client.marks.find('e') == std::string::npos) clients.emplace_back(bytes, &client);
  }
  if (total <= limit) return;
  std::ranges::sort(clients, [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [bytes, client] : clients) {
    if (total <= limit) break;
    state.Say(base::LogLevel::kNotice, fmt::format("Evicting client: {} tot-mem={}", client->peer, bytes));
    state.server.clients.Close(*client, serve::Client::Closing::kNow);
    ++state.stats.evicted_clients;
    total -= bytes;
  }
}

std::optional<MonoTime> ClientsDeadline(const NodeState& state) {
  const MemoryWatch& memory = state.memory;
  if (!memory.clients_changed || !memory.clients_judged_at) return std::nullopt;
  return *memory.clients_judged_at + kJudgeClientsEvery;
}

std::uint64_t JudgedMemoryNow(const NodeState& state) {
  return state.keyspace.memory() + state.memory.clients;
}

std::uint64_t JudgedMemory(NodeState& state, const Now& now) {
  MemoryWatch& memory = state.memory;
  if (!memory.clients_counted_at || now.mono - *memory.clients_counted_at >= kCountClientsEvery) {
    memory.clients_counted_at = now.mono;
    memory.clients = 0;
    for (const auto& [id, each] : state.server.clients.all()) {
      const auto& client = static_cast<const NodeClient&>(*each);
      if (client.kind == serve::ClientKind::kNormal) memory.clients += client.out.capacity() + client.parser.buffered();
    }
  }
  return JudgedMemoryNow(state);
}

void KeepMemoryWithinLimit(NodeState& state, const Now& now) {
  if (state.scripts.turns.suspended) return;  // what it has written has not been fed yet: a DEL would come before it
  MemoryWatch& memory = state.memory;
  memory.is_short = memory.going_on = false;
  const std::uint64_t limit = state.settings.maxmemory;
  if (limit == 0 || !MayEvict(state, now) || JudgedMemory(state, now) <= limit) return;
  const data::EvictionPolicy policy = data::EvictionPolicyNamed(state.settings.maxmemory_policy);
  if (policy == data::EvictionPolicy::kNone) {
    memory.is_short = true;
    return;
  }
  // Between commands nobody has set the clock by which idle times are measured.
  state.keyspace.set_clock(static_cast<std::uint32_t>(now.mono.time_since_epoch().count() / 1000));
  std::vector<data::Effect> effects;
  const std::uint64_t most = KeysOfRound(state.settings.maxmemory_eviction_tenacity);
  std::uint64_t evicted = 0;
  const std::uint64_t began = state.host.Nanoseconds();
  while (JudgedMemoryNow(state) > limit) {
    if (evicted == most) {
      memory.going_on = true;
      break;
    }
    const auto victim = memory.evictor.Choose(state.keyspace, policy, state.settings.maxmemory_samples);
    if (!victim) {
      memory.is_short = true;
      break;
    }
    data::Evict(state.keyspace, *victim, state.settings.lazyfree_lazy_eviction, effects);
    ++evicted;
  }
  NoteDelay(state, "eviction-cycle", state.host.Nanoseconds() - began, now);
  FeedEach(state, effects);
}

bool EvictionIsDue(const NodeState& state) {
  return state.memory.going_on;
}

}  // namespace replication
