#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/data/command_support.h"

using data::Runner;

// Replies and effects as redis-server 7.0.15 gives them; tests/interop/collections_test.cc compares many more.

TEST_CASE("list commands: pushing and popping at both ends") {
  Runner node;
  CHECK(node.Run("RPUSH l a b") == ":2\r\n");
  CHECK(node.Run("LPUSH l c d") == ":4\r\n");
  CHECK(node.Run("LPUSHX none x") == ":0\r\n");
  CHECK(node.Run("RPUSHX l e") == ":5\r\n");
  CHECK(node.TakeEffects() == "0 RPUSH l a b | 0 LPUSH l c d | 0 RPUSHX l e");
  CHECK(node.Run("LRANGE l 0 -1") == "*5\r\n$1\r\nd\r\n$1\r\nc\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\ne\r\n");
  CHECK(node.Run("LRANGE l -2 100") == "*2\r\n$1\r\nb\r\n$1\r\ne\r\n");
  CHECK(node.Run("LRANGE l 3 1") == "*0\r\n");
  CHECK(node.Run("LLEN l") == ":5\r\n");
  CHECK(node.Run("LINDEX l -1") == "$1\r\ne\r\n");
  CHECK(node.Run("LINDEX l 9") == "$-1\r\n");
  CHECK(node.Run("OBJECT ENCODING l") == "$9\r\nquicklist\r\n");
  CHECK(node.Run("TYPE l") == "+list\r\n");
  CHECK(node.Run("LPOP l") == "$1\r\nd\r\n");
  CHECK(node.Run("RPOP l 2") == "*2\r\n$1\r\ne\r\n$1\r\nb\r\n");
  CHECK(node.Run("LPOP l 0") == "*0\r\n");
  CHECK(node.TakeEffects() == "0 LPOP l | 0 RPOP l 2");
  CHECK(node.Run("LPOP l 9") == "*2\r\n$1\r\nc\r\n$1\r\na\r\n");
  CHECK(node.Run("EXISTS l") == ":0\r\n");
  CHECK(node.Run("LPOP l") == "$-1\r\n");
  CHECK(node.Run("LPOP l 2") == "*-1\r\n");
  CHECK(node.Run("LPOP l -1") == "-ERR value is out of range, must be positive\r\n");
  CHECK(node.Run("LPOP l 1 2") == "-ERR wrong number of arguments for 'lpop' command\r\n");
}

TEST_CASE("list commands: editing in the middle") {
  Runner node;
  node.Run("RPUSH l a b a c a");
  node.TakeEffects();
  CHECK(node.Run("LSET l 1 x") == "+OK\r\n");
  CHECK(node.Run("LSET l 5 x") == "-ERR index out of range\r\n");
  CHECK(node.Run("LSET none 0 x") == "-ERR no such key\r\n");
  CHECK(node.Run("LINSERT l BEFORE x 1") == ":6\r\n");
  CHECK(node.Run("LINSERT l after x 2") == ":7\r\n");
  CHECK(node.Run("LINSERT l AFTER none 2") == ":-1\r\n");
  CHECK(node.Run("LINSERT none AFTER x 2") == ":0\r\n");
  CHECK(node.Run("LINSERT l near x 2") == "-ERR syntax error\r\n");
  CHECK(node.TakeEffects() == "0 LSET l 1 x | 0 LINSERT l BEFORE x 1 | 0 LINSERT l after x 2");
  // a 1 x 2 a c a
  CHECK(node.Run("LPOS l a") == ":0\r\n");
  CHECK(node.Run("LPOS l a RANK 2") == ":4\r\n");
  CHECK(node.Run("LPOS l a RANK -1 COUNT 2") == "*2\r\n:6\r\n:4\r\n");
  CHECK(node.Run("LPOS l a COUNT 0 MAXLEN 5") == "*2\r\n:0\r\n:4\r\n");
  CHECK(node.Run("LPOS l none") == "$-1\r\n");
  CHECK(node.Run("LPOS none a COUNT 1") == "*0\r\n");
  CHECK(node.Run("LREM l -2 a") == ":2\r\n");
  CHECK(node.Run("LREM l 0 none") == ":0\r\n");
  CHECK(node.Run("LREM none -9223372036854775808 a") == ":0\r\n");
  CHECK(node.Run("LPOS none a RANK -9223372036854775808") == "$-1\r\n");
  CHECK(node.TakeEffects() == "0 LREM l -2 a");
  CHECK(node.Run("LRANGE l 0 -1") == "*5\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nx\r\n$1\r\n2\r\n$1\r\nc\r\n");
  CHECK(node.Run("LTRIM l 0 -1") == "+OK\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("LTRIM l 1 2") == "+OK\r\n");
  CHECK(node.Run("LRANGE l 0 -1") == "*2\r\n$1\r\n1\r\n$1\r\nx\r\n");
  CHECK(node.Run("LTRIM l 5 9") == "+OK\r\n");
  CHECK(node.TakeEffects() == "0 LTRIM l 1 2 | 0 LTRIM l 5 9");
  CHECK(node.Run("EXISTS l") == ":0\r\n");
}

TEST_CASE("list commands: an element moves from list to list, or round its own") {
  Runner node;
  node.Run("RPUSH a 1 2 3");
  node.Run("SET text x");
  node.TakeEffects();
  CHECK(node.Run("LMOVE a b LEFT RIGHT") == "$1\r\n1\r\n");
  CHECK(node.Run("RPOPLPUSH a b") == "$1\r\n3\r\n");
  CHECK(node.Run("LMOVE none b LEFT LEFT") == "$-1\r\n");
  CHECK(node.Run("LMOVE a text LEFT LEFT").starts_with("-WRONGTYPE"));
  CHECK(node.Run("LMOVE a b up LEFT") == "-ERR syntax error\r\n");
  CHECK(node.Run("LRANGE b 0 -1") == "*2\r\n$1\r\n3\r\n$1\r\n1\r\n");
  CHECK(node.Run("LMOVE b b LEFT RIGHT") == "$1\r\n3\r\n");
  CHECK(node.Run("LRANGE b 0 -1") == "*2\r\n$1\r\n1\r\n$1\r\n3\r\n");
  CHECK(node.TakeEffects() == "0 LMOVE a b LEFT RIGHT | 0 RPOPLPUSH a b | 0 LMOVE b b LEFT RIGHT");
  // The only element of a list keeps its expiry when it goes round.
  node.Run("PEXPIRE a 100000");
  CHECK(node.Run("RPOPLPUSH a a") == "$1\r\n2\r\n");
  CHECK(node.Run("TTL a") == ":100\r\n");
  CHECK(node.Run("RPOPLPUSH a c") == "$1\r\n2\r\n");
  CHECK(node.Run("EXISTS a") == ":0\r\n");
  CHECK(node.Run("TTL c") == ":-1\r\n");
}

TEST_CASE("list commands: LMPOP pops from the first list that is there, and tells replicas from which") {
  Runner node;
  node.Run("RPUSH b 1 2 3");
  node.TakeEffects();
  CHECK(node.Run("LMPOP 2 a b LEFT COUNT 2") == "*2\r\n$1\r\nb\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
  CHECK(node.Run("LMPOP 2 a b RIGHT COUNT 9") == "*2\r\n$1\r\nb\r\n*1\r\n$1\r\n3\r\n");
  CHECK(node.TakeEffects() == "0 LPOP b 2 | 0 RPOP b 1");
  CHECK(node.Run("LMPOP 2 a b LEFT") == "*-1\r\n");
  CHECK(node.Run("LMPOP 0 a LEFT") == "-ERR numkeys should be greater than 0\r\n");
  CHECK(node.Run("LMPOP 2 a LEFT") == "-ERR syntax error\r\n");
  CHECK(node.Run("LMPOP 1 a LEFT COUNT 0") == "-ERR count should be greater than 0\r\n");
}
