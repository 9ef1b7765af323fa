#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "replication/base/random.h"
#include "replication/data/crc64.h"
#include "replication/data/data_digest.h"
#include "tests/unit/data/command_support.h"

using data::Runner;

namespace {

std::string Typed(std::string_view bytes) {
  std::string text = "\"";
  for (const char c : bytes) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return text + "\"";
}

std::string PayloadOf(Runner& node, const std::string& key) {
  const std::string reply = node.Run("DUMP " + key);
  const std::size_t begin = reply.find("\r\n") + 2;
  return reply.substr(begin, reply.size() - begin - 2);
}

// The checksum is made right again: what is damaged must be found by reading it.
std::string WithChecksum(std::string payload) {
  payload.resize(payload.size() - 8);
  const std::uint64_t crc = data::Crc64(0, payload);
  payload.append(reinterpret_cast<const char*>(&crc), sizeof crc);
  return payload;
}

void Fill(Runner& node) {
  for (int i = 1; i <= 230; ++i) node.Run(fmt::format("XADD s {}-{} f {} g x", i / 3 + 1, i, i));
  node.Run("XADD s 500-1 other 1");
  node.Run("XDEL s 2-4 2-5 77-230");
  node.Run("XGROUP CREATE s g 0");
  node.Run("XREADGROUP GROUP g alice COUNT 90 STREAMS s >");
  node.Run("XREADGROUP GROUP g bob COUNT 5 STREAMS s >");
  node.Run("XGROUP CREATE s empty $ ENTRIESREAD 7");
  node.Run("XGROUP CREATECONSUMER s empty idle");
}

std::string Shown(Runner& node) {
  return node.Run("XINFO STREAM s FULL COUNT 0") + node.Run("XRANGE s - +");
}

}  // namespace

TEST_CASE("stream commands: effects are definite") {
  Runner node;
  node.now_ms = 1000;
  CHECK(node.Run("XADD s * a 1") == "$6\r\n1000-0\r\n");
  CHECK(node.TakeEffects() == "0 XADD s 1000-0 a 1");
  CHECK(node.Run("XADD s 1000-* a 1") == "$6\r\n1000-1\r\n");
  CHECK(node.TakeEffects() == "0 XADD s 1000-1 a 1");
  node.now_ms = 500;  // a clock that was set back
  CHECK(node.Run("XADD s * a 1") == "$6\r\n1000-2\r\n");
  CHECK(node.TakeEffects() == "0 XADD s 1000-2 a 1");
  CHECK(node.Run("XADD s MAXLEN ~ 1 LIMIT 5 2000-0 a 1") == "$6\r\n2000-0\r\n");
  CHECK(node.TakeEffects() == "0 XADD s MAXLEN = 4 LIMIT 5 2000-0 a 1");
  CHECK(node.Run("XTRIM s MINID ~ 1000-1") == ":0\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("XTRIM s MINID 1000-1") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 XTRIM s MINID 1000-1");
  CHECK(node.Run("XDEL s 1-1") == ":0\r\n");
  CHECK(node.TakeEffects() == "");

  node.now_ms = 3000;
  CHECK(node.Run("XGROUP CREATE s g 1000-1") == "+OK\r\n");
  CHECK(node.TakeEffects() == "0 XGROUP CREATE s g 1000-1");
  node.Run("XREADGROUP GROUP g alice COUNT 1 STREAMS s >");
  CHECK(node.TakeEffects() == "0 XCLAIM s g alice 0 1000-2 TIME 3000 RETRYCOUNT 1 FORCE JUSTID LASTID 1000-2");
  node.Run("XREADGROUP GROUP g bob NOACK STREAMS s >");
  CHECK(node.TakeEffects() == "0 XGROUP CREATECONSUMER s g bob | 0 XGROUP SETID s g 2000-0 ENTRIESREAD 4");
  node.Run("XREADGROUP GROUP g alice STREAMS s 0");
  CHECK(node.TakeEffects() == "");
  node.Run("XCLAIM s g bob 100 1000-2");
  CHECK(node.TakeEffects() == "");
  node.now_ms = 3200;
  node.Run("XAUTOCLAIM s g carl 100 0");
  CHECK(node.TakeEffects() == "0 XCLAIM s g carl 0 1000-2 TIME 3200 RETRYCOUNT 3 FORCE JUSTID LASTID 2000-0");
  node.Run("XDEL s 1000-2");
  node.TakeEffects();
  CHECK(node.Run("XAUTOCLAIM s g carl 0 0") == "*3\r\n$3\r\n0-0\r\n*0\r\n*1\r\n$6\r\n1000-2\r\n");
  CHECK(node.TakeEffects() == "0 XCLAIM s g carl 0 1000-2 TIME 3200 RETRYCOUNT 3 FORCE JUSTID LASTID 2000-0");
  CHECK(node.Run("XPENDING s g") == "*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n");
}

TEST_CASE("stream commands: a stream comes back out of its dump, groups and all") {
  Runner node;
  Fill(node);
  const std::string before = Shown(node);
  const std::string payload = PayloadOf(node, "s");
  node.Run("DEL s");
  REQUIRE(node.Run("RESTORE s 0 " + Typed(payload)) == "+OK\r\n");
  CHECK(Shown(node) == before);
  CHECK(PayloadOf(node, "s") == payload);
  node.Run("COPY s t");
  node.Run("XADD s 600-0 a 1");
  node.Run("XACK s g 1-1");
  CHECK(PayloadOf(node, "t") == payload);
}

TEST_CASE("stream commands: a damaged dump is refused or harmless, wherever the damage is") {
  Runner node;
  Fill(node);
  const std::string payload = PayloadOf(node, "s");
  base::Random random(20261123);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = payload;
    for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) {
      damaged[random.Below(damaged.size() - 10)] = static_cast<char>(random.Below(256));
    }
    if (random.Chance(0.2)) damaged.erase(random.Below(damaged.size() - 10), 1 + random.Below(20));
    if (damaged.size() < 20 || static_cast<unsigned char>(damaged[0]) != 19) continue;
    if (node.Run("RESTORE d 0 " + Typed(WithChecksum(damaged)) + " REPLACE").starts_with("-")) {
      ++refused;
      continue;
    }
    // What was let in can be used.
    for (const char* line : {"XINFO STREAM d FULL COUNT 0", "XRANGE d - +", "XREVRANGE d + -", "XADD d * a 1",
                             "XPENDING d g", "XREADGROUP GROUP g bob STREAMS d >", "XREADGROUP GROUP g bob STREAMS d 0",
                             "XAUTOCLAIM d g carl 0 0", "XDEL d 3-8 20-60", "XTRIM d MAXLEN 3", "DUMP d"}) {
      node.Run(line);
    }
  }
  CHECK(refused > 1500);
}

TEST_CASE("stream commands: streams of Redis 5 and 6 have no counts; they are made up") {
  // Type 15: as 19, without the first id, the greatest deleted one, the count of all, and the groups' counts.
  Runner node;
  node.Run("XADD s 1-1 f v");
  node.Run("XGROUP CREATE s g 1-1 ENTRIESREAD 1");
  std::string payload = PayloadOf(node, "s");
  payload[0] = 15;
  // Behind the node: length 1, last id 1 1, then five numbers (1 1 0 0 1), one group: its name, 1 1, its count.
  const std::size_t tail =
      payload.rfind(std::string("\x01\x01\x01\x01\x01\x00\x00\x01\x01\x01g\x01\x01\x01\x00\x00", 16));
  REQUIRE(tail != std::string::npos);
  payload.replace(tail, 16, std::string("\x01\x01\x01\x01\x01g\x01\x01\x00\x00", 10));
  REQUIRE(node.Run("RESTORE old 0 " + Typed(WithChecksum(payload))) == "+OK\r\n");
  std::string expected = node.Run("XINFO STREAM s FULL");
  CHECK(node.Run("XINFO STREAM old FULL") == expected);
}

TEST_CASE("stream commands: nobody who may not wait is let wait") {
  Runner node;
  CHECK(node.Run("XREAD BLOCK 0 STREAMS s $") == "*-1\r\n");
  CHECK(node.Run("XREAD STREAMS s $") == "*-1\r\n");
  CHECK(node.Run("XREADGROUP GROUP g c BLOCK 0 STREAMS s >").starts_with("-NOGROUP "));
}

TEST_CASE("stream commands: a stream without entries stays") {
  Runner node;
  node.Run("XADD s 1-1 f v");
  node.Run("XDEL s 1-1");
  CHECK(node.Run("EXISTS s") == ":1\r\n");
  CHECK(node.Run("XLEN s") == ":0\r\n");
  CHECK(node.Run("XADD s 1-1 f v").starts_with("-ERR The ID specified in XADD is equal or smaller"));
  CHECK(node.Run("OBJECT ENCODING s") == "$6\r\nstream\r\n");
  const std::string payload = PayloadOf(node, "s");
  CHECK(node.Run("RESTORE t 0 " + Typed(payload)) == "+OK\r\n");
  CHECK(node.Run("XADD t 1-1 f v").starts_with("-ERR "));
}

TEST_CASE("streams: ids are read as C reads numbers") {
  Runner node;
  CHECK(node.Run("XADD s +1 f v") == "$3\r\n1-0\r\n");
  CHECK(node.Run("XADD s ' 02-+1' f v") == "$3\r\n2-1\r\n");
  CHECK(node.Run("XADD s \"3\\x00-7\" f v") == "$3\r\n3-0\r\n");
  CHECK(node.Run("XADD s '4 ' f v") == "-ERR Invalid stream ID specified as stream command argument\r\n");
}
