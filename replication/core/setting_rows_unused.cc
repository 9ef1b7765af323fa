// Directives of redis.conf 7.0 that a node accepts without effect, so that existing files load unchanged; and those
// whose meaning nobody should miss, refused unless they are at their default.
#include <algorithm>
#include <array>

#include "replication/core/setting_rows.h"

namespace replication {
namespace {

constexpr auto kYesNo = SettingKind::kYesNo;
constexpr auto kNumber = SettingKind::kNumber;
constexpr auto kMemory = SettingKind::kMemory;
constexpr auto kChoice = SettingKind::kChoice;
constexpr auto kText = SettingKind::kText;
constexpr auto kWords = SettingKind::kWords;

constexpr std::string_view kNoCluster = "cluster mode is not supported";
constexpr std::string_view kNoTls = "TLS is not supported yet";

constexpr std::array kUnused = {
    SettingRow{.name = "active-defrag-cycle-max", .kind = kNumber, .fallback = "25"},
    SettingRow{.name = "active-defrag-cycle-min", .kind = kNumber, .fallback = "1"},
    SettingRow{.name = "active-defrag-ignore-bytes", .kind = kMemory, .fallback = "104857600"},
    SettingRow{.name = "active-defrag-max-scan-fields", .kind = kNumber, .fallback = "1000"},
    SettingRow{.name = "active-defrag-threshold-lower", .kind = kNumber, .fallback = "10"},
    SettingRow{.name = "active-defrag-threshold-upper", .kind = kNumber, .fallback = "100"},
    SettingRow{.name = "active-expire-effort", .kind = kNumber, .fallback = "1"},
    SettingRow{.name = "activedefrag", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "activerehashing", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "always-show-logo", .kind = kYesNo, .flags = kFixed, .fallback = "no"},
    SettingRow{.name = "aof-disable-auto-gc", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "aof-rewrite-incremental-fsync", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "aof-timestamp-enabled", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "aof-use-rdb-preamble", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "aof_rewrite_cpulist", .kind = kText, .flags = kFixed, .fallback = ""},
    SettingRow{.name = "bgsave_cpulist", .kind = kText, .flags = kFixed, .fallback = ""},
    SettingRow{.name = "bio_cpulist", .kind = kText, .flags = kFixed, .fallback = ""},
    SettingRow{.name = "cluster-allow-pubsubshard-when-down", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "cluster-allow-reads-when-down", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "cluster-allow-replica-migration", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "cluster-announce-bus-port", .kind = kNumber, .fallback = "0"},
    SettingRow{.name = "cluster-announce-hostname", .kind = kText, .fallback = ""},
    SettingRow{.name = "cluster-announce-ip", .kind = kText, .fallback = ""},
    SettingRow{.name = "cluster-announce-port", .kind = kNumber, .fallback = "0"},
    SettingRow{.name = "cluster-announce-tls-port", .kind = kNumber, .fallback = "0"},
    SettingRow{.name = "cluster-config-file", .kind = kText, .flags = kFixed, .fallback = "nodes.conf"},
    SettingRow{.name = "cluster-enabled", .kind = kYesNo, .flags = kFixed, .fallback = "no", .refusal = kNoCluster},
    SettingRow{.name = "cluster-link-sendbuf-limit", .kind = kMemory, .fallback = "0"},
    SettingRow{.name = "cluster-migration-barrier", .kind = kNumber, .fallback = "1"},
    SettingRow{.name = "cluster-node-timeout", .kind = kNumber, .fallback = "15000"},
    SettingRow{.name = "cluster-port", .kind = kNumber, .flags = kFixed, .fallback = "0"},
    SettingRow{.name = "cluster-preferred-endpoint-type",
               .kind = kChoice,
               .choices = "ip hostname unknown-endpoint",
               .fallback = "ip"},
    SettingRow{
        .name = "cluster-replica-no-failover", .alias = "cluster-slave-no-failover", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "cluster-replica-validity-factor",
               .alias = "cluster-slave-validity-factor",
               .kind = kNumber,
               .fallback = "10"},
    SettingRow{.name = "cluster-require-full-coverage", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "crash-log-enabled", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "crash-memcheck-enabled", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "disable-thp", .kind = kYesNo, .flags = kFixed, .fallback = "yes"},
    SettingRow{.name = "dynamic-hz", .kind = kYesNo, .fallback = "yes"},
    SettingRow{
        .name = "enable-module-command", .kind = kChoice, .flags = kFixed, .choices = "no yes local", .fallback = "no"},
    SettingRow{.name = "hz", .kind = kNumber, .fallback = "10"},
    SettingRow{.name = "ignore-warnings", .kind = kText, .fallback = ""},
    SettingRow{.name = "io-threads", .kind = kNumber, .flags = kFixed, .fallback = "1"},
    SettingRow{.name = "io-threads-do-reads", .kind = kYesNo, .flags = kFixed, .fallback = "no"},
    SettingRow{.name = "jemalloc-bg-thread", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "key-load-delay", .kind = kNumber, .flags = kHidden, .low = -2147483648, .fallback = "0"},
    SettingRow{.name = "list-compress-depth", .kind = kNumber, .fallback = "0"},
    SettingRow{
        .name = "loading-process-events-interval-bytes", .kind = kNumber, .flags = kHidden, .fallback = "2097152"},
    SettingRow{.name = "no-appendfsync-on-rewrite", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "oom-score-adj", .kind = kChoice, .choices = "no yes relative absolute", .fallback = "no"},
    SettingRow{.name = "oom-score-adj-values", .kind = kWords, .flags = kManyWords, .fallback = "0 200 800"},
    SettingRow{.name = "proc-title-template", .kind = kText, .fallback = "{title} {listen-addr} {server-mode}"},
    SettingRow{.name = "propagation-error-behavior",
               .kind = kChoice,
               .choices = "ignore panic panic-on-replicas",
               .fallback = "ignore"},
    SettingRow{.name = "rdb-del-sync-files", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "rdb-key-save-delay", .kind = kNumber, .flags = kHidden, .low = -2147483648, .fallback = "0"},
    SettingRow{.name = "rdb-save-incremental-fsync", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "replica-ignore-disk-write-errors", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "replica-lazy-flush", .alias = "slave-lazy-flush", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "sanitize-dump-payload", .kind = kChoice, .choices = "no yes clients", .fallback = "no"},
    SettingRow{.name = "server_cpulist", .kind = kText, .flags = kFixed, .fallback = ""},
    SettingRow{.name = "set-proc-title", .kind = kYesNo, .flags = kFixed, .fallback = "yes"},
    SettingRow{.name = "shutdown-on-sigint", .kind = kWords, .flags = kManyWords, .fallback = "default"},
    SettingRow{.name = "shutdown-on-sigterm", .kind = kWords, .flags = kManyWords, .fallback = "default"},
    SettingRow{.name = "socket-mark-id", .kind = kNumber, .flags = kFixed, .fallback = "0"},
    SettingRow{.name = "syslog-enabled", .kind = kYesNo, .flags = kFixed, .fallback = "no"},
    SettingRow{.name = "syslog-facility",
               .kind = kChoice,
               .flags = kFixed,
               .choices = "user local0 local1 local2 local3 local4 local5 local6 local7",
               .fallback = "local0"},
    SettingRow{.name = "syslog-ident", .kind = kText, .flags = kFixed, .fallback = "redis"},
    SettingRow{.name = "tls-auth-clients", .kind = kChoice, .choices = "no yes optional", .fallback = "yes"},
    SettingRow{.name = "tls-ca-cert-dir", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-ca-cert-file", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-cert-file", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-ciphers", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-ciphersuites", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-client-cert-file", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-client-key-file", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-client-key-file-pass", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-cluster", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "tls-dh-params-file", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-key-file", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-key-file-pass", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-port", .kind = kNumber, .fallback = "0", .refusal = kNoTls},
    SettingRow{.name = "tls-prefer-server-ciphers", .kind = kYesNo, .fallback = "no"},
    SettingRow{.name = "tls-protocols", .kind = kText, .fallback = ""},
    SettingRow{.name = "tls-replication", .kind = kYesNo, .fallback = "no", .refusal = kNoTls},
    SettingRow{.name = "tls-session-cache-size", .kind = kNumber, .fallback = "20480"},
    SettingRow{.name = "tls-session-cache-timeout", .kind = kNumber, .fallback = "300"},
    SettingRow{.name = "tls-session-caching", .kind = kYesNo, .fallback = "yes"},
    SettingRow{.name = "watchdog-period", .kind = kNumber, .flags = kHidden, .fallback = "0"},
};
static_assert(std::ranges::is_sorted(kUnused, {}, &SettingRow::name));

}  // namespace

std::span<const SettingRow> UnusedSettings() {
  return kUnused;
}

}  // namespace replication
