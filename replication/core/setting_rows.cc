#include "replication/core/setting_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "replication/base/text.h"
#include "replication/core/journal_retention.h"
#include "replication/data/key_events.h"

namespace replication {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Seconds;
using Words = std::span<const std::string>;

constexpr std::int64_t kIntMax = std::numeric_limits<int>::max();
constexpr std::uint64_t kSmallestBacklog = 16 << 10;

// ---- Directives with a form of their own. ----

Result<void> ApplyBind(Settings& settings, Words words) {
  if (words.size() == 1 && words[0].empty()) words = {};
  if (words.size() > 16) return Fail(ErrorCode::kInvalid, "Too many bind addresses specified.");
  settings.bind.assign(words.begin(), words.end());
  return {};
}
std::string RenderBind(const Settings& settings) {
  return fmt::format("{}", fmt::join(settings.bind, " "));
}

Result<void> ApplySave(Settings& settings, Words words) {
  if (words.size() == 1 && words[0].empty()) words = {};
  std::vector<SavePoint> points;
  if (words.size() % 2 != 0) return Fail(ErrorCode::kInvalid, "Invalid save parameters");
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const auto after = base::ParseInt<std::int32_t>(words[i]);
    const auto changes = base::ParseInt<std::int32_t>(words[i + 1]);
    if (!after || !changes || *after < 1 || *changes < 0) {
      return Fail(ErrorCode::kInvalid, "Invalid save parameters");
    }
    points.push_back({Seconds(*after), static_cast<std::uint64_t>(*changes)});
  }
  settings.save = std::move(points);
  return {};
}
std::string RenderSave(const Settings& settings) {
  std::string text;
  for (const SavePoint& point : settings.save) {
    text += fmt::format("{}{} {}", text.empty() ? "" : " ", point.after.count(), point.changes);
  }
  return text;
}

OutputLimit* LimitOf(Settings& settings, std::string_view client_class) {
  const std::string name = base::ToLower(client_class);
  if (name == "normal") return &settings.normal_limit;
  if (name == "slave" || name == "replica") return &settings.replica_limit;
  if (name == "pubsub") return &settings.pubsub_limit;
  return nullptr;
}

Result<void> ApplyOutputLimit(Settings& settings, Words words) {
  if (words.empty() || words.size() % 4 != 0) {
    return Fail(ErrorCode::kInvalid, "Wrong number of arguments in buffer limit configuration.");
  }
  Settings changed = settings;
  for (std::size_t i = 0; i < words.size(); i += 4) {
    OutputLimit* limit = LimitOf(changed, words[i]);
    if (limit == nullptr) {
      return Fail(ErrorCode::kInvalid, "Invalid client class specified in buffer limit configuration.");
    }
    const auto hard = base::ParseMemory(words[i + 1]);
    const auto soft = base::ParseMemory(words[i + 2]);
    const auto soft_for = base::ParseInt<std::int32_t>(words[i + 3]);
    if (!hard || !soft || !soft_for || *soft_for < 0) {
      return Fail(ErrorCode::kInvalid, "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    }
    *limit = {*hard, *soft, Seconds(*soft_for)};
  }
  settings.normal_limit = changed.normal_limit;
  settings.replica_limit = changed.replica_limit;
  settings.pubsub_limit = changed.pubsub_limit;
  return {};
}
std::string RenderOutputLimit(const Settings& settings) {
  const auto show = [](std::string_view name, const OutputLimit& limit) {
    return fmt::format("{} {} {} {}", name, limit.hard, limit.soft, limit.soft_for.count());
  };
  return show("normal", settings.normal_limit) + " " + show("slave", settings.replica_limit) + " " +
         show("pubsub", settings.pubsub_limit);
}

Result<void> ApplyReplicaof(Settings& settings, Words words) {
  if (words.size() != 2) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
  if (base::EqualsIgnoreCase(words[0], "no") && base::EqualsIgnoreCase(words[1], "one")) {
    settings.replicaof = {};
    return {};
  }
  const auto port = base::ParsePort(words[1]);
  if (!port) return Fail(ErrorCode::kInvalid, "Invalid master port");
  if (words[0].empty()) return Fail(ErrorCode::kInvalid, "Invalid master address");
  settings.replicaof = {words[0], *port};
  return {};
}
std::string RenderReplicaof(const Settings& settings) {
  if (settings.replicaof.empty()) return {};
  return fmt::format("{} {}", settings.replicaof.host, settings.replicaof.port);
}

// A name within a folder; the refusals are stock's.
Result<void> ApplyFileName(std::string& field, Words words, std::string_view name) {
  if (words.size() != 1) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
  if (words[0].empty()) return Fail(ErrorCode::kInvalid, fmt::format("{} can't be empty", name));
  if (words[0].find('/') != std::string::npos || words[0] == "." || words[0] == "..") {
    return Fail(ErrorCode::kInvalid,
                fmt::format("{} can't be a path, just a {}", name, name == "appenddirname" ? "dirname" : "filename"));
  }
  field = words[0];
  return {};
}
Result<void> ApplyAppendDirName(Settings& settings, Words words) {
  return ApplyFileName(settings.appenddirname, words, "appenddirname");
}
std::string RenderAppendDirName(const Settings& settings) {
  return settings.appenddirname;
}
Result<void> ApplyAppendFilename(Settings& settings, Words words) {
  return ApplyFileName(settings.appendfilename, words, "appendfilename");
}
std::string RenderAppendFilename(const Settings& settings) {
  return settings.appendfilename;
}

Result<void> ApplyDbfilename(Settings& settings, Words words) {
  if (words.size() != 1) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
  if (words[0].find('/') != std::string::npos) {
    return Fail(ErrorCode::kInvalid, "dbfilename can't be a path, just a filename");
  }
  if (words[0].empty()) return Fail(ErrorCode::kInvalid, "dbfilename can't be empty");
  settings.dbfilename = words[0];
  return {};
}
std::string RenderDbfilename(const Settings& settings) {
  return settings.dbfilename;
}

Result<void> ApplyKeyEvents(Settings& settings, Words words) {
  if (words.size() != 1) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
  const auto bits = data::ParseKeyEvents(words[0]);
  if (!bits) return Fail(ErrorCode::kInvalid, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  settings.notify_keyspace_events = *bits;
  return {};
}
std::string RenderKeyEvents(const Settings& settings) {
  return data::KeyEventFlags(settings.notify_keyspace_events);
}

Result<void> ApplyRetention(Settings& settings, Words words) {
  if (words.size() != 1) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
  if (!ParseRetention(words[0])) {
    return Fail(ErrorCode::kInvalid, "argument must be a time (90s, 15min, 36h, 7d), bytes with a unit (10gb), or 0");
  }
  settings.journal_retention = words[0];
  return {};
}
std::string RenderRetention(const Settings& settings) {
  return settings.journal_retention;
}

// Bytes, or a share of maxmemory: "10%".
Result<void> ApplyClientsMemory(Settings& settings, Words words) {
  if (words.size() != 1) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
  const std::string_view word = words[0];
  if (word.ends_with('%')) {
    const auto share = base::ParseInt<int>(word.substr(0, word.size() - 1));
    if (!share || *share < 0 || *share > 100) {
      return Fail(ErrorCode::kInvalid, "argument must be a memory or percent value");
    }
    settings.maxmemory_clients = -*share;
    return {};
  }
  const auto bytes = base::ParseMemory(word);
  if (!bytes) return Fail(ErrorCode::kInvalid, "argument must be a memory or percent value");
  settings.maxmemory_clients = static_cast<std::int64_t>(*bytes);
  return {};
}
std::string RenderClientsMemory(const Settings& settings) {
  if (settings.maxmemory_clients < 0) return fmt::format("{}%", -settings.maxmemory_clients);
  return fmt::format("{}", settings.maxmemory_clients);
}

// Octal, as chmod has it.
Result<void> ApplySocketMode(Settings& settings, Words words) {
  if (words.size() != 1) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
  unsigned mode = 0;
  const char* const end = words[0].data() + words[0].size();
  const auto [stopped, error] = std::from_chars(words[0].data(), end, mode, 8);
  if (error != std::errc() || stopped != end)
    return Fail(ErrorCode::kInvalid, "argument couldn't be parsed into an integer");
  if (mode > 0777) return Fail(ErrorCode::kInvalid, "argument must be between 0 and 777 inclusive");
  settings.unixsocketperm = mode;
  return {};
}
std::string RenderSocketMode(const Settings& settings) {
  return fmt::format("{:o}", settings.unixsocketperm);
}

Result<void> ApplyPercentiles(Settings& settings, Words words) {
  if (words.size() == 1 && words[0].empty()) words = {};
  std::string text;
  for (const std::string& word : words) {
    double share = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), share);
    if (error != std::errc() || end != word.data() + word.size() || !(share >= 0) || share > 100) {
      return Fail(ErrorCode::kInvalid, "latency-tracking-info-percentiles should contain values between 0 and 100");
    }
    text += fmt::format("{}{}", text.empty() ? "" : " ", word);
  }
  settings.latency_tracking_info_percentiles = text;
  return {};
}
std::string RenderPercentiles(const Settings& settings) {
  return settings.latency_tracking_info_percentiles;
}

// ---- The rows. ----

constexpr auto kYesNo = SettingKind::kYesNo;
constexpr auto kNumber = SettingKind::kNumber;
constexpr auto kMemory = SettingKind::kMemory;
constexpr auto kChoice = SettingKind::kChoice;
constexpr auto kText = SettingKind::kText;
constexpr auto kSpecial = SettingKind::kSpecial;
using S = Settings;

constexpr std::array kUsed = {
    SettingRow{.name = "acl-pubsub-default",
               .kind = kChoice,
               .field = &S::acl_pubsub_default,
               .choices = "allchannels resetchannels"},
    SettingRow{.name = "aclfile", .kind = kText, .field = &S::aclfile, .flags = kFixed},
    SettingRow{.name = "acllog-max-len", .kind = kNumber, .field = &S::acllog_max_len, .high = 4294967295},
    SettingRow{.name = "aof-load-truncated", .kind = kYesNo, .field = &S::aof_load_truncated},
    SettingRow{.name = "appenddirname",
               .kind = kSpecial,
               .flags = kFixed,
               .apply = &ApplyAppendDirName,
               .render = &RenderAppendDirName},
    SettingRow{.name = "appendfilename",
               .kind = kSpecial,
               .flags = kFixed,
               .apply = &ApplyAppendFilename,
               .render = &RenderAppendFilename},
    SettingRow{.name = "appendfsync", .kind = kChoice, .field = &S::appendfsync, .choices = "everysec always no"},
    SettingRow{.name = "appendonly", .kind = kYesNo, .field = &S::appendonly},
    SettingRow{.name = "auto-aof-rewrite-min-size", .kind = kMemory, .field = &S::auto_aof_rewrite_min_size},
    SettingRow{.name = "auto-aof-rewrite-percentage",
               .kind = kNumber,
               .field = &S::auto_aof_rewrite_percentage,
               .high = kIntMax},
    SettingRow{
        .name = "bind", .kind = kSpecial, .flags = kFixed | kManyWords, .apply = &ApplyBind, .render = &RenderBind},
    SettingRow{.name = "bind-source-addr", .kind = kText, .field = &S::bind_source_addr},
    SettingRow{
        .name = "busy-reply-threshold", .alias = "lua-time-limit", .kind = kNumber, .field = &S::busy_reply_threshold},
    SettingRow{.name = "client-output-buffer-limit",
               .kind = kSpecial,
               .flags = kManyWords,
               .apply = &ApplyOutputLimit,
               .render = &RenderOutputLimit},
    SettingRow{
        .name = "client-query-buffer-limit", .kind = kMemory, .field = &S::client_query_buffer_limit, .low = 1 << 20},
    SettingRow{.name = "daemonize", .kind = kYesNo, .field = &S::daemonize, .flags = kFixed},
    SettingRow{.name = "databases", .kind = kNumber, .field = &S::databases, .flags = kFixed, .low = 1, .high = 65536},
    SettingRow{.name = "dbfilename",
               .kind = kSpecial,
               .flags = kProtected,
               .apply = &ApplyDbfilename,
               .render = &RenderDbfilename},
    SettingRow{.name = "dir", .kind = kText, .field = &S::dir, .flags = kProtected},
    SettingRow{.name = "enable-debug-command",
               .kind = kChoice,
               .field = &S::enable_debug_command,
               .flags = kFixed,
               .choices = "no yes local"},
    SettingRow{.name = "enable-protected-configs",
               .kind = kChoice,
               .field = &S::enable_protected_configs,
               .flags = kFixed,
               .choices = "no yes local"},
    SettingRow{.name = "hash-max-listpack-entries",
               .alias = "hash-max-ziplist-entries",
               .kind = kNumber,
               .field = &S::hash_max_listpack_entries},
    SettingRow{.name = "hash-max-listpack-value",
               .alias = "hash-max-ziplist-value",
               .kind = kMemory,
               .field = &S::hash_max_listpack_value},
    SettingRow{.name = "hll-sparse-max-bytes", .kind = kMemory, .field = &S::hll_sparse_max_bytes},
    SettingRow{.name = "http-bind", .kind = kText, .field = &S::http_bind, .flags = kFixed},
    SettingRow{.name = "http-port", .kind = kNumber, .field = &S::http_port, .flags = kFixed, .high = 65535},
    SettingRow{.name = "journal-retention", .kind = kSpecial, .apply = &ApplyRetention, .render = &RenderRetention},
    SettingRow{.name = "latency-monitor-threshold", .kind = kNumber, .field = &S::latency_monitor_threshold},
    SettingRow{.name = "latency-tracking", .kind = kYesNo, .field = &S::latency_tracking},
    SettingRow{.name = "latency-tracking-info-percentiles",
               .kind = kSpecial,
               .flags = kManyWords,
               .apply = &ApplyPercentiles,
               .render = &RenderPercentiles},
    SettingRow{.name = "lazyfree-lazy-eviction", .kind = kYesNo, .field = &S::lazyfree_lazy_eviction},
    SettingRow{.name = "lazyfree-lazy-expire", .kind = kYesNo, .field = &S::lazyfree_lazy_expire},
    SettingRow{.name = "lazyfree-lazy-server-del", .kind = kYesNo, .field = &S::lazyfree_lazy_server_del},
    SettingRow{.name = "lazyfree-lazy-user-del", .kind = kYesNo, .field = &S::lazyfree_lazy_user_del},
    SettingRow{.name = "lazyfree-lazy-user-flush", .kind = kYesNo, .field = &S::lazyfree_lazy_user_flush},
    SettingRow{.name = "lfu-decay-time", .kind = kNumber, .field = &S::lfu_decay_time, .high = kIntMax},
    SettingRow{.name = "lfu-log-factor", .kind = kNumber, .field = &S::lfu_log_factor, .high = kIntMax},
    SettingRow{.name = "list-max-listpack-size",
               .alias = "list-max-ziplist-size",
               .kind = kNumber,
               .field = &S::list_max_listpack_size,
               .low = -2147483648,
               .high = kIntMax},
    SettingRow{.name = "logfile", .kind = kText, .field = &S::logfile, .flags = kFixed},
    SettingRow{.name = "loglevel", .kind = kChoice, .field = &S::loglevel, .choices = "debug verbose notice warning"},
    SettingRow{.name = "masterauth", .kind = kText, .field = &S::masterauth},
    SettingRow{.name = "masteruser", .kind = kText, .field = &S::masteruser},
    SettingRow{.name = "maxclients", .kind = kNumber, .field = &S::maxclients, .low = 1, .high = 0xffffffff},
    SettingRow{.name = "maxmemory", .kind = kMemory, .field = &S::maxmemory},
    SettingRow{
        .name = "maxmemory-clients", .kind = kSpecial, .apply = &ApplyClientsMemory, .render = &RenderClientsMemory},
    SettingRow{
        .name = "maxmemory-eviction-tenacity", .kind = kNumber, .field = &S::maxmemory_eviction_tenacity, .high = 100},
    SettingRow{
        .name = "maxmemory-policy",
        .kind = kChoice,
        .field = &S::maxmemory_policy,
        .choices =
            "volatile-lru volatile-lfu volatile-random volatile-ttl allkeys-lru allkeys-lfu allkeys-random noeviction"},
    SettingRow{.name = "maxmemory-samples", .kind = kNumber, .field = &S::maxmemory_samples, .low = 1, .high = kIntMax},
    SettingRow{.name = "min-replicas-max-lag",
               .alias = "min-slaves-max-lag",
               .kind = kNumber,
               .field = &S::min_replicas_max_lag,
               .high = kIntMax},
    SettingRow{.name = "min-replicas-to-write",
               .alias = "min-slaves-to-write",
               .kind = kNumber,
               .field = &S::min_replicas_to_write,
               .high = kIntMax},
    SettingRow{
        .name = "notify-keyspace-events", .kind = kSpecial, .apply = &ApplyKeyEvents, .render = &RenderKeyEvents},
    SettingRow{.name = "pidfile", .kind = kText, .field = &S::pidfile, .flags = kFixed},
    SettingRow{.name = "port", .kind = kNumber, .field = &S::port, .flags = kFixed, .high = 65535},
    SettingRow{.name = "protected-mode", .kind = kYesNo, .field = &S::protected_mode},
    SettingRow{.name = "proto-max-bulk-len", .kind = kMemory, .field = &S::proto_max_bulk_len, .low = 1 << 20},
    SettingRow{.name = "rdbchecksum", .kind = kYesNo, .field = &S::rdbchecksum, .flags = kFixed},
    SettingRow{.name = "rdbcompression", .kind = kYesNo, .field = &S::rdbcompression},
    SettingRow{.name = "repl-backlog-size", .kind = kMemory, .field = &S::repl_backlog_size, .low = 1},
    SettingRow{.name = "repl-backlog-ttl", .kind = kNumber, .field = &S::repl_backlog_ttl, .high = 1LL << 40},
    SettingRow{.name = "repl-disable-tcp-nodelay", .kind = kYesNo, .field = &S::repl_disable_tcp_nodelay},
    SettingRow{.name = "repl-diskless-load",
               .kind = kChoice,
               .field = &S::repl_diskless_load,
               .choices = "disabled on-empty-db swapdb flush-before-load"},
    SettingRow{.name = "repl-diskless-sync", .kind = kYesNo, .field = &S::repl_diskless_sync},
    SettingRow{
        .name = "repl-diskless-sync-delay", .kind = kNumber, .field = &S::repl_diskless_sync_delay, .high = kIntMax},
    SettingRow{.name = "repl-diskless-sync-max-replicas",
               .kind = kNumber,
               .field = &S::repl_diskless_sync_max_replicas,
               .high = kIntMax},
    SettingRow{.name = "repl-ping-replica-period",
               .alias = "repl-ping-slave-period",
               .kind = kNumber,
               .field = &S::repl_ping_replica_period,
               .low = 1,
               .high = kIntMax},
    SettingRow{.name = "repl-timeout", .kind = kNumber, .field = &S::repl_timeout, .low = 1, .high = kIntMax},
    SettingRow{.name = "replica-accept-empty-master", .kind = kYesNo, .field = &S::replica_accept_empty_master},
    SettingRow{
        .name = "replica-announce-ip", .alias = "slave-announce-ip", .kind = kText, .field = &S::replica_announce_ip},
    SettingRow{.name = "replica-announce-port",
               .alias = "slave-announce-port",
               .kind = kNumber,
               .field = &S::replica_announce_port,
               .high = 65535},
    SettingRow{.name = "replica-announced", .kind = kYesNo, .field = &S::replica_announced},
    SettingRow{.name = "replica-apply-delay", .kind = kNumber, .field = &S::replica_apply_delay, .high = 31536000},
    SettingRow{.name = "replica-apply-delay-max-bytes", .kind = kMemory, .field = &S::replica_apply_delay_max_bytes},
    SettingRow{.name = "replica-ignore-maxmemory",
               .alias = "slave-ignore-maxmemory",
               .kind = kYesNo,
               .field = &S::replica_ignore_maxmemory},
    SettingRow{.name = "replica-priority",
               .alias = "slave-priority",
               .kind = kNumber,
               .field = &S::replica_priority,
               .high = kIntMax},
    SettingRow{.name = "replica-read-only", .alias = "slave-read-only", .kind = kYesNo, .field = &S::replica_read_only},
    SettingRow{.name = "replica-serve-stale-data",
               .alias = "slave-serve-stale-data",
               .kind = kYesNo,
               .field = &S::replica_serve_stale_data},
    SettingRow{.name = "replica-strict-stream", .kind = kYesNo, .field = &S::replica_strict_stream},
    SettingRow{.name = "replicaof",
               .alias = "slaveof",
               .kind = kSpecial,
               .flags = kFixed,
               .apply = &ApplyReplicaof,
               .render = &RenderReplicaof},
    SettingRow{.name = "requirepass", .kind = kText, .field = &S::requirepass},
    SettingRow{.name = "save", .kind = kSpecial, .flags = kManyWords, .apply = &ApplySave, .render = &RenderSave},
    SettingRow{.name = "set-max-intset-entries", .kind = kNumber, .field = &S::set_max_intset_entries},
    SettingRow{.name = "shutdown-timeout", .kind = kNumber, .field = &S::shutdown_timeout, .high = kIntMax},
    SettingRow{.name = "slowlog-log-slower-than", .kind = kNumber, .field = &S::slowlog_log_slower_than, .low = -1},
    SettingRow{.name = "slowlog-max-len", .kind = kNumber, .field = &S::slowlog_max_len},
    SettingRow{.name = "stop-writes-on-bgsave-error", .kind = kYesNo, .field = &S::stop_writes_on_bgsave_error},
    SettingRow{.name = "stream-node-max-bytes", .kind = kMemory, .field = &S::stream_node_max_bytes},
    SettingRow{.name = "stream-node-max-entries", .kind = kNumber, .field = &S::stream_node_max_entries},
    SettingRow{.name = "supervised",
               .kind = kChoice,
               .field = &S::supervised,
               .flags = kFixed,
               .choices = "upstart systemd auto no"},
    SettingRow{.name = "tcp-backlog", .kind = kNumber, .field = &S::tcp_backlog, .flags = kFixed, .high = kIntMax},
    SettingRow{.name = "tcp-keepalive", .kind = kNumber, .field = &S::tcp_keepalive, .high = kIntMax},
    SettingRow{.name = "timeout", .kind = kNumber, .field = &S::timeout, .high = kIntMax},
    SettingRow{.name = "tracking-table-max-keys", .kind = kNumber, .field = &S::tracking_table_max_keys},
    SettingRow{.name = "unixsocket", .kind = kText, .field = &S::unixsocket, .flags = kFixed},
    SettingRow{.name = "unixsocketperm",
               .kind = kSpecial,
               .flags = kFixed,
               .apply = &ApplySocketMode,
               .render = &RenderSocketMode},
    SettingRow{.name = "zset-max-listpack-entries",
               .alias = "zset-max-ziplist-entries",
               .kind = kNumber,
               .field = &S::zset_max_listpack_entries},
    SettingRow{.name = "zset-max-listpack-value",
               .alias = "zset-max-ziplist-value",
               .kind = kMemory,
               .field = &S::zset_max_listpack_value},
};
static_assert(std::ranges::is_sorted(kUsed, {}, &SettingRow::name));

// Spellings of another server whose files people bring along.
struct OtherSpelling {
  std::string_view spelling;
  std::string_view name;
};
constexpr std::array kOtherSpellings = {
    OtherSpelling{"primaryauth", "masterauth"},
    OtherSpelling{"primaryuser", "masteruser"},
};

// ---- Values of the plain kinds. ----

// A value judged by its row: its canonical text, and its number where it has one.
struct Value {
  std::string text;
  std::uint64_t number = 0;
};

Result<Value> ParseYesNoValue(const std::string& word) {
  const auto yes = base::ParseYesNo(word);
  if (!yes) return Fail(ErrorCode::kInvalid, "argument must be 'yes' or 'no'");
  return Value{*yes ? "yes" : "no", *yes ? 1U : 0U};
}

Result<Value> InRange(const SettingRow& row, std::uint64_t number, bool negative) {
  if (negative || number < static_cast<std::uint64_t>(row.low) || number > static_cast<std::uint64_t>(row.high)) {
    return Fail(ErrorCode::kInvalid, fmt::format("argument must be between {} and {} inclusive", row.low, row.high));
  }
  return Value{fmt::format("{}", number), number};
}

Result<Value> ParseNumberValue(const SettingRow& row, const std::string& word) {
  const auto number = base::ParseInt<std::int64_t>(word);
  if (!number) return Fail(ErrorCode::kInvalid, "argument couldn't be parsed into an integer");
  if (row.low < 0) {
    if (*number < row.low || *number > row.high) {
      return Fail(ErrorCode::kInvalid, fmt::format("argument must be between {} and {} inclusive", row.low, row.high));
    }
    return Value{word, static_cast<std::uint64_t>(*number)};
  }
  return InRange(row, static_cast<std::uint64_t>(*number), *number < 0);
}

Result<Value> ParseChoiceValue(const SettingRow& row, const std::string& word) {
  const auto choices = base::Split(row.choices, ' ');
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (base::EqualsIgnoreCase(choices[i], word)) return Value{std::string(choices[i]), i};
  }
  return Fail(ErrorCode::kInvalid,
              fmt::format("argument(s) must be one of the following: {}", fmt::join(choices, ", ")));
}

Result<Value> ParseValue(const SettingRow& row, const std::string& word) {
  switch (row.kind) {
    case SettingKind::kYesNo:
      return ParseYesNoValue(word);
    case SettingKind::kNumber:
      return ParseNumberValue(row, word);
    case SettingKind::kMemory: {
      const auto bytes = base::ParseMemory(word);
      if (!bytes) return Fail(ErrorCode::kInvalid, "argument must be a memory value");
      return InRange(row, *bytes, false);
    }
    case SettingKind::kChoice:
      return ParseChoiceValue(row, word);
    case SettingKind::kText:
    case SettingKind::kWords:
    case SettingKind::kSpecial:
      break;
  }
  return Value{word, 0};
}

Guard GuardNamed(std::string_view word) {
  return word == "yes" ? Guard::kYes : word == "local" ? Guard::kLocal : Guard::kNo;
}
std::string_view NameOf(Guard guard) {
  return guard == Guard::kYes ? "yes" : guard == Guard::kLocal ? "local" : "no";
}

void Store(Settings& settings, const SettingRow& row, Value value) {
  struct Storer {
    Settings& settings;
    const SettingRow& row;
    Value& value;
    void operator()(std::monostate) const { settings.others[std::string(row.name)] = value.text; }
    void operator()(bool S::*field) const { settings.*field = value.number != 0; }
    void operator()(std::string S::*field) const { settings.*field = value.text; }
    void operator()(Guard S::*field) const { settings.*field = GuardNamed(value.text); }
    void operator()(base::Millis S::*field) const { settings.*field = base::Millis(value.number); }
    void operator()(Seconds S::*field) const { settings.*field = Seconds(value.number); }
    void operator()(int S::*field) const { settings.*field = static_cast<int>(value.number); }
    void operator()(unsigned S::*field) const { settings.*field = static_cast<unsigned>(value.number); }
    void operator()(std::uint16_t S::*field) const { settings.*field = static_cast<std::uint16_t>(value.number); }
    void operator()(std::int64_t S::*field) const { settings.*field = static_cast<std::int64_t>(value.number); }
    void operator()(std::uint64_t S::*field) const { settings.*field = value.number; }
  };
  std::visit(Storer{settings, row, value}, row.field);
  settings.repl_backlog_size = std::max(settings.repl_backlog_size, kSmallestBacklog);
}

const Settings& Defaults() {
  static const Settings defaults;
  return defaults;
}

}  // namespace

std::span<const SettingRow> UsedSettings() {
  return kUsed;
}

bool IsUsed(const SettingRow& row) {
  return &row >= kUsed.data() && &row < kUsed.data() + kUsed.size();
}

const SettingRow* FindSetting(std::string_view name) {
  for (const OtherSpelling& other : kOtherSpellings) {
    if (other.spelling == name) name = other.name;
  }
  for (const auto rows : {UsedSettings(), UnusedSettings()}) {
    for (const SettingRow& row : rows) {
      if (row.name == name || (!row.alias.empty() && row.alias == name)) return &row;
    }
  }
  return nullptr;
}

Result<void> ApplySetting(Settings& settings, const SettingRow& row, Words words) {
  if (row.kind == SettingKind::kSpecial) return row.apply(settings, words);
  if (row.kind == SettingKind::kWords) {
    Store(settings, row, Value{fmt::format("{}", fmt::join(words, " ")), 0});
    return {};
  }
  if (words.size() != 1) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
  auto value = ParseValue(row, words[0]);
  if (!value) return tl::unexpected(value.error());
  if (!row.refusal.empty() && value->text != row.fallback) {
    return Fail(ErrorCode::kInvalid, std::string(row.refusal));
  }
  Store(settings, row, std::move(*value));
  return {};
}

std::string RenderSetting(const Settings& settings, const SettingRow& row) {
  if (row.kind == SettingKind::kSpecial) return row.render(settings);
  struct Renderer {
    const Settings& settings;
    const SettingRow& row;
    std::string operator()(std::monostate) const {
      const auto found = settings.others.find(std::string(row.name));
      return found == settings.others.end() ? std::string(row.fallback) : found->second;
    }
    std::string operator()(bool S::*field) const { return settings.*field ? "yes" : "no"; }
    std::string operator()(std::string S::*field) const { return settings.*field; }
    std::string operator()(Guard S::*field) const { return std::string(NameOf(settings.*field)); }
    std::string operator()(base::Millis S::*field) const { return fmt::format("{}", (settings.*field).count()); }
    std::string operator()(Seconds S::*field) const { return fmt::format("{}", (settings.*field).count()); }
    std::string operator()(int S::*field) const { return fmt::format("{}", settings.*field); }
    std::string operator()(unsigned S::*field) const { return fmt::format("{}", settings.*field); }
    std::string operator()(std::uint16_t S::*field) const { return fmt::format("{}", settings.*field); }
    std::string operator()(std::int64_t S::*field) const { return fmt::format("{}", settings.*field); }
    std::string operator()(std::uint64_t S::*field) const { return fmt::format("{}", settings.*field); }
  };
  return std::visit(Renderer{settings, row}, row.field);
}

bool IsDefault(const Settings& settings, const SettingRow& row) {
  return RenderSetting(settings, row) == RenderSetting(Defaults(), row);
}

}  // namespace replication
