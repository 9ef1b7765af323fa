#include "sentinel/core/sentinel_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "replication/base/text.h"
#include "sentinel/core/call.h"
#include "sentinel/core/events.h"
#include "sentinel/core/pause.h"

namespace sentinel {
namespace {

// The order of fields is stock's; what stock counts and we do not have is 0, since dashboards read it.
std::string DescribeServer(const State& state, const base::Now& now) {
  const auto uptime = std::chrono::duration_cast<base::Seconds>(now.mono - state.started.mono).count();
  return fmt::format(
      "# Server\r\n"
      "redis_version:7.0.15\r\n"
      "redis_git_sha1:00000000\r\n"
      "redis_git_dirty:0\r\n"
      "redis_build_id:0\r\n"
      "vigil_version:{}\r\n"
      "redis_mode:sentinel\r\n"
      "os:{}\r\n"
      "arch_bits:{}\r\n"
      "monotonic_clock:POSIX clock_gettime\r\n"
      "multiplexing_api:epoll\r\n"
      "atomicvar_api:c11-builtin\r\n"
      "gcc_version:{}.{}.{}\r\n"
      "process_id:{}\r\n"
      "process_supervised:no\r\n"
      "run_id:{}\r\n"
      "tcp_port:{}\r\n"
      "server_time_usec:{}\r\n"
      "uptime_in_seconds:{}\r\n"
      "uptime_in_days:{}\r\n"
      "hz:10\r\n"
      "configured_hz:10\r\n"
      "lru_clock:{}\r\n"
      "executable:{}\r\n"
      "config_file:{}\r\n"
      "io_threads_active:0\r\n",
      VIGIL_VERSION, state.machine.system, 8 * sizeof(void*), __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__,
      state.process_id, state.my_id.hex, state.port, base::UnixMillis(now.wall) * 1000, uptime, uptime / 86400,
      base::UnixMillis(now.wall) / 1000 % (1 << 24), state.executable, state.config_path);
}

std::string DescribeClients(const State& state) {
  const auto& clients = state.server.clients.all();
  const auto count = [&](const auto& holds) {
    return std::ranges::count_if(
        clients, [&](const auto& item) { return holds(static_cast<const SentinelClient&>(*item.second)); });
  };
  return fmt::format(
      "# Clients\r\n"
      "connected_clients:{}\r\n"
      "cluster_connections:0\r\n"
      "maxclients:{}\r\n"
      "client_recent_max_input_buffer:0\r\n"
      "client_recent_max_output_buffer:0\r\n"
      "blocked_clients:{}\r\n"
      "tracking_clients:{}\r\n"
      "clients_in_timeout_table:0\r\n",
      clients.size(), state.machine.max_clients,
      count([](const SentinelClient& client) { return !client.held.empty(); }),
      count([](const SentinelClient& client) { return client.tracking.on; }));
}

std::string DescribeStats(const State& state) {
  const State::Traffic& traffic = state.traffic;
  std::string text = fmt::format(
      "# Stats\r\n"
      "total_connections_received:{}\r\n"
      "total_commands_processed:{}\r\n"
      "instantaneous_ops_per_sec:0\r\n"
      "total_net_input_bytes:{}\r\n"
      "total_net_output_bytes:{}\r\n",
      state.connections_received, state.commands_processed, traffic.bytes_in, traffic.bytes_out);
  const auto zeros = [&text](std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) text += fmt::format("{}:0\r\n", name);
  };
  zeros({"total_net_repl_input_bytes", "total_net_repl_output_bytes"});
  for (const std::string_view rate : {"input_kbps", "output_kbps", "input_repl_kbps", "output_repl_kbps"}) {
    text += fmt::format("instantaneous_{}:0.00\r\n", rate);
  }
  text += fmt::format("rejected_connections:{}\r\n", traffic.rejected);
  zeros({"sync_full", "sync_partial_ok", "sync_partial_err", "expired_keys"});
  text += "expired_stale_perc:0.00\r\n";
  zeros({"expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds", "evicted_keys", "evicted_clients",
         "total_eviction_exceeded_time", "current_eviction_exceeded_time", "keyspace_hits", "keyspace_misses"});
  text += fmt::format("pubsub_channels:{}\r\npubsub_patterns:{}\r\n", state.server.pubsub.channels().size(),
                      state.server.pubsub.patterns().size());
  zeros({"pubsubshard_channels", "latest_fork_usec", "total_forks", "migrate_cached_sockets",
         "slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits",
         "active_defrag_key_misses", "total_active_defrag_time", "current_active_defrag_time", "tracking_total_keys",
         "tracking_total_items", "tracking_total_prefixes", "unexpected_error_replies"});
  text += fmt::format(
      "total_error_replies:{}\r\ndump_payload_sanitizations:0\r\ntotal_reads_processed:{}\r\n"
      "total_writes_processed:{}\r\n",
      state.error_replies, traffic.reads, traffic.writes);
  zeros(
      {"io_threaded_reads_processed", "io_threaded_writes_processed", "reply_buffer_shrinks", "reply_buffer_expands"});
  text += fmt::format("vigil_hellos_dropped:{}\r\n", state.hellos_dropped);
  return text;
}

std::string DescribeCpu(const State& state) {
  const std::array<double, 6> seconds =
      state.machine.cpu_seconds ? state.machine.cpu_seconds() : std::array<double, 6>{};
  return fmt::format(
      "# CPU\r\n"
      "used_cpu_sys:{:.6f}\r\n"
      "used_cpu_user:{:.6f}\r\n"
      "used_cpu_sys_children:{:.6f}\r\n"
      "used_cpu_user_children:{:.6f}\r\n"
      "used_cpu_sys_main_thread:{:.6f}\r\n"
      "used_cpu_user_main_thread:{:.6f}\r\n",
      seconds[0], seconds[1], seconds[2], seconds[3], seconds[4], seconds[5]);
}

std::string_view StatusWord(const Master& master) {
  if (master.objective_down_since) return "odown";
  return master.liveness.down() ? "sdown" : "ok";
}

// Nodes and peers that do not let us in at present.
std::int64_t AuthFailedNow(const State& state) {
  std::int64_t count = 0;
  for (const auto& [name, master] : state.masters) {
    count += !master.conduct.auth_failed.empty();
    for (const auto& [address, replica] : master.replicas) count += !replica.conduct.auth_failed.empty();
  }
  for (const auto& [id, peer] : state.peers) count += !peer.conduct.auth_failed.empty();
  return count;
}

std::string DescribeMasters(const State& state, const base::Now& now, ChangeNumber& change) {
  const std::int64_t tilt_seconds =
      state.tilt_since ? std::chrono::duration_cast<base::Seconds>(now.mono - *state.tilt_since).count() : -1;
  std::string text = fmt::format(
      "# Sentinel\r\n"
      "sentinel_masters:{}\r\n"
      "sentinel_tilt:{}\r\n"
      "sentinel_tilt_since_seconds:{}\r\n"
      "sentinel_total_tilt:{}\r\n"
      "sentinel_running_scripts:{}\r\n"
      "sentinel_scripts_queue_length:{}\r\n"
      "sentinel_simulate_failure_flags:{}\r\n",
      state.masters.size(), state.tilt_since ? 1 : 0, tilt_seconds, state.total_tilt, RunningScripts(state),
      state.scripts.size(), (state.crash_after_election ? 1 : 0) + (state.crash_after_promotion ? 2 : 0));
  text += fmt::format(
      "vigil_paused_masters:{}\r\n"
      "vigil_auth_failed:{}\r\n"
      "vigil_auth_failures:{}\r\n"
      "vigil_bad_replies:{}\r\n"
      "vigil_replicas_refused:{}\r\n"
      "vigil_sentinels_refused:{}\r\n",
      std::ranges::count_if(state.masters, [&](const auto& item) { return IsPaused(item.second, now); }),
      AuthFailedNow(state), state.auth_failures, state.bad_replies, state.replicas_refused, state.sentinels_refused);
  std::size_t index = 0;
  for (const auto& [name, master] : state.masters) {
    change = std::max(change, master.address_change);
    text += fmt::format("master{}:name={},status={},address={}:{},slaves={},sentinels={}{}\r\n", index++, name,
                        StatusWord(master), ShownHost(state, master.address, master.hostname), master.address.port,
                        master.replicas.size(), master.sentinels.size() + 1, IsPaused(master, now) ? ",paused=1" : "");
  }
  return text;
}

}  // namespace

InfoText DescribeSentinel(const State& state, const std::vector<std::string_view>& sections, const base::Now& now) {
  const auto wanted = [&](std::string_view section) {
    constexpr std::array<std::string_view, 3> kAll = {"all", "default", "everything"};
    return sections.empty() || std::ranges::any_of(sections, [&](std::string_view word) {
             const std::string lower = base::ToLower(word);
             return lower == section || std::ranges::find(kAll, lower) != kAll.end();
           });
  };
  InfoText info;
  const auto add = [&](const std::string& section) {
    if (!info.text.empty()) info.text += "\r\n";
    info.text += section;
  };
  if (wanted("server")) add(DescribeServer(state, now));
  if (wanted("clients")) add(DescribeClients(state));
  if (wanted("stats")) add(DescribeStats(state));
  if (wanted("cpu")) add(DescribeCpu(state));
  if (wanted("sentinel")) add(DescribeMasters(state, now, info.change));
  return info;
}

}  // namespace sentinel
