#include "replication/edge/metrics.h"

#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "replication/base/text.h"
#include "replication/host/metrics_text.h"

namespace replication::edge {
namespace {

using host::MetricsText;
using Labels = MetricsText::Labels;
using Fields = std::map<std::string_view, std::string_view, std::less<>>;

enum class Kind { kGauge, kCounter };

struct Row {
  std::string_view field;  // of INFO
  std::string_view name;   // behind "redis_", or whole when it begins with "vigil_"
  Kind kind;
  std::string_view help;
  double scale = 1;
};

constexpr Kind kGauge = Kind::kGauge;
constexpr Kind kCounter = Kind::kCounter;

constexpr auto kRows = std::to_array<Row>({
    {"uptime_in_seconds", "uptime_in_seconds", kGauge, "Seconds since the start"},
    {"connected_clients", "connected_clients", kGauge, "Connections of clients, replicas excepted"},
    {"blocked_clients", "blocked_clients", kGauge, "Clients in a command that waits"},
    {"tracking_clients", "tracking_clients", kGauge, "Clients with CLIENT TRACKING"},
    {"maxclients", "max_clients", kGauge, "maxclients"},
    {"used_memory", "memory_used_bytes", kGauge, "Bytes allocated"},
    {"used_memory_rss", "memory_used_rss_bytes", kGauge, "Resident bytes"},
    {"used_memory_peak", "memory_used_peak_bytes", kGauge, "The most bytes allocated since the start"},
    {"used_memory_lua", "memory_used_lua_bytes", kGauge, "Bytes of the script engine"},
    {"used_memory_scripts", "memory_used_scripts_bytes", kGauge, "Bytes of cached scripts"},
    {"used_memory_overhead", "memory_used_overhead_bytes", kGauge, "Bytes that are no data"},
    {"used_memory_dataset", "memory_used_dataset_bytes", kGauge, "Bytes of the data set"},
    {"number_of_cached_scripts", "number_of_cached_scripts", kGauge, "Scripts in the cache"},
    {"maxmemory", "memory_max_bytes", kGauge, "maxmemory; 0 is no limit"},
    {"mem_fragmentation_ratio", "mem_fragmentation_ratio", kGauge, "Resident bytes to allocated ones"},
    {"mem_fragmentation_bytes", "mem_fragmentation_bytes", kGauge, "Resident bytes above those allocated"},
    {"mem_clients_slaves", "mem_clients_slaves", kGauge, "Bytes of replicas' connections"},
    {"mem_clients_normal", "mem_clients_normal", kGauge, "Bytes of clients' connections"},
    {"mem_total_replication_buffers", "vigil_replication_buffer_bytes", kGauge, "Bytes of the replication stream held"},
    {"loading", "loading_dump_file", kGauge, "Whether the data set is being loaded"},
    {"rdb_changes_since_last_save", "rdb_changes_since_last_save", kGauge, "Changes since the last save"},
    {"rdb_bgsave_in_progress", "rdb_bgsave_in_progress", kGauge, "Whether a save is running"},
    {"rdb_last_save_time", "rdb_last_save_timestamp_seconds", kGauge, "Unix time of the last save that succeeded"},
    {"rdb_last_bgsave_status", "rdb_last_bgsave_status", kGauge, "Whether the last save succeeded"},
    {"rdb_last_bgsave_time_sec", "rdb_last_bgsave_duration_sec", kGauge, "Seconds that the last save took"},
    {"rdb_current_bgsave_time_sec", "rdb_current_bgsave_duration_sec", kGauge,
     "Seconds of the save that runs; -1: none"},
    {"rdb_saves", "rdb_saves_total", kCounter, "Saves since the start"},
    {"aof_enabled", "aof_enabled", kGauge, "Whether there is a journal"},
    {"aof_rewrite_in_progress", "aof_rewrite_in_progress", kGauge, "Whether the journal is being rewritten"},
    {"aof_rewrite_scheduled", "aof_rewrite_scheduled", kGauge, "Whether a rewrite of the journal waits"},
    {"aof_last_rewrite_time_sec", "aof_last_rewrite_duration_sec", kGauge, "Seconds that the last rewrite took"},
    {"aof_last_bgrewrite_status", "aof_last_bgrewrite_status", kGauge, "Whether the last rewrite succeeded"},
    {"aof_last_write_status", "aof_last_write_status", kGauge, "Whether the journal could be written last"},
    {"aof_current_size", "aof_current_size_bytes", kGauge, "Bytes of the journal"},
    {"aof_base_size", "aof_base_size_bytes", kGauge, "Bytes of the journal after its last rewrite"},
    {"total_connections_received", "connections_received_total", kCounter, "Connections accepted"},
    {"rejected_connections", "rejected_connections_total", kCounter, "Connections refused for maxclients"},
    {"total_commands_processed", "commands_processed_total", kCounter, "Commands executed"},
    {"instantaneous_ops_per_sec", "instantaneous_ops_per_sec", kGauge, "Commands per second, of late"},
    {"total_net_input_bytes", "net_input_bytes_total", kCounter, "Bytes received"},
    {"total_net_output_bytes", "net_output_bytes_total", kCounter, "Bytes sent"},
    {"total_net_repl_input_bytes", "vigil_replication_input_bytes_total", kCounter, "Bytes received from the master"},
    {"total_net_repl_output_bytes", "vigil_replication_output_bytes_total", kCounter, "Bytes sent to replicas"},
    {"expired_keys", "expired_keys_total", kCounter, "Keys deleted because their time had come"},
    {"evicted_keys", "evicted_keys_total", kCounter, "Keys deleted for maxmemory"},
    {"evicted_clients", "evicted_clients_total", kCounter, "Clients closed for maxmemory-clients"},
    {"keyspace_hits", "keyspace_hits_total", kCounter, "Reads that found their key"},
    {"keyspace_misses", "keyspace_misses_total", kCounter, "Reads that did not find their key"},
    {"pubsub_channels", "pubsub_channels", kGauge, "Channels with subscribers"},
    {"pubsub_patterns", "pubsub_patterns", kGauge, "Patterns with subscribers"},
    {"total_error_replies", "vigil_error_replies_total", kCounter, "Replies that were errors"},
    {"sync_full", "replica_resyncs_full", kGauge, "Full syncs given to replicas"},
    {"sync_partial_ok", "replica_partial_resync_accepted", kGauge, "Partial resyncs given to replicas"},
    {"sync_partial_err", "replica_partial_resync_denied", kGauge, "Partial resyncs that could not be given"},
    {"connected_slaves", "connected_slaves", kGauge, "Replicas"},
    {"master_repl_offset", "master_repl_offset", kGauge, "The offset up to which the data are"},
    {"second_repl_offset", "second_repl_offset", kGauge, "Up to where the second replication id is valid"},
    {"repl_backlog_active", "repl_backlog_is_active", kGauge, "Whether there is a backlog"},
    {"repl_backlog_size", "replication_backlog_bytes", kGauge, "repl-backlog-size"},
    {"repl_backlog_first_byte_offset", "repl_backlog_first_byte_offset", kGauge, "The oldest offset in the backlog"},
    {"repl_backlog_histlen", "repl_backlog_history_bytes", kGauge, "Bytes in the backlog"},
    {"repl_snapshot_in_progress", "vigil_replication_snapshot_in_progress", kGauge, "Snapshots for replicas that run"},
    {"repl_last_full_sync_ms", "vigil_replication_last_full_sync_seconds", kGauge,
     "How long the last full sync took; below 0: there was none", 0.001},
    {"repl_lost_writes", "vigil_replication_lost_writes_total", kCounter,
     "Writes that a new master has taken from this node"},
    {"repl_lost_bytes", "vigil_replication_lost_bytes_total", kCounter,
     "Bytes of stream that a new master has taken from this node"},
    {"repl_unknown_commands", "vigil_replication_unknown_commands_total", kCounter,
     "Commands from the master that this node does not know"},
    {"used_cpu_sys", "cpu_sys_seconds_total", kCounter, "Seconds of the kernel for us"},
    {"used_cpu_user", "cpu_user_seconds_total", kCounter, "Seconds of our own"},
});

// "ok" and "up" are 1, other words 0.
double Number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end != text.data()) return value;
  return text == "ok" || text == "up" ? 1 : 0;
}

std::string NameOf(std::string_view name) {
  return std::string(name.starts_with("vigil_") ? "" : "redis_").append(name);
}

// "a=1,b=2".
Fields Parts(std::string_view text) {
  Fields parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, comma);
    const std::size_t equals = part.find('=');
    if (equals != std::string_view::npos) parts.emplace(part.substr(0, equals), part.substr(equals + 1));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

void AddReplica(MetricsText& metrics, const Fields& parts) {
  const auto part = [&](std::string_view name) {
    const auto found = parts.find(name);
    return found == parts.end() ? std::string() : std::string(found->second);
  };
  const Labels labels = {{"slave_ip", part("ip")}, {"slave_port", part("port")}, {"slave_state", part("state")}};
  metrics.Gauge("redis_connected_slave_offset_bytes", "The offset that a replica has acknowledged",
                Number(part("offset")), labels);
  metrics.Gauge("redis_connected_slave_lag_seconds", "Seconds since a replica has acknowledged something",
                Number(part("lag")), labels);
}

void AddDatabase(MetricsText& metrics, std::string_view name, const Fields& parts) {
  const auto part = [&](std::string_view which) {
    const auto found = parts.find(which);
    return found == parts.end() ? 0 : Number(found->second);
  };
  const Labels labels = {{"db", std::string(name)}};
  metrics.Gauge("redis_db_keys", "Keys", part("keys"), labels);
  metrics.Gauge("redis_db_keys_expiring", "Keys with a time to live", part("expires"), labels);
  metrics.Gauge("redis_db_avg_ttl_seconds", "Mean time to live", part("avg_ttl") / 1000, labels);
}

void AddCommand(MetricsText& metrics, std::string_view name, const Fields& parts) {
  const auto part = [&](std::string_view which) {
    const auto found = parts.find(which);
    return found == parts.end() ? 0 : Number(found->second);
  };
  const Labels labels = {{"cmd", std::string(name)}};
  metrics.Counter("redis_commands_total", "Calls of a command", part("calls"), labels);
  metrics.Counter("redis_commands_duration_seconds_total", "Seconds spent in a command", part("usec") / 1e6, labels);
  metrics.Counter("redis_commands_rejected_calls_total", "Calls that were refused", part("rejected_calls"), labels);
  metrics.Counter("redis_commands_failed_calls_total", "Calls that failed", part("failed_calls"), labels);
}

// `parts` are percentiles; how many calls there were, and what they took together, stands in the command's own line.
void AddLatency(MetricsText& metrics, std::string_view name, const Fields& parts, const Fields& fields) {
  std::vector<std::pair<double, double>> quantiles;
  for (const auto& [percentile, value] : parts) {
    quantiles.emplace_back(Number(percentile.substr(1)) / 100, Number(value));
  }
  const auto command = fields.find("cmdstat_" + std::string(name));
  const Fields calls = command == fields.end() ? Fields{} : Parts(command->second);
  const auto part = [&](std::string_view which) {
    const auto found = calls.find(which);
    return found == calls.end() ? 0 : Number(found->second);
  };
  metrics.Summary("redis_latency_percentiles_usec", "Microseconds that calls of a command took", quantiles,
                  static_cast<std::uint64_t>(part("calls")), part("usec"), {{"cmd", std::string(name)}});
}

bool IsNumbered(std::string_view field, std::string_view prefix) {
  return field.size() > prefix.size() && field.starts_with(prefix) &&
         field.find_first_not_of("0123456789", prefix.size()) == std::string_view::npos;
}

// What has labels of its own: "slave0", "db0", "cmdstat_get" ...
void AddLabelled(MetricsText& metrics, std::string_view field, std::string_view value, const Fields& fields) {
  constexpr std::string_view kCommand = "cmdstat_";
  constexpr std::string_view kError = "errorstat_";
  constexpr std::string_view kLatency = "latency_percentiles_usec_";
  if (IsNumbered(field, "slave")) return AddReplica(metrics, Parts(value));
  if (IsNumbered(field, "db")) return AddDatabase(metrics, field, Parts(value));
  if (field.starts_with(kCommand)) return AddCommand(metrics, field.substr(kCommand.size()), Parts(value));
  if (field.starts_with(kLatency)) return AddLatency(metrics, field.substr(kLatency.size()), Parts(value), fields);
  if (field.starts_with(kError)) {
    const Fields parts = Parts(value);
    metrics.Counter("redis_errors_total", "Replies that began with this word", Number(parts.at("count")),
                    {{"err", std::string(field.substr(kError.size()))}});
  }
}

void AddIdentity(MetricsText& metrics, const Fields& fields) {
  const auto text = [&](std::string_view name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : std::string(found->second);
  };
  metrics.Gauge("redis_up", "Whether the node answers", 1);
  metrics.Gauge("redis_instance_info", "What the node is", 1,
                {{"role", text("role")},
                 {"redis_version", text("redis_version")},
                 {"redis_mode", text("redis_mode")},
                 {"run_id", text("run_id")},
                 {"tcp_port", text("tcp_port")},
                 {"os", text("os")},
                 {"maxmemory_policy", text("maxmemory_policy")},
                 {"process_id", text("process_id")}});
  metrics.Gauge("vigil_build_info", "The program", 1, {{"version", text("vigil_version")}});
  metrics.Gauge("redis_start_time_seconds", "Unix time of the start",
                Number(text("server_time_usec")) / 1e6 - Number(text("uptime_in_seconds")));
  if (text("role") != "slave") return;
  const Labels master = {{"master_host", text("master_host")}, {"master_port", text("master_port")}};
  Labels info = master;
  info.emplace_back("read_only", text("slave_read_only"));
  metrics.Gauge("redis_slave_info", "A replica's master", 1, std::move(info));
  metrics.Gauge("redis_master_link_up", "Whether the link to the master is up", Number(text("master_link_status")),
                master);
  metrics.Gauge("redis_master_last_io_seconds_ago", "Seconds since the master was last heard; -1: never",
                Number(text("master_last_io_seconds_ago")), master);
  metrics.Gauge("redis_master_sync_in_progress", "Whether a full sync is under way",
                Number(text("master_sync_in_progress")), master);
  metrics.Gauge("redis_slave_repl_offset", "The offset up to which the data are", Number(text("slave_repl_offset")),
                master);
  metrics.Gauge("redis_slave_priority", "replica-priority", Number(text("slave_priority")), master);
}

}  // namespace

std::string MetricsOf(std::string_view info) {
  Fields fields;
  std::vector<std::pair<std::string_view, std::string_view>> in_order;
  while (!info.empty()) {
    const std::size_t end = std::min(info.find("\r\n"), info.size());
    const std::string_view line = info.substr(0, end);
    info.remove_prefix(std::min(end + 2, info.size()));
    const std::size_t colon = line.find(':');
    if (line.empty() || line.starts_with('#') || colon == std::string_view::npos) continue;
    fields.emplace(line.substr(0, colon), line.substr(colon + 1));
    in_order.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
  MetricsText metrics;
  AddIdentity(metrics, fields);
  for (const Row& row : kRows) {
    const auto found = fields.find(row.field);
    if (found == fields.end()) continue;
    const double value = Number(found->second) * row.scale;
    if (row.kind == Kind::kGauge) {
      metrics.Gauge(NameOf(row.name), row.help, value);
    } else {
      metrics.Counter(NameOf(row.name), row.help, value);
    }
  }
  for (const auto& [field, value] : in_order) AddLabelled(metrics, field, value, fields);
  return metrics.Text();
}

}  // namespace replication::edge
