#include <doctest/doctest.h>
#include <fmt/format.h>

#include "replication/data/data_digest.h"
#include "tests/unit/data/command_support.h"

using namespace std::string_literals;
using data::Runner;

namespace {

// What redis-cli would have to type to give these bytes.
std::string Typed(std::string_view bytes) {
  std::string text = "\"";
  for (const char byte : bytes)
    text += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  return text + '"';
}

std::string PayloadOf(Runner& node, const std::string& key) {
  const std::string reply = node.Run("DUMP " + key);
  const std::size_t begin = reply.find("\r\n") + 2;
  return reply.substr(begin, reply.size() - begin - 2);
}

}  // namespace

TEST_CASE("dump: every kind of value comes back, also under another name") {
  Runner node;
  node.Run("SET text hello");
  node.Run("SET number 12345");
  node.Run("HSET hash a 1 b 2");
  node.Run("SADD numbers 1 2 3");
  node.Run("SADD set a b c");
  node.Run("ZADD zset 1.5 a -inf b");
  for (int i = 0; i < 600; ++i) {
    node.Run(fmt::format("HSET largehash f{} {}", i, i));
    node.Run(fmt::format("SADD largeset m{}", i));
    node.Run(fmt::format("ZADD largezset {} m{}", i, i));
  }
  const std::string digest = data::DataDigest(node.keyspace);
  for (const char* key : {"text", "number", "hash", "numbers", "set", "zset", "largehash", "largeset", "largezset"}) {
    CAPTURE(key);
    const std::string payload = PayloadOf(node, key);
    CHECK(node.Run(fmt::format("RESTORE {} 0 {}", key, Typed(payload))) ==
          "-BUSYKEY Target key name already exists.\r\n");
    CHECK(node.Run(fmt::format("DEL {}", key)) == ":1\r\n");
    CHECK(node.Run(fmt::format("RESTORE {} 0 {}", key, Typed(payload))) == "+OK\r\n");
    CHECK(data::DataDigest(node.keyspace) == digest);
  }
  CHECK(node.Run("DUMP none") == "$-1\r\n");
}

TEST_CASE("dump: the bytes are those of redis-server, and damaged ones are refused") {
  Runner node;
  node.Run("SET k hello");
  const std::string payload =
      "\x00\x05hello\n\x00"
      "cr\xdf"
      "ve4 \n"s;
  CHECK(PayloadOf(node, "k") == payload);
  std::string damaged = payload;
  damaged[3] = 'x';
  CHECK(node.Run("RESTORE r 0 " + Typed(damaged)) == "-ERR DUMP payload version or checksum are wrong\r\n");
  CHECK(node.Run("RESTORE r 0 x") == "-ERR DUMP payload version or checksum are wrong\r\n");
  CHECK(node.Run("RESTORE r -1 " + Typed(payload)) == "-ERR Invalid TTL value, must be >= 0\r\n");
}

TEST_CASE("dump: a time to live is absolute in the stream, and what has expired on its way is not there") {
  Runner node;
  node.Run("SET k hello");
  const std::string payload = PayloadOf(node, "k");
  node.TakeEffects();
  CHECK(node.Run("RESTORE a 5000 " + Typed(payload)) == "+OK\r\n");
  CHECK(node.Run("PTTL a") == ":5000\r\n");
  CHECK(node.TakeEffects() == fmt::format("0 RESTORE a {} {} ABSTTL", node.now_ms + 5000, payload));
  CHECK(node.Run("RESTORE a 5 " + Typed(payload) + " REPLACE ABSTTL") == "+OK\r\n");
  CHECK(node.Run("EXISTS a") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 DEL a");
}
