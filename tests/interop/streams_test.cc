// Streams of ours and of stock redis-server 7.0.15: the same random commands, the same replies, the same data.
#include <cstdlib>

#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\"", "stream-node-max-entries 10"};

// Commands on a few streams and groups, mostly sensible ones.
class StreamRequests {
 public:
  // `timed`: ids and replies may depend on the clock, as XADD with "*" does.
  StreamRequests(std::uint64_t seed, bool timed) : random_(seed), timed_(timed) {}

  Request operator()() {
    switch (random_.Below(32)) {
      case 0:
        return {"XLEN", Key()};
      case 1:
      case 2:
        return Joined({Pick({"XRANGE", "XREVRANGE"}), Key(), End(), End()}, Maybe(0.5, {"COUNT", Number()}));
      case 3:
        return Joined({"XDEL", Key()}, Ids());
      case 4:
        return Joined({"XTRIM", Key()}, Trim());
      case 5:
        return Joined(Joined({"XSETID", Key(), random_.Chance(0.3) ? Id() : fmt::format("{}-0", clock_ / 3 + 1)},
                             Maybe(0.4, {"ENTRIESADDED", Number()})),
                      Maybe(0.4, {"MAXDELETEDID", Id()}));
      case 6:
      case 7:
        return Joined(Joined({"XGROUP", "CREATE", Key(), Group(), Pick({"$", "0", Id()})}, Maybe(0.3, {"MKSTREAM"})),
                      Maybe(0.3, {"ENTRIESREAD", Number()}));
      case 8:
        return Joined({"XGROUP", "SETID", Key(), Group(), Pick({"$", "0", Id()})},
                      Maybe(0.3, {"ENTRIESREAD", Number()}));
      case 9:
        return {"XGROUP", Pick({"CREATECONSUMER", "CREATECONSUMER", "DELCONSUMER"}), Key(), Group(), Consumer()};
      case 10:
        if (random_.Chance(0.3)) return {"XGROUP", "DESTROY", Key(), Group()};
        return {"XINFO", "GROUPS", Key()};
      case 11:
      case 12:
      case 13:
        return ReadGroup();
      case 14:
        return Streams(Joined({"XREAD"}, Maybe(0.6, {"COUNT", Number()})), {"$", Id(), Id(), Id(), ">"});
      case 15:
        return Joined({"XACK", Key(), Group()}, Ids());
      case 16: {
        Request words = {"XPENDING", Key(), Group()};
        if (random_.Chance(0.3)) return words;
        words = Joined(std::move(words), Maybe(0.3, {"IDLE", Pick({"0", "100000", "x"})}));
        return Joined(Joined(std::move(words), {End(), End(), Number()}), Maybe(0.4, {Consumer()}));
      }
      case 17:
      case 18:
        return Claim();
      case 19:
        return Joined(Joined({"XAUTOCLAIM", Key(), Group(), Consumer(), Pick({"0", "0", "100000", "x"}),
                              Pick({"0", "-", Id(), "(" + Id()})},
                             Maybe(0.5, {"COUNT", Number()})),
                      Maybe(0.3, {"JUSTID"}));
      case 20: {
        Request words = {"XINFO", "STREAM", Key()};
        if (random_.Chance(0.5)) words = Joined(Joined(std::move(words), {"FULL"}), Maybe(0.5, {"COUNT", Number()}));
        return words;
      }
      case 21:
        return {"XINFO", "CONSUMERS", Key(), Group()};
      case 22:
        return Other();
      default:
        return Add();
    }
  }

 private:
  static Request Joined(Request words, const Request& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Request Maybe(double chance, Request words) { return random_.Chance(chance) ? std::move(words) : Request{}; }
  std::string Pick(const Request& words) { return words[random_.Below(words.size())]; }
  std::string Key() {
    if (random_.Chance(0.03)) return "nokey";
    return Pick({"s1", "s1", "s2", "s2", "s3", "string"});
  }
  std::string Group() { return Pick({"g1", "g1", "g1", "g2", "gx"}); }
  std::string Consumer() { return Pick({"alice", "bob", "carl", "dan"}); }
  std::string Number() { return Pick({"0", "1", "2", "5", "10", "-1", "x", "100"}); }
  std::string Id() {
    if (random_.Chance(0.75)) return fmt::format("{}-{}", random_.Below(60), random_.Below(4));
    if (random_.Chance(0.6)) return fmt::format("{}", random_.Below(60));
    return Pick({"x", "-", "+", "0-0", "18446744073709551615-18446744073709551615", "1-", "-1", "1-x", "0", ""});
  }
  Request Ids() {
    Request ids;
    for (std::uint64_t n = 1 + random_.Below(4); n > 0; --n) ids.push_back(Id());
    return ids;
  }
  std::string End() { return Pick({"-", "+", Id(), "(" + Id()}); }
  std::string NewId() {
    if (timed_ && random_.Chance(0.3)) return "*";
    if (random_.Chance(0.05)) return Id();
    clock_ += random_.Below(3);
    if (random_.Chance(0.1)) return fmt::format("{}-*", clock_ / 3 + random_.Below(2));
    return fmt::format("{}-{}", clock_ / 3, random_.Below(6));
  }
  Request Trim() {
    Request words = {Pick({"MAXLEN", "MINID"})};
    const bool by_length = words[0] == "MAXLEN";
    if (random_.Chance(0.6)) words.push_back(Pick({"~", "="}));
    words.push_back(by_length ? Number() : Id());
    return Joined(std::move(words), Maybe(0.2, {"LIMIT", Number()}));
  }
  Request Add() {
    Request words = Joined({"XADD", Key()}, Maybe(0.1, {"NOMKSTREAM"}));
    if (random_.Chance(0.3)) words = Joined(std::move(words), Trim());
    words.push_back(NewId());
    for (std::uint64_t n = 1 + random_.Below(3); n > 0; --n) {
      words.push_back(Pick({"f", "g", "12", "h1", "h2"}));
      words.push_back(Pick({"v", "1", "-5", std::string(random_.Below(80), 'x')}));
    }
    if (random_.Chance(0.02)) words.pop_back();
    return words;
  }
  Request Streams(Request words, const Request& from) {
    const std::uint64_t count = 1 + random_.Below(2);
    words.emplace_back("STREAMS");
    for (std::uint64_t n = 0; n < count; ++n) words.push_back(Key());
    for (std::uint64_t n = random_.Chance(0.03) ? 1 : 0; n < count; ++n) words.push_back(Pick(from));
    return words;
  }
  Request ReadGroup() {
    Request words = Joined({"XREADGROUP", "GROUP", Group(), Consumer()}, Maybe(0.6, {"COUNT", Number()}));
    return Streams(Joined(std::move(words), Maybe(0.2, {"NOACK"})), {">", ">", ">", Id(), "0", "$"});
  }
  Request Claim() {
    Request words = Joined({"XCLAIM", Key(), Group(), Consumer(), Pick({"0", "0", "0", "100000", "x"})}, Ids());
    words = Joined(std::move(words), Maybe(0.2, {"IDLE", Pick({"0", "5000"})}));
    words = Joined(std::move(words), Maybe(0.2, {"TIME", Pick({"0", "1700000000000"})}));
    words = Joined(std::move(words), Maybe(0.3, {"RETRYCOUNT", Number()}));
    words = Joined(std::move(words), Maybe(0.3, {"FORCE"}));
    words = Joined(std::move(words), Maybe(0.3, {"JUSTID"}));
    return Joined(std::move(words), Maybe(0.2, {"LASTID", Id()}));
  }
  Request Other() {
    switch (random_.Below(8)) {
      case 0:
        return {"SET", "string", "text"};
      case 1:
        return {"COPY", Key(), "s3", "REPLACE"};
      case 2:
        return {"DEL", "s3"};
      case 3:
        return {"RENAME", "s3", "s2"};
      case 4:
        return {"TYPE", Key()};
      case 5:
        return {"EXPIRE", "s3", "1000"};
      default:
        return {"OBJECT", "ENCODING", Key()};
    }
  }

  base::Random random_;
  bool timed_;
  std::uint64_t clock_ = 3;
};

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
