#include "sentinel/edge/pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "replication/base/text.h"
#include "replication/host/metrics_text.h"
#include "replication/resp/reply_writer.h"
#include "sentinel/core/events.h"
#include "sentinel/core/history.h"
#include "sentinel/core/instance_report.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/quorum.h"
#include "sentinel/edge/reply_json.h"

namespace sentinel::edge {
namespace {

using Json = nlohmann::ordered_json;
using net::HttpRequest;
using net::HttpResponse;

constexpr base::Millis kPingEvery{15000};
constexpr std::size_t kMaxFeeds = 64;

HttpResponse Plain(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

HttpResponse AsJson(int status, const Json& body) {
  HttpResponse response;
  response.status = status;
  response.type = "application/json";
  // What nodes say of themselves need not be UTF-8.
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return response;
}

// ---- Health of a node, as this sentinel sees it ----

HttpResponse Verdict(const std::string& why_not) {
  Json body = {{"ok", why_not.empty()}};
  if (!why_not.empty()) body["reason"] = why_not;
  return AsJson(why_not.empty() ? 200 : 503, body);
}

std::string NotPrimary(const State& state, const Master& master, std::string_view node) {
  if (!state.Durable(master.address_change)) return "a new address is being made durable";
  if (ShownEndpoint(state, master).ToString() != node && master.address.ToString() != node) {
    return "the master is another one";
  }
  if (master.liveness.down()) return "it is down";
  return {};
}

std::string NotReplica(const State& state, const Master& master, std::string_view node, std::string_view lag) {
  const auto found = std::ranges::find_if(master.replicas, [&](const auto& each) {
    return ReplicaName(state, each.second) == node || each.first.ToString() == node;
  });
  if (found == master.replicas.end()) return "it is not known as a replica";
  const Replica& replica = found->second;
  if (replica.liveness.down()) return "it is down";
  if (!replica.info_at || replica.role_reported != Role::kReplica) return "it does not report itself as a replica";
  if (!replica.info.master_link_up) return "its link to the master is down";
  if (lag.empty()) return {};
  const auto bytes = base::ParseMemory(lag);
  if (!bytes) return "lag is no number of bytes";
  if (master.info.master_offset - replica.info.offset > static_cast<base::Offset>(*bytes)) {
    return "it is further behind its master";
  }
  return {};
}

// Null: there is no such one, and `error` says so.
const Master* MasterOf(const State& state, const HttpRequest& request, HttpResponse& error) {
  const std::string_view name = request.Query("master");
  if (name.empty() && state.masters.size() == 1) return &state.masters.begin()->second;
  const auto found = state.masters.find(name);
  if (found != state.masters.end()) return &found->second;
  error = name.empty() ? Plain(400, "which one? add master=NAME\n")
                       : Plain(404, fmt::format("no master of the name '{}' is watched here\n", name));
  return nullptr;
}

HttpResponse NodeHealth(const State& state, const HttpRequest& request) {
  HttpResponse error;
  const Master* master = MasterOf(state, request, error);
  if (master == nullptr) return error;
  const std::string_view node = request.Query("node");
  if (node.empty()) return Plain(400, "which one? add node=HOST:PORT\n");
  const std::string not_primary = NotPrimary(state, *master, node);
  if (request.path == "/primary" || request.path == "/master") return Verdict(not_primary);
  if (request.path == "/read-only" && not_primary.empty()) return Verdict({});
  return Verdict(NotReplica(state, *master, node, request.Query("lag")));
}

// ---- State as JSON ----

Json ReplicaJson(const State& state, const Master& master, const Replica& replica, const base::Now& now) {
  Json json = {{"address", ReplicaName(state, replica)},
               {"down", replica.liveness.down()},
               {"last_answer_ms", AgeOf(now, replica.liveness.proof_at)}};
  if (!replica.info_at) return json;
  json["role"] = replica.role_reported == Role::kMaster ? "master" : "replica";
  json["link"] = replica.info.master_link_up ? "up" : "down";
  json["follows"] = replica.info.master.empty() ? "" : replica.info.master.ToString();
  json["priority"] = replica.info.priority;
  json["offset"] = replica.info.offset;
  if (master.info.master_offset >= 0 && replica.info.offset >= 0) {
    json["lag_bytes"] = std::max<base::Offset>(master.info.master_offset - replica.info.offset, 0);
  }
  json["delayed"] = replica.info.delayed;
  json["info_age_ms"] = AgeOf(now, replica.info_at);
  return json;
}

Json SentinelJson(const State& state, const base::RunId& id, const Opinion& opinion, const base::Now& now) {
  Json json = {{"id", id.hex}, {"says_down", CountsAsDown(state, opinion, now)}};
  const auto found = state.peers.find(id);
  if (found == state.peers.end()) return json;
  const Peer& peer = found->second;
  json["address"] = peer.address.ToString();
  json["down"] = peer.liveness.down();
  json["last_answer_ms"] = AgeOf(now, peer.liveness.proof_at);
  json["program"] = peer.make == Peer::Make::kOurs ? "vigil" : peer.make == Peer::Make::kStock ? "stock" : "unknown";
  return json;
}

Json Summary(const State& state, const Master& master, const base::Now& now) {
  const QuorumReport quorum = CheckQuorum(state, master);
  const bool durable = state.Durable(master.address_change);
  Json json = {{"name", master.name},
               {"status", master.objective_down_since ? "odown"
                          : master.liveness.down()    ? "sdown"
                                                      : "ok"},
               {"config_epoch", master.config_epoch.value},
               {"quorum", master.quorum},
               {"voters", quorum.voters},
               {"voters_usable", quorum.usable},
               {"failover_possible", quorum.quorum_reachable && quorum.majority_reachable},
               {"replicas_known", master.replicas.size()},
               {"failover", StageWord(master.failover.stage)},
               {"paused", IsPaused(master, now)}};
  // Who is told an address may hold us to it: not before it is durable.
  json["address"] = durable ? Json(ShownEndpoint(state, master).ToString()) : Json();
  return json;
}

Json Whole(const State& state, const Master& master, const base::Now& now) {
  Json json = Summary(state, master, now);
  json["last_answer_ms"] = AgeOf(now, master.liveness.proof_at);
  json["offset"] = master.info.master_offset;
  json["replid"] = master.info.replid.hex;
  json["down_after_ms"] = master.down_after.count();
  json["failover_timeout_ms"] = master.failover_timeout.count();
  json["parallel_syncs"] = master.parallel_syncs;
  if (IsPaused(master, now)) {
    json["pause"] = {{"reason", master.pause.reason},
                     {"remaining_ms", (*master.pause.until - now.mono).count()},
                     {"asked", NameOf(state, master.pause.by)}};
  }
  json["replicas"] = Json::array();
  for (const auto& [address, replica] : master.replicas) {
    json["replicas"].push_back(ReplicaJson(state, master, replica, now));
  }
  json["sentinels"] = Json::array();
  for (const auto& [id, opinion] : master.sentinels) json["sentinels"].push_back(SentinelJson(state, id, opinion, now));
  if (!master.chronicle.decisions.empty()) {
    json["last_decision"] = sentinel::Summary(state, master.chronicle.decisions.back());
  }
  return json;
}

HttpResponse History(const State& state, const HttpRequest& request) {
  constexpr std::int64_t kMost = 1000;
  const std::string_view count = request.Query("count");
  const auto wanted = count.empty() ? std::optional<std::int64_t>(20) : base::ParseInt<std::int64_t>(count);
  if (!wanted || *wanted < 1 || *wanted > kMost) return Plain(400, fmt::format("count is from 1 to {}\n", kMost));
  const std::string_view only = request.Query("master");
  std::vector<std::pair<const Master*, const Decision*>> found;
  for (const auto& [name, master] : state.masters) {
    if (!only.empty() && name != only) continue;
    for (const Decision& decision : master.chronicle.decisions) found.emplace_back(&master, &decision);
  }
  std::ranges::stable_sort(found, [](const auto& a, const auto& b) { return a.second->noticed > b.second->noticed; });
  Json json = Json::array();
  for (const auto& [master, decision] : found) {
    if (json.size() == static_cast<std::size_t>(*wanted)) break;
    std::string reply;
    resp::ReplyWriter writer(reply, 3);
    ReplyDecision(state, *master, *decision, writer);
    json.push_back(JsonOfReply(reply));
  }
  return AsJson(200, {{"decisions", json}});
}

}  // namespace

HttpResponse AnswerFromState(const State& state, const HttpRequest& request, const base::Now& now) {
  const std::string& path = request.path;
  if (path == "/primary" || path == "/master" || path == "/replica" || path == "/read-only") {
    return NodeHealth(state, request);
  }
  if (path == "/liveness") return Verdict({});
  if (path == "/readiness" || path == "/health") {
    return Verdict(state.save_failing ? "the state file cannot be written" : "");
  }
  if (path == "/api/masters") {
    Json masters = Json::array();
    for (const auto& [name, master] : state.masters) masters.push_back(Summary(state, master, now));
    return AsJson(200, {{"sentinel", state.my_id.hex}, {"epoch", state.current_epoch.value}, {"masters", masters}});
  }
  if (path == "/api/history") return History(state, request);
  constexpr std::string_view kOne = "/api/masters/";
  if (path.starts_with(kOne)) {
    const auto found = state.masters.find(std::string_view(path).substr(kOne.size()));
    if (found == state.masters.end()) return Plain(404, "no master of that name is watched here\n");
    return AsJson(200, Whole(state, found->second, now));
  }
  return Plain(404,
               "there are /metrics, /primary, /replica, /read-only, /liveness, /readiness, /api/masters, "
               "/api/masters/NAME, /api/history, /api/events\n");
}

Pages::Pages(net::Loop& loop, const State& state) : state_(state), loop_(loop), ping_(loop, [this] { Ping(); }) {}

Pages::~Pages() = default;

base::Result<void> Pages::Listen() {
  if (state_.http_port == 0) return {};
  auto server = net::HttpServer::Listen(loop_, {state_.http_bind, state_.http_port}, {},
                                        [this](const HttpRequest& request) { return Answer(request); });
  if (!server) return base::Fail(server.error().code, "http: " + server.error().text);
  server_ = std::move(*server);
  metrics_.Begin(state_);
  return {};
}

HttpResponse Pages::Answer(const HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse refused = Plain(405, "only GET and HEAD are answered here\n");
    refused.headers.emplace_back("Allow", "GET, HEAD");
    return refused;
  }
  const base::Now now = net::Loop::ReadClocks();
  if (request.path == "/metrics") {
    metrics_.Observe(state_);
    HttpResponse response;
    response.type = host::MetricsText::kContentType;
    response.body = metrics_.Text(state_, now);
    return response;
  }
  if (request.path == "/api/events" && request.method == "GET") return OpenFeed();
  return AnswerFromState(state_, request, now);
}

HttpResponse Pages::OpenFeed() {
  if (feeds_.size() >= kMaxFeeds) return Plain(503, "too many readers of events\n");
  HttpResponse response;
  response.type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.feed = std::make_shared<net::HttpFeed>();
  response.feed->Append(": events of this sentinel\n\n");
  feeds_.insert(response.feed);
  if (feeds_.size() == 1) ping_.StartAt(net::Loop::ReadClocks().mono + kPingEvery);
  return response;
}

void Pages::Ping() {
  for (const auto& feed : feeds_) feed->Append(":\n\n");
  std::erase_if(feeds_, [](const auto& feed) { return !feed->open(); });
  if (!feeds_.empty()) ping_.StartAt(net::Loop::ReadClocks().mono + kPingEvery);
}

void Pages::OnEvent(std::string_view event, std::string_view text, ChangeNumber change, const base::Now& now) {
  if (server_ == nullptr) return;
  metrics_.OnEvent(event);
  metrics_.Observe(state_);
  if (feeds_.empty()) return;
  const Json data = {{"time_ms", base::UnixMillis(now.wall)}, {"event", event}, {"text", text}};
  waiting_.emplace_back(change, fmt::format("id: {}\nevent: announcement\ndata: {}\n\n", ++last_event_,
                                            data.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

void Pages::Flush() {
  while (!waiting_.empty() && state_.Durable(waiting_.front().first)) {
    for (const auto& feed : feeds_) feed->Append(waiting_.front().second);
    waiting_.pop_front();
  }
}

}  // namespace sentinel::edge
