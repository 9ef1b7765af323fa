#include "replication/edge/metrics.h"

#include <doctest/doctest.h>

#include "replication/host/metrics_text.h"

using replication::edge::MetricsOf;

TEST_CASE("metrics: INFO's fields under the names of redis_exporter") {
  const std::string text = MetricsOf(
      "# "
      "Server\r\nredis_version:7.0.15\r\nvigil_version:0.1.0\r\nserver_time_usec:1500000000\r\nuptime_in_seconds:"
      "500\r\n"
      "tcp_port:6379\r\n\r\n# Memory\r\nused_memory:1024\r\nmaxmemory_policy:noeviction\r\n"
      "# Persistence\r\nrdb_last_bgsave_status:err\r\naof_last_write_status:ok\r\n"
      "# Stats\r\nexpired_keys:7\r\nunknown_field:1\r\n# Replication\r\nrole:master\r\n"
      "slave0:ip=10.0.0.1,port=6380,state=online,offset=100,lag=2\r\nrepl_last_full_sync_ms:1500\r\n"
      "# Commandstats\r\n"
      "cmdstat_config|get:calls=2,usec=3000000,usec_per_call=1500000.00,rejected_calls=1,failed_calls=0\r\n"
      "# Errorstats\r\nerrorstat_ERR:count=4\r\n# Latencystats\r\n"
      "latency_percentiles_usec_config|get:p50=1.5,p99.9=2.5\r\n"
      "# Keyspace\r\ndb3:keys=5,expires=2,avg_ttl=1500\r\n");
  const auto has = [&](std::string_view line) {
    return text.find("\n" + std::string(line) + "\n") != std::string::npos;
  };
  CAPTURE(text);
  CHECK(has("redis_memory_used_bytes 1024"));
  CHECK(has("# TYPE redis_memory_used_bytes gauge"));
  CHECK(has("# TYPE redis_expired_keys_total counter"));
  CHECK(has("redis_expired_keys_total 7"));
  CHECK(has("redis_rdb_last_bgsave_status 0"));
  CHECK(has("redis_aof_last_write_status 1"));
  CHECK(has("redis_start_time_seconds 1000"));
  CHECK(has("vigil_replication_last_full_sync_seconds 1.5"));
  CHECK(has(R"(redis_connected_slave_offset_bytes{slave_ip="10.0.0.1",slave_port="6380",slave_state="online"} 100)"));
  CHECK(has(R"(redis_connected_slave_lag_seconds{slave_ip="10.0.0.1",slave_port="6380",slave_state="online"} 2)"));
  CHECK(has(R"(redis_commands_total{cmd="config|get"} 2)"));
  CHECK(has(R"(redis_commands_duration_seconds_total{cmd="config|get"} 3)"));
  CHECK(has(R"(redis_commands_rejected_calls_total{cmd="config|get"} 1)"));
  CHECK(has(R"(redis_errors_total{err="ERR"} 4)"));
  CHECK(has(R"(redis_latency_percentiles_usec{cmd="config|get",quantile="0.5"} 1.5)"));
  CHECK(has(R"(redis_latency_percentiles_usec_count{cmd="config|get"} 2)"));
  CHECK(has(R"(redis_db_keys{db="db3"} 5)"));
  CHECK(has(R"(redis_db_avg_ttl_seconds{db="db3"} 1.5)"));
  CHECK(text.find("unknown_field") == std::string::npos);
  CHECK(text.find("redis_slave_info") == std::string::npos);
}

TEST_CASE("metrics: a replica tells of its link") {
  const std::string text = MetricsOf(
      "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:"
      "3\r\n"
      "slave_repl_offset:55\r\nslave_read_only:1\r\n");
  CAPTURE(text);
  CHECK(text.find(R"(redis_master_link_up{master_host="10.0.0.1",master_port="6379"} 1)") != std::string::npos);
  CHECK(text.find(R"(redis_slave_info{master_host="10.0.0.1",master_port="6379",read_only="1"} 1)") !=
        std::string::npos);
  CHECK(text.find(R"(redis_slave_repl_offset{master_host="10.0.0.1",master_port="6379"} 55)") != std::string::npos);
}

TEST_CASE("metrics: a histogram's buckets count what lies below them") {
  host::MetricsText metrics;
  metrics.Histogram("vigil_x_seconds", "x", {0.1, 1}, {2, 1, 4}, 9.5, {{"kind", "a\"b"}});
  const std::string text = metrics.Text();
  CAPTURE(text);
  CHECK(text.find(R"(vigil_x_seconds_bucket{kind="a\"b",le="0.1"} 2)") != std::string::npos);
  CHECK(text.find(R"(vigil_x_seconds_bucket{kind="a\"b",le="1"} 3)") != std::string::npos);
  CHECK(text.find(R"(vigil_x_seconds_bucket{kind="a\"b",le="+Inf"} 7)") != std::string::npos);
  CHECK(text.find(R"(vigil_x_seconds_count{kind="a\"b"} 7)") != std::string::npos);
  CHECK(text.find(R"(vigil_x_seconds_sum{kind="a\"b"} 9.5)") != std::string::npos);
}
