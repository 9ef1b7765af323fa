#include <doctest/doctest.h>

#include "tests/unit/data/command_support.h"

using namespace data;

TEST_CASE("set: options decide whether and until when, and what the stream is told") {
  Runner node;
  CHECK(node.Run("SET k v") == "+OK\r\n");
  CHECK(node.TakeEffects() == "0 SET k v");
  CHECK(node.Run("set k w nx") == "$-1\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("set k w xx") == "+OK\r\n");
  CHECK(node.TakeEffects() == "0 set k w xx");
  CHECK(node.Run("SET k x GET EX 10") == "$1\r\nw\r\n");
  CHECK(node.TakeEffects() == "0 SET k x PXAT 1000000010000");
  CHECK(node.Run("SET k y KEEPTTL GET") == "$1\r\nx\r\n");
  CHECK(node.TakeEffects() == "0 SET k y KEEPTTL");
  CHECK(node.Run("PEXPIRETIME k") == ":1000000010000\r\n");
  CHECK(node.Run("SET new z XX GET") == "$-1\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("SET k z") == "+OK\r\n");
  CHECK(node.Run("TTL k") == ":-1\r\n");
}

TEST_CASE("set: contradictions are syntax errors, impossible times are refused") {
  Runner node;
  for (const char* line : {"SET k v NX XX", "SET k v EX 10 PX 10", "SET k v EX", "SET k v KEEPTTL EX 5", "SET k v WHAT",
                           "GETEX k NX", "SET k v PERSIST"}) {
    CAPTURE(line);
    CHECK(node.Run(line) == "-ERR syntax error\r\n");
  }
  for (const char* line : {"SET k v EX 0", "SET k v PX -1", "SET k v EX 9223372036854775807",
                           "SET k v PX 9223372036854775807", "SET k v EXAT -5"}) {
    CAPTURE(line);
    CHECK(node.Run(line) == "-ERR invalid expire time in 'set' command\r\n");
  }
  CHECK(node.Run("SETEX k 0 v") == "-ERR invalid expire time in 'setex' command\r\n");
  CHECK(node.Run("SET k v EX ten") == "-ERR value is not an integer or out of range\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.keyspace.TotalSize() == 0);
}

TEST_CASE("strings: each way to set or take a value has its canonical effect") {
  Runner node;
  CHECK(node.Run("SETEX k 5 a") == "+OK\r\n");
  CHECK(node.TakeEffects() == "0 SET k a PXAT 1000000005000");
  CHECK(node.Run("PSETEX k 7 b") == "+OK\r\n");
  CHECK(node.TakeEffects() == "0 SET k b PXAT 1000000000007");
  CHECK(node.Run("GETSET k c") == "$1\r\nb\r\n");
  CHECK(node.TakeEffects() == "0 SET k c");
  CHECK(node.Run("GETEX k PX 100") == "$1\r\nc\r\n");
  CHECK(node.TakeEffects() == "0 PEXPIREAT k 1000000000100");
  CHECK(node.Run("GETEX k PERSIST") == "$1\r\nc\r\n");
  CHECK(node.Run("GETEX k PERSIST") == "$1\r\nc\r\n");
  CHECK(node.TakeEffects() == "0 PERSIST k");
  CHECK(node.Run("GETEX k EXAT 5") == "$1\r\nc\r\n");
  CHECK(node.TakeEffects() == "0 DEL k");
  CHECK(node.Run("SETNX k d") == ":1\r\n");
  CHECK(node.Run("SETNX k e") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 SETNX k d");
  CHECK(node.Run("GETDEL k") == "$1\r\nd\r\n");
  CHECK(node.Run("GETDEL k") == "$-1\r\n");
  CHECK(node.TakeEffects() == "0 DEL k");
  CHECK(node.Run("MSET a 1 b 2") == "+OK\r\n");
  CHECK(node.Run("MSETNX b 3 c 4") == ":0\r\n");
  CHECK(node.Run("MSET a 1 b") == "-ERR wrong number of arguments for 'mset' command\r\n");
  CHECK(node.TakeEffects() == "0 MSET a 1 b 2");
  CHECK(node.Run("MGET a nothing b") == "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n");
}

TEST_CASE("strings: parts are read and written, with zero bytes in a gap") {
  Runner node;
  CHECK(node.Run("APPEND k hello") == ":5\r\n");
  CHECK(node.Run("APPEND k \" world\"") == ":11\r\n");
  CHECK(node.Run("GETRANGE k 0 4") == "$5\r\nhello\r\n");
  CHECK(node.Run("GETRANGE k -5 -1") == "$5\r\nworld\r\n");
  CHECK(node.Run("GETRANGE k 8 100") == "$3\r\nrld\r\n");
  CHECK(node.Run("GETRANGE k -1 -5") == "$0\r\n\r\n");
  CHECK(node.Run("SUBSTR nothing 0 -1") == "$0\r\n\r\n");
  CHECK(node.Run("SETRANGE k 6 W") == ":11\r\n");
  CHECK(node.Run("SETRANGE gap 3 x") == ":4\r\n");
  CHECK(node.Run("GET gap") == std::string("$4\r\n\0\0\0x\r\n", 10));
  CHECK(node.Run("SETRANGE none 5 \"\"") == ":0\r\n");
  CHECK(node.Run("EXISTS none") == ":0\r\n");
  CHECK(node.Run("SETRANGE k -1 a") == "-ERR offset is out of range\r\n");
  CHECK(node.Run("SETRANGE k 536870912 a") == "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
  CHECK(node.Run("SETRANGE k 9223372036854775807 a") ==
        "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
  CHECK(node.Run("STRLEN k") == ":11\r\n");
}

TEST_CASE("numbers: counting keeps the expiry, refuses what is no integer, and never wraps around") {
  Runner node;
  node.Run("SET n 41 EX 100");
  CHECK(node.Run("INCR n") == ":42\r\n");
  CHECK(node.Run("TTL n") == ":100\r\n");
  CHECK(node.Run("DECRBY n 50") == ":-8\r\n");
  CHECK(node.Run("INCRBY n 9223372036854775807") == ":9223372036854775799\r\n");
  CHECK(node.Run("INCRBY n 9") == "-ERR increment or decrement would overflow\r\n");
  CHECK(node.Run("DECRBY n -9223372036854775808") == "-ERR decrement would overflow\r\n");
  node.Run("SET t 007");
  CHECK(node.Run("INCR t") == "-ERR value is not an integer or out of range\r\n");
  CHECK(node.Run("INCRBY n 1.5") == "-ERR value is not an integer or out of range\r\n");
  CHECK(node.Run("DECR fresh") == ":-1\r\n");
}

TEST_CASE("numbers: a float sum is sent as its result") {
  Runner node;
  node.Run("SET n 10.50");
  node.TakeEffects();
  CHECK(node.Run("INCRBYFLOAT n 0.1") == "$4\r\n10.6\r\n");
  CHECK(node.TakeEffects() == "0 SET n 10.6 KEEPTTL");
  CHECK(node.Run("INCRBYFLOAT n -5") == "$3\r\n5.6\r\n");
  CHECK(node.Run("INCRBYFLOAT n 5.0e3") == "$22\r\n5005.60000000000000009\r\n");  // so says Redis
  CHECK(node.Run("INCRBYFLOAT n abc") == "-ERR value is not a valid float\r\n");
  CHECK(node.Run("INCRBYFLOAT n inf") == "-ERR increment would produce NaN or Infinity\r\n");
  CHECK(node.Run("INCRBYFLOAT w 3") == "$1\r\n3\r\n");
  CHECK(node.Run("OBJECT ENCODING w") == "$6\r\nembstr\r\n");
}
