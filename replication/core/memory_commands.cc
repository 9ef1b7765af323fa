// MEMORY: where memory goes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "replication/base/text.h"
#include "replication/core/memory_limit.h"
#include "replication/core/observed.h"
#include "replication/core/server_commands.h"

namespace replication {
namespace {

void Help(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  serve::ReplyHelp(state.server.commands, base::ToLower(words[0]), reply);
}

// Exact: collections know their size, so that nothing needs to be sampled.
void Usage(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  for (std::size_t i = 3; i < words.size(); i += 2) {
    if (!base::EqualsIgnoreCase(words[i], "samples") || i + 1 == words.size()) return reply.Error("ERR syntax error");
    const auto samples = base::ParseInt<std::int64_t>(words[i + 1]);
    if (!samples) return reply.Error("ERR value is not an integer or out of range");
    if (*samples < 0) return reply.Error("ERR syntax error");
  }
  const data::Spot spot = state.keyspace.Find(client.db, words[2]);
  if (!spot || spot->ExpiredAt(base::UnixMillis(now.wall))) return reply.Null();
  constexpr std::size_t kSlot = sizeof(void*) + 1;  // of a bucket
  reply.Integer(static_cast<std::int64_t>(spot->Bytes() + kSlot));
}

struct Share {
  std::string name;
  std::uint64_t value = 0;
};

void Stats(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  const HostFacts host = state.host.Facts();
  std::uint64_t of_replicas = 0;
  std::uint64_t of_clients = 0;
  for (const auto& [id, client] : state.server.clients.all()) {
    (client->kind == serve::ClientKind::kReplica ? of_replicas : of_clients) += client->out.capacity();
  }
  const std::uint64_t dataset = std::min(state.keyspace.memory(), host.used_memory);
  const std::size_t keys = state.keyspace.TotalSize();
  const auto ratio = [](std::uint64_t a, std::uint64_t b) {
    return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
  };
  const auto more = [](std::uint64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(a) - static_cast<std::int64_t>(b);
  };
  reply.Map(23);
  const auto number = [&reply](std::string_view name, std::int64_t value) {
    reply.Bulk(name);
    reply.Integer(value);
  };
  const auto bytes = [&](std::string_view name, std::uint64_t value) {
    number(name, static_cast<std::int64_t>(value));
  };
  const auto part = [&reply](std::string_view name, double value) {
    reply.Bulk(name);
    reply.Double(value);
  };
  bytes("peak.allocated", host.used_memory_peak);
  bytes("total.allocated", host.used_memory);
  bytes("replication.backlog", state.backlog ? state.stream.memory() : 0);
  bytes("clients.slaves", of_replicas);
  bytes("clients.normal", of_clients);
  bytes("cluster.links", 0);
  bytes("aof.buffer", 0);
  bytes("counted.maxmemory", JudgedMemoryNow(state));
  bytes("overhead.total", host.used_memory - dataset);
  bytes("keys.count", keys);
  bytes("keys.bytes-per-key", keys == 0 ? 0 : dataset / keys);
  bytes("dataset.bytes", dataset);
  part("dataset.percentage", 100 * ratio(dataset, host.used_memory));
  part("peak.percentage", 100 * ratio(host.used_memory, host.used_memory_peak));
  bytes("allocator.allocated", host.allocator_allocated);
  bytes("allocator.active", host.allocator_active);
  bytes("allocator.resident", host.allocator_resident);
  part("allocator-fragmentation.ratio", ratio(host.allocator_active, host.allocator_allocated));
  number("allocator-fragmentation.bytes", more(host.allocator_active, host.allocator_allocated));
  part("allocator-rss.ratio", ratio(host.allocator_resident, host.allocator_active));
  number("allocator-rss.bytes", more(host.allocator_resident, host.allocator_active));
  part("fragmentation", ratio(host.used_memory_rss, host.used_memory));
  number("fragmentation.bytes", more(host.used_memory_rss, host.used_memory));
}

void Doctor(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  const HostFacts host = state.host.Facts();
  constexpr std::uint64_t kTooLittle = 5 << 20;
  if (host.used_memory < kTooLittle) {
    return reply.Verbatim("txt", "There is too little data to say anything about memory.\n");
  }
  std::string text;
  const auto say = [&text](std::string_view line) { text += fmt::format(" * {}\n", line); };
  if (host.used_memory_peak > host.used_memory / 2 * 3) {
    say("Much more was held once than is now: the system may not have all of it back. MEMORY PURGE asks for it.");
  }
  if (host.used_memory_rss > host.used_memory / 10 * 14) {
    say("The process holds much more memory than its data takes: it is fragmented.");
  }
  if (state.backlog && state.stream.memory() > 10 * state.settings.repl_backlog_size) {
    say("Slow replicas hold back much of the replication stream.");
  }
  const std::uint64_t clients = state.memory.clients;
  if (clients > 100 << 20) say("Clients that do not read their replies, or send huge requests, take much memory.");
  if (state.memory.is_short) say("maxmemory is reached, and the policy lets nothing be evicted: writes are refused.");
  reply.Verbatim("txt", text.empty() ? "Nothing conspicuous about memory.\n" : "Conspicuous about memory:\n" + text);
}

void MallocStats(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  const std::string report = state.host.AllocatorReport();
  reply.Verbatim("txt", report.empty() ? "The allocator has no report.\n" : report);
}

void Purge(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  state.host.PurgeMemory();
  reply.Ok();
}

using namespace serve;

// Arity and flags as COMMAND INFO of Redis 7.0 has them.
constexpr std::array kRows = {
    NodeCommand{{"memory", -2, 0, {}, 0, "server", "A container for memory diagnostics commands"}, &OnlyWithSubcommand},
    NodeCommand{{"memory|doctor", 2, 0, {}, 0, "server", "Tell what is conspicuous about memory"}, &Doctor},
    NodeCommand{{"memory|help", 2, kLoading | kStale, {}, 0, "server", "Explain the subcommands"}, &Help},
    NodeCommand{{"memory|malloc-stats", 2, 0, {}, 0, "server", "Show the allocator's report"}, &MallocStats},
    NodeCommand{{"memory|purge", 2, 0, {}, 0, "server", "Give free memory back to the system"}, &Purge},
    NodeCommand{{"memory|stats", 2, 0, {}, 0, "server", "Tell where memory goes"}, &Stats},
    NodeCommand{{"memory|usage",
                 -3,
                 kReadonly,
                 {2, 2, 1},
                 0,
                 "server",
                 "Tell the bytes that a key and its value take; they are known exactly, SAMPLES changes nothing",
                 "<key> [SAMPLES <count>]"},
                &Usage},
};

}  // namespace

std::span<const NodeCommand> MemoryCommands() {
  return kRows;
}

}  // namespace replication
