// RESTORE of a value of any type: whatever bytes stand for it, they are refused, or a value comes of them that works,
// says of itself what is true, and whose own DUMP is taken again. The version and the checksum are made here: they keep
// nobody out. An input begins with the type; streams have a target of their own besides.
#include "replication/base/text.h"
#include "replication/data/crc64.h"
#include "replication/data/data_digest.h"
#include "tests/fuzz/fuzz_keyspace.h"

namespace {

using data::Keyspace;
using fuzz::Bulk;
using fuzz::Number;
using fuzz::Require;
using fuzz::Run;
using Line = std::vector<std::string_view>;

constexpr std::string_view kBroken = "-ERR Bad data format\r\n";

// Its own dump, in a keyspace of its own, is the same data.
void CheckDump(Keyspace& keyspace) {
  const std::string reply = Run(keyspace, {"DUMP", "k"});
  if (reply == "$-1\r\n") return;
  const std::string payload = Bulk(reply);
  Keyspace other(16);
  Require(Run(other, {"RESTORE", "k", "0", payload}) == "+OK\r\n", "its own dump is taken");
  Require(data::DataDigest(other) == data::DataDigest(keyspace), "and is the same value");
}

// As many elements as it says, in every way of asking.
void CheckCounts(Keyspace& keyspace, std::string_view type) {
  if (type == "string") {
    Require(
        Number(Run(keyspace, {"STRLEN", "k"})) == static_cast<std::int64_t>(Bulk(Run(keyspace, {"GET", "k"})).size()),
        "as long as it says");
  } else if (type == "list") {
    Require(Number(Run(keyspace, {"LRANGE", "k", "0", "-1"})) == Number(Run(keyspace, {"LLEN", "k"})), "elements");
  } else if (type == "set") {
    const std::int64_t size = Number(Run(keyspace, {"SCARD", "k"}));
    Require(Number(Run(keyspace, {"SMEMBERS", "k"})) == size, "members");
    Require(Number(Run(keyspace, {"SINTER", "k", "k"})) == size, "members that are found");
  } else if (type == "hash") {
    const std::int64_t size = Number(Run(keyspace, {"HLEN", "k"}));
    Require(Number(Run(keyspace, {"HGETALL", "k"})) == 2 * size, "fields");
  } else if (type == "zset") {
    const std::int64_t size = Number(Run(keyspace, {"ZCARD", "k"}));
    Require(Number(Run(keyspace, {"ZRANGE", "k", "0", "-1"})) == size, "members");
    Require(Number(Run(keyspace, {"ZREVRANGE", "k", "0", "-1", "WITHSCORES"})) == 2 * size, "members from behind");
    Require(Number(Run(keyspace, {"ZRANGEBYSCORE", "k", "-inf", "+inf"})) == size, "members by score");
    Require(Number(Run(keyspace, {"ZCOUNT", "k", "-inf", "+inf"})) == size, "scores are numbers");
  } else if (type == "stream") {
    Require(Number(Run(keyspace, {"XRANGE", "k", "-", "+"})) == Number(Run(keyspace, {"XLEN", "k"})), "entries");
  }
}

const std::vector<Line>& ChangesOf(std::string_view type) {
  static const std::vector<Line> kString = {{"GETRANGE", "k", "1", "-2"},
                                            {"BITCOUNT", "k", "0", "-1"},
                                            {"PFCOUNT", "k"},
                                            {"PFADD", "k", "a", "b"},
                                            {"PFMERGE", "m", "k"},
                                            {"SETBIT", "k", "70", "1"},
                                            {"APPEND", "k", "x"},
                                            {"BITFIELD", "k", "INCRBY", "i20", "#3", "7"},
                                            {"SETRANGE", "k", "100", "y"}};
  static const std::vector<Line> kList = {{"LINDEX", "k", "-1"},    {"LPOS", "k", "a", "RANK", "-1"},
                                          {"LPUSH", "k", "a", "b"}, {"RPUSH", "k", "12", "x"},
                                          {"LSET", "k", "1", "zz"}, {"LINSERT", "k", "AFTER", "a", "q"},
                                          {"LREM", "k", "-1", "a"}, {"RPOP", "k"},
                                          {"LPOP", "k", "2"},       {"LTRIM", "k", "1", "-2"},
                                          {"SORT", "k", "ALPHA"},   {"LREM", "k", "0", "zz"}};
  static const std::vector<Line> kSet = {
      {"SADD", "k", "a", "77"},  {"SISMEMBER", "k", "12"}, {"SSCAN", "k", "0", "COUNT", "1000"},
      {"SRANDMEMBER", "k", "3"}, {"SREM", "k", "a"},       {"SADD", "k", "999999999999"},
      {"SUNION", "k", "k"},      {"SPOP", "k", "2"},       {"SREM", "k", "77", "1", "2"}};
  static const std::vector<Line> kHash = {{"HSET", "k", "f", "v", "g", "12"},
                                          {"HINCRBY", "k", "n", "4"},
                                          {"HSCAN", "k", "0", "COUNT", "1000"},
                                          {"HRANDFIELD", "k", "3"},
                                          {"HDEL", "k", "f"},
                                          {"HSET", "k", "g", "something longer than before"},
                                          {"HVALS", "k"},
                                          {"HDEL", "k", "g", "n"}};
  static const std::vector<Line> kZset = {{"ZADD", "k", "1", "a", "-2.5", "b"},
                                          {"ZRANK", "k", "b"},
                                          {"ZINCRBY", "k", "inf", "a"},
                                          {"ZRANGEBYLEX", "k", "-", "+"},
                                          {"ZSCAN", "k", "0"},
                                          {"ZPOPMIN", "k"},
                                          {"ZREMRANGEBYRANK", "k", "0", "0"},
                                          {"ZUNION", "2", "k", "k"},
                                          {"GEOSEARCH", "k", "FROMLONLAT", "1", "1", "BYRADIUS", "9000", "km"},
                                          {"ZREM", "k", "a"},
                                          {"ZREMRANGEBYSCORE", "k", "0", "10"},
                                          {"ZRANDMEMBER", "k", "2"}};
  static const std::vector<Line> kStream = {{"XADD", "k", "*", "f", "v"}, {"XTRIM", "k", "MAXLEN", "3"}};
  if (type == "string") return kString;
  if (type == "list") return kList;
  if (type == "set") return kSet;
  if (type == "hash") return kHash;
  return type == "zset" ? kZset : kStream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string payload(fuzz::Text(data, size));
  payload += std::string_view("\x0a\x00", 2);
  const std::uint64_t sum = data::Crc64(0, payload);
  payload.append(reinterpret_cast<const char*>(&sum), sizeof sum);

  Keyspace keyspace(16);
  const std::string restored = Run(keyspace, {"RESTORE", "k", "0", payload});
  if (restored != "+OK\r\n") {
    Require(restored == kBroken, "why it is refused");
    Require(keyspace.TotalSize() == 0, "what is refused leaves nothing");
    return 0;
  }
  std::string type = Run(keyspace, {"TYPE", "k"});
  type = type.substr(1, type.size() - 3);
  CheckCounts(keyspace, type);
  CheckDump(keyspace);
  Run(keyspace, {"OBJECT", "ENCODING", "k"});
  Run(keyspace, {"COPY", "k", "c"});
  Run(keyspace, {"DEL", "c"});
  for (const Line& line : ChangesOf(type)) {
    Run(keyspace, line);
    if (Run(keyspace, {"EXISTS", "k"}) == ":0\r\n") break;
    CheckCounts(keyspace, type);
  }
  Run(keyspace, {"DEL", "m"});
  CheckDump(keyspace);
  return 0;
}
