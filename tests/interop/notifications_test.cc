// Keyspace notifications of ours and of stock redis-server 7.0.15: the same commands, the same messages in the same
// order.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <string>
#include <vector>

#include "replication/base/random.h"
#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\"", "notify-keyspace-events KEAmn"};

// Commands of every type on a handful of keys, so that types clash, collections run empty and keys come and go.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  Request Draw() {
    const Request words = Pattern();
    Request request;
    for (const std::string& word : words) request.push_back(Filled(word));
    return request;
  }

 private:
  std::string Filled(const std::string& word) {
    if (word == "s") return fmt::format("string{}", random_.Below(4));
    if (word == "l") return fmt::format("list{}", random_.Below(3));
    if (word == "t") return fmt::format("set{}", random_.Below(3));
    if (word == "h") return fmt::format("hash{}", random_.Below(3));
    if (word == "z") return fmt::format("zset{}", random_.Below(3));
    if (word == "p") return fmt::format("hll{}", random_.Below(2));
    if (word == "g") return fmt::format("geo{}", random_.Below(2));
    if (word == "k") {
      static const std::vector<std::string> kKinds = {"s", "l", "t", "h", "z"};
      return Filled(kKinds[random_.Below(kKinds.size())]);
    }
    if (word == "m") return fmt::format("m{}", random_.Below(5));
    if (word == "n") return fmt::format("{}", static_cast<std::int64_t>(random_.Below(6)) - 2);
    if (word == "c") return fmt::format("{}", 1 + random_.Below(3));
    return word;
  }

  const Request& Pattern() {
    static const std::vector<Request> kPatterns = {
        {"SET", "s", "n"},
        {"SET", "s", "m", "EX", "1000"},
        {"SET", "s", "m", "NX"},
        {"SET", "s", "m", "XX", "GET"},
        {"SET", "k", "m", "KEEPTTL"},
        {"SETNX", "s", "m"},
        {"SETEX", "s", "100", "m"},
        {"PSETEX", "s", "100000", "m"},
        {"GETSET", "s", "m"},
        {"GETDEL", "s"},
        {"GETEX", "s", "EX", "100"},
        {"GETEX", "s", "PERSIST"},
        {"GETEX", "s", "PXAT", "1"},
        {"GET", "k"},
        {"MGET", "s", "s", "k"},
        {"STRLEN", "s"},
        {"APPEND", "s", "m"},
        {"SETRANGE", "s", "c", "m"},
        {"SETRANGE", "s", "c", ""},
        {"GETRANGE", "s", "0", "1"},
        {"INCR", "s"},
        {"DECR", "s"},
        {"INCRBY", "s", "n"},
        {"DECRBY", "s", "n"},
        {"INCRBYFLOAT", "s", "0.5"},
        {"MSET", "s", "n", "s", "m"},
        {"MSETNX", "s", "n", "s", "m"},
        {"SETBIT", "s", "c", "1"},
        {"SETBIT", "s", "c", "0"},
        {"BITFIELD", "s", "SET", "u8", "0", "n"},
        {"BITFIELD", "s", "INCRBY", "u8", "8", "1", "GET", "u4", "0"},
        {"BITFIELD", "s", "GET", "u4", "0"},
        {"BITOP", "OR", "s", "s", "s"},
        {"BITOP", "NOT", "s", "s"},
        {"BITCOUNT", "s"},
        {"PFADD", "p", "m", "m"},
        {"PFADD", "p"},
        {"PFCOUNT", "p"},
        {"PFMERGE", "p", "p"},
        {"DEL", "k", "k"},
        {"UNLINK", "k"},
        {"DEL", "p", "g"},
        {"EXISTS", "k", "k"},
        {"TOUCH", "k"},
        {"TYPE", "k"},
        {"TTL", "k"},
        {"OBJECT", "ENCODING", "k"},
        {"OBJECT", "REFCOUNT", "none"},
        {"EXPIRE", "k", "1000"},
        {"EXPIRE", "k", "-1"},
        {"PEXPIREAT", "k", "1", "XX"},
        {"EXPIRE", "k", "2000", "GT"},
        {"EXPIRE", "k", "2000", "NX"},
        {"PERSIST", "k"},
        {"RENAME", "k", "k"},
        {"RENAMENX", "k", "k"},
        {"COPY", "k", "k"},
        {"COPY", "k", "k", "REPLACE"},
        {"COPY", "k", "k", "DB", "3", "REPLACE"},
        {"MOVE", "k", "2"},
        {"DUMP", "k"},
        {"RESTORE", "k", "0", std::string("\0\xc0\x05\x0a\0\0\xb6\xee\x7f\xef\x0e\x92\xf8\xa4", 13)},
        {"LPUSH", "l", "m"},
        {"RPUSH", "l", "m", "m"},
        {"LPUSHX", "l", "m"},
        {"RPUSHX", "l", "m"},
        {"LPOP", "l"},
        {"RPOP", "l"},
        {"LPOP", "l", "c"},
        {"RPOP", "l", "c"},
        {"LREM", "l", "n", "m"},
        {"LSET", "l", "n", "m"},
        {"LINSERT", "l", "BEFORE", "m", "m"},
        {"LTRIM", "l", "n", "n"},
        {"LTRIM", "l", "0", "-1"},
        {"LMOVE", "l", "l", "LEFT", "RIGHT"},
        {"LMOVE", "l", "l", "RIGHT", "LEFT"},
        {"RPOPLPUSH", "l", "l"},
        {"LMPOP", "2", "l", "l", "LEFT", "COUNT", "c"},
        {"BLPOP", "l", "l", "0.001"},
        {"BLMOVE", "l", "l", "LEFT", "LEFT", "0.001"},
        {"BLMPOP", "0.001", "1", "l", "RIGHT"},
        {"LLEN", "l"},
        {"LRANGE", "l", "0", "-1"},
        {"SADD", "t", "m", "m"},
        {"SADD", "t", "n"},
        {"SREM", "t", "m", "m"},
        {"SMOVE", "t", "t", "m"},
        {"SPOP", "t"},
        {"SPOP", "t", "c"},
        {"SPOP", "t", "100"},
        {"SINTERSTORE", "t", "t", "t"},
        {"SUNIONSTORE", "t", "t", "t"},
        {"SDIFFSTORE", "t", "t", "t"},
        {"SISMEMBER", "t", "m"},
        {"HSET", "h", "m", "m"},
        {"HSET", "h", "m", "n", "m", "m"},
        {"HMSET", "h", "m", "n"},
        {"HSETNX", "h", "m", "m"},
        {"HDEL", "h", "m", "m"},
        {"HINCRBY", "h", "m", "n"},
        {"HINCRBYFLOAT", "h", "m", "0.25"},
        {"HGET", "h", "m"},
        {"ZADD", "z", "n", "m"},
        {"ZADD", "z", "n", "m", "c", "m"},
        {"ZADD", "z", "XX", "n", "m"},
        {"ZADD", "z", "GT", "CH", "n", "m"},
        {"ZADD", "z", "INCR", "n", "m"},
        {"ZINCRBY", "z", "n", "m"},
        {"ZREM", "z", "m", "m"},
        {"ZREMRANGEBYRANK", "z", "0", "n"},
        {"ZREMRANGEBYSCORE", "z", "n", "c"},
        {"ZREMRANGEBYLEX", "z", "[m1", "[m2"},
        {"ZPOPMIN", "z"},
        {"ZPOPMAX", "z", "c"},
        {"ZMPOP", "2", "z", "z", "MAX", "COUNT", "c"},
        {"ZUNIONSTORE", "z", "2", "z", "t"},
        {"ZINTERSTORE", "z", "2", "z", "z"},
        {"ZDIFFSTORE", "z", "2", "z", "z"},
        {"ZRANGESTORE", "z", "z", "0", "n"},
        {"ZSCORE", "z", "m"},
        {"GEOADD", "g", "13.361389", "38.115556", "m"},
        {"GEOADD", "g", "XX", "CH", "13.5", "38.1", "m"},
        {"GEORADIUS", "g", "15", "37", "300", "km", "STORE", "g"},
        {"GEOSEARCHSTORE", "g", "g", "FROMLONLAT", "15", "37", "BYRADIUS", "200", "km"},
    };
    return kPatterns[random_.Below(kPatterns.size())];
  }

  base::Random random_;
};

// Which members SPOP takes is left to chance, and so is what follows for the set.
bool AtRandom(const Request& words) {
  return words[0] == "SPOP" && words.size() < 3;
}

class Listener {
 public:
  explicit Listener(const Member& node) : redis_(node.port, 20000) {
    REQUIRE(redis_.Do({"PSUBSCRIBE", "__key*"}).kind == Value::Kind::kArray);
  }
  // What has come until now.
  std::vector<std::string> Heard() {
    redis_.Send({"PING"});
    std::vector<std::string> heard;
    while (true) {
      const Value message = redis_.Next();
      REQUIRE(message.kind == Value::Kind::kArray);
      if (message.elements.size() != 4) return heard;  // ["pong", ""]
      heard.push_back(fmt::format("{} {}", message.elements[2].text, message.elements[3].text));
    }
  }

 private:
  Redis redis_;
};

void CompareNotifications(std::uint64_t seed, int requests) {
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, kLines);
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, kLines);
  Redis stock_link(stock.port, 20000);
  Redis our_link(ours.port, 20000);
  Listener stock_ear(stock);
  Listener our_ear(ours);
  Generator generator(seed);
  for (int i = 0; i < requests; ++i) {
    const Request words = generator.Draw();
    if (AtRandom(words) || (words[0] == "SPOP" && words[2] != "100")) continue;
    INFO("request " << i << ": " << fmt::format("{}", fmt::join(words, " ")));
    const Value theirs = stock_link.Do(words);
    const Value reply = our_link.Do(words);
    REQUIRE(theirs.kind != Value::Kind::kNone);
    if (words[0] != "SPOP" && words[0] != "TTL" && words[0] != "DUMP") CHECK(theirs == reply);
    const auto expected = stock_ear.Heard();
    const auto heard = our_ear.Heard();
    REQUIRE(fmt::format("{}", fmt::join(expected, "\n")) == fmt::format("{}", fmt::join(heard, "\n")));
  }
  CHECK(stock_link.Do({"DEBUG", "DIGEST"}) == our_link.Do({"DEBUG", "DIGEST"}));
}

}  // namespace

TEST_CASE("notifications: random commands of all types tell what stock tells, in its order") {
  CompareNotifications(77, std::getenv("VIGIL_LONG_TRIALS") != nullptr ? 100000 : 6000);
}

TEST_CASE("notifications: what happens to keys by themselves is told like stock does") {
  Cluster cluster;
  for (const Make make : {Make::kStock, Make::kOurs}) {
    Member& node = cluster.AddNode(make, nullptr, kLines);
    Listener ear(node);
    REQUIRE(node.Do({"SET", "short", "1", "PX", "20"}).ok());
    CHECK(ear.Heard() == std::vector<std::string>{"__keyspace@0__:short new", "__keyevent@0__:new short",
                                                  "__keyspace@0__:short set", "__keyevent@0__:set short",
                                                  "__keyspace@0__:short expire", "__keyevent@0__:expire short"});
    std::vector<std::string> heard;
    REQUIRE(WaitFor([&] {
      heard = ear.Heard();
      return !heard.empty();
    }));
    CHECK(heard == std::vector<std::string>{"__keyspace@0__:short expired", "__keyevent@0__:expired short"});

    // Who waits is served after what it waited for, and its command is told, too.
    Redis waiting(node.port, 20000);
    waiting.Send({"BLPOP", "list", "0"});
    REQUIRE(WaitFor([&] { return node.Info("blocked_clients") == "1"; }));
    REQUIRE(node.Do({"RPUSH", "list", "a"}).integer == 1);
    CHECK(ear.Heard() == std::vector<std::string>{"__keyspace@0__:list new", "__keyevent@0__:new list",
                                                  "__keyspace@0__:list rpush", "__keyevent@0__:rpush list",
                                                  "__keyspace@0__:list lpop", "__keyevent@0__:lpop list",
                                                  "__keyspace@0__:list del", "__keyevent@0__:del list"});

    // Another choice of events.
    REQUIRE(node.Do({"CONFIG", "SET", "notify-keyspace-events", "Eg"}).ok());
    REQUIRE(node.Do({"SET", "one", "1"}).ok());
    REQUIRE(node.Do({"DEL", "one"}).integer == 1);
    CHECK(ear.Heard() == std::vector<std::string>{"__keyevent@0__:del one"});
    for (const std::string flags : {"KEA", "KEAn", "KEAm", "nKg", "mnExdg$", "A", "q", "", "g$lshzxetdn", "KEmA"}) {
      INFO(flags);
      node.Do({"CONFIG", "SET", "notify-keyspace-events", flags});
    }
    CHECK(node.Do({"CONFIG", "GET", "notify-keyspace-events"}).elements[1].text == "AKEm");
    node.Do({"CONFIG", "SET", "notify-keyspace-events", "xnKg"});
    CHECK(node.Do({"CONFIG", "GET", "notify-keyspace-events"}).elements[1].text == "gxnK");
    CHECK(node.Do({"CONFIG", "SET", "notify-keyspace-events", "q"}).text ==
          "ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class "
          "character. Use 'Ag$lshzxeKEtmdn'.");
  }
}
