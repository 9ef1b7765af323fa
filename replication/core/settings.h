// The node's settings: redis.conf's directives as typed values.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/base/config_lines.h"
#include "replication/base/ids.h"
#include "replication/base/result.h"
#include "replication/base/time.h"
#include "replication/serve/access.h"

namespace replication {

// `save <after> <changes>`: a snapshot goes to disk once that much time passed and that many keys changed since the
// last one.
struct SavePoint {
  base::Seconds after{};
  std::uint64_t changes = 0;
  bool operator==(const SavePoint&) const = default;
};

// `client-output-buffer-limit <class> <hard> <soft> <seconds>`, in bytes; 0: no limit.
struct OutputLimit {
  std::uint64_t hard = 0;
  std::uint64_t soft = 0;
  base::Seconds soft_for{};
  bool operator==(const OutputLimit&) const = default;
};

// `enable-debug-command` and its like: nobody, clients of this machine, everybody.
enum class Guard { kNo, kLocal, kYes };
using DebugCommand = Guard;
inline bool Allows(Guard guard, bool client_is_local) {
  return guard == Guard::kYes || (guard == Guard::kLocal && client_is_local);
}

// `rename-command <from> <to>`: an empty `to` takes the command away.
struct RenamedCommand {
  std::string from;
  std::string to;
  bool operator==(const RenamedCommand&) const = default;
};

// Names and defaults are redis.conf's of 7.0 (dashes become underscores).
struct Settings {
  // Where we listen and where our files lie.
  std::vector<std::string> bind{"127.0.0.1", "-::1"};
  std::uint16_t port = 6379;
  // Figures and health by HTTP; 0: nobody listens.
  std::uint16_t http_port = 0;
  std::string http_bind = "127.0.0.1";
  int tcp_backlog = 511;
  std::string unixsocket;       // path; empty: none
  unsigned unixsocketperm = 0;  // permission bits; 0: as the umask leaves it
  unsigned tcp_keepalive = 300;
  bool protected_mode = true;
  std::uint32_t maxclients = 10000;
  base::Seconds timeout{0};  // idle clients; 0: never
  int databases = 16;
  // Up to where collections are packed.
  std::uint64_t hash_max_listpack_entries = 512;
  std::uint64_t hash_max_listpack_value = 64;
  std::uint64_t set_max_intset_entries = 512;
  int list_max_listpack_size = -2;
  std::uint64_t zset_max_listpack_entries = 128;
  std::uint64_t zset_max_listpack_value = 64;
  std::uint64_t stream_node_max_bytes = 4096;
  std::uint64_t stream_node_max_entries = 100;
  std::string dir;  // absolute once the program runs; empty: where it was started
  std::string logfile;
  std::string loglevel = "notice";
  std::string pidfile;
  bool daemonize = false;
  std::string supervised = "no";  // or systemd, upstart, auto
  std::string bind_source_addr;   // local address of the connection to the master

  // Who may come in.
  std::string requirepass;
  std::vector<std::vector<std::string>> users;  // `user` lines: name, rules
  std::string aclfile;                          // where the users stand instead
  std::string acl_pubsub_default = "resetchannels";
  std::uint32_t acllog_max_len = 128;
  Guard enable_debug_command = Guard::kNo;
  Guard enable_protected_configs = Guard::kNo;  // may CONFIG SET change dir and dbfilename?
  std::vector<RenamedCommand> rename_command;   // in the order of the file

  // Snapshots on disk.
  std::string dbfilename = "dump.rdb";
  std::vector<SavePoint> save{{base::Seconds(3600), 1}, {base::Seconds(300), 100}, {base::Seconds(60), 10000}};
  bool stop_writes_on_bgsave_error = true;
  bool rdbcompression = true;
  bool rdbchecksum = true;

  // The journal.
  bool appendonly = false;
  std::string appendfsync = "everysec";  // or always, no
  std::string appenddirname = "appendonlydir";
  std::string appendfilename = "appendonly.aof";
  bool aof_load_truncated = true;
  std::string journal_retention = "0";   // journal_retention.h
  std::uint64_t auto_aof_rewrite_percentage = 100;  // 0: never
  std::uint64_t auto_aof_rewrite_min_size = 64 << 20;

  // Replication. An empty replicaof: a master.
  base::Endpoint replicaof;
  std::string masterauth;
  std::string masteruser;
  std::string replica_announce_ip;
  std::uint16_t replica_announce_port = 0;
  bool replica_announced = true;
  std::uint32_t replica_priority = 100;
  bool replica_read_only = true;
  bool replica_serve_stale_data = true;
  // Ours: a command in the master's stream that we do not know stops the link, instead of being left out.
  bool replica_strict_stream = false;
  bool replica_accept_empty_master = false;  // ours: let a master that came back empty take our data (full_sync.h)
  base::Seconds repl_timeout{60};
  // A replica applies what it receives so much later (delay.h); 0: at once.
  base::Seconds replica_apply_delay{0};
  std::uint64_t replica_apply_delay_max_bytes = 1ULL << 30;  // more is applied before its time; 0: no limit
  base::Seconds repl_ping_replica_period{10};
  std::uint64_t repl_backlog_size = 1 << 20;  // at least 16384
  base::Seconds repl_backlog_ttl{3600};       // 0: never freed
  bool repl_disable_tcp_nodelay = false;
  bool repl_diskless_sync = true;
  base::Seconds repl_diskless_sync_delay{5};
  std::uint32_t repl_diskless_sync_max_replicas = 0;
  std::string repl_diskless_load = "disabled";  // only flush-before-load gives the old data up before the new are there
  std::uint32_t min_replicas_to_write = 0;
  base::Seconds min_replicas_max_lag{10};
  base::Seconds shutdown_timeout{10};
  base::Millis busy_reply_threshold{5000};  // 0: scripts are never found slow

  // Memory and clients.
  std::uint64_t maxmemory = 0;  // bytes; 0: no limit
  std::string maxmemory_policy = "noeviction";
  std::uint32_t maxmemory_samples = 5;
  int maxmemory_eviction_tenacity = 10;  // 0 to 100
  int lfu_log_factor = 10;
  int lfu_decay_time = 1;  // minutes
  bool replica_ignore_maxmemory = true;
  std::int64_t maxmemory_clients = 0;  // bytes; below 0: percents of maxmemory
  std::uint64_t proto_max_bulk_len = 512ULL << 20;
  std::uint64_t client_query_buffer_limit = 1ULL << 30;
  OutputLimit normal_limit;
  OutputLimit replica_limit{256ULL << 20, 64ULL << 20, base::Seconds(60)};
  OutputLimit pubsub_limit{32ULL << 20, 8ULL << 20, base::Seconds(60)};
  bool lazyfree_lazy_expire = false;
  bool lazyfree_lazy_eviction = false;
  bool lazyfree_lazy_server_del = false;
  bool lazyfree_lazy_user_del = false;
  bool lazyfree_lazy_user_flush = false;
  std::uint64_t hll_sparse_max_bytes = 3000;
  std::uint64_t tracking_table_max_keys = 1'000'000;  // 0: no limit

  // Watching the server.
  std::uint32_t notify_keyspace_events = 0;       // data::KeyEventBit
  std::int64_t slowlog_log_slower_than = 10'000;  // microseconds; below 0: nothing is logged
  std::uint64_t slowlog_max_len = 128;
  std::uint64_t latency_monitor_threshold = 0;  // milliseconds; 0: off
  bool latency_tracking = true;
  std::string latency_tracking_info_percentiles = "50 99 99.9";

  // Directives of redis.conf that have no effect here, by their newer name: only those that were set.
  std::map<std::string, std::string> others;

  bool operator==(const Settings&) const = default;
};

// Directives one by one, from files and from the command line, into settings.
class SettingsLoader {
 public:
  // The error is the reason, without the line. `include` is not for here: whoever reads files follows it.
  base::Result<void> Apply(const base::ConfigLine& line);
  // After the last line: what can be judged only then.
  base::Result<Settings> Finish();

  // Names of directives that were set to something else than their default and have no effect here.
  const std::vector<std::string>& without_effect() const { return without_effect_; }

 private:
  base::Result<void> ApplyUser(std::span<const std::string> words);

  Settings settings_;
  bool save_seen_ = false;
  std::vector<std::string> without_effect_;
};

// Gives `access` the user that a `user` line makes. The error is the reason.
base::Result<void> UseUserLine(const std::vector<std::string>& line, const serve::CommandTable& table,
                               serve::Access& access);

// CONFIG GET: (name, value) of each directive whose name or alias matches one of the globs, sorted by name. A name
// without wildcards is given back as it was asked for.
std::vector<std::pair<std::string, std::string>> GetSettings(const Settings& settings,
                                                             std::span<const std::string_view> patterns);

// Who sends a CONFIG SET, and what must be asked of the system for it.
struct SetContext {
  bool client_is_local = false;
  // The absolute path of a folder that files can be made in, or why not. Empty: any is taken as it is.
  std::function<base::Result<std::string>(const std::string&)> find_folder;
};

// CONFIG SET: all of the (name, value) pairs or none. The error is the reply's text without its "ERR ". What must
// follow from a change (a smaller backlog, another password) is the node's matter.
base::Result<void> SetSettings(Settings& settings,
                               std::span<const std::pair<std::string_view, std::string_view>> values,
                               const SetContext& context = {});

// CONFIG REWRITE: the new text of the configuration file whose text is `old_text`. Comments and the order of lines
// stay; what is at its default is written only where it stood before.
std::string RewriteSettings(const Settings& settings, std::string_view old_text);

}  // namespace replication
