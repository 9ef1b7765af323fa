#include "replication/edge/pages.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "replication/base/text.h"
#include "replication/core/info.h"
#include "replication/core/state.h"
#include "replication/edge/metrics.h"
#include "replication/host/metrics_text.h"

namespace replication::edge {
namespace {

// Empty: it is so. Otherwise why not.
using Why = std::string;

Why NotPrimary(const NodeState& state, const base::Now& now) {
  const Settings& settings = state.settings;
  if (!state.is_master()) return "it is a replica";
  if (state.loading.active) return "it is loading its data";
  if (state.shutdown.stage != Shutdown::Stage::kNo) return "it is shutting down";
  if (settings.min_replicas_to_write > 0 && state.replicas.CountGood(now.mono, settings.min_replicas_max_lag) <
                                                static_cast<int>(settings.min_replicas_to_write)) {
    return "it refuses writes: fewer replicas than min-replicas-to-write";
  }
  return {};
}

Why NotReplica(const NodeState& state, std::string_view lag, const base::Now& now) {
  if (state.is_master()) return "it is a master";
  if (state.loading.active) return "it is loading its data";
  if (!state.link_up()) return "its link to the master is down";
  if (lag.empty()) return {};
  if (const auto seconds = base::ParseInt<std::int64_t>(lag)) {
    const auto silent = now.mono - state.master.last_io_at;
    if (silent > base::Seconds(*seconds)) return "it has not heard its master for longer than that";
    return {};
  }
  const auto bytes = base::ParseMemory(lag);
  if (!bytes) return "lag is neither seconds nor bytes";
  const Offset behind = state.stream.end() - 1 - state.applied;
  if (behind > static_cast<Offset>(*bytes)) return "more than that has not been applied yet";
  return {};
}

Why NotReady(const NodeState& state) {
  if (state.loading.active) return "it is loading its data";
  if (!state.is_master() && !state.link_up() && !state.master.ever_connected) return "it has not been fed yet";
  return {};
}

net::HttpResponse Verdict(const NodeState& state, const Why& why_not) {
  net::HttpResponse response;
  response.status = why_not.empty() ? 200 : 503;
  response.type = "application/json";
  nlohmann::ordered_json body = {{"ok", why_not.empty()},
                                 {"role", state.is_master() ? "master" : "replica"},
                                 {"loading", state.loading.active},
                                 {"offset", state.applied},
                                 {"replid", state.history.replid.hex}};
  if (!state.is_master()) {
    body["master"] = state.settings.replicaof.ToString();
    body["link"] = state.link_up() ? "up" : "down";
  } else {
    body["replicas"] = state.replicas.size();
  }
  if (!why_not.empty()) body["reason"] = why_not;
  response.body = body.dump() + "\n";
  return response;
}

net::HttpResponse Refusal(int status, std::string text) {
  net::HttpResponse response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

}  // namespace

net::HttpResponse AnswerHttp(const Node& node, const net::HttpRequest& request, const base::Now& now) {
  const NodeState& state = node.state();
  if (request.method != "GET" && request.method != "HEAD") {
    net::HttpResponse refused = Refusal(405, "only GET and HEAD are answered here\n");
    refused.headers.emplace_back("Allow", "GET, HEAD");
    return refused;
  }
  const std::string& path = request.path;
  if (path == "/metrics") {
    constexpr std::string_view kEverything = "everything";
    net::HttpResponse response;
    response.type = host::MetricsText::kContentType;
    response.body = MetricsOf(RenderInfo(state, std::span(&kEverything, 1), now));
    return response;
  }
  const std::string_view lag = request.Query("lag");
  if (path == "/primary" || path == "/master") return Verdict(state, NotPrimary(state, now));
  if (path == "/replica") return Verdict(state, NotReplica(state, lag, now));
  if (path == "/read-only") {
    return Verdict(state, state.is_master() ? NotPrimary(state, now) : NotReplica(state, lag, now));
  }
  if (path == "/liveness") return Verdict(state, {});
  if (path == "/readiness" || path == "/health") return Verdict(state, NotReady(state));
  return Refusal(404, "there are /metrics, /primary, /replica, /read-only, /liveness, /readiness\n");
}

}  // namespace replication::edge
