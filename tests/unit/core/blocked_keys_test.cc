// Clients that wait for something in a list: who is served, when, and what goes into the stream.
#include <doctest/doctest.h>

#include <string>

#include "replication/data/data_digest.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

struct Pair {
  World world;
  Box& master = world.Add("master");
  Box& replica = world.Add("replica", [this](Settings& settings) {
    settings.replicaof = base::Endpoint{"127.0.0.1", master.port};
  });
  Pair() {
    REQUIRE(world.PassUntil([this] { return replica.state().link_up(); }));
  }
};

// What the stream holds from `from` on: its words, without the lengths between them.
std::string StreamFrom(const Box& box, Offset from) {
  std::string bytes;
  const auto spans = box.state().stream.Read(from, box.state().applied + 1, 1 << 20);
  REQUIRE(spans.has_value());
  for (const auto span : *spans) bytes.append(span.begin(), span.end());
  std::string words;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = bytes.find("\r\n", at);
    if (bytes[at] != '$' && bytes[at] != '*') words += (words.empty() ? "" : " ") + bytes.substr(at, end - at);
    at = end + 2;
  }
  return words;
}

void CheckEqual(Pair& pair) {
  pair.world.Settle();
  CHECK(pair.replica.state().applied == pair.master.state().applied);
  CHECK(data::DataDigest(pair.replica.state().keyspace) == data::DataDigest(pair.master.state().keyspace));
}

}  // namespace

TEST_CASE("blocked keys: who came first is served first, and replicas are told what was taken") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Do(master, {"SET", "a", "1"});
  const Offset before = master.state().applied + 1;
  const ClientId first = world.Open(master);
  const ClientId second = world.Open(master);
  const ClientId third = world.Open(master);
  world.Send(master, first, {"BLPOP", "none", "l", "0"});
  world.Send(master, second, {"BRPOP", "l", "0"});
  world.SendRaw(master, third, "BLMPOP 0 1 l LEFT COUNT 5\r\nPING\r\n");
  CHECK(world.Received(master, first).empty());
  CHECK(world.Do(master, {"RPUSH", "l", "a", "b", "c", "d"}) == ":4\r\n");
  CHECK(world.Received(master, first) == "*2\r\n$1\r\nl\r\n$1\r\na\r\n");
  CHECK(world.Received(master, second) == "*2\r\n$1\r\nl\r\n$1\r\nd\r\n");
  CHECK(world.Received(master, third) == "*2\r\n$1\r\nl\r\n*2\r\n$1\r\nb\r\n$1\r\nc\r\n+PONG\r\n");
  CHECK(StreamFrom(master, before) == "RPUSH l a b c d LPOP l RPOP l LPOP l 2");
  CheckEqual(pair);
  CHECK(master.state().keyspace.Size(0) == 1);
}

TEST_CASE("blocked keys: an element moves on to who waits for the list it comes into") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Do(master, {"SET", "text", "1"});
  const Offset before = master.state().applied + 1;
  const ClientId mover = world.Open(master);
  const ClientId popper = world.Open(master);
  world.Send(master, mover, {"BLMOVE", "l", "l2", "LEFT", "RIGHT", "0"});
  world.Send(master, popper, {"BRPOP", "l2", "0"});
  world.Do(master, {"RPUSH", "l", "a"});
  CHECK(world.Received(master, mover) == "$1\r\na\r\n");
  CHECK(world.Received(master, popper) == "*2\r\n$2\r\nl2\r\n$1\r\na\r\n");
  CHECK(StreamFrom(master, before) == "RPUSH l a LMOVE l l2 LEFT RIGHT RPOP l2");
  // A move that is impossible takes nothing away from the next one.
  world.Send(master, mover, {"BRPOPLPUSH", "l", "text", "0"});
  world.Send(master, popper, {"BLPOP", "l", "0"});
  world.Do(master, {"RPUSH", "l", "b"});
  CHECK(world.Received(master, mover).starts_with("-WRONGTYPE"));
  CHECK(world.Received(master, popper) == "*2\r\n$1\r\nl\r\n$1\r\nb\r\n");
  CheckEqual(pair);
}

TEST_CASE("blocked keys: a transaction is over before anybody is served") {
  Pair pair;
  auto& [world, master, replica] = pair;
  world.Do(master, {"SET", "a", "1"});
  const Offset before = master.state().applied + 1;
  const ClientId waiting = world.Open(master);
  const ClientId writer = world.Open(master);
  world.Send(master, waiting, {"BLPOP", "l", "l2", "0"});
  world.SendRaw(master, writer, "MULTI\r\nRPUSH l a\r\nDEL l\r\nEXEC\r\n");
  CHECK(world.Received(master, waiting).empty());
  world.SendRaw(master, writer, "MULTI\r\nRPUSH l2 a\r\nRPUSH l b\r\nEXEC\r\n");
  CHECK(world.Received(master, waiting) == "*2\r\n$2\r\nl2\r\n$1\r\na\r\n");
  CHECK(StreamFrom(master, before) == "MULTI RPUSH l a DEL l EXEC MULTI RPUSH l2 a RPUSH l b EXEC LPOP l2");
  // Inside of one nobody waits.
  world.SendRaw(master, waiting,
                "MULTI\r\nBLPOP x 0\r\nBLMOVE x y LEFT LEFT 0\r\nBLMPOP 0 1 x LEFT\r\nBRPOPLPUSH x y 0\r\nEXEC\r\n");
  CHECK(world.Received(master, waiting) ==
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n*-1\r\n$-1\r\n*-1\r\n$-1\r\n");
  CheckEqual(pair);
}

TEST_CASE("blocked keys: a list comes by any way: renamed, moved, copied, swapped in") {
  Pair pair;
  auto& [world, master, replica] = pair;
  const ClientId waiting = world.Open(master);
  for (const char* way : {"RENAME x l", "COPY x l", "SWAPDB 0 1", "MOVE l 0"}) {
    CAPTURE(way);
    world.Send(master, waiting, {"BLPOP", "l", "0"});
    const ClientId writer = world.Open(master);
    world.SendRaw(master, writer, "RPUSH x a\r\nSELECT 1\r\nRPUSH l b\r\n");
    if (std::string_view(way) != "MOVE l 0") world.SendRaw(master, writer, "SELECT 0\r\n");
    CHECK(world.Received(master, waiting).empty());
    world.SendRaw(master, writer, std::string(way) + "\r\n");
    CHECK(world.Received(master, waiting).starts_with("*2\r\n$1\r\nl\r\n$1\r\n"));
    world.Do(master, {"FLUSHALL"});
  }
  // What is no list does not count.
  world.Send(master, waiting, {"BLPOP", "l", "0"});
  world.Do(master, {"SADD", "l", "a"});
  CHECK(world.Received(master, waiting).empty());
  world.Do(master, {"DEL", "l"});
  world.Do(master, {"RPUSH", "l", "a"});
  CHECK(world.Received(master, waiting) == "*2\r\n$1\r\nl\r\n$1\r\na\r\n");
  CheckEqual(pair);
}

TEST_CASE("blocked keys: time runs out to the millisecond, and for ever is for ever") {
  World world;
  Box& node = world.Add("node");
  const ClientId pop = world.Open(node);
  const ClientId move = world.Open(node);
  const ClientId ever = world.Open(node);
  world.SendRaw(node, pop, "BLPOP l 0.5\r\nPING\r\n");
  world.Send(node, move, {"BLMOVE", "l", "m", "LEFT", "LEFT", "1"});
  world.Send(node, ever, {"BLPOP", "l", "0"});
  CHECK(world.Do(node, {"INFO", "clients"}).find("blocked_clients:3\r\n") != std::string::npos);
  CHECK(world.Do(node, {"INFO", "clients"}).find("clients_in_timeout_table:2\r\n") != std::string::npos);
  world.Pass(base::Millis(499));
  CHECK(world.Received(node, pop).empty());
  world.Pass(base::Millis(1));
  CHECK(world.Received(node, pop) == "*-1\r\n+PONG\r\n");
  world.Pass(base::Millis(500));
  CHECK(world.Received(node, move) == "*-1\r\n");
  world.Pass(base::Seconds(10000));
  CHECK(world.Received(node, ever).empty());
  // Who is gone is not served.
  world.Hang(node, ever);
  world.Do(node, {"RPUSH", "l", "a"});
  CHECK(world.Do(node, {"LLEN", "l"}) == ":1\r\n");
  CHECK(world.Do(node, {"BLPOP", "l", "x"}) == "-ERR timeout is not a float or out of range\r\n");
  CHECK(world.Do(node, {"BLPOP", "l", "-1"}) == "-ERR timeout is negative\r\n");
  CHECK(world.Do(node, {"BLPOP", "l", "9223372036854775"}) == "-ERR timeout is out of range\r\n");
}

TEST_CASE("blocked keys: CLIENT UNBLOCK ends a wait, with or without an error") {
  World world;
  Box& node = world.Add("node");
  const ClientId client = world.Open(node);
  world.Send(node, client, {"BLPOP", "l", "0"});
  const std::string id = std::to_string(client);
  CHECK(world.Do(node, {"CLIENT", "UNBLOCK", id}) == ":1\r\n");
  CHECK(world.Received(node, client) == "*-1\r\n");
  CHECK(world.Do(node, {"CLIENT", "UNBLOCK", id}) == ":0\r\n");
  world.Send(node, client, {"BLPOP", "l", "0"});
  CHECK(world.Do(node, {"CLIENT", "UNBLOCK", id, "ERROR"}) == ":1\r\n");
  CHECK(world.Received(node, client) == "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  world.Send(node, client, {"WAIT", "3", "0"});
  CHECK(world.Do(node, {"CLIENT", "UNBLOCK", id, "timeout"}) == ":1\r\n");
  CHECK(world.Received(node, client) == ":0\r\n");
  CHECK(world.Do(node, {"CLIENT", "UNBLOCK", id, "now"}) ==
        "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
}
