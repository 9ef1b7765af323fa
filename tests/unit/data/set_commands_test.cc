#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/data/command_support.h"

using data::Runner;

// Replies and effects as redis-server 7.0.15 gives them; tests/interop/collections_test.cc compares many more.

TEST_CASE("set commands: adding, asking and taking away") {
  Runner node;
  CHECK(node.Run("SADD s 1 2 2 3") == ":3\r\n");
  CHECK(node.Run("SADD s 1") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 SADD s 1 2 2 3");
  CHECK(node.Run("OBJECT ENCODING s") == "$6\r\nintset\r\n");
  CHECK(node.Run("SCARD s") == ":3\r\n");
  CHECK(node.Run("SISMEMBER s 2") == ":1\r\n");
  CHECK(node.Run("SISMEMBER s x") == ":0\r\n");
  CHECK(node.Run("SMISMEMBER s 1 9 3") == "*3\r\n:1\r\n:0\r\n:1\r\n");
  CHECK(node.Run("SMEMBERS s") == "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n");
  CHECK(node.Run("SADD s x") == ":1\r\n");
  CHECK(node.Run("OBJECT ENCODING s") == "$9\r\nhashtable\r\n");
  CHECK(node.Run("TYPE s") == "+set\r\n");
  node.TakeEffects();
  CHECK(node.Run("SREM s 9 8") == ":0\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("SREM s 1 2 9 3 x") == ":4\r\n");
  CHECK(node.TakeEffects() == "0 SREM s 1 2 9 3 x");
  CHECK(node.Run("EXISTS s") == ":0\r\n");
  CHECK(node.Run("SMEMBERS s") == "*0\r\n");
}

TEST_CASE("set commands: a member moves, and takes its set with it when it is the last") {
  Runner node;
  node.Run("SADD a 1 2");
  node.Run("SADD b 2");
  node.TakeEffects();
  CHECK(node.Run("SMOVE a b 9") == ":0\r\n");
  CHECK(node.Run("SMOVE a a 1") == ":1\r\n");
  CHECK(node.Run("SMOVE x b 1") == ":0\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("SMOVE a b 2") == ":1\r\n");
  CHECK(node.Run("SMOVE a c 1") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 SMOVE a b 2 | 0 SMOVE a c 1");
  CHECK(node.Run("EXISTS a") == ":0\r\n");
  CHECK(node.Run("SCARD b") == ":1\r\n");
  CHECK(node.Run("SMEMBERS c") == "*1\r\n$1\r\n1\r\n");
}

TEST_CASE("set commands: sets are combined, and the result may take the place of anything") {
  Runner node;
  node.Run("SADD a 1 2 3");
  node.Run("SADD b 2 3 4");
  node.Run("SADD c 3");
  node.TakeEffects();
  CHECK(node.Run("SINTER a b") == "*2\r\n$1\r\n2\r\n$1\r\n3\r\n");
  CHECK(node.Run("SINTER a none") == "*0\r\n");
  CHECK(node.Run("SUNION a none b") == "*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n");
  CHECK(node.Run("SDIFF a c none") == "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
  CHECK(node.Run("SDIFF a a") == "*0\r\n");
  CHECK(node.Run("SINTERCARD 2 a b") == ":2\r\n");
  CHECK(node.Run("SINTERCARD 2 a b LIMIT 1") == ":1\r\n");
  CHECK(node.Run("SINTERCARD 2 a b LIMIT 0") == ":2\r\n");
  CHECK(node.Run("SINTERCARD 0 a") == "-ERR numkeys should be greater than 0\r\n");
  CHECK(node.Run("SINTERCARD 2 a") == "-ERR Number of keys can't be greater than number of args\r\n");
  CHECK(node.Run("SINTERCARD 1 a LIMIT -1") == "-ERR LIMIT can't be negative\r\n");
  CHECK(node.Run("SINTERCARD 1 a b") == "-ERR syntax error\r\n");
  CHECK(node.TakeEffects() == "");

  node.Run("SET text x");
  node.Run("SET d x PX 1000");
  node.TakeEffects();
  CHECK(node.Run("SINTERSTORE d a b") == ":2\r\n");
  CHECK(node.Run("TTL d") == ":-1\r\n");
  CHECK(node.Run("SUNIONSTORE a a b") == ":4\r\n");
  CHECK(node.Run("SDIFFSTORE none a a") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 SINTERSTORE d a b | 0 SUNIONSTORE a a b");
  CHECK(node.Run("SDIFFSTORE d a a") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 SDIFFSTORE d a a");
  CHECK(node.Run("EXISTS d") == ":0\r\n");
  // A key of another type is an error, wherever it stands.
  CHECK(node.Run("SINTER none text").starts_with("-WRONGTYPE"));
  CHECK(node.Run("SUNIONSTORE d a text").starts_with("-WRONGTYPE"));
}

TEST_CASE("set commands: what is popped at random is told to replicas by name") {
  Runner node;
  CHECK(node.Run("SPOP s") == "$-1\r\n");
  CHECK(node.Run("SPOP s 2") == "*0\r\n");
  node.Run("SADD s 5");
  node.TakeEffects();
  CHECK(node.Run("SPOP s") == "$1\r\n5\r\n");
  CHECK(node.TakeEffects() == "0 SREM s 5");
  CHECK(node.Run("EXISTS s") == ":0\r\n");
  node.Run("SADD s 1 2 3 4");
  node.TakeEffects();
  CHECK(node.Run("SPOP s 0") == "*0\r\n");
  CHECK(node.Run("SPOP s -1") == "-ERR value is out of range, must be positive\r\n");
  CHECK(node.Run("SPOP s x") == "-ERR value is out of range, must be positive\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("SPOP s 2").starts_with("*2\r\n"));
  const std::string effects = node.TakeEffects();
  CHECK(effects.starts_with("0 SREM s "));
  CHECK(effects.find(" | 0 SREM s ") != std::string::npos);
  CHECK(node.Run("SCARD s") == ":2\r\n");
  CHECK(node.Run("SPOP s 2").starts_with("*2\r\n"));
  CHECK(node.TakeEffects() == "0 DEL s");
  CHECK(node.Run("EXISTS s") == ":0\r\n");
}

TEST_CASE("set commands: random members, with and without repetition") {
  Runner node;
  CHECK(node.Run("SRANDMEMBER s") == "$-1\r\n");
  CHECK(node.Run("SRANDMEMBER s 3") == "*0\r\n");
  node.Run("SADD s a");
  CHECK(node.Run("SRANDMEMBER s") == "$1\r\na\r\n");
  CHECK(node.Run("SRANDMEMBER s 3") == "*1\r\n$1\r\na\r\n");
  CHECK(node.Run("SRANDMEMBER s -2") == "*2\r\n$1\r\na\r\n$1\r\na\r\n");
  CHECK(node.Run("SRANDMEMBER s x") == "-ERR value is not an integer or out of range\r\n");
}

TEST_CASE("set commands: an expired set is gone before it is changed") {
  Runner node;
  node.Run("SADD s 1 2");
  node.Run("PEXPIRE s 100");
  node.Run("SADD t 1");
  node.TakeEffects();
  node.SetTime(node.now_ms + 200);
  CHECK(node.Run("SINTERSTORE d s t") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 DEL s");
  CHECK(node.Run("SADD s 9") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 SADD s 9");
  CHECK(node.Run("SCARD s") == ":1\r\n");
}

TEST_CASE("set commands: SSCAN goes through large sets in pieces and through small ones at once") {
  Runner node;
  node.Run("SADD small 1 2");
  CHECK(node.Run("SSCAN small 0 COUNT 1") == "*2\r\n$1\r\n0\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
  CHECK(node.Run("SSCAN small 0 MATCH 2*") == "*2\r\n$1\r\n0\r\n*1\r\n$1\r\n2\r\n");
  CHECK(node.Run("SSCAN none 0") == "*2\r\n$1\r\n0\r\n*0\r\n");
  for (int i = 0; i < 600; ++i) node.Run(fmt::format("SADD large m{}", i));
  CHECK_FALSE(node.Run("SSCAN large 0 COUNT 20").starts_with("*2\r\n$1\r\n0\r\n"));
}
