#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/data/command_support.h"

using data::Runner;

// Replies and effects as redis-server 7.0.15 gives them; the differential test compares many more.

TEST_CASE("hash commands: setting and reading fields") {
  Runner node;
  CHECK(node.Run("HSET h a 1 b 2") == ":2\r\n");
  CHECK(node.Run("HSET h a 3 c 4") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 HSET h a 1 b 2 | 0 HSET h a 3 c 4");
  CHECK(node.Run("HGET h a") == "$1\r\n3\r\n");
  CHECK(node.Run("HGET h x") == "$-1\r\n");
  CHECK(node.Run("HMGET h a x c") == "*3\r\n$1\r\n3\r\n$-1\r\n$1\r\n4\r\n");
  CHECK(node.Run("HGETALL h") == "*6\r\n$1\r\na\r\n$1\r\n3\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n4\r\n");
  CHECK(node.Run("HLEN h") == ":3\r\n");
  CHECK(node.Run("HEXISTS h b") == ":1\r\n");
  CHECK(node.Run("HSTRLEN h b") == ":1\r\n");
  CHECK(node.Run("HSETNX h b 9") == ":0\r\n");
  CHECK(node.Run("HMSET h d 5") == "+OK\r\n");
  CHECK(node.TakeEffects() == "0 HMSET h d 5");
  CHECK(node.Run("HSET h a") == "-ERR wrong number of arguments for 'hset' command\r\n");
  CHECK(node.Run("HSET h a 1 b") == "-ERR wrong number of arguments for 'hset' command\r\n");
  CHECK(node.Run("TYPE h") == "+hash\r\n");
  CHECK(node.Run("OBJECT ENCODING h") == "$8\r\nlistpack\r\n");
}

TEST_CASE("hash commands: a hash whose last field goes is gone") {
  Runner node;
  node.Run("HSET h a 1 b 2");
  node.TakeEffects();
  CHECK(node.Run("HDEL h x") == ":0\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("HDEL h a x a") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 HDEL h a x a");
  CHECK(node.Run("HDEL h b") == ":1\r\n");
  CHECK(node.Run("EXISTS h") == ":0\r\n");
}

TEST_CASE("hash commands: counting is replicated so that no replica rounds") {
  Runner node;
  CHECK(node.Run("HINCRBY h n 5") == ":5\r\n");
  CHECK(node.Run("HINCRBY h n -7") == ":-2\r\n");
  CHECK(node.TakeEffects() == "0 HINCRBY h n 5 | 0 HINCRBY h n -7");
  CHECK(node.Run("HINCRBYFLOAT h f 10.5") == "$4\r\n10.5\r\n");
  CHECK(node.Run("HINCRBYFLOAT h f 0.1") == "$4\r\n10.6\r\n");
  CHECK(node.TakeEffects() == "0 HSET h f 10.5 | 0 HSET h f 10.6");
  node.Run("HSET h t text max 9223372036854775807");
  CHECK(node.Run("HINCRBY h t 1") == "-ERR hash value is not an integer\r\n");
  CHECK(node.Run("HINCRBYFLOAT h t 1") == "-ERR hash value is not a float\r\n");
  CHECK(node.Run("HINCRBY h max 1") == "-ERR increment or decrement would overflow\r\n");
  CHECK(node.Run("HINCRBY h n 1.5") == "-ERR value is not an integer or out of range\r\n");
}

TEST_CASE("hash commands: strings are no hashes, and hashes no strings") {
  Runner node;
  node.Run("SET s 1");
  node.Run("HSET h a 1");
  constexpr std::string_view kWrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
  for (const char* line : {"HGET s a", "HSET s a 1", "HDEL s a", "HGETALL s", "HSCAN s 0", "HRANDFIELD s",
                           "HINCRBY s a 1", "GET h", "APPEND h x", "INCR h", "GETEX h", "SETRANGE h 0 x"}) {
    CAPTURE(line);
    CHECK(node.Run(line) == kWrongType);
  }
  CHECK(node.Run("SET h now-a-string") == "+OK\r\n");
  CHECK(node.Run("GET h") == "$12\r\nnow-a-string\r\n");
}

TEST_CASE("hash commands: random fields, with and without repetition") {
  Runner node;
  CHECK(node.Run("HRANDFIELD h") == "$-1\r\n");
  CHECK(node.Run("HRANDFIELD h 3") == "*0\r\n");
  node.Run("HSET h a 1");
  CHECK(node.Run("HRANDFIELD h") == "$1\r\na\r\n");
  CHECK(node.Run("HRANDFIELD h 3") == "*1\r\n$1\r\na\r\n");
  CHECK(node.Run("HRANDFIELD h -2 WITHVALUES") == "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n1\r\n");
  CHECK(node.Run("HRANDFIELD h 1 WITH") == "-ERR syntax error\r\n");
  CHECK(node.Run("HRANDFIELD h x") == "-ERR value is not an integer or out of range\r\n");
}

TEST_CASE("hash commands: HSCAN goes through large hashes in pieces and through small ones at once") {
  Runner node;
  node.Run("HSET small a 1 b 2");
  CHECK(node.Run("HSCAN small 0 COUNT 1") == "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n");
  CHECK(node.Run("HSCAN small 0 MATCH b*") == "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
  CHECK(node.Run("HSCAN small x") == "-ERR invalid cursor\r\n");
  CHECK(node.Run("HSCAN missing 0") == "*2\r\n$1\r\n0\r\n*0\r\n");
  for (int i = 0; i < 600; ++i) node.Run(fmt::format("HSET large f{} {}", i, i));
  CHECK(node.Run("OBJECT ENCODING large") == "$9\r\nhashtable\r\n");
  CHECK(node.Run("HSCAN large 0 COUNT 20").starts_with("*2\r\n$"));
  CHECK_FALSE(node.Run("HSCAN large 0 COUNT 20").starts_with("*2\r\n$1\r\n0\r\n"));
}
