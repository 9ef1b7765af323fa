// Sorted sets of ours and of stock redis-server 7.0.15: the same random commands, the same replies, the same data.
#include <cstdlib>

#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\"", "zset-max-listpack-entries 20"};

// Commands on a few sorted sets and sets, mostly sensible ones.
class ZsetRequests {
 public:
  explicit ZsetRequests(std::uint64_t seed) : random_(seed) {}

  Request operator()() {
    switch (random_.Below(26)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5: {
        Request words = {"ZADD", Key()};
        for (const char* option : {"NX", "XX", "GT", "LT", "CH", "INCR"}) {
          if (random_.Chance(0.08)) words.emplace_back(option);
        }
        for (std::uint64_t n = 1 + random_.Below(random_.Chance(0.2) ? 30 : 3); n > 0; --n) {
          words.push_back(Score());
          words.push_back(Name());
        }
        return words;
      }
      case 6:
        return {"ZINCRBY", Key(), Score(), Name()};
      case 7:
        return {"ZREM", Key(), Name(), Name(), Name()};
      case 8:
        return OneOf({"ZSCORE", "ZRANK", "ZREVRANK"}, {Key(), Name()});
      case 9:
        return {"ZMSCORE", Key(), Name(), Name()};
      case 10:
        return {"ZCARD", Key()};
      case 11:
        return OneOf({"ZCOUNT", "ZREMRANGEBYSCORE"}, {Key(), Bound(), Bound()});
      case 12: {
        // Only where all scores are equal is the order of members what a range is about.
        return OneOf({"ZLEXCOUNT", "ZREMRANGEBYLEX"}, {"same", MemberBound(), MemberBound()});
      }
      case 13:
        return {"ZADD", "same", "0", Name(), "0", Name()};
      case 14:
        return {"ZREMRANGEBYRANK", Key(), Rank(), Rank()};
      case 15:
      case 16: {
        Request words = OneOf({"ZRANGE", "ZREVRANGE"}, {Key(), Rank(), Rank()});
        return WithOptions(std::move(words));
      }
      case 17:
      case 18: {
        Request words = OneOf({"ZRANGEBYSCORE", "ZREVRANGEBYSCORE"}, {Key(), Bound(), Bound()});
        if (random_.Chance(0.3)) words = {"ZRANGE", Key(), Bound(), Bound(), "BYSCORE"};
        return WithOptions(std::move(words));
      }
      case 19: {
        Request words = OneOf({"ZRANGEBYLEX", "ZREVRANGEBYLEX"}, {"same", MemberBound(), MemberBound()});
        if (random_.Chance(0.3)) words = {"ZRANGE", "same", MemberBound(), MemberBound(), "BYLEX"};
        return WithOptions(std::move(words));
      }
      case 20: {
        Request words = {"ZRANGESTORE", Key(), Key()};
        if (random_.Chance(0.5)) {
          words.insert(words.end(), {Rank(), Rank()});
        } else {
          words.insert(words.end(), {Bound(), Bound(), "BYSCORE"});
        }
        if (random_.Chance(0.3)) words.emplace_back("REV");
        return words;
      }
      case 21: {
        Request words = OneOf({"ZPOPMIN", "ZPOPMAX"}, {Key()});
        if (random_.Chance(0.5)) words.push_back(Rank());
        return words;
      }
      case 22: {
        if (random_.Chance(0.3)) return OneOf({"BZPOPMIN", "BZPOPMAX"}, {Key(), Key(), Timeout()});
        Request words = {"ZMPOP", "2", Key(), Key(), random_.Chance(0.5) ? "MIN" : "max"};
        if (random_.Chance(0.3)) words = {"BZMPOP", Timeout(), Pick({"2", "1", "3", "0", "x"}), Key(), Key(), "MIN"};
        if (random_.Chance(0.5)) words.insert(words.end(), {"COUNT", Rank()});
        return words;
      }
      case 23:
      case 24:
        return Combination();
      default:
        return Other();
    }
  }

 private:
  static Request Joined(Request words, const Request& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::string Pick(const Request& words) { return words[random_.Below(words.size())]; }
  Request OneOf(const Request& commands, const Request& rest) { return Joined({Pick(commands)}, rest); }
  std::string Key() {
    if (random_.Chance(0.02)) return "string";
    return fmt::format("z{}", random_.Below(6));
  }
  std::string Name() {
    if (random_.Chance(0.01)) return std::string(65 + random_.Below(40), 'n');
    return fmt::format("{}{}", random_.Chance(0.5) ? "m" : "", random_.Below(45));
  }
  std::string Score() {
    switch (random_.Below(8)) {
      case 0:
        return Pick({"inf", "-inf", "+inf", "-0", "0", "1e300", "-1e300", "nan", "x", "", "0x1f", "1e18", "5e18",
                     "123456789012345678", "3.0e-7", "1e-320"});
      case 1:
        return fmt::format("{}", static_cast<double>(random_.Below(1U << 30)) / 1000.0);
      default:
        return fmt::format("{}", static_cast<std::int64_t>(random_.Below(40)) - 20);
    }
  }
  std::string Bound() { return fmt::format("{}{}", random_.Chance(0.3) ? "(" : "", Score()); }
  std::string MemberBound() {
    switch (random_.Below(8)) {
      case 0:
        return "-";
      case 1:
        return "+";
      case 2:
        return Name();
      default:
        return fmt::format("{}{}", random_.Chance(0.5) ? "(" : "[", Name());
    }
  }
  std::string Timeout() { return random_.Chance(0.95) ? "0.001" : Pick({"-1", "x", "1e400", ""}); }
  std::string Rank() { return Pick({"0", "1", "2", "5", "10", "-1", "-2", "-5", "100", "-100", "x", "1.5"}); }
  Request WithOptions(Request words) {
    if (random_.Chance(0.3)) words.emplace_back("WITHSCORES");
    if (random_.Chance(0.3)) words = Joined(std::move(words), {"LIMIT", Rank(), Rank()});
    if (random_.Chance(0.2)) words.emplace_back("REV");
    if (random_.Chance(0.02)) words.emplace_back("BYLEX");
    return words;
  }
  Request Combination() {
    const std::string command =
        Pick({"ZUNION", "ZINTER", "ZDIFF", "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE", "ZINTERCARD"});
    Request words = {command};
    if (command.ends_with("STORE")) words.push_back(Key());
    const std::uint64_t keys = 1 + random_.Below(3);
    words.push_back(random_.Chance(0.03) ? Rank() : fmt::format("{}", keys));
    for (std::uint64_t i = 0; i < keys; ++i) words.push_back(random_.Chance(0.2) ? "set" : Key());
    if (random_.Chance(0.3)) {
      words.emplace_back("WEIGHTS");
      for (std::uint64_t i = 0; i < keys; ++i) words.push_back(Score());
    }
    if (random_.Chance(0.3)) words = Joined(std::move(words), {"AGGREGATE", Pick({"SUM", "min", "MAX", "AVG"})});
    if (random_.Chance(0.3)) words.emplace_back("WITHSCORES");
    if (random_.Chance(0.1)) words = Joined(std::move(words), {"LIMIT", Rank()});
    return words;
  }
  Request Other() {
    switch (random_.Below(12)) {
      case 0:
        return {"DEL", Key()};
      case 1:
        return {"RENAME", Key(), Key()};
      case 2:
        return {"COPY", Key(), Key(), "REPLACE"};
      case 3:
        return {"EXPIRE", Key(), "1000"};
      case 4:
        return {"PEXPIRE", Key(), "-1"};
      case 5:
        return {"TYPE", Key()};
      case 6:
        return {"SET", "string", "text"};
      case 7:
        return Joined({"SADD", "set"}, {Name(), Name(), Name()});
      case 8:
        return {"SREM", "set", Name(), Name(), Name()};
      case 9:
        return {"ZSCAN", "same", "0", "COUNT", "100000", "MATCH", "m1*"};
      default:
        return {"OBJECT", "ENCODING", Key()};
    }
  }

  base::Random random_;
};

// A large sorted set is gone through in nobody's order.
bool Unordered(const Request& words) {
  return words[0] == "ZSCAN";
}

}  // namespace

TEST_CASE("sorted sets: random commands get the replies of stock and leave the same data") {
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, kLines);
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, kLines);
  const int requests = std::getenv("VIGIL_LONG_TRIALS") != nullptr ? 200000 : 8000;
  CompareReplies(stock, ours, requests, ZsetRequests(4711), Unordered);
}

TEST_CASE("sorted sets: random load leaves master and replica equal, ours and stock") {
  CheckReplicated(Make::kOurs, Make::kStock, kLines, ZsetRequests(5));
  CheckReplicated(Make::kStock, Make::kOurs, kLines, ZsetRequests(6));
}

TEST_CASE("sorted sets: whoever waits is served like stock serves him, and replicas are told the same") {
  for (const Make make : {Make::kStock, Make::kOurs}) {
    CAPTURE(make == Make::kOurs);
    Cluster cluster;
    Member& node = cluster.AddNode(make, nullptr, kLines);
    Redis first(node.port, 20000);
    Redis second(node.port, 20000);
    Redis third(node.port, 20000);
    const auto waiting = [&](const std::string& count) {
      return WaitFor([&] { return node.Info("blocked_clients") == count; });
    };
    first.Send({"BZPOPMIN", "none", "z", "0"});
    REQUIRE(waiting("1"));
    second.Send({"bzmpop", "0", "2", "z", "none", "MAX", "COUNT", "2"});
    REQUIRE(waiting("2"));
    third.Send({"BZPOPMAX", "z", "0"});
    REQUIRE(waiting("3"));
    REQUIRE(node.Do({"RPUSH", "none", "a list is no sorted set"}).integer == 1);
    REQUIRE(node.Do({"ZADD", "z", "1", "a", "2", "b", "3", "c", "2.5", "d"}).integer == 4);
    const Value lowest = first.Next();
    REQUIRE(lowest.elements.size() == 3);
    CHECK(lowest.elements[0].text == "z");
    CHECK(lowest.elements[1].text == "a");
    CHECK(lowest.elements[2].text == "1");
    const Value several = second.Next();
    REQUIRE(several.elements.size() == 2);
    CHECK(several.elements[1].elements.size() == 2);
    CHECK(several.elements[1].elements[0].elements[0].text == "c");
    CHECK(several.elements[1].elements[1].elements[1].text == "2.5");
    const Value last = third.Next();
    REQUIRE(last.elements.size() == 3);
    CHECK(last.elements[1].text == "b");
    CHECK(node.Do({"EXISTS", "z"}).integer == 0);
    // A transaction never waits.
    Redis in_multi(node.port, 20000);
    REQUIRE(in_multi.Do({"MULTI"}).ok());
    in_multi.Do({"BZPOPMIN", "z", "0"});
    in_multi.Do({"BZMPOP", "0", "1", "z", "MIN"});
    const Value nothing = in_multi.Do({"EXEC"});
    REQUIRE(nothing.elements.size() == 2);
    CHECK(nothing.elements[0].kind == Value::Kind::kNil);
    CHECK(nothing.elements[1].kind == Value::Kind::kNil);
  }
}
