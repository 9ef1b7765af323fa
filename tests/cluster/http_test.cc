// Figures, health and state by HTTP, from real processes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tests/support/cluster.h"
#include "tests/support/http.h"

using namespace support;
using nlohmann::json;

namespace {

struct HttpNode {
  int http = FreePort();
  std::vector<std::string> lines(std::vector<std::string> more = {}) const {
    more.push_back(fmt::format("http-port {}", http));
    return more;
  }
};

}  // namespace

TEST_CASE("http: a node's health follows its role, its link and its willingness to take writes") {
  Cluster cluster;
  const HttpNode first, second;
  Member& master = cluster.AddNode(Make::kOurs, nullptr, first.lines());
  Member& replica = cluster.AddNode(Make::kOurs, &master, second.lines());
  REQUIRE(WaitFor([&] { return replica.Info("master_link_status") == "up"; }));

  CHECK(AskHttp(first.http, "/primary").status == 200);
  CHECK(AskHttp(first.http, "/replica").status == 503);
  CHECK(AskHttp(first.http, "/read-only").status == 200);
  CHECK(AskHttp(first.http, "/readiness").status == 200);
  CHECK(AskHttp(second.http, "/primary").status == 503);
  CHECK(AskHttp(second.http, "/replica?lag=60").status == 200);
  CHECK(AskHttp(second.http, "/read-only?lag=1mb").status == 200);
  CHECK(AskHttp(second.http, "/replica?lag=soon").status == 503);
  const json told = json::parse(AskHttp(second.http, "/liveness").body);
  CHECK(told.at("role") == "replica");
  CHECK(told.at("link") == "up");
  CHECK(told.at("replid") == master.Info("master_replid"));

  const HttpReply metrics = AskHttp(first.http, "/metrics");
  CHECK(metrics.status == 200);
  CHECK(metrics.head.find("text/plain; version=0.0.4") != std::string::npos);
  CHECK(metrics.body.find(fmt::format("slave_port=\"{}\",slave_state=\"online\"", replica.port)) != std::string::npos);
  const HttpReply head = AskHttp(first.http, "/metrics", "HEAD");
  CHECK(head.status == 200);
  CHECK(head.body.empty());
  CHECK(AskHttp(first.http, "/../etc/passwd").status == 404);
  CHECK(AskHttp(first.http, "/primary", "POST").status == 405);

  // It refuses writes without its replica: no traffic for it.
  REQUIRE(master.Do({"CONFIG", "SET", "min-replicas-to-write", "1"}).ok());
  CHECK(AskHttp(first.http, "/primary").status == 200);
  replica.Kill();
  CHECK(WaitFor([&] { return AskHttp(first.http, "/primary").status == 503; }));
  replica.Start();
  CHECK(WaitFor([&] { return AskHttp(first.http, "/primary").status == 200; }));
  REQUIRE(WaitFor([&] { return AskHttp(second.http, "/replica").status == 200; }));
  master.Kill();
  REQUIRE(WaitFor([&] { return AskHttp(second.http, "/replica").status == 503; }));
  CHECK(AskHttp(second.http, "/readiness").status == 200);  // it has data all the same
  REQUIRE(replica.Do({"REPLICAOF", "NO", "ONE"}).ok());
  CHECK(AskHttp(second.http, "/primary").status == 200);
}

TEST_CASE("http: a sentinel tells of its nodes, its decisions and its events through a failover") {
  Cluster cluster;
  cluster.Build(Make::kOurs, {Make::kOurs, Make::kOurs, Make::kOurs}, 500);
  Member& told = *cluster.sentinels[0];
  const int http = FreePort();
  told.Kill();
  WriteTextFile(told.config_path + ".vigil",
                ReadTextFile(told.config_path + ".vigil") + fmt::format("sentinel http-port {}\n", http));
  told.Start();
  REQUIRE(cluster.WaitHealthy());
  const int old_port = cluster.AgreedMaster();
  const auto node = [](int port) { return fmt::format("127.0.0.1:{}", port); };
  const auto health = [&](const std::string& path, int port) {
    return AskHttp(http, fmt::format("{}?node={}", path, node(port))).status;
  };

  json masters = json::parse(AskHttp(http, "/api/masters").body).at("masters");
  REQUIRE(masters.size() == 1);
  CHECK(masters[0].at("name") == "mymaster");
  CHECK(masters[0].at("address") == node(old_port));
  CHECK(masters[0].at("status") == "ok");
  CHECK(masters[0].at("failover_possible") == true);
  json whole = json::parse(AskHttp(http, "/api/masters/mymaster").body);
  CHECK(whole.at("replicas").size() == 2);
  CHECK(whole.at("sentinels").size() == 2);
  CHECK(whole.at("sentinels")[0].at("program") == "vigil");
  CHECK(AskHttp(http, "/api/masters/nobody").status == 404);
  CHECK(health("/primary", old_port) == 200);
  CHECK(health("/read-only", old_port) == 200);
  for (const auto& each : cluster.nodes) {
    if (each->port == old_port) continue;
    CHECK(health("/primary", each->port) == 503);
    CHECK(health("/replica", each->port) == 200);
  }
  CHECK(AskHttp(http, "/primary").status == 400);
  CHECK(AskHttp(http, "/primary?master=nobody&node=x").status == 404);
  CHECK(AskHttp(http, "/readiness").status == 200);
  CHECK(AskHttp(http, "/api/masters", "POST").status == 405);

  HttpFeedReader events(http, "/api/events");
  REQUIRE(events.Has("events of this sentinel"));
  cluster.NodeAt(old_port).Kill();
  REQUIRE(cluster.WaitNewMaster(old_port));
  const int new_port = cluster.AgreedMaster();
  CHECK(events.Has("\"event\":\"+sdown\""));
  CHECK(events.Has(
      fmt::format("\"event\":\"+switch-master\",\"text\":\"mymaster 127.0.0.1 {} 127.0.0.1 {}\"", old_port, new_port)));
  CHECK(WaitFor([&] { return health("/primary", new_port) == 200; }));
  CHECK(health("/primary", old_port) == 503);
  REQUIRE(WaitFor([&] {
    return AskHttp(http, "/metrics").body.find("vigil_failover_seconds_count{master_name=\"mymaster\"} 1") !=
           std::string::npos;
  }));
  const json history = json::parse(AskHttp(http, "/api/history?master=mymaster&count=1").body).at("decisions");
  REQUIRE(history.size() == 1);
  CHECK(history[0].at("from") == node(old_port));
  CHECK(history[0].at("to") == node(new_port));
  CHECK(history[0].at("outcome") == "switched");
  const std::string metrics = AskHttp(http, "/metrics").body;
  CHECK(metrics.find(fmt::format("redis_sentinel_master_status{{master_name=\"mymaster\",master_address=\"{}\","
                                 "master_status=\"ok\"}} 1",
                                 node(new_port))) != std::string::npos);
  CHECK(metrics.find("vigil_failover_phase_seconds_count{master_name=\"mymaster\",phase=\"detection\"} 1") !=
        std::string::npos);
  CHECK(metrics.find("vigil_events_total{event=\"+switch-master\"} 1") != std::string::npos);
}
