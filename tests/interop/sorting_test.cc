// SORT of ours and of stock redis-server 7.0.15.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "replication/base/random.h"
#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\""};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  Request Draw() {
    switch (random_.Below(12)) {
      case 0:
        return {"RPUSH", Pick({"list1", "list2"}), Element(), Element(), Element()};
      case 1:
        return {"SADD", Pick({"set1", "set2"}), Element(), Element(), Element()};
      case 2:
        // Stock unpacks a sorted set to sort it, which shows in scores of -0 alone.
        return {"ZADD", "zset1", fmt::format("{}", random_.Below(50)), Element(), "1.5", Element()};
      case 3:
        return {"SET", fmt::format("weight_{}", Element()), random_.Chance(0.1) ? Element() : Number()};
      case 4:
        return {"HSET", fmt::format("object_{}", Element()), "size", Number(), "name", Element()};
      case 5:
        return {random_.Chance(0.8) ? "LPOP" : "DEL", Pick({"list1", "list2", "out"})};
      case 6:
        return {"SET", fmt::format("place_{}_at", Element()), Number()};
      default:
        return Sort();
    }
  }

 private:
  std::string Pick(const Request& words) { return words[random_.Below(words.size())]; }
  std::string Number() {
    return random_.Chance(0.2) ? Pick({"1.5", "-3", "1e3", "0x10", "inf", " 7", "", "-0"})
                               : fmt::format("{}", random_.Below(100));
  }
  std::string Element() {
    return random_.Chance(0.03) ? Pick({"word", "Word", "", "1 2", "nan"}) : fmt::format("{}", random_.Below(40));
  }
  std::string Pattern() {
    return Pick({"weight_*", "object_*->size", "place_*_at", "object_*->none", "*", "object_*->", "weight_*->x", "#"});
  }
  Request Sort() {
    const bool read_only = random_.Chance(0.2);
    Request words = {read_only ? "SORT_RO" : "sort",
                     Pick({"list1", "list1", "list2", "set1", "set2", "zset1", "zset1", "out", "none", "weight_1"})};
    const bool is_set = words[1].starts_with("set");
    // Without an order of its own, a set comes in nobody's order; nor do equal texts of different elements.
    if (!is_set && random_.Chance(0.2)) {
      words.insert(words.end(), {"BY", Pick({"nosort", "constant"})});
    } else if (random_.Chance(0.4)) {
      words.insert(words.end(), {"BY", Pattern().replace(0, 0, "")});
      if (words.back() == "#") words.back() = "weight_*";
    } else if (random_.Chance(0.4)) {
      words.emplace_back(Pick({"ALPHA", "alpha"}));
    }
    if (random_.Chance(0.3)) words.emplace_back(Pick({"DESC", "asc"}));
    for (std::uint64_t n = random_.Chance(0.4) ? random_.Below(4) : 0; n > 0; --n) {
      words.insert(words.end(), {"GET", Pattern()});
    }
    if (random_.Chance(0.3)) {
      words.insert(words.end(), {"LIMIT", Pick({"0", "1", "3", "-2", "100", "x"}), Pick({"2", "5", "0", "-1", "1.5"})});
    }
    if (random_.Chance(0.3)) words.insert(words.end(), {"STORE", Pick({"out", "list2"})});
    if (random_.Chance(0.02)) words.emplace_back(Pick({"GET", "LIMIT", "BY", "STORE", "UP"}));
    return words;
  }

  base::Random random_;
};

}  // namespace

TEST_CASE("sort: random lists, sets and sorted sets are sorted as stock sorts them, and leave the same data") {
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, kLines);
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, kLines);
  Generator generator(2024);
  CompareReplies(stock, ours, std::getenv("VIGIL_LONG_TRIALS") != nullptr ? 100000 : 6000,
                 [&generator] { return generator.Draw(); });
}

TEST_CASE("sort: random load leaves master and replica equal, ours and stock") {
  const auto draw = [](std::uint64_t seed) {
    return [generator = std::make_shared<Generator>(seed)] { return generator->Draw(); };
  };
  CheckReplicated(Make::kOurs, Make::kStock, kLines, draw(8));
  CheckReplicated(Make::kStock, Make::kOurs, kLines, draw(9));
}

TEST_CASE("sort: equal texts of different elements are told to replicas as they came out") {
  Cluster cluster;
  Member& master = cluster.AddNode(Make::kOurs, nullptr, kLines);
  Member& replica = cluster.AddNode(Make::kStock, &master, kLines);
  Redis redis(master.port, 20000);
  for (int i = 0; i < 60; ++i) {
    redis.Do({"RPUSH", "list", fmt::format("{}", i)});
    redis.Do({"SET", fmt::format("text_{}", i), i % 2 == 0 ? "even" : "odd"});
  }
  CHECK(redis.Do({"SORT", "list", "BY", "text_*", "ALPHA", "LIMIT", "0", "20", "STORE", "out"}).integer == 20);
  CHECK(WaitFor([&] { return master.Do({"DEBUG", "DIGEST"}) == replica.Do({"DEBUG", "DIGEST"}); }));
  CHECK(replica.Do({"LLEN", "out"}).integer == 20);
}

TEST_CASE("sort: what it looks at beyond its keys takes a right to all keys, and where it stores is a key") {
  Cluster cluster;
  for (const Make make : {Make::kStock, Make::kOurs}) {
    CAPTURE(make == Make::kOurs);
    Member& node = cluster.AddNode(make, nullptr, kLines);
    REQUIRE(node.Do({"ACL", "SETUSER", "some", "on", ">word", "~list*", "+@all"}).ok());
    REQUIRE(node.Do({"RPUSH", "list", "2", "1"}).integer == 2);
    Redis redis(node.port, 20000);
    REQUIRE(redis.Do({"AUTH", "some", "word"}).ok());
    CHECK(redis.Do({"SORT", "list"}).elements.size() == 2);
    CHECK(redis.Do({"SORT", "list", "BY", "nosort"}).elements.size() == 2);
    CHECK(redis.Do({"SORT", "list", "STORE", "list2"}).integer == 2);
    CHECK(redis.Do({"SORT", "list", "STORE", "other"}).text ==
          "NOPERM this user has no permissions to access one of the keys used as arguments");
    CHECK(redis.Do({"SORT", "list", "BY", "weight_*"}).text ==
          "ERR BY option of SORT denied due to insufficient ACL permissions.");
    CHECK(redis.Do({"SORT_RO", "list", "GET", "#"}).text ==
          "ERR GET option of SORT denied due to insufficient ACL permissions.");
    CHECK(redis.Do({"COMMAND", "GETKEYS", "SORT", "abc", "BY", "store", "STORE", "stored"}).ToString() ==
          "[\"abc\", \"stored\"]");
    CHECK(redis.Do({"COMMAND", "GETKEYS", "SORT", "abc", "GET", "STORE", "LIMIT", "1", "2"}).ToString() == "[\"abc\"]");
  }
}
