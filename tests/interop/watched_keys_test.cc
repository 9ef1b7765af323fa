// Which commands end a transaction that watches their key: ours as stock redis-server 7.0.15 does.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "replication/base/text.h"
#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

const std::vector<std::string> kData = {
    "SET s abc",         "SADD st a b",    "HSET h a 1 n 5",      "RPUSH l a a",
    "ZADD z 1 a",        "GEOADD g 1 1 a", "PFADD hl a",          "SET i 1",
    "XADD x 1-1 a b",    "XADD x 2-1 a b", "XGROUP CREATE x g 0", "XREADGROUP GROUP g c COUNT 1 STREAMS x >",
    "SET ttl x EX 1000",
};

// Those that change nothing, and those that change what hangs on a key but not its value, are the interesting ones.
const std::vector<std::string> kCommands = {
    "XGROUP CREATE x g2 $",
    "XGROUP CREATE y g2 $ MKSTREAM",
    "XGROUP SETID x g 0",
    "XGROUP DESTROY x g",
    "XGROUP CREATECONSUMER x g zz",
    "XGROUP DELCONSUMER x g c",
    "XACK x g 1-1",
    "XREADGROUP GROUP g c COUNT 1 STREAMS x >",
    "XREADGROUP GROUP g newc COUNT 1 STREAMS x 0",
    "XCLAIM x g d 0 1-1",
    "XAUTOCLAIM x g d 0 0",
    "XSETID x 9-9",
    "XDEL x 1-1",
    "XDEL x 7-7",
    "XTRIM x MAXLEN 1",
    "XTRIM x MAXLEN 100",
    "XADD x MAXLEN 1 5-5 a b",
    "EXPIRE s 100",
    "EXPIRE none 100",
    "PERSIST s",
    "PERSIST ttl",
    "GETEX s",
    "GETEX s PERSIST",
    "GETEX ttl PERSIST",
    "GETEX s EX 100",
    "SETRANGE none 0 ''",
    "SETBIT s 0 0",
    "APPEND s x",
    "INCRBY i 0",
    "SETNX s 1",
    "GETDEL none",
    "TOUCH s",
    "OBJECT ENCODING s",
    "BITFIELD s GET u8 0",
    "BITFIELD s SET u8 0 0",
    "BITOP AND bd none",
    "PFADD hl a",
    "PFCOUNT hl",
    "PFMERGE hl hl",
    "SADD st a",
    "SREM st q",
    "SMOVE st st a",
    "SPOP none",
    "SINTERSTORE d st none",
    "HSET h a 1",
    "HSETNX h a 2",
    "HINCRBY h n 0",
    "HDEL h q",
    "LSET l 0 a",
    "LREM l 0 zz",
    "LTRIM l 0 -1",
    "LTRIM l 0 0",
    "LTRIM none 0 -1",
    "LMOVE l l LEFT LEFT",
    "LINSERT l BEFORE qq x",
    "LPUSHX none a",
    "SORT l BY nosort STORE l2",
    "ZADD z 1 a",
    "ZADD z GT 0 a",
    "ZREM z q",
    "ZPOPMIN none",
    "ZRANGESTORE zd z 9 10",
    "GEOADD g 1 1 a",
    "RENAME s s",
    "RENAMENX s i",
    "COPY s s2 REPLACE",
    "MOVE s 1",
    "RESTORE s 0 x",
    "UNLINK none",
    "FLUSHDB",
    "SWAPDB 0 1",
    "FLUSHALL",
};

// The commands after which a transaction that watched every key was refused.
std::vector<std::string> Ending(const Member& node) {
  std::vector<std::string> ending;
  Redis writer(node.port, 20000);
  Redis watcher(node.port, 20000);
  for (const std::string& command : kCommands) {
    writer.Do({"FLUSHALL"});
    for (const std::string& line : kData) writer.Do(*base::SplitWords(line));
    for (const char* key : {"x", "y", "s", "st", "h", "l", "z", "g", "hl", "i", "ttl", "d", "zd", "bd", "l2", "s2"}) {
      watcher.Do({"WATCH", key});
    }
    watcher.Do({"WATCH", "none"});
    writer.Do(*base::SplitWords(command));
    watcher.Do({"MULTI"});
    watcher.Do({"PING"});
    const Value reply = watcher.Do({"EXEC"});
    if (reply.kind == Value::Kind::kNil) ending.push_back(command);
  }
  return ending;
}

}  // namespace

TEST_CASE("watched keys: the same commands end a transaction as in stock") {
  if (StockProgram("redis-server").empty()) return SaySkipped("watched keys", "no redis-server");
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, {"save \"\""});
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, {"save \"\""});
  const std::vector<std::string> theirs = Ending(stock);
  CHECK(theirs.size() > 20);
  CHECK(fmt::format("{}", fmt::join(Ending(ours), "\n")) == fmt::format("{}", fmt::join(theirs, "\n")));
}
