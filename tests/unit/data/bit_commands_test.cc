#include <doctest/doctest.h>

#include "tests/unit/data/command_support.h"

using data::Runner;

// Replies and effects as redis-server 7.0.15 gives them; the differential test compares many more.

TEST_CASE("bit commands: bits are set and read, and what changes nothing is told to nobody") {
  Runner node;
  CHECK(node.Run("SETBIT b 7 1") == ":0\r\n");
  CHECK(node.Run("SETBIT b 7 1") == ":1\r\n");
  CHECK(node.Run("SETBIT b 20 0") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 SETBIT b 7 1 | 0 SETBIT b 20 0");
  CHECK(node.Run("STRLEN b") == ":3\r\n");
  CHECK(node.Run("GETBIT b 7") == ":1\r\n");
  CHECK(node.Run("GETBIT b 99") == ":0\r\n");
  CHECK(node.Run("OBJECT ENCODING b") == "$3\r\nraw\r\n");
  CHECK(node.Run("SETBIT b 4294967296 1") == "-ERR bit offset is not an integer or out of range\r\n");
  CHECK(node.Run("SETBIT b -1 1") == "-ERR bit offset is not an integer or out of range\r\n");
  CHECK(node.Run("SETBIT b 1 2") == "-ERR bit is not an integer or out of range\r\n");
}

TEST_CASE("bit commands: counting and finding bits, in bytes and in bits") {
  Runner node;
  node.Run("SET s foobar");
  CHECK(node.Run("BITCOUNT s") == ":26\r\n");
  CHECK(node.Run("BITCOUNT s 1 1") == ":6\r\n");
  CHECK(node.Run("BITCOUNT s 5 30 BIT") == ":17\r\n");
  CHECK(node.Run("BITCOUNT s -2 -1") == ":7\r\n");
  CHECK(node.Run("BITCOUNT s 1") == "-ERR syntax error\r\n");
  CHECK(node.Run("BITCOUNT none x y") == ":0\r\n");
  node.Run(R"(SETRANGE z 0 "\xff\xf0\x00")");
  CHECK(node.Run("BITPOS z 0") == ":12\r\n");
  CHECK(node.Run("BITPOS z 1 2") == ":-1\r\n");
  CHECK(node.Run("BITPOS none 0") == ":0\r\n");
  CHECK(node.Run("BITPOS none 1") == ":-1\r\n");
  CHECK(node.Run("BITPOS s 2") == "-ERR The bit argument must be 1 or 0.\r\n");
  node.Run("SETRANGE ones 0 '\xff\xff'");
  CHECK(node.Run("BITPOS ones 0") == ":16\r\n");
  CHECK(node.Run("BITPOS ones 0 0 -1") == ":-1\r\n");
  CHECK(node.Run("BITPOS z 1 10 15 BIT") == ":10\r\n");
}

TEST_CASE("bit commands: combining strings of different lengths") {
  Runner node;
  node.Run("SET a abc");
  node.Run("SET b ab");
  node.TakeEffects();
  CHECK(node.Run("BITOP AND d a b") == ":3\r\n");
  CHECK(node.Run("GET d") == std::string("$3\r\nab\0\r\n", 9));
  CHECK(node.Run("BITOP OR d a b none") == ":3\r\n");
  CHECK(node.Run("GET d") == "$3\r\nabc\r\n");
  CHECK(node.Run("BITOP NOT d a") == ":3\r\n");
  CHECK(node.Run("GET d") == "$3\r\n\x9e\x9d\x9c\r\n");
  CHECK(node.Run("BITOP XOR d none") == ":0\r\n");
  CHECK(node.Run("EXISTS d") == ":0\r\n");
  CHECK(node.Run("BITOP NOT d a b") == "-ERR BITOP NOT must be called with a single source key.\r\n");
  CHECK(node.TakeEffects() == "0 BITOP AND d a b | 0 BITOP OR d a b none | 0 BITOP NOT d a | 0 BITOP XOR d none");
}

TEST_CASE("bit commands: integers of any width, and what becomes of those that do not fit") {
  Runner node;
  CHECK(node.Run("BITFIELD f SET u8 0 200 GET u4 0 INCRBY i5 100 1") == "*3\r\n:0\r\n:12\r\n:1\r\n");
  CHECK(node.Run("BITFIELD f INCRBY u8 0 100") == "*1\r\n:44\r\n");
  CHECK(node.Run("BITFIELD f OVERFLOW SAT INCRBY u8 0 1000 OVERFLOW FAIL INCRBY u8 0 1") == "*2\r\n:255\r\n$-1\r\n");
  CHECK(node.Run("BITFIELD f SET i64 #1 -9223372036854775808 OVERFLOW SAT INCRBY i64 #1 -1") ==
        "*2\r\n:8388608\r\n:-9223372036854775808\r\n");
  node.TakeEffects();
  CHECK(node.Run("BITFIELD f GET u8 0") == "*1\r\n:255\r\n");
  CHECK(node.Run("BITFIELD f SET u8 0 255") == "*1\r\n:255\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("BITFIELD_RO f GET u8 0") == "*1\r\n:255\r\n");
  CHECK(node.Run("BITFIELD_RO f SET u8 0 1") == "-ERR BITFIELD_RO only supports the GET subcommand\r\n");
  CHECK(node.Run("BITFIELD f GET u64 0") ==
        "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n");
  CHECK(node.Run("BITFIELD f OVERFLOW X GET u8 0") == "-ERR Invalid OVERFLOW type specified\r\n");
}
