#include "replication/core/info.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <vector>

#include "replication/base/text.h"
#include "replication/core/delay.h"
#include "replication/core/journal.h"
#include "replication/core/memory_limit.h"
#include "replication/core/observed.h"
#include "replication/core/roles.h"
#include "replication/core/state.h"
#include "replication/core/tracking.h"

namespace replication {
namespace {

using base::Seconds;
using Stage = Replica::Stage;

// "919.10K": as INFO shows bytes to people.
std::string HumanBytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{}B", bytes);
  auto amount = static_cast<double>(bytes) / 1024;
  std::string_view units = "KMGTP";
  while (amount >= 1024 && units.size() > 1) {
    amount /= 1024;
    units.remove_prefix(1);
  }
  return fmt::format("{:.2f}{}", amount, units[0]);
}

double Percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::int64_t SecondsSince(MonoTime then, const Now& now) {
  return std::chrono::duration_cast<Seconds>(now.mono - then).count();
}

std::int64_t UnixSeconds(base::WallTime at) {
  return base::UnixMillis(at) / 1000;
}

class Info {
 public:
  Info(const NodeState& state, const Now& now) : state_(state), now_(now), host_(state.host.Facts()) {}

  std::string TakeText() { return std::move(text_); }

  void Server();
  void Clients();
  void Memory();
  void Persistence();
  void Stats();
  void Replication();
  void Cpu();
  void Modules();
  void CommandStats();
  void ErrorStats();
  void LatencyStats();
  void Cluster();
  void Keyspace();

 private:
  void Section(std::string_view name) {
    if (!text_.empty()) text_ += "\r\n";
    fmt::format_to(std::back_inserter(text_), "# {}\r\n", name);
  }
  template <class T>
  void Field(std::string_view name, const T& value) {
    fmt::format_to(std::back_inserter(text_), "{}:{}\r\n", name, value);
  }
  void Flag(std::string_view name, bool value) { Field(name, value ? 1 : 0); }
  void Bytes(std::string_view name, std::uint64_t value) {
    Field(name, value);
    Field(fmt::format("{}_human", name), HumanBytes(value));
  }

  // visit(name, counts) for each command that was called.
  template <class Visit>
  void ForEachCommand(const Visit& visit) const {
    for (const auto& [name, entry] : state_.server.commands.all()) {
      if (name == entry.row->name && entry.id < state_.observed->commands.size()) {
        visit(name, state_.observed->commands[entry.id]);
      }
    }
  }

  void Loading();
  void ScriptMemory();
  void MasterLinkFields();
  void DelayFields();
  void ReplicaLines();

  const NodeState& state_;
  const Now& now_;
  const HostFacts host_;
  std::string text_;
};

void Info::Server() {
  Section("Server");
  Field("redis_version", "7.0.15");
  Field("vigil_version", VIGIL_VERSION);
  Field("redis_git_sha1", "00000000");
  Field("redis_git_dirty", 0);
  Field("redis_mode", state_.server.mode);
  Field("os", host_.os);
  Field("arch_bits", sizeof(void*) * 8);
  Field("monotonic_clock", "POSIX clock_gettime");
  Field("multiplexing_api", host_.multiplexing_api);
  Field("gcc_version", host_.compiler);
  Field("process_id", host_.process_id);
  Field("process_supervised", state_.settings.supervised);
  Field("run_id", state_.run_id.hex);
  Field("tcp_port", state_.settings.port);
  Field("server_time_usec", base::UnixMillis(now_.wall) * 1000);
  const std::int64_t uptime = SecondsSince(state_.started.mono, now_);
  Field("uptime_in_seconds", uptime);
  Field("uptime_in_days", uptime / (24 * 3600));
  Field("lru_clock", UnixSeconds(now_.wall) & 0xffffff);
  Field("executable", host_.executable);
  Field("config_file", host_.config_file);
  Field("io_threads_active", 0);
  if (state_.shutdown.until) {
    const auto left = std::max(*state_.shutdown.until - now_.mono, base::Millis(0));
    Field("shutdown_in_milliseconds", left.count());
  }
}

void Info::Clients() {
  Section("Clients");
  std::size_t blocked = 0;
  std::size_t replicas = 0;
  for (const auto& [id, client] : state_.server.clients.all()) {
    if (client->kind == serve::ClientKind::kReplica) ++replicas;
    if (static_cast<const NodeClient&>(*client).blocked != Blocked::kNo) ++blocked;
  }
  Field("connected_clients", state_.server.clients.size() - replicas);
  Field("cluster_connections", 0);
  Field("maxclients", state_.settings.maxclients);
  Field("blocked_clients", blocked);
  Field("tracking_clients", state_.tracking->clients());
  Field("clients_in_timeout_table", std::ranges::count_if(state_.waiters.waiting, [](const auto& each) {
                                      return each.second.until.has_value();
                                    }) + static_cast<std::ptrdiff_t>(state_.blocked_keys.timed()));
}

void Info::Memory() {
  Section("Memory");
  const std::uint64_t used = host_.used_memory;
  const std::uint64_t dataset = std::min(state_.keyspace.memory(), used);
  Bytes("used_memory", used);
  Bytes("used_memory_rss", host_.used_memory_rss);
  Bytes("used_memory_peak", host_.used_memory_peak);
  Field("used_memory_peak_perc", fmt::format("{:.2f}%", Percent(used, host_.used_memory_peak)));
  Field("used_memory_overhead", used - dataset);
  Field("used_memory_dataset", dataset);
  Field("used_memory_dataset_perc", fmt::format("{:.2f}%", Percent(dataset, used)));
  Bytes("total_system_memory", host_.total_system_memory);
  ScriptMemory();
  Bytes("maxmemory", state_.settings.maxmemory);
  Field("maxmemory_policy", state_.settings.maxmemory_policy);
  const double ratio =
      used == 0 ? 0 : static_cast<double>(host_.used_memory_rss) / static_cast<double>(host_.used_memory);
  Field("mem_fragmentation_ratio", fmt::format("{:.2f}", ratio));
  Field("mem_fragmentation_bytes",
        static_cast<std::int64_t>(host_.used_memory_rss) - static_cast<std::int64_t>(host_.used_memory));

  // One log serves the backlog and all replicas: what it holds beyond the backlog's size, the slowest replica holds.
  // Payloads on their way are the replicas', too.
  const std::uint64_t stream = state_.backlog ? state_.stream.memory() : 0;
  const std::uint64_t of_backlog = std::min<std::uint64_t>(stream, state_.settings.repl_backlog_size);
  const std::uint64_t payloads = PayloadMemory(state_);
  std::uint64_t of_replicas = stream - of_backlog + payloads;
  std::uint64_t of_clients = 0;
  for (const auto& [id, client] : state_.server.clients.all()) {
    (client->kind == serve::ClientKind::kReplica ? of_replicas : of_clients) += client->out.capacity();
  }
  // What used_memory has beyond what maxmemory judges: replication buffers, and the program itself.
  const std::uint64_t judged = JudgedMemoryNow(state_);
  Field("mem_not_counted_for_evict", used - std::min(judged, used));
  Field("mem_replication_backlog", of_backlog);
  Field("mem_total_replication_buffers", stream + payloads);
  Field("mem_clients_slaves", of_replicas);
  Field("mem_clients_normal", of_clients);
  Field("mem_cluster_links", 0);
  Field("mem_aof_buffer", state_.journal->stage == Journal::Stage::kOff ? 0 : state_.applied - SendLimit(state_));
  Field("mem_allocator", host_.allocator);
  Field("active_defrag_running", 0);
}

void Info::ScriptMemory() {
  const Scripts& scripts = state_.scripts;
  const Functions& functions = state_.functions;
  const std::uint64_t interpreter = scripts.interpreter_memory();
  const std::uint64_t both = interpreter + functions.interpreter_memory();
  Field("used_memory_lua", interpreter);
  Field("used_memory_vm_eval", interpreter);
  Field("used_memory_lua_human", HumanBytes(interpreter));
  Field("used_memory_scripts_eval", scripts.text_memory());
  Field("number_of_cached_scripts", scripts.size());
  Field("number_of_functions", functions.functions());
  Field("number_of_libraries", functions.libraries().size());
  Field("used_memory_vm_functions", functions.interpreter_memory());
  Field("used_memory_vm_total", both);
  Field("used_memory_vm_total_human", HumanBytes(both));
  Field("used_memory_functions", functions.text_memory());
  Bytes("used_memory_scripts", scripts.text_memory() + functions.text_memory());
}

void Info::Persistence() {
  Section("Persistence");
  Flag("loading", state_.loading.active);
  Flag("async_loading", state_.master.load != nullptr && !state_.master.load->alone);

  // A snapshot without fork costs what its pre-images hold: that is what copy-on-write is to a fork.
  std::uint64_t pre_images = 0;
  std::uint64_t keys_done = 0;
  std::uint64_t keys_total = 0;
  const SnapshotJob* to_file = nullptr;
  for (const auto& [id, job] : state_.snapshots.running) {
    pre_images += job.source->pre_image_bytes();
    keys_done += job.source->keys_captured();
    keys_total += job.source->total_keys();
    if (job.sync == nullptr && !(state_.journal->rewrite && state_.journal->rewrite->snapshot == id)) to_file = &job;
  }
  Field("current_cow_size", pre_images);
  Field("current_fork_perc", fmt::format("{:.2f}", Percent(keys_done, keys_total)));
  Field("current_save_keys_processed", keys_done);
  Field("current_save_keys_total", keys_total);
  Field("rdb_changes_since_last_save", state_.keyspace.dirty());
  const bool rewrites = state_.journal->rewrite && state_.journal->rewrite->snapshot != 0;
  Flag("rdb_bgsave_in_progress", state_.snapshots.running.size() > (rewrites ? 1U : 0U));
  Field("rdb_last_save_time", UnixSeconds(state_.saving.last_saved_at));
  Field("rdb_last_bgsave_status", state_.saving.last_ok ? "ok" : "err");
  Field("rdb_last_bgsave_time_sec", state_.saving.last_took_sec);
  Field("rdb_current_bgsave_time_sec", to_file == nullptr ? -1 : SecondsSince(to_file->began_at, now_));
  Field("rdb_saves", state_.saving.saves);
  const Journal& journal = *state_.journal;
  const bool aof = state_.settings.appendonly;
  Flag("aof_enabled", aof);
  Flag("aof_rewrite_in_progress", journal.rewrite.has_value());
  Flag("aof_rewrite_scheduled", journal.rewrite_scheduled);
  Field("aof_last_rewrite_time_sec", journal.last_rewrite_sec);
  Field("aof_current_rewrite_time_sec", journal.rewrite ? SecondsSince(journal.rewrite->began_at, now_) : -1);
  Field("aof_last_bgrewrite_status", journal.last_rewrite_ok ? "ok" : "err");
  Field("aof_rewrites", journal.rewrites);
  Field("aof_rewrites_consecutive_failures", journal.rewrites_failed);
  Field("aof_last_write_status", journal.stage == Journal::Stage::kBroken ? "err" : "ok");
  Field("aof_last_cow_size", 0);
  Field("module_fork_in_progress", 0);
  if (aof) {
    Field("aof_current_size", journal.size());
    Field("aof_base_size", journal.size_after_rewrite);
    Field("aof_pending_rewrite", 0);
    Field("aof_buffer_length", state_.applied - SendLimit(state_));
    Field("aof_pending_bio_fsync", journal.syncs.size());
    Field("aof_delayed_fsync", journal.delayed_syncs);
  }
  if (state_.loading.active) Loading();
}

void Info::Loading() {
  const DiskLoad& load = state_.loading;
  const PayloadLoad* sync = state_.master.load.get();
  const std::uint64_t loaded = load.reader != nullptr ? load.reader->offset() : sync != nullptr ? sync->received : 0;
  const std::int64_t took = std::max<std::int64_t>((now_.mono - load.began_mono).count(), 1);
  const std::uint64_t left = load.total_bytes - std::min(loaded, load.total_bytes);
  const double eta =
      loaded == 0 ? 1 : static_cast<double>(left) / static_cast<double>(loaded) * static_cast<double>(took);
  Field("loading_start_time", UnixSeconds(load.began_at));
  Field("loading_total_bytes", load.total_bytes);
  Field("loading_loaded_bytes", loaded);
  Field("loading_loaded_perc", fmt::format("{:.2f}", Percent(loaded, load.total_bytes)));
  Field("loading_eta_seconds", static_cast<std::int64_t>(eta / 1000));
}

void Info::Stats() {
  Section("Stats");
  const replication::Stats& stats = state_.stats;
  const data::KeyspaceStats& keys = state_.keyspace.stats();
  Field("total_connections_received", stats.connections);
  Field("total_commands_processed", stats.commands);
  Field("instantaneous_ops_per_sec", state_.ops.PerSecond(now_.mono));
  Field("total_net_input_bytes", stats.input_bytes);
  Field("total_net_output_bytes", stats.output_bytes);
  Field("total_net_repl_input_bytes", stats.repl_input_bytes);
  Field("total_net_repl_output_bytes", stats.repl_output_bytes);
  Field("rejected_connections", stats.rejected_connections);
  Field("sync_full", stats.sync_full);
  Field("sync_partial_ok", stats.sync_partial_ok);
  Field("sync_partial_err", stats.sync_partial_err);
  Field("expired_keys", keys.expired);
  Field("evicted_keys", keys.evicted);
  Field("evicted_clients", stats.evicted_clients);
  Field("keyspace_hits", keys.hits);
  Field("keyspace_misses", keys.misses);
  Field("pubsub_channels", state_.server.pubsub.channels().size());
  Field("pubsub_patterns", state_.server.pubsub.patterns().size());
  Field("pubsubshard_channels", state_.server.pubsub.shard_channels().size());
  Field("latest_fork_usec", 0);
  Field("total_forks", 0);
  Field("tracking_total_keys", state_.tracking->keys());
  Field("tracking_total_items", state_.tracking->items());
  Field("tracking_total_prefixes", state_.tracking->prefixes());
  Field("unexpected_error_replies", stats.unexpected_error_replies);
  Field("total_error_replies", stats.error_replies);
}

void Info::Replication() {
  Section("Replication");
  Field("role", state_.is_master() ? "master" : "slave");
  if (!state_.is_master()) MasterLinkFields();
  ReplicaLines();

  const StreamWindow window = WindowOf(state_);
  Field("master_failover_state", FailoverName(state_.failover));
  Field("master_replid", state_.history.replid.hex);
  Field("master_replid2", state_.history.replid2.hex);
  Field("master_repl_offset", state_.applied);
  Field("second_repl_offset", state_.history.second_offset);
  Flag("repl_backlog_active", window.active);
  Field("repl_backlog_size", state_.settings.repl_backlog_size);
  Field("repl_backlog_first_byte_offset", window.active ? window.begin : 0);
  Field("repl_backlog_histlen", window.active ? window.end - window.begin : 0);
  Field("repl_snapshot_in_progress",
        std::ranges::count_if(state_.snapshots.running, [](const auto& each) { return each.second.sync != nullptr; }));
  Field("repl_last_full_sync_ms", state_.snapshots.last_full_sync_ms);
  Field("repl_lost_writes", state_.stats.repl_lost_writes);
  Field("repl_lost_bytes", state_.stats.repl_lost_bytes);
  Field("repl_unknown_commands", state_.stats.repl_unknown_commands);
}

void Info::MasterLinkFields() {
  const MasterLink& link = state_.master;
  const bool up = state_.link_up();
  Field("master_host", state_.settings.replicaof.host);
  Field("master_port", state_.settings.replicaof.port);
  Field("master_link_status", up ? "up" : "down");
  Field("master_last_io_seconds_ago", up ? SecondsSince(link.last_io_at, now_) : -1);
  const bool syncing = link.stage == MasterLink::Stage::kPayload;
  Flag("master_sync_in_progress", syncing);
  if (!link.stopped_by.empty()) Field("master_link_stopped_by", link.stopped_by);
  if (link.refused_empty) Flag("master_empty_refused", true);
  Field("slave_read_repl_offset", state_.backlog ? state_.stream.end() - 1 : state_.applied);
  Field("slave_repl_offset", state_.applied);
  if (syncing && link.load != nullptr) {
    const std::uint64_t total = link.load->length.value_or(0);
    const std::uint64_t read = link.load->received;
    Field("master_sync_total_bytes", total);
    Field("master_sync_read_bytes", read);
    Field("master_sync_left_bytes", total - std::min(read, total));
    Field("master_sync_perc", fmt::format("{:.2f}", Percent(read, total)));
    Field("master_sync_last_io_seconds_ago", SecondsSince(link.last_io_at, now_));
  }
  if (!up) Field("master_link_down_since_seconds", link.down_since ? SecondsSince(*link.down_since, now_) : -1);
  const bool delayed = IsDelayed(state_);
  // Whoever is behind on purpose is nobody's successor.
  Field("slave_priority", delayed ? 0 : state_.settings.replica_priority);
  if (delayed) DelayFields();
  Flag("slave_read_only", state_.settings.replica_read_only);
  Flag("replica_announced", state_.settings.replica_announced);
}

void Info::DelayFields() {
  const Delay& delay = *state_.delay;
  Field("slave_apply_delay_secs", state_.settings.replica_apply_delay.count());
  Flag("slave_apply_paused", delay.paused);
  Field("slave_apply_pending_bytes", PendingBytes(state_));
  const bool waits = !delay.marks.empty() && PendingBytes(state_) > 0;
  Field("slave_apply_lag_ms", waits ? (now_.mono - delay.marks.front().at).count() : 0);
  const auto next = DelayDeadline(state_);
  Field("slave_apply_remaining_ms", next ? std::max<std::int64_t>((*next - now_.mono).count(), 0) : -1);
  Flag("slave_apply_early", delay.over_limit);
  Flag("slave_resync_put_off", delay.resync_wanted_at.has_value());
}

void Info::ReplicaLines() {
  const Settings& settings = state_.settings;
  Field("connected_slaves", state_.replicas.size());
  if (settings.min_replicas_to_write > 0 && settings.min_replicas_max_lag.count() > 0) {
    Field("min_slaves_good_slaves", state_.replicas.CountGood(now_.mono, settings.min_replicas_max_lag));
  }
  int index = 0;
  for (const auto& [id, replica] : state_.replicas.all()) {
    const bool online = replica.stage == Stage::kOnline;
    const std::string_view stage = online ? "online" : replica.stage == Stage::kPayload ? "send_bulk" : "wait_bgsave";
    // It has what it came for and follows no stream: it has no place in a topology.
    if (online && replica.announced.rdb_only) continue;
    Field(fmt::format("slave{}", index++),
          fmt::format("ip={},port={},state={},offset={},lag={}", replica.ip, replica.announced.listening_port, stage,
                      std::max<Offset>(replica.ack, 0), online ? SecondsSince(replica.ack_at, now_) : 0));
  }
}

void Info::Cpu() {
  Section("CPU");
  Field("used_cpu_sys", fmt::format("{:.6f}", host_.cpu_sys));
  Field("used_cpu_user", fmt::format("{:.6f}", host_.cpu_user));
  Field("used_cpu_sys_children", "0.000000");
  Field("used_cpu_user_children", "0.000000");
}

void Info::Modules() {
  Section("Modules");
}

void Info::CommandStats() {
  Section("Commandstats");
  ForEachCommand([this](const std::string& name, const CommandCounts& counts) {
    if (counts.calls + counts.rejected + counts.failed == 0) return;
    const std::uint64_t micros = counts.nanoseconds / 1000;
    const double each = counts.calls == 0 ? 0 : static_cast<double>(micros) / static_cast<double>(counts.calls);
    Field("cmdstat_" + name, fmt::format("calls={},usec={},usec_per_call={:.2f},rejected_calls={},failed_calls={}",
                                         counts.calls, micros, each, counts.rejected, counts.failed));
  });
}

void Info::ErrorStats() {
  Section("Errorstats");
  for (const auto& [code, count] : state_.stats.errors_by_code) {
    Field(fmt::format("errorstat_{}", code), fmt::format("count={}", count));
  }
}

void Info::LatencyStats() {
  Section("Latencystats");
  const std::vector<std::string_view> shares = base::Split(state_.settings.latency_tracking_info_percentiles, ' ');
  ForEachCommand([&](const std::string& name, const CommandCounts& counts) {
    if (counts.durations == nullptr || counts.durations->total() == 0) return;
    std::string text;
    for (const std::string_view share : shares) {
      double value = 0;
      if (std::from_chars(share.data(), share.data() + share.size(), value).ec != std::errc()) continue;
      const auto micros = static_cast<double>(counts.durations->Percentile(value)) / 1000;
      text += fmt::format("{}p{}={:.3f}", text.empty() ? "" : ",", share, micros);
    }
    Field("latency_percentiles_usec_" + name, text);
  });
}

void Info::Cluster() {
  Section("Cluster");
  Field("cluster_enabled", 0);
}

void Info::Keyspace() {
  Section("Keyspace");
  const data::UnixMs wall = base::UnixMillis(now_.wall);
  for (int db = 0; db < state_.keyspace.databases(); ++db) {
    const std::size_t keys = state_.keyspace.Size(db);
    if (keys == 0) continue;
    Field(fmt::format("db{}", db), fmt::format("keys={},expires={},avg_ttl={}", keys, state_.keyspace.Expires(db),
                                               state_.keyspace.AverageTtl(db, wall)));
  }
}

struct SectionRow {
  std::string_view name;
  void (Info::*write)();
  bool by_default;
};
constexpr std::array kSections = {
    SectionRow{"server", &Info::Server, true},
    SectionRow{"clients", &Info::Clients, true},
    SectionRow{"memory", &Info::Memory, true},
    SectionRow{"persistence", &Info::Persistence, true},
    SectionRow{"stats", &Info::Stats, true},
    SectionRow{"replication", &Info::Replication, true},
    SectionRow{"cpu", &Info::Cpu, true},
    SectionRow{"modules", &Info::Modules, true},
    SectionRow{"commandstats", &Info::CommandStats, false},
    SectionRow{"errorstats", &Info::ErrorStats, true},
    SectionRow{"latencystats", &Info::LatencyStats, false},
    SectionRow{"cluster", &Info::Cluster, true},
    SectionRow{"keyspace", &Info::Keyspace, true},
};

bool IsAsked(const SectionRow& row, std::span<const std::string_view> sections) {
  if (sections.empty()) return row.by_default;
  return std::ranges::any_of(sections, [&](std::string_view asked) {
    if (base::EqualsIgnoreCase(asked, "default")) return row.by_default;
    if (base::EqualsIgnoreCase(asked, "all") || base::EqualsIgnoreCase(asked, "everything")) return true;
    return base::EqualsIgnoreCase(asked, row.name);
  });
}

}  // namespace

std::string RenderInfo(const NodeState& state, std::span<const std::string_view> sections, const base::Now& now) {
  Info info(state, now);
  for (const SectionRow& row : kSections) {
    if (IsAsked(row, sections)) (info.*row.write)();
  }
  return info.TakeText();
}

}  // namespace replication
