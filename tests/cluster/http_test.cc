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
