#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/serve/session_bed.h"

using serve::Client;
using serve_test::Bed;

TEST_CASE("clients: a client has an id and, if it likes, a name") {
  Bed bed;
  bed.Connect();
  Client& client = bed.Connect();
  CHECK(bed.Ask(client, {"client", "id"}) == ":2\r\n");
  CHECK(bed.Ask(client, {"client", "getname"}) == "$-1\r\n");
  CHECK(bed.Ask(client, {"client", "setname", "x"}) == "+OK\r\n");
  CHECK(bed.Ask(client, {"client", "getname"}) == "$1\r\nx\r\n");
  for (const char* name : {"a b", "a\nb", "\x7f", "\xc3\xa4"}) {
    CHECK(bed.Ask(client, {"client", "setname", name}) ==
          "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  }
  CHECK(bed.Ask(client, {"client", "setname", ""}) == "+OK\r\n");
  CHECK(bed.Ask(client, {"client", "getname"}) == "$-1\r\n");
  bed.Ask(client, {"hello", "3"});
  CHECK(bed.Ask(client, {"client", "getname"}) == "_\r\n");
}

TEST_CASE("clients: a line of CLIENT LIST has the fields of redis-server 7.0, in its order") {
  Bed bed;
  Client& client = bed.Connect();
  bed.now.mono += base::Millis(5'900);
  client.active_at += base::Millis(5'000);
  bed.Ask(client, {"client", "setname", "me"});
  const std::string line = fmt::format(
      "id=1 addr=127.0.0.1:40000 laddr=127.0.0.1:6379 fd=-1 name=me age=5 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 "
      "multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs={0} rbp={0} obl=0 oll=0 omem=0 tot-mem={0} events=r "
      "cmd=client|info user=default redir=-1 resp=2",
      client.out.capacity());
  CHECK(bed.Ask(client, {"client", "info"}) == "$" + std::to_string(line.size() + 1) + "\r\n" + line + "\n\r\n");
  bed.Ask(client, {"hello", "3"});
  CHECK(bed.Ask(client, {"client", "info"}) ==
        "=" + std::to_string(line.size() + 5) + "\r\ntxt:" + line.substr(0, line.size() - 1) + "3\n\r\n");

  CHECK(bed.Ask(client, {"client", "setinfo", "LIB-NAME", "lib"}) == "+OK\r\n");
  CHECK(bed.Ask(client, {"client", "setinfo", "lib-ver", "1.2"}) == "+OK\r\n");
  CHECK(serve::DescribeClient(client, bed.now).ends_with(" resp=3 lib-name=lib lib-ver=1.2"));
  CHECK(bed.Ask(client, {"client", "setinfo", "lib-ver", "1 2"}).starts_with("-ERR lib-ver cannot contain spaces"));
  CHECK(bed.Ask(client, {"client", "setinfo", "colour", "red"}) == "-ERR Unrecognized option 'colour'\r\n");

  Client& replica = bed.Connect();
  replica.kind = serve::ClientKind::kReplica;
  replica.queued_commands = 2;
  CHECK(serve::DescribeClient(replica, bed.now).find(" flags=Sx ") != std::string::npos);
  CHECK(serve::DescribeClient(replica, bed.now).find(" multi=2 ") != std::string::npos);
  bed.Ask(client, {"subscribe", "a"});
  CHECK(serve::DescribeClient(client, bed.now).find(" flags=P db=0 sub=1 psub=0 ") != std::string::npos);
}

TEST_CASE("clients: CLIENT LIST picks by type and by id") {
  Bed bed;
  Client& client = bed.Connect();
  Client& replica = bed.Connect();
  replica.kind = serve::ClientKind::kReplica;
  const auto lines = [&](const serve::Words& words) {
    const std::string reply = bed.Ask(client, words);
    std::string ids;
    for (std::size_t at = reply.find("id="); at != std::string::npos; at = reply.find("\nid=", at + 1)) {
      const std::size_t from = reply.find('=', at) + 1;
      ids += reply.substr(from, reply.find(' ', from) - from) + " ";
    }
    return ids;
  };
  CHECK(lines({"client", "list"}) == "1 2 ");
  CHECK(lines({"client", "list", "type", "normal"}) == "1 ");
  CHECK(lines({"client", "list", "type", "slave"}) == "2 ");
  CHECK(lines({"client", "list", "TYPE", "Replica"}) == "2 ");
  CHECK(lines({"client", "list", "id", "2", "1", "7", "-1", "0"}) == "2 1 ");
  CHECK(bed.Ask(client, {"client", "list", "type", "master"}) == "$0\r\n\r\n");
  CHECK(bed.Ask(client, {"client", "list", "type", "foo"}) == "-ERR Unknown client type 'foo'\r\n");
  CHECK(bed.Ask(client, {"client", "list", "type", "normal", "x"}) == "-ERR syntax error\r\n");
  CHECK(bed.Ask(client, {"client", "list", "id"}) == "-ERR syntax error\r\n");
  CHECK(bed.Ask(client, {"client", "list", "id", "a"}) == "-ERR Invalid client ID\r\n");
  CHECK(bed.Ask(client, {"client", "list", "foo"}) == "-ERR syntax error\r\n");
}

TEST_CASE("clients: CLIENT KILL closes those that fit every option, and spares its sender by default") {
  Bed bed;
  Client& self = bed.Connect();
  Client& second = bed.Connect();
  Client& third = bed.Connect();
  third.kind = serve::ClientKind::kReplica;
  using Closing = Client::Closing;
  SUBCASE("by address, the older form") {
    CHECK(bed.Ask(self, {"client", "kill", "1.2.3.4:5"}) == "-ERR No such client\r\n");
    CHECK(bed.Ask(self, {"client", "kill", second.peer}) == "+OK\r\n");
    CHECK(second.closing == Closing::kNow);
    CHECK(bed.server.clients.TakeWoken() == std::vector<serve::ClientId>{second.id});
    CHECK(bed.Ask(self, {"client", "kill", self.peer}) == "+OK\r\n");
    CHECK(self.closing == Closing::kAfterReply);
    CHECK(third.closing == Closing::kNo);
  }
  SUBCASE("by id") {
    CHECK(bed.Ask(self, {"client", "kill", "id", "2"}) == ":1\r\n");
    CHECK(bed.Ask(self, {"client", "kill", "id", "2"}) == ":0\r\n");
    CHECK(bed.Ask(self, {"client", "kill", "id", "1"}) == ":0\r\n");
    CHECK(bed.Ask(self, {"client", "kill", "id", "1", "skipme", "no"}) == ":1\r\n");
    CHECK(self.closing == Closing::kAfterReply);
  }
  SUBCASE("by type") {
    CHECK(bed.Ask(self, {"client", "kill", "type", "normal"}) == ":1\r\n");
    CHECK(second.closing == Closing::kNow);
    CHECK(bed.Ask(self, {"client", "kill", "type", "slave"}) == ":1\r\n");
    CHECK(third.closing == Closing::kNow);
    CHECK(self.closing == Closing::kNo);
  }
  SUBCASE("by several") {
    CHECK(bed.Ask(self, {"client", "kill", "addr", second.peer, "type", "replica"}) == ":0\r\n");
    CHECK(bed.Ask(self, {"client", "kill", "laddr", "127.0.0.1:6379", "user", "default"}) == ":2\r\n");
  }
  SUBCASE("nonsense") {
    for (const char* id : {"0", "-1", "a"}) {
      CHECK(bed.Ask(self, {"client", "kill", "id", id}) == "-ERR client-id should be greater than 0\r\n");
    }
    CHECK(bed.Ask(self, {"client", "kill", "type", "foo"}) == "-ERR Unknown client type 'foo'\r\n");
    CHECK(bed.Ask(self, {"client", "kill", "user", "foo"}) == "-ERR No such user 'foo'\r\n");
    CHECK(bed.Ask(self, {"client", "kill", "type", "normal", "skipme", "maybe"}) == "-ERR syntax error\r\n");
    CHECK(bed.Ask(self, {"client", "kill", "foo", "bar"}) == "-ERR syntax error\r\n");
    CHECK(bed.Ask(self, {"client", "kill", "id", "2", "addr"}) == "-ERR syntax error\r\n");
    CHECK(bed.Ask(self, {"client", "kill", "addr"}) == "-ERR No such client\r\n");
    CHECK(second.closing == Closing::kNo);
    CHECK(third.closing == Closing::kNo);
  }
}

TEST_CASE("clients: CLIENT REPLY takes replies back, errors too") {
  Bed bed;
  Client& client = bed.Connect();
  CHECK(bed.Ask(client, {"client", "reply", "skip"}).empty());
  CHECK(bed.Ask(client, {"ping"}).empty());
  CHECK(bed.Ask(client, {"ping"}) == "+PONG\r\n");
  CHECK(bed.Ask(client, {"client", "reply", "off"}).empty());
  CHECK(bed.Ask(client, {"ping"}).empty());
  CHECK(bed.Ask(client, {"foo"}).empty());
  CHECK(bed.Ask(client, {"client", "reply", "skip"}).empty());
  CHECK(bed.Ask(client, {"ping"}).empty());
  CHECK(bed.Ask(client, {"ping"}).empty());
  CHECK(bed.Ask(client, {"client", "reply", "on"}) == "+OK\r\n");
  CHECK(bed.Ask(client, {"ping"}) == "+PONG\r\n");
  CHECK(bed.Ask(client, {"client", "reply", "foo"}) == "-ERR syntax error\r\n");
  CHECK(bed.Ask(client, {"client", "no-evict", "on"}) == "+OK\r\n");
  CHECK(bed.Ask(client, {"client", "no-evict", "foo"}) == "-ERR syntax error\r\n");
}

TEST_CASE("clients: RESET is for normal clients, and forgets everything") {
  Bed bed;
  Client& client = bed.Connect();
  bed.Ask(client, {"hello", "3", "setname", "x"});
  bed.Ask(client, {"subscribe", "a"});
  client.db = 5;
  CHECK(bed.Ask(client, {"reset"}) == "+RESET\r\n");
  CHECK(client.protocol == 2);
  CHECK(client.name.empty());
  CHECK(client.db == 0);
  CHECK(client.subscriptions() == 0);
  CHECK(bed.Ask(client, {"reset", "x"}) == "-ERR wrong number of arguments for 'reset' command\r\n");
  client.kind = serve::ClientKind::kReplica;
  CHECK(bed.Ask(client, {"reset"}) == "-ERR can only reset normal client connections\r\n");
}
