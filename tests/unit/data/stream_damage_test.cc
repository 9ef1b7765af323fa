// Payloads of streams that others have damaged, by chance or on purpose: refused, or a stream that works.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstring>

#include "replication/base/random.h"
#include "replication/data/crc64.h"
#include "replication/data/listpack.h"
#include "tests/unit/data/command_support.h"

using data::Runner;

namespace {

constexpr std::string_view kRefused = "-ERR Bad data format\r\n";

std::string Typed(std::string_view bytes) {
  std::string text = "\"";
  for (const char byte : bytes) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return text + '"';
}

template <class T>
std::string Raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string BigEndian(std::uint64_t value) {
  return Raw(__builtin_bswap64(value));
}

std::string Length(std::uint64_t length) {
  if (length < 64) return std::string(1, static_cast<char>(length));
  return "\x81" + BigEndian(length);
}

std::string Text(std::string_view text) {
  return Length(text.size()) + std::string(text);
}

std::string Whole(std::string payload) {
  payload += Raw(std::uint16_t{10});
  return payload + Raw(data::Crc64(0, payload));
}

std::string BodyOf(Runner& node, const std::string& key) {
  const std::string reply = node.Run("DUMP " + key);
  const std::size_t begin = reply.find("\r\n") + 2;
  return reply.substr(begin, reply.size() - begin - 2 - 10);
}

// A listpack, element by element: numbers as they are, or in nine bytes, as nobody writes small ones.
class Elements {
 public:
  Elements& Number(std::int64_t number) {
    pack_.Append(number);
    return *this;
  }
  Elements& WideNumber(std::int64_t number) {
    wide_.push_back({pack_.view().size(), number});
    pack_.Append(std::int64_t{INT64_MIN});  // takes nine bytes
    return *this;
  }
  Elements& Word(std::string_view text) {
    pack_.Append(text);
    return *this;
  }
  std::string bytes() const {
    std::string bytes(pack_.view().bytes());
    for (const auto& [index, number] : wide_) {
      const auto at = pack_.view().At(static_cast<std::int64_t>(index));
      std::memcpy(bytes.data() + at + 1, &number, sizeof number);
    }
    return bytes;
  }

 private:
  data::Listpack pack_;
  std::vector<std::pair<std::size_t, std::int64_t>> wide_;
};

// A stream of one node whose ids begin at 1-1, without groups unless `groups` brings some.
std::string OneNode(const Elements& elements, std::uint64_t length, const std::string& groups = Length(0),
                    char type = 19) {
  std::string body(1, type);
  body += Length(1) + Text(BigEndian(1) + BigEndian(1)) + Text(elements.bytes());
  body += Length(length) + Length(50) + Length(0);  // the last id
  if (type != 15) body += Length(1) + Length(1) + Length(0) + Length(0) + Length(length);
  return body + groups;
}

// Entries 1-1, 2-1, 3-1 of one field f.
Elements Three(bool wide_flags) {
  Elements elements;
  elements.Number(3).Number(0).Number(1).Word("f").Number(0);
  for (std::int64_t i = 0; i < 3; ++i) {
    wide_flags ? elements.WideNumber(2) : elements.Number(2);
    elements.Number(i).Number(0).Word("v").Number(4);
  }
  return elements;
}

// One group with one consumer, and what the two say is pending.
std::string Group(const std::vector<std::uint64_t>& of_group, const std::vector<std::uint64_t>& of_consumer,
                  char type = 19) {
  std::string text = Length(1) + Text("g") + Length(3) + Length(1);
  if (type != 15) text += Length(3);
  text += Length(of_group.size());
  for (const std::uint64_t ms : of_group) text += BigEndian(ms) + BigEndian(1) + Raw(std::int64_t{1000}) + Length(1);
  text += Length(1) + Text("alice") + Raw(std::int64_t{1000});
  if (type == 21) text += Raw(std::int64_t{1000});
  text += Length(of_consumer.size());
  for (const std::uint64_t ms : of_consumer) text += BigEndian(ms) + BigEndian(1);
  return text;
}

std::uint64_t IntegerOf(const std::string& reply) {
  return std::stoull(reply.substr(1));
}

std::size_t Entries(const std::string& range) {
  return range[0] == '*' ? std::stoull(range.substr(1)) : 0;
}

// Whatever was taken must be usable, say of itself what is true, and travel on.
void Use(Runner& node) {
  const auto consistent = [&node] {
    const std::string range = node.Run("XRANGE k - +");
    CHECK(Entries(range) == IntegerOf(node.Run("XLEN k")));
    CHECK(Entries(node.Run("XREVRANGE k + -")) == Entries(range));
    const std::string payload = Whole(BodyOf(node, "k"));
    REQUIRE(node.Run("RESTORE again 0 " + Typed(payload) + " REPLACE") == "+OK\r\n");
    CHECK(node.Run("XRANGE again - +") == range);
  };
  consistent();
  node.Run("XINFO STREAM k FULL COUNT 0");
  node.Run("XINFO GROUPS k");
  node.Run("XGROUP CREATE k new 0");
  node.Run("XREADGROUP GROUP new bob STREAMS k >");
  node.Run("XREADGROUP GROUP g alice STREAMS k 0");
  node.Run("XREADGROUP GROUP g bob STREAMS k >");
  node.Run("XPENDING k g - + 10");
  node.Run("XAUTOCLAIM k g carl 0 0 COUNT 100");
  node.Run("XDEL k 2-1 1-1");
  consistent();
  node.Run("XADD k * f v");
  node.Run("XTRIM k MAXLEN 2");
  consistent();
  node.Run("XADD k MINID 9 * g v h v");
  node.Run("XTRIM k MAXLEN ~ 0");
  node.Run("XTRIM k MAXLEN 0");
  node.Run("XGROUP DELCONSUMER k g alice");
  node.Run("XGROUP DESTROY k new");
  consistent();
  node.Run("DEL k again");
}

// Three nodes, marks, entries with other fields, groups with what is pending.
std::string LargerBody() {
  Runner node;
  for (int i = 1; i <= 250; ++i) {
    node.Run(fmt::format("XADD k {}-{} f {} {} value", i / 3 + 1, i, i, i % 7 == 0 ? "other" : "g"));
  }
  node.Run("XDEL k 2-3 3-7 20-58");
  for (const char* group : {"g", "h"}) {
    node.Run(fmt::format("XGROUP CREATE k {} 0", group));
    node.Run(fmt::format("XREADGROUP GROUP {} alice COUNT 20 STREAMS k >", group));
    node.Run(fmt::format("XREADGROUP GROUP {} bob COUNT 5 STREAMS k >", group));
  }
  return BodyOf(node, "k");
}

}  // namespace

TEST_CASE("stream payloads: numbers wider than they need be do not move what stands behind them") {
  for (const char* change : {"XTRIM k MAXLEN 1", "XTRIM k MINID 3", "XDEL k 1-1 2-1", "XADD k MAXLEN 1 60-0 f v"}) {
    CAPTURE(change);
    Runner node;
    REQUIRE(node.Run("RESTORE k 0 " + Typed(Whole(OneNode(Three(true), 3)))) == "+OK\r\n");
    node.Run(change);
    CHECK(node.Run("XLEN k") == ":1\r\n");
    CHECK(Entries(node.Run("XRANGE k - +")) == 1);
    Use(node);
  }
}

TEST_CASE("stream payloads: each form of a stream is taken, and cut anywhere it is refused") {
  for (const char type : {15, 19, 21}) {
    CAPTURE(static_cast<int>(type));
    const std::string body = OneNode(Three(false), 3, Group({1, 2}, {1, 2}, type), type);
    Runner node;
    REQUIRE(node.Run("RESTORE k 0 " + Typed(Whole(body))) == "+OK\r\n");
    CHECK(node.Run("XPENDING k g - + 10 alice").starts_with("*2\r\n"));
    Use(node);
    for (std::size_t size = 1; size < body.size(); ++size) {
      CAPTURE(size);
      CHECK(node.Run("RESTORE k 0 " + Typed(Whole(body.substr(0, size)))) == kRefused);
    }
    CHECK(node.Run("RESTORE k 0 " + Typed(Whole(body + '\0'))) == kRefused);
  }
}

TEST_CASE("stream payloads: what does not belong together is refused") {
  const auto refused = [](const std::string& body) {
    Runner node;
    return node.Run("RESTORE k 0 " + Typed(Whole(body))) == kRefused && node.Run("EXISTS k") == ":0\r\n";
  };
  const Elements three = Three(false);
  CHECK(refused(OneNode(three, 4)));                      // fewer than it says
  CHECK(refused(OneNode(three, 3, Group({1}, {2}))));     // another's
  CHECK(refused(OneNode(three, 3, Group({1}, {}))));      // nobody's
  CHECK(refused(OneNode(three, 3, Group({1, 1}, {1}))));  // twice
  CHECK(refused(OneNode(three, 3, Group({1}, {1, 1}))));  // twice
  CHECK(refused(OneNode(three, 3, Length(2) + Group({}, {}).substr(1) + Group({}, {}).substr(1))));  // one name
  CHECK(refused(OneNode(three, 3, Group(std::vector<std::uint64_t>{1}, {1}).substr(0, 20))));

  const auto head = [](std::int64_t live, std::int64_t marks, std::int64_t names) {
    Elements elements;
    elements.Number(live).Number(marks).Number(names);
    return elements;
  };
  CHECK(refused(OneNode(Elements(), 0)));
  CHECK(refused(OneNode(head(1, 0, 1), 1)));
  CHECK(refused(OneNode(head(1, 0, 1).Word("f").Number(1), 1)));          // no 0 behind the names
  CHECK(refused(OneNode(head(0, 0, 1).Word("f").Number(0), 0)));          // no entry
  CHECK(refused(OneNode(head(1, 0, INT64_MAX).Word("f").Number(0), 1)));  // more names than there are
  CHECK(refused(OneNode(head(1, 0, -1).Word("f").Number(0), 1)));
  const auto entry = [&](std::int64_t flags, std::int64_t ms, std::int64_t fields, std::int64_t size) {
    return OneNode(head(1, 0, 0).Number(0).Number(flags).Number(ms).Number(0).Number(fields).Number(size), 1);
  };
  CHECK_FALSE(refused(entry(0, 0, 0, 4)));
  CHECK(refused(entry(0, 0, 0, 5)));
  CHECK(refused(entry(8, 0, 0, 4)));
  CHECK(refused(entry(0, 0, INT64_MAX, 4)));
  CHECK(refused(entry(0, 0, INT64_MAX / 2, 2)));
  CHECK(refused(entry(0, 0, -1, 2)));
  CHECK(refused(entry(1, 0, 0, 4)));   // deleted, yet counted
  CHECK(refused(entry(0, 60, 0, 4)));  // behind the last id
  CHECK(refused(entry(0, -2, 0, 4)));  // behind the last id, the other way round
  CHECK(refused(OneNode(
      head(2, 0, 0).Number(0).Number(2).Number(1).Number(0).Number(3).Number(2).Number(1).Number(0).Number(3), 2)));
}

TEST_CASE("stream payloads: mutated at random they are refused, or streams that work") {
  const std::vector<std::string> bodies = {
      LargerBody(),
      OneNode(Three(false), 3, Group({1, 2}, {1, 2})),
      OneNode(Three(true), 3, Group({1, 2}, {1, 2}, 15), 15),
      OneNode(Three(false), 3, Group({1, 2}, {1, 2}, 21), 21),
  };
  base::Random random(20230107);
  Runner node;
  int taken = 0;
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string body = bodies[round % 8 == 0 ? 0 : 1 + random.Below(3)];
    for (std::uint64_t changes = 1 + random.Below(3); changes > 0; --changes) {
      const std::size_t at = 1 + random.Below(body.size() - 1);
      switch (random.Below(6)) {
        case 0:
          body[at] = static_cast<char>(random.Below(256));
          break;
        case 1:
          body[at] = static_cast<char>(body[at] ^ (1 << random.Below(8)));
          break;
        case 2:
          body[at] = static_cast<char>(body[at] + (random.Chance(0.5) ? 1 : -1));
          break;
        case 3:
          body.erase(at, 1 + random.Below(3));
          break;
        case 4:
          body.insert(at, body.substr(random.Below(body.size()), 1 + random.Below(20)));
          break;
        default:
          body[at] = "\x00\x01\x7f\x80\x81\xf1\xf4\xff"[random.Below(8)];
      }
      if (body.size() < 2) break;
    }
    const std::string payload = Whole(body);
    CAPTURE(Typed(payload));
    const std::string reply = node.Run("RESTORE k 0 " + Typed(payload));
    if (reply != "+OK\r\n") {
      CHECK(reply == kRefused);
      ++refused;
      continue;
    }
    ++taken;
    Use(node);
  }
  CHECK(refused > 1000);
  CHECK(taken > 100);
}

TEST_CASE("stream payloads: a group that has read the greatest number of entries reads on, as in Redis") {
  Runner node;
  node.Run("XADD k 1-1 f v");
  node.Run("XGROUP CREATE k g 0 ENTRIESREAD 9223372036854775807");
  CHECK(node.Run("XREADGROUP GROUP g alice STREAMS k >").starts_with("*1\r\n"));
  CHECK(node.Run("XINFO GROUPS k").find("entries-read\r\n:-9223372036854775808\r\n") != std::string::npos);
}
