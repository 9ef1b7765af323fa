// Collections of ours and of stock redis-server 7.0.15: the same random commands, the same replies, the same data.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "replication/base/random.h"
#include "tests/support/cluster.h"

using namespace support;

namespace {

using Words = std::vector<std::string>;

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\"", "set-max-intset-entries 30"};

// Draws commands of one family, mostly sensible ones.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  Words SetCommand() {
    const std::string key = Key("set");
    switch (random_.Below(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return With({"SADD", key}, Members(random_.Chance(0.1) ? 60 : 5));
      case 5:
      case 6:
        return With({"SREM", key}, Members(8));
      case 7:
        return With({"SMISMEMBER", key}, Members(4));
      case 8:
        return {"SISMEMBER", key, Member()};
      case 9:
        return {"SCARD", key};
      case 10:
        return {"SMEMBERS", key};
      case 11:
        return {"SMOVE", key, Key("set"), Member()};
      case 12:
        return With({OneOf({"SINTER", "SUNION", "SDIFF"}), key}, Keys("set", 3));
      case 13:
      case 14:
        return With({OneOf({"SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"}), key, Key("set")}, Keys("set", 2));
      case 15: {
        Words words = With({"SINTERCARD", OneOf({"1", "2", "3", "0", "x"})}, Keys("set", 3));
        if (random_.Chance(0.5)) words = With(std::move(words), {OneOf({"LIMIT", "limit", "LIM"}), Number()});
        return words;
      }
      case 16:
        return With({"SPOP", key}, random_.Chance(0.5) ? Words{} : Words{Number()});
      case 17:
        return With({"SRANDMEMBER", key}, random_.Chance(0.5) ? Words{} : Words{Number()});
      case 18:
        return With({"SSCAN", key, "0", "COUNT", "100000"}, random_.Chance(0.5) ? Words{} : Words{"MATCH", "*1*"});
      default:
        return KeyCommand("set");
    }
  }

  Words ListCommand() {
    const std::string key = Key("list");
    switch (random_.Below(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return With({OneOf({"LPUSH", "RPUSH"}), key}, Members(random_.Chance(0.1) ? 60 : 5));
      case 4:
        return With({OneOf({"LPUSHX", "RPUSHX"}), key}, Members(3));
      case 5:
      case 6:
        return With({OneOf({"LPOP", "RPOP"}), key}, random_.Chance(0.5) ? Words{} : Words{Number()});
      case 7:
        return {"LRANGE", key, Number(), Number()};
      case 8:
        return {"LINDEX", key, Number()};
      case 9:
        return {"LSET", key, Number(), Member()};
      case 10:
        return {"LINSERT", key, OneOf({"BEFORE", "after", "at"}), Member(), Member()};
      case 11:
        return {"LREM", key, Number(), Member()};
      case 12:
        return {"LTRIM", key, Number(), Number()};
      case 13:
      case 14: {
        Words words = {"LPOS", key, Member()};
        for (std::uint64_t n = random_.Below(4); n > 0; --n) {
          words = With(std::move(words), {OneOf({"RANK", "count", "MAXLEN", "NONE"}), Number()});
        }
        return words;
      }
      case 15:
        return {"LMOVE", key, Key("list"), OneOf({"LEFT", "right", "up"}), OneOf({"left", "RIGHT"})};
      case 16:
        return {"RPOPLPUSH", key, Key("list")};
      case 17: {
        Words words = {"LMPOP", OneOf({"1", "2", "3", "0", "x"})};
        words = With(With(std::move(words), Keys("list", 3)), {OneOf({"LEFT", "right", "x"})});
        if (random_.Chance(0.5)) words = With(std::move(words), {OneOf({"COUNT", "count", "C"}), Number()});
        return words;
      }
      case 18:
        return {"LLEN", key};
      default:
        return KeyCommand("list");
    }
  }

  Words BlockingCommand() {
    const std::string key = Key("list");
    switch (random_.Below(5)) {
      case 0:
        return {"BLPOP", key, Key("list"), "0.02"};
      case 1:
        return {"BRPOP", key, "0.02"};
      case 2:
        return {"BLMOVE", key, Key("list"), OneOf({"LEFT", "RIGHT"}), OneOf({"LEFT", "RIGHT"}), "0.02"};
      case 3:
        return {"BRPOPLPUSH", key, Key("list"), "0.02"};
      default:
        return {"BLMPOP", "0.02", "2", key, Key("list"), "LEFT", "COUNT", "3"};
    }
  }
  Words PushCommand() { return With({OneOf({"LPUSH", "RPUSH"}), Key("list")}, Members(4)); }

 private:
  static Words With(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::string OneOf(const Words& words) { return words[random_.Below(words.size())]; }
  // Once in a while one that holds a string.
  std::string Key(const std::string& kind) {
    return random_.Chance(0.02) ? "string" : fmt::format("{}:{}", kind, random_.Below(6));
  }
  Words Keys(const std::string& kind, std::uint64_t most) {
    Words keys;
    for (std::uint64_t n = 1 + random_.Below(most); n > 0; --n) keys.push_back(Key(kind));
    return keys;
  }
  std::string Member() {
    switch (random_.Below(6)) {
      case 0:
        return random_.Chance(0.1) ? random_.Hex(random_.Below(200)) : fmt::format("m{}", random_.Below(200));
      case 1:
        return OneOf({"", "0", "-0", "007", "9223372036854775807", "-9223372036854775808", "9223372036854775808"});
      case 2:
        return fmt::format("{}", static_cast<std::int64_t>(random_.Below(200000)) - 100000);
      default:
        return fmt::format("{}", random_.Below(40));
    }
  }
  Words Members(std::uint64_t most) {
    // Integers alone often enough for sets of them to live.
    const bool integers = random_.Chance(0.7);
    Words members;
    for (std::uint64_t n = 1 + random_.Below(most); n > 0; --n) {
      members.push_back(integers ? fmt::format("{}", random_.Below(60)) : Member());
    }
    return members;
  }
  std::string Number() {
    return OneOf({"0", "1", "2", "3", "5", "50", "-1", "-2", "-4", "x", "", "1.5", "9223372036854775807",
                  "-9223372036854775807", "99999999999999999999"});
  }
  Words KeyCommand(const std::string& kind) {
    const std::string key = Key(kind);
    switch (random_.Below(9)) {
      case 0:
        return {"DEL", key};
      case 1:
        return {"RENAME", Key(kind), Key(kind)};
      case 2:
        return {"COPY", Key(kind), Key(kind), "REPLACE"};
      case 3:
        return {"EXPIRE", key, "1000"};
      case 4:
        return {"PERSIST", key};
      case 5:
        return {"TYPE", key};
      case 6:
        return {"SET", "string", "text"};
      case 7:
        return {"PEXPIRE", key, "-1"};
      default:
        return {"OBJECT", "ENCODING", key};
    }
  }

  base::Random random_;
};

bool IsOneOf(const std::string& word, const std::set<std::string>& words) {
  return words.contains(word);
}

// Replies in an order that nobody promises, in one that everybody has.
Value Ordered(const Words& words, Value reply) {
  const auto by_text = [](const Value& a, const Value& b) { return a.ToString() < b.ToString(); };
  if (IsOneOf(words[0], {"SMEMBERS", "SINTER", "SUNION", "SDIFF"})) std::ranges::sort(reply.elements, by_text);
  if (words[0] == "SSCAN" && reply.elements.size() == 2) std::ranges::sort(reply.elements[1].elements, by_text);
  return reply;
}

Words Texts(const Value& reply) {
  if (reply.kind == Value::Kind::kString) return {reply.text};
  Words texts;
  for (const Value& element : reply.elements) texts.push_back(element.text);
  return texts;
}

// What is random: as many as stock gives, and such as are there. What was popped here is taken away there.
void CheckRandom(const Words& words, const Value& stock, const Value& ours, Redis& stock_link, Redis& our_link) {
  REQUIRE(stock.kind == ours.kind);
  REQUIRE(stock.elements.size() == ours.elements.size());
  const Words members = Texts(ours);
  if (stock.is_error()) CHECK(stock.text == ours.text);
  if (stock.is_error() || members.empty()) return;
  if (words[0] == "SPOP") {
    // Stock has popped its own: it gets them back, and gives ours away.
    Words back = {"SADD", words[1]};
    for (const std::string& member : Texts(stock)) back.push_back(member);
    stock_link.Do(back);
    Words away = {"SREM", words[1]};
    away.insert(away.end(), members.begin(), members.end());
    CHECK(stock_link.Do(away).integer == static_cast<std::int64_t>(members.size()));
    return;
  }
  Words ask = {"SMISMEMBER", words[1]};
  ask.insert(ask.end(), members.begin(), members.end());
  for (const Value& is_member : our_link.Do(ask).elements) CHECK(is_member.integer == 1);
  const bool with_repetition = words.size() > 2 && words[2].starts_with('-');
  if (!with_repetition) CHECK(std::set<std::string>(members.begin(), members.end()).size() == members.size());
}

// Sends what `draw` draws to both, and compares.
void Compare(const Member& stock, const Member& ours, int commands, const std::function<Words()>& draw) {
  Redis stock_link(stock.port, 20000);
  Redis our_link(ours.port, 20000);
  Words latest;
  for (int i = 0; i < commands; ++i) {
    const Words words = draw();
    // These ask for more than memory holds.
    if (words[0] == "SRANDMEMBER" && words.back().size() > 8 && words.back().starts_with('-')) continue;
    latest.push_back(fmt::format("{}", fmt::join(words, " ")));
    const Value theirs = stock_link.Do(words);
    const Value reply = our_link.Do(words);
    REQUIRE(theirs.kind != Value::Kind::kNone);
    INFO("command " << i << ": " << latest.back());
    if (IsOneOf(words[0], {"SPOP", "SRANDMEMBER"})) {
      CheckRandom(words, theirs, reply, stock_link, our_link);
    } else {
      CHECK(Ordered(words, theirs).ToString() == Ordered(words, reply).ToString());
    }
    if (i % 500 == 499) {
      INFO("up to here:\n" << fmt::format("{}", fmt::join(latest, "\n")));
      REQUIRE(stock_link.Do({"DEBUG", "DIGEST"}) == our_link.Do({"DEBUG", "DIGEST"}));
      latest.clear();
    }
  }
}

// Fills a master that has a replica, breaks in a full sync, and wants equal data.
void CheckReplicated(Make master_make, Make replica_make, const std::function<Words()>& draw) {
  Cluster cluster;
  Member& master = cluster.AddNode(master_make, nullptr, kLines);
  const auto load = [&](int commands) {
    Redis redis(master.port, 20000);
    for (int i = 0; i < commands; ++i) redis.Send(draw());
    for (int i = 0; i < commands; ++i) REQUIRE(redis.Next().kind != Value::Kind::kNone);
  };
  load(1500);
  Member& replica = cluster.AddNode(replica_make, &master, kLines);
  load(3000);
  REQUIRE(WaitFor([&] {
    return replica.Info("master_link_status") == "up" &&
           replica.Info("slave_repl_offset") == master.Info("master_repl_offset");
  }));
  CHECK(master.Do({"DEBUG", "DIGEST"}) == replica.Do({"DEBUG", "DIGEST"}));
  CHECK(master.Do({"DBSIZE"}).integer > 3);
  load(2000);
  REQUIRE(WaitFor([&] { return replica.Info("slave_repl_offset") == master.Info("master_repl_offset"); }));
  CHECK(master.Do({"DEBUG", "DIGEST"}) == replica.Do({"DEBUG", "DIGEST"}));
  // Nothing came that the replica could not apply.
  CHECK(replica.Info("unexpected_error_replies") == "0");

  // And through files: of both, and each loaded by the other's program.
  for (Member* node : {&master, &replica}) {
    CHECK(node->Do({"SAVE"}, 20000).ok());
    Process check({StockProgram("redis-check-rdb"), node->directory + "/dump.rdb"}, node->directory + "/check.log");
    CHECK(check.Wait(20000) == 0);
  }
  const Value digest = master.Do({"DEBUG", "DIGEST"});
  master.Kill();
  master.make = replica_make;
  master.Start();
  REQUIRE(WaitFor([&] { return master.Info("loading") == "0"; }));
  CHECK(master.Do({"DEBUG", "DIGEST"}) == digest);
}

struct Cast {
  Make master;
  Make replica;
};
constexpr Cast kCasts[] = {{Make::kOurs, Make::kStock}, {Make::kStock, Make::kOurs}};

}  // namespace

TEST_CASE("collections: random commands on sets get the replies of stock and leave the same data") {
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, kLines);
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, kLines);
  Generator generator(20231);
  Compare(stock, ours, 6000, [&] { return generator.SetCommand(); });
}

TEST_CASE("collections: random commands on lists get the replies of stock and leave the same data") {
  for (const char* size : {"-1", "-2", "3", "128"}) {
    CAPTURE(size);
    Cluster cluster;
    Words lines = kLines;
    lines.push_back(fmt::format("list-max-listpack-size {}", size));
    Member& stock = cluster.AddNode(Make::kStock, nullptr, lines);
    Member& ours = cluster.AddNode(Make::kOurs, nullptr, lines);
    Generator generator(4711);
    Compare(stock, ours, 3000, [&] { return generator.ListCommand(); });
  }
}

TEST_CASE("collections: random load of lists leaves master and replica equal, ours and stock") {
  for (const Cast& cast : kCasts) {
    CAPTURE(static_cast<int>(cast.master));
    Generator generator(78);
    CheckReplicated(cast.master, cast.replica, [&] { return generator.ListCommand(); });
  }
}

TEST_CASE("collections: clients that wait at lists leave master and replica equal, ours and stock") {
  for (const Cast& cast : kCasts) {
    CAPTURE(static_cast<int>(cast.master));
    Generator generator(5);
    Cluster cluster;
    Member& master = cluster.AddNode(cast.master, nullptr, kLines);
    Member& replica = cluster.AddNode(cast.replica, &master, kLines);
    Redis pusher(master.port, 20000);
    std::vector<std::unique_ptr<Redis>> waiting;
    for (int i = 0; i < 4; ++i) waiting.push_back(std::make_unique<Redis>(master.port, 20000));
    int served = 0;
    for (int round = 0; round < 100; ++round) {
      for (const auto& link : waiting) link->Send(generator.BlockingCommand());
      for (int i = 0; i < 3; ++i) CHECK(pusher.Do(generator.PushCommand()).kind != Value::Kind::kNone);
      for (const auto& link : waiting) {
        const Value reply = link->Next();
        REQUIRE(reply.kind != Value::Kind::kNone);
        if (reply.kind == Value::Kind::kArray || reply.kind == Value::Kind::kString) ++served;
      }
    }
    CHECK(served > 100);
    REQUIRE(WaitFor([&] {
      return replica.Info("master_link_status") == "up" &&
             replica.Info("slave_repl_offset") == master.Info("master_repl_offset");
    }));
    CHECK(master.Do({"DEBUG", "DIGEST"}) == replica.Do({"DEBUG", "DIGEST"}));
    CHECK(replica.Info("unexpected_error_replies") == "0");
    CHECK(master.Info("blocked_clients") == "0");
  }
}

TEST_CASE("collections: random load of sets leaves master and replica equal, ours and stock") {
  for (const Cast& cast : kCasts) {
    CAPTURE(static_cast<int>(cast.master));
    Generator generator(77);
    CheckReplicated(cast.master, cast.replica, [&]() -> Words {
      while (true) {
        Words words = generator.SetCommand();
        if (words[0] != "SRANDMEMBER") return words;
      }
    });
  }
}
