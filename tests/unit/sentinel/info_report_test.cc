#include "sentinel/core/info_report.h"

#include <doctest/doctest.h>

using namespace sentinel;

TEST_CASE("info: a master's replicas are read in both forms, whatever their state") {
  const InfoReport report = ParseInfo(
      "# Replication\r\nrole:master\r\nconnected_slaves:3\r\n"
      "slave0:ip=127.0.0.1,port=6380,state=online,offset=1,lag=0\r\n"
      "slave1:ip=::1,port=6381,state=wait_bgsave,offset=0,lag=0\r\n"
      "slave2:10.0.0.1,6382,online\r\n"
      "slave3:ip=127.0.0.1,port=0\r\n"
      "slave_priority:7\r\n");
  CHECK(report.role == Role::kMaster);
  REQUIRE(report.replicas.size() == 3);
  CHECK(report.replicas[0] == base::Endpoint{"127.0.0.1", 6380});
  CHECK(report.replicas[1] == base::Endpoint{"::1", 6381});
  CHECK(report.replicas[2] == base::Endpoint{"10.0.0.1", 6382});
}

TEST_CASE("info: a replica's facts") {
  const std::string id(40, 'a');
  const InfoReport report =
      ParseInfo("run_id:" + id +
                "\r\nloading:0\r\nrole:slave\r\nmaster_host:h\r\nmaster_port:6379\r\n"
                "master_link_status:down\r\nmaster_link_down_since_seconds:12\r\n"
                "slave_read_repl_offset:120\r\nslave_repl_offset:100\r\nslave_priority:50\r\n"
                "replica_announced:0\r\nmaster_failover_state:no-failover\r\nmaster_replid:" +
                id + "\r\nmaster_replid2:" + std::string(40, '0') +
                "\r\nmaster_repl_offset:100\r\nsecond_repl_offset:-1\r\n"
                "# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\ndb5:keys=4,expires=1,avg_ttl=9\r\n");
  CHECK(report.run_id.hex == id);
  CHECK(report.role == Role::kReplica);
  CHECK(report.master == base::Endpoint{"h", 6379});
  CHECK_FALSE(report.master_link_up);
  CHECK(report.master_link_down_for == base::Millis(12000));
  CHECK(report.offset == 100);
  CHECK(report.read_offset == 120);
  CHECK(report.priority == 50);
  CHECK_FALSE(report.announced);
  CHECK(report.replid.hex == id);
  CHECK(report.replid2.empty());
  CHECK(report.second_offset == -1);
  CHECK(report.keys == 7);
  CHECK(report.failover_state == "no-failover");
}

TEST_CASE("info: what is missing keeps its default, what is malformed is skipped") {
  const InfoReport empty = ParseInfo("");
  CHECK(empty.role == Role::kUnknown);
  CHECK(empty.priority == 100);
  CHECK(empty.keys == -1);
  CHECK(ParseInfo("# Keyspace\r\n").keys == 0);
  const InfoReport odd =
      ParseInfo("role\r\n:x\r\nrun_id:zz\r\nmaster_port:99999\r\nslave_repl_offset:1e5\r\nslave0:\r\n");
  CHECK(odd.run_id.empty());
  CHECK(odd.master.port == 0);
  CHECK(odd.offset == -1);
  CHECK(odd.replicas.empty());
  CHECK(ParseInfo("master_link_down_since_seconds:-1\r\n").master_link_down_for == base::Millis(-1000));
}

TEST_CASE("info: a hostile node names only so many replicas") {
  std::string text = "role:master\r\n";
  for (int i = 0; i < 3000; ++i)
    text += "slave" + std::to_string(i) + ":ip=10.0.0.1,port=" + std::to_string(i + 1) + "\r\n";
  CHECK(ParseInfo(text).replicas.size() == kMaxReplicasPerInfo);
}
