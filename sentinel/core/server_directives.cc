#include "sentinel/core/server_directives.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "replication/base/text.h"
#include "sentinel/core/clients.h"

namespace sentinel {
namespace {

using Words = std::vector<std::string>;

template <class T>
std::string ReadNumber(const std::string& word, std::int64_t least, std::int64_t most, T& value) {
  const auto number = base::ParseInt<std::int64_t>(word);
  if (!number) return "argument couldn't be parsed into an integer";
  if (*number < least || *number > most) {
    return fmt::format("argument must be between {} and {} inclusive", least, most);
  }
  value = static_cast<T>(*number);
  return {};
}

std::string ReadYesNo(const std::string& word, bool& value) {
  const auto parsed = base::ParseYesNo(word);
  if (!parsed) return "argument must be 'yes' or 'no'";
  value = *parsed;
  return {};
}

std::string ApplyBind(State&, ProcessSettings& settings, const Words& words) {
  settings.bind.assign(words.begin() + 1, words.end());
  return {};
}

std::string ApplyPort(State& state, ProcessSettings& settings, const Words& words) {
  // Stock takes 0 as "no TCP port"; nobody could ask such a sentinel of ours for anything.
  const std::string reason = ReadNumber(words[1], 1, 65535, settings.port);
  if (reason.empty()) state.port = settings.port;
  return reason;
}

std::string ApplyDir(State&, ProcessSettings& settings, const Words& words) {
  settings.dir = words[1];
  return {};
}

std::string ApplyLogfile(State&, ProcessSettings& settings, const Words& words) {
  settings.logfile = words[1];
  return {};
}

std::string ApplyLoglevel(State&, ProcessSettings& settings, const Words& words) {
  constexpr std::array kLevels = {
      std::pair{std::string_view("debug"), base::LogLevel::kDebug},
      std::pair{std::string_view("verbose"), base::LogLevel::kVerbose},
      std::pair{std::string_view("notice"), base::LogLevel::kNotice},
      std::pair{std::string_view("warning"), base::LogLevel::kWarning},
  };
  for (const auto& [word, level] : kLevels) {
    if (!base::EqualsIgnoreCase(words[1], word)) continue;
    settings.loglevel = level;
    return {};
  }
  return "argument(s) must be one of the following: debug, verbose, notice, warning";
}

std::string ApplyPidfile(State&, ProcessSettings& settings, const Words& words) {
  settings.pidfile = words[1];
  return {};
}

std::string ApplyDaemonize(State&, ProcessSettings& settings, const Words& words) {
  return ReadYesNo(words[1], settings.daemonize);
}

std::string ApplyProtectedMode(State&, ProcessSettings& settings, const Words& words) {
  return ReadYesNo(words[1], settings.protected_mode);
}

std::string ApplyBindSourceAddr(State&, ProcessSettings& settings, const Words& words) {
  settings.bind_source_addr = words[1];
  return {};
}

std::string ApplyTcpBacklog(State&, ProcessSettings& settings, const Words& words) {
  return ReadNumber(words[1], 0, std::numeric_limits<int>::max(), settings.tcp_backlog);
}

std::string ApplyTcpKeepalive(State&, ProcessSettings& settings, const Words& words) {
  return ReadNumber(words[1], 0, std::numeric_limits<int>::max(), settings.tcp_keepalive);
}

std::string ApplyMaxclients(State&, ProcessSettings& settings, const Words& words) {
  return ReadNumber(words[1], 1, 4294967295, settings.maxclients);
}

std::string ApplyRequirePass(State& state, ProcessSettings&, const Words& words) {
  state.server.access.set_password(words[1]);
  return {};
}

// One of several lines that make the users; all are looked at after the others, since requirepass is of the default
// user too. Rules about channels that a line does not mention are as acl-pubsub-default says.
std::string ApplyUser(State& state, ProcessSettings& settings, const Words& words) {
  if (!settings.aclfile.empty()) {
    return "users stand either in this file or in the one that aclfile names, not in both";
  }
  if (std::ranges::any_of(words, base::HasControlCharacters)) return "control characters are not allowed in a rule";
  if (!settings.users.insert(words[1]).second) return "Duplicate user found. A user can only be defined once";
  FillCommandTable(state.server.commands);
  serve::Access& access = state.server.access;
  std::vector<std::string> rules(words.begin() + 2, words.end());
  if (words[1] == "default") rules.insert(rules.begin(), "reset");  // a line says all about its user
  const auto set = access.SetUser(state.server.commands, words[1], rules);
  return set ? std::string() : set.error().text;
}

std::string ApplyAclPubsubDefault(State& state, ProcessSettings&, const Words& words) {
  const bool all = base::EqualsIgnoreCase(words[1], "allchannels");
  if (!all && !base::EqualsIgnoreCase(words[1], "resetchannels")) {
    return "argument(s) must be one of the following: allchannels, resetchannels";
  }
  state.server.access.set_all_channels_by_default(all);
  return {};
}

std::string ApplyAclLogMaxLen(State& state, ProcessSettings&, const Words& words) {
  std::size_t entries = 0;
  std::string reason = ReadNumber(words[1], 0, std::numeric_limits<std::int64_t>::max(), entries);
  if (reason.empty()) state.server.access.set_max_log(entries);
  return reason;
}

std::string RefuseUnless(const std::string& word, std::string_view accepted, std::string_view what) {
  if (base::EqualsIgnoreCase(word, accepted)) return {};
  return fmt::format("{} is not supported yet", what);
}

std::string ApplyTlsPort(State&, ProcessSettings&, const Words& words) {
  return RefuseUnless(words[1], "0", "TLS");
}

std::string ApplyTlsReplication(State&, ProcessSettings&, const Words& words) {
  return RefuseUnless(words[1], "no", "TLS");
}

std::string ApplyAclFile(State&, ProcessSettings& settings, const Words& words) {
  settings.aclfile = words[1];
  return {};
}

std::string ApplyRenameCommand(State& state, ProcessSettings&, const Words& words) {
  FillCommandTable(state.server.commands);
  const auto renamed = state.server.commands.Rename(base::ToLower(words[1]), base::ToLower(words[2]));
  return renamed ? std::string() : renamed.error().text;
}

std::string ApplyTimeout(State&, ProcessSettings& settings, const Words& words) {
  std::int64_t seconds = 0;
  std::string reason = ReadNumber(words[1], 0, std::numeric_limits<int>::max(), seconds);
  if (reason.empty()) settings.timeout = base::Seconds(seconds);
  return reason;
}

// `client-output-buffer-limit <class> <hard> <soft> <seconds>`, several of them in one line.
std::string ApplyOutputLimit(State&, ProcessSettings& settings, const Words& words) {
  if (words.size() % 4 != 1) return "Wrong number of arguments in buffer limit configuration.";
  for (std::size_t i = 1; i < words.size(); i += 4) {
    const std::string kind = base::ToLower(words[i]);
    const auto hard = base::ParseMemory(words[i + 1]);
    const auto soft = base::ParseMemory(words[i + 2]);
    const auto seconds = base::ParseInt<std::int64_t>(words[i + 3]);
    if (kind != "normal" && kind != "pubsub" && kind != "replica" && kind != "slave") {
      return "Invalid client class specified in buffer limit configuration.";
    }
    if (!hard || !soft) return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    if (!seconds || *seconds < 0) return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    const OutputLimit limit{*hard, *soft, base::Seconds(*seconds)};
    if (kind == "normal") settings.normal_limit = limit;
    if (kind == "pubsub") settings.pubsub_limit = limit;
  }
  return {};
}

struct ServerDirective {
  std::string_view name;
  std::size_t min_words;  // the name included
  std::size_t max_words;
  std::string (*apply)(State&, ProcessSettings&, const Words&);
};

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

constexpr std::array kDirectives = {
    ServerDirective{"acl-pubsub-default", 2, 2, &ApplyAclPubsubDefault},
    ServerDirective{"aclfile", 2, 2, &ApplyAclFile},
    ServerDirective{"acllog-max-len", 2, 2, &ApplyAclLogMaxLen},
    ServerDirective{"bind", 1, kAny, &ApplyBind},
    ServerDirective{"bind-source-addr", 2, 2, &ApplyBindSourceAddr},
    ServerDirective{"client-output-buffer-limit", 5, kAny, &ApplyOutputLimit},
    ServerDirective{"daemonize", 2, 2, &ApplyDaemonize},
    ServerDirective{"dir", 2, 2, &ApplyDir},
    ServerDirective{"logfile", 2, 2, &ApplyLogfile},
    ServerDirective{"loglevel", 2, 2, &ApplyLoglevel},
    ServerDirective{"maxclients", 2, 2, &ApplyMaxclients},
    ServerDirective{"pidfile", 2, 2, &ApplyPidfile},
    ServerDirective{"port", 2, 2, &ApplyPort},
    ServerDirective{"protected-mode", 2, 2, &ApplyProtectedMode},
    ServerDirective{"rename-command", 3, 3, &ApplyRenameCommand},
    ServerDirective{"requirepass", 2, 2, &ApplyRequirePass},
    ServerDirective{"tcp-backlog", 2, 2, &ApplyTcpBacklog},
    ServerDirective{"tcp-keepalive", 2, 2, &ApplyTcpKeepalive},
    ServerDirective{"timeout", 2, 2, &ApplyTimeout},
    ServerDirective{"tls-port", 2, 2, &ApplyTlsPort},
    ServerDirective{"tls-replication", 2, 2, &ApplyTlsReplication},
    ServerDirective{"user", 2, kAny, &ApplyUser},
};

// The rest of redis.conf 7.0, aliases and names of debugging aids included; and Valkey's log-* of 2024.
// clang-format off
constexpr auto kIgnored = std::to_array<std::string_view>({
    "active-defrag-cycle-max", "active-defrag-cycle-min",
    "active-defrag-ignore-bytes", "active-defrag-max-scan-fields", "active-defrag-threshold-lower",
    "active-defrag-threshold-upper", "active-expire-effort", "activedefrag", "activerehashing", "always-show-logo",
    "aof-disable-auto-gc", "aof-load-truncated", "aof-rewrite-incremental-fsync", "aof-timestamp-enabled",
    "aof-use-rdb-preamble", "aof_rewrite_cpulist", "appenddirname", "appendfilename", "appendfsync", "appendonly",
    "auto-aof-rewrite-min-size", "auto-aof-rewrite-percentage", "bgsave_cpulist", "bio_cpulist",
    "busy-reply-threshold", "client-query-buffer-limit",
    "cluster-allow-pubsubshard-when-down", "cluster-allow-reads-when-down", "cluster-allow-replica-migration",
    "cluster-announce-bus-port", "cluster-announce-hostname", "cluster-announce-ip", "cluster-announce-port",
    "cluster-announce-tls-port", "cluster-config-file", "cluster-enabled", "cluster-link-sendbuf-limit",
    "cluster-migration-barrier", "cluster-node-timeout", "cluster-port", "cluster-preferred-endpoint-type",
    "cluster-replica-no-failover", "cluster-replica-validity-factor", "cluster-require-full-coverage",
    "cluster-slave-no-failover", "cluster-slave-validity-factor", "crash-log-enabled", "crash-memcheck-enabled",
    "databases", "dbfilename", "disable-thp", "dynamic-hz", "enable-debug-command", "enable-module-command",
    "enable-protected-configs", "hash-max-listpack-entries", "hash-max-listpack-value", "hash-max-ziplist-entries",
    "hash-max-ziplist-value", "hll-sparse-max-bytes", "hz", "ignore-warnings", "io-threads", "io-threads-do-reads",
    "jemalloc-bg-thread", "key-load-delay", "latency-monitor-threshold", "latency-tracking",
    "latency-tracking-info-percentiles", "lazyfree-lazy-eviction", "lazyfree-lazy-expire", "lazyfree-lazy-server-del",
    "lazyfree-lazy-user-del", "lazyfree-lazy-user-flush", "lfu-decay-time", "lfu-log-factor", "list-compress-depth",
    "list-max-listpack-size", "list-max-ziplist-entries", "list-max-ziplist-size", "list-max-ziplist-value",
    "loading-process-events-interval-bytes", "loadmodule", "log-format", "log-timestamp-format",
    "lua-replicate-commands", "lua-time-limit", "masterauth", "masteruser", "maxmemory", "maxmemory-clients",
    "maxmemory-eviction-tenacity", "maxmemory-policy", "maxmemory-samples", "min-replicas-max-lag",
    "min-replicas-to-write", "min-slaves-max-lag", "min-slaves-to-write", "no-appendfsync-on-rewrite",
    "notify-keyspace-events", "oom-score-adj", "oom-score-adj-values", "proc-title-template",
    "propagation-error-behavior", "proto-max-bulk-len", "rdb-del-sync-files", "rdb-key-save-delay",
    "rdb-save-incremental-fsync", "rdbchecksum", "rdbcompression", "repl-backlog-size", "repl-backlog-ttl",
    "repl-disable-tcp-nodelay", "repl-diskless-load", "repl-diskless-sync", "repl-diskless-sync-delay",
    "repl-diskless-sync-max-replicas", "repl-ping-replica-period", "repl-ping-slave-period", "repl-timeout",
    "replica-announce-ip", "replica-announce-port", "replica-announced", "replica-ignore-disk-write-errors",
    "replica-ignore-maxmemory", "replica-lazy-flush", "replica-priority", "replica-read-only",
    "replica-serve-stale-data", "replicaof", "sanitize-dump-payload", "save", "server_cpulist",
    "set-max-intset-entries", "set-proc-title", "shutdown-on-sigint", "shutdown-on-sigterm", "shutdown-timeout",
    "slave-announce-ip", "slave-announce-port", "slave-ignore-maxmemory", "slave-lazy-flush", "slave-priority",
    "slave-read-only", "slave-serve-stale-data", "slaveof", "slowlog-log-slower-than", "slowlog-max-len",
    "socket-mark-id", "stop-writes-on-bgsave-error", "stream-node-max-bytes", "stream-node-max-entries", "supervised",
    "syslog-enabled", "syslog-facility", "syslog-ident", "tls-auth-clients", "tls-ca-cert-dir",
    "tls-ca-cert-file", "tls-cert-file", "tls-ciphers", "tls-ciphersuites", "tls-client-cert-file",
    "tls-client-key-file", "tls-client-key-file-pass", "tls-cluster", "tls-dh-params-file", "tls-key-file",
    "tls-key-file-pass", "tls-prefer-server-ciphers", "tls-protocols", "tls-session-cache-size",
    "tls-session-cache-timeout", "tls-session-caching", "tracking-table-max-keys", "unixsocket", "unixsocketperm",
    "use-exit-on-panic", "watchdog-period", "zset-max-listpack-entries", "zset-max-listpack-value",
    "zset-max-ziplist-entries", "zset-max-ziplist-value",
});
// clang-format on
static_assert(std::ranges::is_sorted(kDirectives, {}, &ServerDirective::name));
static_assert(std::ranges::is_sorted(kIgnored));

}  // namespace

std::string ApplyServerDirective(State& state, ProcessSettings& settings, const Words& words) {
  const auto row = std::ranges::find(kDirectives, words[0], &ServerDirective::name);
  if (row != kDirectives.end()) {
    if (words.size() < row->min_words || words.size() > row->max_words) return "wrong number of arguments";
    return row->apply(state, settings, words);
  }
  if (!std::ranges::binary_search(kIgnored, std::string_view(words[0]))) {
    return "Bad directive or wrong number of arguments";
  }
  if (words.size() < 2) return "wrong number of arguments";
  if (std::ranges::find(settings.ignored, words[0]) == settings.ignored.end()) settings.ignored.push_back(words[0]);
  return {};
}

}  // namespace sentinel
