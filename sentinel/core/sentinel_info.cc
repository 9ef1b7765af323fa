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

std::string DescribeServer(const State& state, const base::Now& now) {
  const auto uptime = std::chrono::duration_cast<base::Seconds>(now.mono - state.started.mono).count();
  return fmt::format(
      "# Server\r\n"
      "redis_version:7.0.15\r\n"
      "vigil_version:{}\r\n"
      "redis_mode:sentinel\r\n"
      "arch_bits:{}\r\n"
      "process_id:{}\r\n"
      "run_id:{}\r\n"
      "tcp_port:{}\r\n"
      "server_time_usec:{}\r\n"
      "uptime_in_seconds:{}\r\n"
      "uptime_in_days:{}\r\n"
      "executable:{}\r\n"
      "config_file:{}\r\n",
      VIGIL_VERSION, 8 * sizeof(void*), state.process_id, state.my_id.hex, state.port,
      base::UnixMillis(now.wall) * 1000, uptime, uptime / 86400, state.executable, state.config_path);
}

std::string DescribeClients(const State& state) {
  const auto& clients = state.server.clients.all();
  const auto waiting = std::ranges::count_if(
      clients, [](const auto& item) { return static_cast<const SentinelClient&>(*item.second).held.has_value(); });
  return fmt::format(
      "# Clients\r\n"
      "connected_clients:{}\r\n"
      "blocked_clients:{}\r\n",
      clients.size(), waiting);
}

std::string DescribeStats(const State& state) {
  return fmt::format(
      "# Stats\r\n"
      "total_connections_received:{}\r\n"
      "total_commands_processed:{}\r\n"
      "pubsub_channels:{}\r\n"
      "pubsub_patterns:{}\r\n"
      "vigil_hellos_dropped:{}\r\n",
      state.connections_received, state.commands_processed, state.server.pubsub.channels().size(),
      state.server.pubsub.patterns().size(), state.hellos_dropped);
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
      "sentinel_simulate_failure_flags:0\r\n",
      state.masters.size(), state.tilt_since ? 1 : 0, tilt_seconds, state.total_tilt, RunningScripts(state),
      state.scripts.size());
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
  if (wanted("sentinel")) add(DescribeMasters(state, now, info.change));
  return info;
}

}  // namespace sentinel
