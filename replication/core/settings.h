// The node's settings: redis.conf's directives as typed values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/result.h"
#include "replication/base/time.h"

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

// enable-debug-command: who may use DEBUG.
enum class DebugCommand { kNo, kYes, kLocal };

// Names and defaults are redis.conf's of 7.0 (dashes become underscores).
struct Settings {
  // Where we listen and where our files lie.
  std::vector<std::string> bind{"127.0.0.1", "-::1"};
  std::uint16_t port = 6379;
  int tcp_backlog = 511;
  unsigned tcp_keepalive = 300;
  bool protected_mode = true;
  std::uint32_t maxclients = 10000;
  base::Seconds timeout{0};  // idle clients; 0: never
  int databases = 16;
  std::string dir;  // empty: where the program was started
  std::string logfile;
  std::string loglevel = "notice";
  std::string pidfile;
  bool daemonize = false;

  // Who may come in.
  std::string requirepass;
  DebugCommand enable_debug_command = DebugCommand::kNo;

  // Snapshots on disk.
  std::string dbfilename = "dump.rdb";
  std::vector<SavePoint> save{{base::Seconds(3600), 1}, {base::Seconds(300), 100}, {base::Seconds(60), 10000}};
  bool stop_writes_on_bgsave_error = true;
  bool rdbcompression = true;
  bool rdbchecksum = true;

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
  base::Seconds repl_timeout{60};
  base::Seconds repl_ping_replica_period{10};
  std::uint64_t repl_backlog_size = 1 << 20;  // at least 16384
  base::Seconds repl_backlog_ttl{3600};       // 0: never freed
  bool repl_disable_tcp_nodelay = false;
  bool repl_diskless_sync = true;
  base::Seconds repl_diskless_sync_delay{5};
  std::uint32_t repl_diskless_sync_max_replicas = 0;
  std::uint32_t min_replicas_to_write = 0;
  base::Seconds min_replicas_max_lag{10};
  base::Seconds shutdown_timeout{10};

  // Memory and clients.
  std::uint64_t maxmemory = 0;
  std::uint64_t proto_max_bulk_len = 512ULL << 20;
  OutputLimit normal_limit;
  OutputLimit replica_limit{256ULL << 20, 64ULL << 20, base::Seconds(60)};
  OutputLimit pubsub_limit{32ULL << 20, 8ULL << 20, base::Seconds(60)};
  bool lazyfree_lazy_expire = false;
};

// CONFIG GET: (name, value) of each directive whose name or alias matches one of the globs, sorted by name.
std::vector<std::pair<std::string, std::string>> GetSettings(const Settings& settings,
                                                             std::span<const std::string_view> patterns);

// CONFIG SET: all of the (name, value) pairs or none. The error is the reply's text without its "ERR ". What must
// follow from a change (a smaller backlog, another password) is the node's matter.
base::Result<void> SetSettings(Settings& settings,
                               std::span<const std::pair<std::string_view, std::string_view>> values);

}  // namespace replication
