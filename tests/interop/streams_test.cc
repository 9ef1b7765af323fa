// Streams of ours and of stock redis-server 7.0.15: the same random commands, the same replies, the same data.
#include <cstdlib>

#include "tests/interop/stream_requests.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\"", "stream-node-max-entries 10"};

// Moments and how long ago they were: the two servers are asked one after the other.
Value WithoutTimes(Value reply, const Request& words) {
  if (reply.kind == Value::Kind::kInteger && reply.integer > 1'600'000'000'000) reply.integer = 0;
  for (std::size_t i = 0; i < reply.elements.size(); ++i) {
    if (i > 0 && reply.elements[i - 1].text == "idle") reply.elements[i].integer = 0;
    reply.elements[i] = WithoutTimes(std::move(reply.elements[i]), words);
  }
  // id, consumer, idle, deliveries
  if (words[0] == "XPENDING" && reply.elements.size() == 4 && reply.elements[2].integer < 100000) {
    reply.elements[2].integer = 0;
  }
  return reply;
}

// The two servers, and a connection to each.
struct Pair {
  explicit Pair(Cluster& cluster)
      : stock(cluster.AddNode(Make::kStock, nullptr, kLines)),
        ours(cluster.AddNode(Make::kOurs, nullptr, kLines)),
        stock_link(stock.port, 20000),
        our_link(ours.port, 20000) {}

  void Compare(const Request& words) {
    CAPTURE(fmt::format("{}", fmt::join(words, " ")));
    const Value theirs = stock_link.Do(words);
    REQUIRE(theirs.kind != Value::Kind::kNone);
    CHECK(WithoutTimes(theirs, words).ToString() == WithoutTimes(our_link.Do(words), words).ToString());
  }

  Member& stock;
  Member& ours;
  Redis stock_link;
  Redis our_link;
};

}  // namespace

TEST_CASE("streams: random commands get the replies of stock and leave the same data") {
  Cluster cluster;
  Pair pair(cluster);
  StreamRequests draw(4711, false);
  const int requests = std::getenv("VIGIL_LONG_TRIALS") != nullptr ? 200000 : 8000;
  for (int i = 0; i < requests; ++i) {
    pair.Compare(draw());
    if (i % 250 != 249) continue;
    REQUIRE(pair.stock_link.Do({"DEBUG", "DIGEST"}) == pair.our_link.Do({"DEBUG", "DIGEST"}));
  }
  // A value travels as it is kept.
  for (const char* key : {"s1", "s2", "s3"}) {
    const Value dump = pair.stock_link.Do({"DUMP", key});
    if (dump.kind != Value::Kind::kString) continue;
    CHECK(pair.our_link.Do({"RESTORE", "copy", "0", dump.text, "REPLACE"}).ok());
    CHECK(pair.stock_link.Do({"RESTORE", "copy", "0", pair.our_link.Do({"DUMP", key}).text, "REPLACE"}).ok());
    pair.Compare({"XINFO", "STREAM", "copy", "FULL", "COUNT", "0"});
    pair.Compare({"XRANGE", "copy", "-", "+"});
  }
}

TEST_CASE("streams: random load leaves master and replica equal, ours and stock") {
  CheckReplicated(Make::kOurs, Make::kStock, kLines, StreamRequests(5, true));
  CheckReplicated(Make::kStock, Make::kOurs, kLines, StreamRequests(6, true));
}

TEST_CASE("streams: replicas know what is pending, with whom") {
  for (const auto& [master_make, replica_make] :
       {std::pair(Make::kOurs, Make::kStock), std::pair(Make::kStock, Make::kOurs)}) {
    Cluster cluster;
    Member& master = cluster.AddNode(master_make, nullptr, kLines);
    Member& replica = cluster.AddNode(replica_make, &master, kLines);
    REQUIRE(WaitFor([&] { return replica.Info("master_link_status") == "up"; }));
    const std::vector<Request> requests = {
        {"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"},
        {"XADD", "s", "1-1", "a", "1"},
        {"XADD", "s", "2-1", "a", "2"},
        {"XADD", "s", "3-1", "a", "3"},
        {"XADD", "s", "4-1", "a", "4"},
        {"XREADGROUP", "GROUP", "g", "alice", "COUNT", "2", "STREAMS", "s", ">"},
        {"XREADGROUP", "GROUP", "g", "bob", "NOACK", "COUNT", "1", "STREAMS", "s", ">"},
        {"XREADGROUP", "GROUP", "g", "carl", "STREAMS", "s", ">"},
        {"XCLAIM", "s", "g", "bob", "0", "1-1"},
        {"XAUTOCLAIM", "s", "g", "dan", "0", "2", "COUNT", "1"},
        {"XGROUP", "CREATECONSUMER", "s", "g", "eve"},
        {"XACK", "s", "g", "1-1"},
    };
    for (const Request& words : requests) REQUIRE_FALSE(master.Do(words).is_error());
    REQUIRE(WaitFor([&] { return replica.Info("slave_repl_offset") == master.Info("master_repl_offset"); }));
    const Request pending = {"XPENDING", "s", "g", "-", "+", "10"};
    CHECK(WithoutTimes(master.Do(pending), pending).ToString() ==
          WithoutTimes(replica.Do(pending), pending).ToString());
    const Request consumers = {"XINFO", "CONSUMERS", "s", "g"};
    CHECK(WithoutTimes(master.Do(consumers), consumers).ToString() ==
          WithoutTimes(replica.Do(consumers), consumers).ToString());
  }
}

TEST_CASE("streams: who waits for entries is answered as by stock") {
  Cluster cluster;
  Pair pair(cluster);
  const Request read = {"XREAD", "BLOCK", "0", "STREAMS", "s", "t", "$", "0"};
  const Request read_group = {"XREADGROUP", "GROUP", "g", "alice", "COUNT", "1", "BLOCK", "0", "STREAMS", "s", ">"};
  // What wakes them, and whether it wakes XREAD, too.
  const std::vector<std::pair<Request, bool>> causes = {
      {{"XADD", "s", "5-1", "f", "v"}, true}, {{"XGROUP", "DESTROY", "s", "g"}, false}, {{"DEL", "s"}, false},
      {{"SET", "s", "text"}, false},          {{"RENAME", "s", "elsewhere"}, false},    {{"FLUSHALL"}, false},
      {{"XTRIM", "s", "MAXLEN", "0"}, false},
  };
  for (const auto& [cause, wakes_read] : causes) {
    CAPTURE(fmt::format("{}", fmt::join(cause, " ")));
    std::vector<std::string> answers;
    for (Redis* link : {&pair.stock_link, &pair.our_link}) {
      const Member& member = link == &pair.stock_link ? pair.stock : pair.ours;
      link->Do({"DEL", "s", "t", "elsewhere"});
      REQUIRE(link->Do({"XADD", "s", "1-1", "f", "old"}).kind == Value::Kind::kString);
      REQUIRE(link->Do({"XGROUP", "CREATE", "s", "g", "$"}).ok());
      Redis reader(member.port, 20000);
      Redis grouped(member.port, 20000);
      reader.Send(read);
      grouped.Send(read_group);
      REQUIRE(WaitFor([&] { return member.Info("blocked_clients") == "2"; }));
      REQUIRE_FALSE(link->Do(cause).is_error());
      const bool wakes_group = cause[0] != "XTRIM";
      std::string text = wakes_group ? grouped.Next().ToString() : "waits";
      if (!wakes_read) REQUIRE_FALSE(link->Do({"XADD", "t", "7-1", "f", "other"}).is_error());
      text += "\n" + reader.Next().ToString();
      answers.push_back(text);
    }
    CHECK(answers[0] == answers[1]);
  }
}
