#include <doctest/doctest.h>

#include "tests/unit/data/command_support.h"

using namespace data;

TEST_CASE("lcs: the longest common subsequence, its length, and where it stands") {
  Runner node;
  node.Run("MSET a ohmytext b mynewtext n 123");
  CHECK(node.Run("LCS a b") == "$6\r\nmytext\r\n");
  CHECK(node.Run("LCS a b LEN") == ":6\r\n");
  CHECK(node.Run("LCS a b IDX") ==
        "*4\r\n$7\r\nmatches\r\n*2\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
        "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n$3\r\nlen\r\n:6\r\n");
  CHECK(node.Run("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN") ==
        "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n$3\r\nlen\r\n:6\r\n");
  CHECK(node.Run("LCS n n") == "$3\r\n123\r\n");
  CHECK(node.Run("LCS a none") == "$0\r\n\r\n");
  CHECK(node.Run("LCS none none LEN MINMATCHLEN -1") == ":0\r\n");
}

TEST_CASE("lcs: what is refused") {
  Runner node;
  node.Run("SET a x");
  node.Run("RPUSH l x");
  CHECK(node.Run("LCS a l") == "-ERR The specified keys must contain string values\r\n");
  CHECK(node.Run("LCS a a LEN IDX") == "-ERR If you want both the length and indexes, please just use IDX.\r\n");
  CHECK(node.Run("LCS a a MINMATCHLEN") == "-ERR syntax error\r\n");
  node.Run("SETRANGE a 20000 x");
  CHECK(node.Run("LCS a a LEN") == "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n");
}
