#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/data/command_support.h"

using data::Runner;

// Replies and effects as redis-server 7.0.15 gives them; the differential test compares many more.

TEST_CASE("zset commands: adding, changing and reading scores") {
  Runner node;
  CHECK(node.Run("ZADD z 1 a 2 b") == ":2\r\n");
  CHECK(node.Run("ZADD z CH 3 a 2 b 4 c") == ":2\r\n");
  CHECK(node.Run("ZADD z NX 9 a") == ":0\r\n");
  CHECK(node.Run("ZADD z XX 9 d") == ":0\r\n");
  CHECK(node.Run("ZADD z GT CH 2 a") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 ZADD z 1 a 2 b | 0 ZADD z CH 3 a 2 b 4 c");
  CHECK(node.Run("ZADD z LT CH 2.5 a") == ":1\r\n");
  CHECK(node.Run("ZADD z INCR 0.1 a") == "$18\r\n2.6000000000000001\r\n");
  CHECK(node.Run("ZADD z NX INCR 1 a") == "$-1\r\n");
  CHECK(node.Run("ZINCRBY z -0.6 a") == "$1\r\n2\r\n");
  CHECK(node.TakeEffects() == "0 ZADD z LT CH 2.5 a | 0 ZADD z INCR 0.1 a | 0 ZINCRBY z -0.6 a");
  CHECK(node.Run("ZSCORE z a") == "$1\r\n2\r\n");
  CHECK(node.Run("ZSCORE z x") == "$-1\r\n");
  CHECK(node.Run("ZMSCORE z a x c") == "*3\r\n$1\r\n2\r\n$-1\r\n$1\r\n4\r\n");
  CHECK(node.Run("ZCARD z") == ":3\r\n");
  CHECK(node.Run("ZRANK z b") == ":1\r\n");
  CHECK(node.Run("ZREVRANK z b") == ":1\r\n");
  CHECK(node.Run("ZRANK z x") == "$-1\r\n");
  CHECK(node.Run("TYPE z") == "+zset\r\n");
  CHECK(node.Run("OBJECT ENCODING z") == "$8\r\nlistpack\r\n");
  CHECK(node.Run("ZREM z a x") == ":1\r\n");
  CHECK(node.Run("ZREM z x") == ":0\r\n");
  CHECK(node.Run("ZREM z b c") == ":2\r\n");
  CHECK(node.Run("EXISTS z") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 ZREM z a x | 0 ZREM z b c");
}

TEST_CASE("zset commands: what cannot be a score, and options that exclude each other") {
  Runner node;
  node.Run("ZADD z inf a");
  for (const char* line : {"ZADD z nan b", "ZADD z 1x b", "ZADD z '' b", "ZADD z ' 1' b", "ZADD z 1e400 b",
                           "ZADD z 1 b x c", "ZINCRBY z x a"}) {
    CAPTURE(line);
    CHECK(node.Run(line) == "-ERR value is not a valid float\r\n");
  }
  CHECK(node.Run("ZINCRBY z -inf a") == "-ERR resulting score is not a number (NaN)\r\n");
  CHECK(node.Run("ZADD z XX NX 1 a") == "-ERR XX and NX options at the same time are not compatible\r\n");
  CHECK(node.Run("ZADD z GT LT 1 a") == "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n");
  CHECK(node.Run("ZADD z INCR 1 a 2 b") == "-ERR INCR option supports a single increment-element pair\r\n");
  CHECK(node.Run("ZADD z 1 a 2") == "-ERR syntax error\r\n");
  CHECK(node.Run("ZADD z 0x10 hex") == ":1\r\n");
  CHECK(node.Run("ZSCORE z hex") == "$2\r\n16\r\n");
  node.Run("SET s 1");
  for (const char* line : {"ZADD s 1 a", "ZREM s a", "ZRANGE s 0 -1", "ZPOPMIN s 0", "ZUNION 1 s", "ZMPOP 1 s MIN",
                           "ZSCAN s 0", "ZRANGESTORE d s 0 1", "ZRANDMEMBER s", "ZCOUNT s 1 2"}) {
    CAPTURE(line);
    CHECK(node.Run(line) == "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
  }
}

TEST_CASE("zset commands: ranges by rank, score and member, from both ends") {
  Runner node;
  node.Run("ZADD z 1 a 2 b 3 c 4 d");
  CHECK(node.Run("ZRANGE z 1 2") == "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
  CHECK(node.Run("ZRANGE z 0 0 REV WITHSCORES") == "*2\r\n$1\r\nd\r\n$1\r\n4\r\n");
  CHECK(node.Run("ZREVRANGE z -2 -1") == "*2\r\n$1\r\nb\r\n$1\r\na\r\n");
  CHECK(node.Run("ZRANGE z (1 3 BYSCORE") == "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
  CHECK(node.Run("ZRANGE z 3 -inf BYSCORE REV LIMIT 1 1") == "*1\r\n$1\r\nb\r\n");
  CHECK(node.Run("ZRANGEBYSCORE z 0 10 LIMIT -1 5") == "*0\r\n");
  CHECK(node.Run("ZREVRANGEBYSCORE z 2 1 WITHSCORES") == "*4\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\n1\r\n");
  CHECK(node.Run("ZCOUNT z -inf (3") == ":2\r\n");
  CHECK(node.Run("ZRANGE z 0 1 LIMIT 1 2") ==
        "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX\r\n");
  CHECK(node.Run("ZRANGE z - + BYLEX WITHSCORES") ==
        "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n");
  CHECK(node.Run("ZRANGE z a b BYLEX") == "-ERR min or max not valid string range item\r\n");
  CHECK(node.Run("ZRANGE z a b BYSCORE") == "-ERR min or max is not a float\r\n");
  node.Run("ZADD same 0 a 0 b 0 c");
  CHECK(node.Run("ZRANGEBYLEX same [b +") == "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
  CHECK(node.Run("ZREVRANGEBYLEX same (c -") == "*2\r\n$1\r\nb\r\n$1\r\na\r\n");
  CHECK(node.Run("ZLEXCOUNT same - (c") == ":2\r\n");
  node.TakeEffects();
  CHECK(node.Run("ZRANGESTORE d z 1 2") == ":2\r\n");
  CHECK(node.Run("ZRANGESTORE d z 7 9") == ":0\r\n");
  CHECK(node.Run("ZRANGESTORE d z 7 9") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 ZRANGESTORE d z 1 2 | 0 ZRANGESTORE d z 7 9");
  CHECK(node.Run("ZREMRANGEBYRANK z 0 0") == ":1\r\n");
  CHECK(node.Run("ZREMRANGEBYSCORE z 2 2") == ":1\r\n");
  CHECK(node.Run("ZREMRANGEBYLEX same - [b") == ":2\r\n");
  CHECK(node.Run("ZREMRANGEBYSCORE z 8 9") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 ZREMRANGEBYRANK z 0 0 | 0 ZREMRANGEBYSCORE z 2 2 | 0 ZREMRANGEBYLEX same - [b");
}

TEST_CASE("zset commands: popping, and who is told what") {
  Runner node;
  node.Run("ZADD z 1 a 2 b 3 c 4 d 5 e");
  node.TakeEffects();
  CHECK(node.Run("ZPOPMIN z") == "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
  CHECK(node.Run("ZPOPMAX z 2") == "*4\r\n$1\r\ne\r\n$1\r\n5\r\n$1\r\nd\r\n$1\r\n4\r\n");
  CHECK(node.Run("ZPOPMIN z 0") == "*0\r\n");
  CHECK(node.Run("ZPOPMIN z -1") == "-ERR value is out of range, must be positive\r\n");
  CHECK(node.Run("ZMPOP 2 none z MAX COUNT 9") ==
        "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
  CHECK(node.Run("ZMPOP 2 none z MIN") == "*-1\r\n");
  CHECK(node.TakeEffects() == "0 ZPOPMIN z | 0 ZPOPMAX z 2 | 0 ZPOPMAX z 2");
}

TEST_CASE("zset commands: combining sorted sets, and sets among them") {
  Runner node;
  node.Run("ZADD a 1 x 2 y");
  node.Run("ZADD b 10 y 20 z");
  node.Run("SADD s y q");
  node.TakeEffects();
  CHECK(node.Run("ZUNION 2 a b WITHSCORES") ==
        "*6\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\ny\r\n$2\r\n12\r\n$1\r\nz\r\n$2\r\n20\r\n");
  CHECK(node.Run("ZINTER 3 a b s WEIGHTS 2 1 100 AGGREGATE MAX WITHSCORES") == "*2\r\n$1\r\ny\r\n$3\r\n100\r\n");
  CHECK(node.Run("ZDIFF 2 a s WITHSCORES") == "*2\r\n$1\r\nx\r\n$1\r\n1\r\n");
  CHECK(node.Run("ZINTERCARD 2 a b") == ":1\r\n");
  CHECK(node.Run("ZUNIONSTORE d 2 a b") == ":3\r\n");
  CHECK(node.Run("ZINTERSTORE d 2 a none") == ":0\r\n");
  CHECK(node.Run("ZDIFFSTORE d 1 none") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 ZUNIONSTORE d 2 a b | 0 ZINTERSTORE d 2 a none");
  node.Run("ZADD up inf m");
  node.Run("ZADD down -inf m");
  CHECK(node.Run("ZUNION 2 up down WITHSCORES") == "*2\r\n$1\r\nm\r\n$1\r\n0\r\n");
  CHECK(node.Run("ZUNION 1 up WEIGHTS 0 WITHSCORES") == "*2\r\n$1\r\nm\r\n$1\r\n0\r\n");
}

TEST_CASE("zset commands: random members and scans") {
  Runner node;
  CHECK(node.Run("ZRANDMEMBER z") == "$-1\r\n");
  CHECK(node.Run("ZRANDMEMBER z 3") == "*0\r\n");
  node.Run("ZADD z 1.5 a");
  CHECK(node.Run("ZRANDMEMBER z -2 WITHSCORES") == "*4\r\n$1\r\na\r\n$3\r\n1.5\r\n$1\r\na\r\n$3\r\n1.5\r\n");
  CHECK(node.Run("ZSCAN z 0") == "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$3\r\n1.5\r\n");
  for (int i = 0; i < 200; ++i) node.Run(fmt::format("ZADD large {} m{}", i, i));
  CHECK(node.Run("OBJECT ENCODING large") == "$8\r\nskiplist\r\n");
  CHECK_FALSE(node.Run("ZSCAN large 0 COUNT 20").starts_with("*2\r\n$1\r\n0\r\n"));
}
