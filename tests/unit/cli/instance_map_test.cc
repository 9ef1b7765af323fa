#include "sentinel/cli/instance_map.h"

#include <doctest/doctest.h>

using namespace cli;

namespace {

Reply Text(const char* text) {
  Reply reply;
  reply.kind = Reply::Kind::kText;
  reply.text = text;
  return reply;
}

Reply List(std::initializer_list<const char*> texts) {
  Reply reply;
  reply.kind = Reply::Kind::kArray;
  for (const char* text : texts) reply.items.push_back(Text(text));
  return reply;
}

}  // namespace

TEST_CASE("instance map: names and values by turns") {
  const auto fields = Fields::FromReply(
      List({"name", "mymaster", "ip", "127.0.0.1", "port", "7001", "flags", "master,s_down", "num-slaves", "2"}));
  REQUIRE(fields);
  CHECK(fields->Text("name") == "mymaster");
  CHECK(fields->Number("num-slaves") == 2);
  CHECK(fields->Number("absent", -1) == -1);
  CHECK(fields->Address("ip", "port") == base::Endpoint{"127.0.0.1", 7001});
  CHECK(fields->Flag("flags", "s_down"));
  CHECK_FALSE(fields->Flag("flags", "o_down"));
  CHECK_FALSE(fields->Flag("flags", "down"));
}

TEST_CASE("instance map: half a pair, or no list, is refused") {
  CHECK_FALSE(Fields::FromReply(List({"name", "mymaster", "ip"})));
  CHECK_FALSE(Fields::FromReply(Text("name")));
}

TEST_CASE("instance map: an unknown address is empty") {
  const auto fields = Fields::FromReply(List({"master-host", "?", "master-port", "0"}));
  REQUIRE(fields);
  CHECK(fields->Address("master-host", "master-port").empty());
}

TEST_CASE("instance map: INFO lines, with headings and carriage returns") {
  const Fields fields =
      Fields::FromInfo("# Replication\r\nrole:slave\r\nmaster_host:::1\r\n\r\nslave_repl_offset:42\r\nbroken\r\n");
  CHECK(fields.Text("role") == "slave");
  CHECK(fields.Text("master_host") == "::1");
  CHECK(fields.Number("slave_repl_offset") == 42);
  CHECK_FALSE(fields.Has("broken"));
}

TEST_CASE("instance map: an attached replica's line") {
  const auto replica = ParseAttachedReplica("ip=127.0.0.1,port=7002,state=online,offset=14,lag=1");
  REQUIRE(replica);
  CHECK(replica->address == base::Endpoint{"127.0.0.1", 7002});
  CHECK(replica->state == "online");
  CHECK(replica->offset == 14);
  CHECK(replica->lag_seconds == 1);
  CHECK_FALSE(ParseAttachedReplica("state=online"));
  CHECK_FALSE(ParseAttachedReplica("ip=127.0.0.1,port=0"));
  CHECK_FALSE(ParseAttachedReplica(""));
}

TEST_CASE("instance map: addresses as people type them") {
  CHECK(*ParseEndpoint("127.0.0.1:7001", 26379) == base::Endpoint{"127.0.0.1", 7001});
  CHECK(*ParseEndpoint("db.example", 26379) == base::Endpoint{"db.example", 26379});
  CHECK(*ParseEndpoint("[::1]:7001", 26379) == base::Endpoint{"::1", 7001});
  CHECK(*ParseEndpoint("::1", 26379) == base::Endpoint{"::1", 26379});
  for (const char* bad : {"", ":7001", "host:", "host:0", "host:65536", "host:x", "[::1", "[::1]x", "a b:1"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseEndpoint(bad, 26379));
  }
}
