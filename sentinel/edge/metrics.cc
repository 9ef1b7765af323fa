#include "sentinel/edge/metrics.h"

#include <algorithm>

#include "replication/host/metrics_text.h"
#include "sentinel/core/events.h"
#include "sentinel/core/instance_report.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/quorum.h"

namespace sentinel::edge {
namespace {

using host::MetricsText;
using Labels = MetricsText::Labels;

double Seconds(base::Millis length) {
  return static_cast<double>(length.count()) / 1000;
}

std::string_view StatusWord(const Master& master) {
  if (master.objective_down_since) return "odown";
  return master.liveness.down() ? "sdown" : "ok";
}

void AddQuorum(MetricsText& metrics, const State& state, const Master& master) {
  const QuorumReport quorum = CheckQuorum(state, master);
  const bool reachable = quorum.quorum_reachable && quorum.majority_reachable;
  const char* message = reachable                  ? "OK"
                        : !quorum.quorum_reachable ? "NOQUORUM: fewer usable sentinels than the quorum"
                                                   : "NOQUORUM: fewer usable sentinels than a majority";
  metrics.Gauge("redis_sentinel_master_ckquorum_status", "Whether a failover could be authorized now", reachable,
                {{"master_name", master.name}, {"message", message}});
}

void AddReplicas(MetricsText& metrics, const State& state, const Master& master) {
  for (const auto& [address, replica] : master.replicas) {
    const Labels labels = {{"master_name", master.name}, {"instance", ReplicaName(state, replica)}};
    const auto up = [&](const char* link, bool is_up) {
      Labels with = labels;
      with.emplace_back("role", "replica");
      with.emplace_back("link", link);
      metrics.Gauge("vigil_instance_link_up", "Whether a link is up: ours (command), or the one to its master (master)",
                    is_up, std::move(with));
    };
    up("command", !replica.liveness.down());
    if (!replica.info_at) continue;
    up("master", replica.info.master_link_up);
    metrics.Gauge("vigil_replica_priority", "replica-priority; 0: never promoted", replica.info.priority, labels);
    if (master.info.master_offset < 0 || replica.info.offset < 0) continue;
    // Each from its last INFO, which may be ten seconds apart: below 0 is as good as 0.
    metrics.Gauge("vigil_replica_lag_bytes", "How far a replica is behind its master, by the last INFO of both",
                  static_cast<double>(std::max<base::Offset>(master.info.master_offset - replica.info.offset, 0)),
                  labels);
  }
}

void AddMaster(MetricsText& metrics, const State& state, const Master& master, const base::Now& now) {
  const std::string address = ShownEndpoint(state, master).ToString();
  const Labels labels = {{"master_name", master.name}, {"master_address", address}};
  Labels status = labels;
  status.emplace_back("master_status", StatusWord(master));
  metrics.Gauge("redis_sentinel_master_status", "1 when this sentinel holds the master for working",
                StatusWord(master) == "ok", std::move(status));
  metrics.Gauge("redis_sentinel_master_slaves", "Replicas known", static_cast<double>(master.replicas.size()), labels);
  metrics.Gauge("redis_sentinel_master_ok_slaves", "Replicas that are not down",
                static_cast<double>(std::ranges::count_if(
                    master.replicas, [](const auto& each) { return !each.second.liveness.down(); })),
                labels);
  metrics.Gauge("redis_sentinel_master_sentinels", "Sentinels that watch it, this one included",
                static_cast<double>(master.sentinels.size() + 1), labels);
  metrics.Gauge("redis_sentinel_master_ok_sentinels", "Sentinels that are not down, this one included",
                CheckQuorum(state, master).usable, labels);
  AddQuorum(metrics, state, master);
  metrics.Gauge("redis_sentinel_master_setting_ckquorum", "quorum", master.quorum, labels);
  metrics.Gauge("redis_sentinel_master_setting_failover_timeout", "failover-timeout, milliseconds",
                static_cast<double>(master.failover_timeout.count()), labels);
  metrics.Gauge("redis_sentinel_master_setting_parallel_syncs", "parallel-syncs", master.parallel_syncs, labels);
  metrics.Gauge("redis_sentinel_master_setting_down_after_milliseconds", "down-after-milliseconds",
                static_cast<double>(master.down_after.count()), labels);
  metrics.Gauge("redis_sentinel_master_config_epoch", "Grows with each failover",
                static_cast<double>(master.config_epoch.value), labels);
  metrics.Gauge("redis_sentinel_master_last_ok_ping_reply_seconds", "Since the last proof of life",
                static_cast<double>(AgeOf(now, master.liveness.proof_at)) / 1000, labels);
  metrics.Gauge("vigil_paused", "Whether automatic failovers are paused", IsPaused(master, now),
                {{"master_name", master.name}});
  metrics.Gauge("vigil_failover_in_progress", "Whether this sentinel leads a failover now", master.failover.active(),
                {{"master_name", master.name}});
  AddReplicas(metrics, state, master);
}

}  // namespace

void Metrics::Spread::Add(double seconds) {
  const auto bucket = std::ranges::lower_bound(kBounds, seconds) - kBounds.begin();
  ++counts[static_cast<std::size_t>(bucket)];
  sum += seconds;
}

void Metrics::Begin(const State& state) {
  for (const auto& [name, master] : state.masters) masters_[name].seen = master.chronicle.last_number;
}

void Metrics::Observe(const State& state) {
  for (const auto& [name, master] : state.masters) {
    OfMaster& of = masters_[name];
    for (const Decision& decision : master.chronicle.decisions) {
      if (decision.number <= of.seen) continue;
      if (decision.open()) break;
      of.seen = decision.number;
      ++of.decisions[{decision.kind, std::string(OutcomeWord(decision.outcome))}];
      if (decision.outcome != Outcome::kSwitched) continue;
      base::Millis before{0};
      for (std::size_t i = 0; i < kPhases; ++i) {
        if (!decision.ended[i]) continue;
        of.phases[std::string(PhaseWord(static_cast<Phase>(i)))].Add(Seconds(*decision.ended[i] - before));
        before = *decision.ended[i];
      }
      const auto published = decision.ended[static_cast<std::size_t>(Phase::kPublication)];
      if (published) of.outage.Add(Seconds(*published));
    }
  }
}

std::string Metrics::Text(const State& state, const base::Now& now) const {
  MetricsText metrics;
  metrics.Gauge("redis_up", "Whether the sentinel answers", 1);
  metrics.Gauge("vigil_build_info", "The program", 1, {{"version", VIGIL_VERSION}});
  metrics.Gauge("redis_uptime_in_seconds", "Seconds since the start", Seconds(now.mono - state.started.mono));
  metrics.Gauge("redis_start_time_seconds", "Unix time of the start",
                static_cast<double>(base::UnixMillis(state.started.wall)) / 1000);
  metrics.Gauge("redis_connected_clients", "Connections of clients", static_cast<double>(state.server.clients.size()));
  metrics.Counter("redis_connections_received_total", "Connections accepted",
                  static_cast<double>(state.connections_received));
  metrics.Counter("redis_commands_processed_total", "Commands executed", static_cast<double>(state.commands_processed));
  metrics.Counter("redis_rejected_connections_total", "Connections refused for maxclients",
                  static_cast<double>(state.traffic.rejected));
  metrics.Counter("redis_net_input_bytes_total", "Bytes received from clients",
                  static_cast<double>(state.traffic.bytes_in));
  metrics.Counter("redis_net_output_bytes_total", "Bytes sent to clients",
                  static_cast<double>(state.traffic.bytes_out));
  if (state.machine.cpu_seconds) {
    const auto seconds = state.machine.cpu_seconds();
    metrics.Counter("redis_cpu_sys_seconds_total", "Seconds of the kernel for us", seconds[0]);
    metrics.Counter("redis_cpu_user_seconds_total", "Seconds of our own", seconds[1]);
  }
  metrics.Gauge("redis_sentinel_masters", "Masters watched", static_cast<double>(state.masters.size()));
  metrics.Gauge("redis_sentinel_tilt", "Whether this sentinel has stood still of late", state.tilt_since.has_value());
  metrics.Gauge("redis_sentinel_scripts_queue_length", "Scripts that run or wait",
                static_cast<double>(state.scripts.size()));
  metrics.Gauge("vigil_current_epoch", "The election clock", static_cast<double>(state.current_epoch.value));
  metrics.Gauge("vigil_state_save_failing", "Whether the state file cannot be written", state.save_failing);
  for (const auto& [event, count] : events_) {
    metrics.Counter("vigil_events_total", "Events announced since the start", static_cast<double>(count),
                    {{"event", event}});
  }
  for (const auto& [name, master] : state.masters) AddMaster(metrics, state, master, now);
  const std::vector<double> bounds(kBounds.begin(), kBounds.end());
  for (const auto& [name, of] : masters_) {
    for (const auto& [what, count] : of.decisions) {
      metrics.Counter("vigil_decisions_total", "Decisions that have come to an end since the start",
                      static_cast<double>(count),
                      {{"master_name", name}, {"kind", what.first}, {"result", what.second}});
    }
    for (const auto& [phase, spread] : of.phases) {
      metrics.Histogram("vigil_failover_phase_seconds", "How long each phase of a failover took", bounds, spread.counts,
                        spread.sum, {{"master_name", name}, {"phase", phase}});
    }
    metrics.Histogram("vigil_failover_seconds",
                      "From the last proof of life, or the command, until the new address is told", bounds,
                      of.outage.counts, of.outage.sum, {{"master_name", name}});
  }
  return metrics.Text();
}

}  // namespace sentinel::edge
