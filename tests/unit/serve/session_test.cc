#include "replication/serve/session.h"

#include <doctest/doctest.h>

#include "tests/unit/serve/session_bed.h"

using serve::Client;
using serve_test::Bed;

// The expected bytes are those of redis-server 7.0.15 where it has the command.

TEST_CASE("session: HELLO answers in the protocol it agrees on") {
  Bed bed;
  Client& client = bed.Connect();
  CHECK(bed.Ask(client, {"hello"}) ==
        "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n"
        "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
  CHECK(bed.Ask(client, {"hello", "3", "SETNAME", "foo"}) ==
        "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n"
        "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
  CHECK(client.protocol == 3);
  CHECK(client.name == "foo");
  CHECK(bed.Ask(client, {"hello", "2"}).starts_with("*14\r\n"));
  bed.server.mode = "sentinel";
  bed.server.role.clear();
  CHECK(bed.Ask(client, {"hello", "3"}) ==
        "%6\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n"
        "$4\r\nmode\r\n$8\r\nsentinel\r\n$7\r\nmodules\r\n*0\r\n");
}

TEST_CASE("session: HELLO refuses what it does not understand") {
  Bed bed;
  Client& client = bed.Connect();
  CHECK(bed.Ask(client, {"hello", "4"}) == "-NOPROTO unsupported protocol version\r\n");
  CHECK(bed.Ask(client, {"hello", "1"}) == "-NOPROTO unsupported protocol version\r\n");
  for (const char* version : {"x", "99999999999999999999"}) {
    CHECK(bed.Ask(client, {"hello", version}) == "-ERR Protocol version is not an integer or out of range\r\n");
  }
  CHECK(bed.Ask(client, {"hello", "3", "x"}) == "-ERR Syntax error in HELLO option 'x'\r\n");
  CHECK(bed.Ask(client, {"hello", "3", "auth", "a"}) == "-ERR Syntax error in HELLO option 'auth'\r\n");
  CHECK(bed.Ask(client, {"hello", "3", "setname", "a b"}) ==
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  CHECK(bed.Ask(client, {"hello", "3", "auth", "foo", "x"}) ==
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  CHECK(client.protocol == 2);
}

TEST_CASE("session: with a password, little may be said before AUTH") {
  Bed bed;
  bed.server.access.set_password("sec");
  Client& client = bed.Connect();
  const std::string wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
  const std::string noauth_hello =
      "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> "
      "option can be used to authenticate the client and select the RESP protocol version at the same time\r\n";
  CHECK(bed.Ask(client, {"ping"}) == "-NOAUTH Authentication required.\r\n");
  CHECK(bed.Ask(client, {"foo"}) == "-ERR unknown command 'foo', with args beginning with: \r\n");
  CHECK(bed.Ask(client, {"get"}) == "-ERR wrong number of arguments for 'get' command\r\n");
  CHECK(bed.Ask(client, {"hello"}) == noauth_hello);
  CHECK(bed.Ask(client, {"hello", "3", "setname", "q"}) == noauth_hello);
  CHECK(client.protocol == 2);
  CHECK(bed.Ask(client, {"auth", "bad"}) == wrong);
  CHECK(bed.Ask(client, {"auth", "default", "bad"}) == wrong);
  CHECK(bed.Ask(client, {"auth", "nouser", "sec"}) == wrong);
  CHECK(bed.Ask(client, {"hello", "3", "auth", "default", "bad"}) == wrong);
  CHECK(bed.Ask(client, {"auth", "a", "b", "c"}) == "-ERR syntax error\r\n");
  CHECK(bed.Ask(client, {"ping"}) == "-NOAUTH Authentication required.\r\n");
  SUBCASE("AUTH <password>") {
    CHECK(bed.Ask(client, {"auth", "sec"}) == "+OK\r\n");
  }
  SUBCASE("AUTH <user> <password>") {
    CHECK(bed.Ask(client, {"auth", "default", "sec"}) == "+OK\r\n");
  }
  SUBCASE("HELLO AUTH") {
    CHECK(bed.Ask(client, {"hello", "2", "AUTH", "default", "sec"}).starts_with("*14\r\n"));
  }
  CHECK(bed.Ask(client, {"ping"}) == "+PONG\r\n");
  CHECK(bed.Ask(client, {"auth", "bad"}) == wrong);
  CHECK(bed.Ask(client, {"ping"}) == "+PONG\r\n");
  CHECK(bed.Ask(client, {"reset"}) == "+RESET\r\n");
  CHECK(bed.Ask(client, {"ping"}) == "-NOAUTH Authentication required.\r\n");
}

TEST_CASE("session: AUTH without a password set") {
  Bed bed;
  Client& client = bed.Connect();
  CHECK(bed.Ask(client, {"auth", "x"}) ==
        "-ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?\r\n");
  CHECK(bed.Ask(client, {"auth", "default", "x"}) == "+OK\r\n");
  CHECK(bed.Ask(client, {"auth", "a", "b"}) == "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
}

TEST_CASE("session: PING, ECHO, TIME, QUIT") {
  Bed bed;
  Client& client = bed.Connect();
  CHECK(bed.Ask(client, {"PING"}) == "+PONG\r\n");
  CHECK(bed.Ask(client, {"ping", "a"}) == "$1\r\na\r\n");
  CHECK(bed.Ask(client, {"ping", "a", "b"}) == "-ERR wrong number of arguments for 'ping' command\r\n");
  CHECK(bed.Ask(client, {"echo", "a"}) == "$1\r\na\r\n");
  CHECK(bed.Ask(client, {"time"}) == "*2\r\n$10\r\n1700000000\r\n$6\r\n123000\r\n");
  CHECK(bed.Ask(client, {"quit", "x"}) == "+OK\r\n");
  CHECK(client.closing == Client::Closing::kAfterReply);
  CHECK(bed.server.clients.TakeWoken() == std::vector<serve::ClientId>{client.id});
}

TEST_CASE("session: a listening RESP2 client may do little else; in RESP3 everything") {
  Bed bed;
  Client& client = bed.Connect();
  CHECK(bed.Ask(client, {"subscribe", "a", "b"}) ==
        "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
  CHECK(bed.Ask(client, {"ping"}) == "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  CHECK(bed.Ask(client, {"ping", "x"}) == "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
  CHECK(bed.Ask(client, {"get", "x"}) ==
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
        "context\r\n");
  CHECK(bed.Ask(client, {"client", "list"}) ==
        "-ERR Can't execute 'client|list': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
        "this context\r\n");
  CHECK(bed.Ask(client, {"hello", "3"}).starts_with("-ERR Can't execute 'hello'"));
  CHECK(bed.Ask(client, {"reset"}) == "+RESET\r\n");
  CHECK(bed.Ask(client, {"get", "x"}) == "$-1\r\n");
  CHECK(bed.server.pubsub.channels().empty());

  bed.Ask(client, {"hello", "3"});
  CHECK(bed.Ask(client, {"ssubscribe", "q"}) == ">3\r\n$10\r\nssubscribe\r\n$1\r\nq\r\n:1\r\n");
  CHECK(bed.Ask(client, {"get", "x"}) == "_\r\n");
  CHECK(bed.Ask(client, {"ping"}) == "+PONG\r\n");
}

TEST_CASE("session: unsubscribing is confirmed also when there is nothing to end") {
  Bed bed;
  Client& client = bed.Connect();
  CHECK(bed.Ask(client, {"unsubscribe"}) == "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
  CHECK(bed.Ask(client, {"punsubscribe", "x"}) == "*3\r\n$12\r\npunsubscribe\r\n$1\r\nx\r\n:0\r\n");
  bed.Ask(client, {"subscribe", "a", "b"});
  CHECK(bed.Ask(client, {"psubscribe", "p*"}) == "*3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:3\r\n");
  CHECK(bed.Ask(client, {"ssubscribe", "s"}) == "*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n");
  CHECK(bed.Ask(client, {"unsubscribe"}) ==
        "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:2\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n");
  CHECK(bed.Ask(client, {"sunsubscribe"}) == "*3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n");
  CHECK(bed.Ask(client, {"punsubscribe"}) == "*3\r\n$12\r\npunsubscribe\r\n$2\r\np*\r\n:0\r\n");
}

TEST_CASE("session: PUBLISH reaches channels and patterns, its own sender before the count") {
  Bed bed;
  Client& resp3 = bed.Connect();
  Client& other = bed.Connect();
  bed.Ask(resp3, {"hello", "3"});
  CHECK(bed.Ask(resp3, {"publish", "z", "hi"}) == ":0\r\n");
  bed.Ask(resp3, {"subscribe", "z"});
  bed.Ask(resp3, {"psubscribe", "z*"});
  bed.Ask(other, {"subscribe", "z"});
  CHECK(bed.Ask(resp3, {"publish", "z", "hi"}) ==
        ">3\r\n$7\r\nmessage\r\n$1\r\nz\r\n$2\r\nhi\r\n>4\r\n$8\r\npmessage\r\n$2\r\nz*\r\n$1\r\nz\r\n$2\r\nhi\r\n:"
        "3\r\n");
  CHECK(other.out == "*3\r\n$7\r\nmessage\r\n$1\r\nz\r\n$2\r\nhi\r\n");
  bed.Ask(resp3, {"ssubscribe", "z"});
  CHECK(bed.Ask(resp3, {"spublish", "z", "hi"}) == ">3\r\n$8\r\nsmessage\r\n$1\r\nz\r\n$2\r\nhi\r\n:1\r\n");

  CHECK(bed.Ask(resp3, {"pubsub", "channels"}) == "*1\r\n$1\r\nz\r\n");
  CHECK(bed.Ask(resp3, {"pubsub", "channels", "q*"}) == "*0\r\n");
  CHECK(bed.Ask(resp3, {"pubsub", "CHANNELS", "a", "b"}) ==
        "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.\r\n");
  CHECK(bed.Ask(resp3, {"pubsub", "numsub"}) == "*0\r\n");
  CHECK(bed.Ask(resp3, {"pubsub", "numsub", "z", "q"}) == "*4\r\n$1\r\nz\r\n:2\r\n$1\r\nq\r\n:0\r\n");
  CHECK(bed.Ask(resp3, {"pubsub", "numpat"}) == ":1\r\n");
  CHECK(bed.Ask(resp3, {"pubsub", "shardchannels"}) == "*1\r\n$1\r\nz\r\n");
  CHECK(bed.Ask(resp3, {"pubsub", "shardnumsub", "z", "y"}) == "*4\r\n$1\r\nz\r\n:1\r\n$1\r\ny\r\n:0\r\n");
}

TEST_CASE("session: every row has a handler, and COMMAND knows it") {
  Bed bed;
  Client& client = bed.Connect();
  for (const serve::SessionCommand& command : serve::SessionCommands()) {
    CAPTURE(command.row.name);
    const bool has_handler = command.handler != nullptr;
    CHECK(has_handler);
    CHECK(!command.row.summary.empty());
    CHECK(command.row.summary.back() != '.');
    CHECK(!bed.Ask(client, {"command", "info", command.row.name}).starts_with("*1\r\n$-1"));
  }
  CHECK(bed.Ask(client, {"command", "info", "publish"}) ==
        "*1\r\n*10\r\n$7\r\npublish\r\n:3\r\n*4\r\n+pubsub\r\n+loading\r\n+stale\r\n+fast\r\n:0\r\n:0\r\n:0\r\n*2\r\n"
        "+@pubsub\r\n+@fast\r\n*0\r\n*0\r\n*0\r\n");
  CHECK(
      bed.Ask(client, {"command", "info", "client|kill"}) ==
      "*1\r\n*10\r\n$11\r\nclient|kill\r\n:-3\r\n*4\r\n+admin\r\n+noscript\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n"
      "*4\r\n+@admin\r\n+@slow\r\n+@dangerous\r\n+@connection\r\n*0\r\n*0\r\n*0\r\n");
  for (const char* container : {"client", "command", "pubsub"}) {
    const std::string help = bed.Ask(client, {container, "help"});
    CHECK(help.find("Subcommands are:\r\n") != std::string::npos);
    CHECK(help.ends_with("+HELP\r\n+    Prints this help.\r\n"));
  }
}
