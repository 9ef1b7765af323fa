#include "tests/interop/torture_load.h"

#include <chrono>
#include <memory>

#include "tests/support/redis.h"

namespace interop {

std::string RandomRequests::Text(std::size_t most) {
  // Mostly short; now and then one that does not fit into a packet.
  const std::size_t length = Below(most >= 1000 && Below(50) == 0 ? most * 20 : most) + 1;
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += static_cast<char>(Below(200) == 0 ? 0 : 'a' + Below(26));
  return text;
}

Words RandomRequests::OfStream() {
  const std::string key = Key("stream:");
  switch (Below(9)) {
    case 0:
      return {"XGROUP", "CREATE", key, "g", "0", "MKSTREAM"};
    case 1:
      return {"XREADGROUP", "GROUP", "g", "c" + std::to_string(Below(3)), "COUNT", "5", "STREAMS", key, ">"};
    case 2:
      return {"XAUTOCLAIM", key, "g", "c" + std::to_string(Below(3)), "0", "0", "COUNT", "3"};
    case 3:
      return {"XTRIM", key, "MAXLEN", "~", "50"};
    case 4:
      return {"XADD", key, "MAXLEN", "30", "*", "f", Text(20)};
    case 5:
      return {"XGROUP", "SETID", key, "g", "$"};
    default:
      return {"XADD", key, "*", "field", Text(30), "n", std::to_string(Below(1000))};
  }
}

Words RandomRequests::OfScript() {
  switch (Below(4)) {
    case 0:
      return {"EVAL",
              "for i = 1, tonumber(ARGV[1]) do redis.call('INCR', KEYS[1]) redis.call('LPUSH', KEYS[2], i) end "
              "redis.call('LTRIM', KEYS[2], 0, 20) return redis.call('TIME')",
              "2",
              Key("count:"),
              Key("scripted:"),
              std::to_string(Below(5))};
    case 1:
      return {"EVAL",
              "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return redis.call('SPOP', KEYS[2]) or 'none'",
              "2",
              Key("volatile:"),
              Key("set:"),
              Text(20),
              std::to_string(1 + Below(2000))};
    case 2:
      return {"EVAL", "redis.call('SET', KEYS[1], '1') return redis.error_reply('half done')", "1", Key("string:")};
    default:
      return {"EVAL",
              "redis.call('SELECT', ARGV[1]) return redis.call('SADD', KEYS[1], ARGV[2])",
              "1",
              Key("set:"),
              std::to_string(Below(3)),
              Text(8)};
  }
}

Words RandomRequests::One() {
  const std::string number = std::to_string(Below(1000));
  switch (Below(40)) {
    case 0:
      return {"SET", Key("string:"), Text(1000)};
    case 1:
      return {"SET", Key("volatile:"), Text(50), "PX", std::to_string(1 + Below(3000))};
    case 2:
      return {"INCRBY", Key("count:"), number};
    case 3:
      return {"APPEND", Key("string:"), Text(40)};
    case 4:
      return {"SETRANGE", Key("string:"), std::to_string(Below(300)), Text(30)};
    case 5:
      return {"PEXPIRE", Key("string:"), std::to_string(Below(3000))};
    case 6:
      return {"INCRBYFLOAT", Key("float:"), "0.1"};
    case 7:
      return {"HSET", Key("hash:"), "f" + std::to_string(Below(200)), Text(90), "g", number};
    case 8:
      return {"HDEL", Key("hash:"), "f" + std::to_string(Below(200)), "g"};
    case 9:
      return {"HINCRBYFLOAT", Key("hash:"), "float", "0.25"};
    case 10:
      return {"SADD", Key("set:"), number, Text(10)};
    case 11:
      return {"SPOP", Key("set:"), std::to_string(Below(4))};
    case 12:
      return {"SADD", Key("set:"), std::to_string(Below(100)), std::to_string(Below(100000))};
    case 13:
      return {"SDIFFSTORE", Key("set:"), Key("set:"), Key("set:")};
    case 14:
      return {"RPUSH", Key("list:"), Text(60), number, Text(500)};
    case 15:
      return {"LPOP", Key("list:"), std::to_string(1 + Below(3))};
    case 16:
      return {"LMOVE", Key("list:"), Key("list:"), Below(2) == 0 ? "LEFT" : "RIGHT", "LEFT"};
    case 17:
      return {"LINSERT", Key("list:"), "BEFORE", number, Text(10)};
    case 18:
      return {"LTRIM", Key("list:"), "-60", "-1"};
    case 19:
      return {"ZADD", Key("zset:"), number, "m" + std::to_string(Below(200)), "0.5", Text(6)};
    case 20:
      return {"ZPOPMIN", Key("zset:"), std::to_string(Below(3))};
    case 21:
      return {"ZINCRBY", Key("zset:"), "1.5", "m" + std::to_string(Below(200))};
    case 22:
      return {"ZUNIONSTORE", Key("zset:"), "2", Key("zset:"), Key("set:")};
    case 23:
      return {"ZREMRANGEBYRANK", Key("zset:"), "100", "-1"};
    case 24:
      return {"PFADD", Key("hll:"), Text(12), number};
    case 25:
      return {"PFMERGE", Key("hll:"), Key("hll:")};
    case 26:
      return {"SETBIT", Key("bits:"), std::to_string(Below(5000)), "1"};
    case 27:
      return {"BITFIELD", Key("bits:"), "INCRBY", "u5", std::to_string(Below(100)), "3"};
    case 28:
      return {"GEOADD", Key("geo:"), std::to_string(Below(170)), std::to_string(Below(80)), Text(5)};
    case 29:
      return {"COPY", Key("string:"), Key("copy:"), "REPLACE"};
    case 30:
      return {"RENAME", Key("hash:"), Key("hash:")};
    case 31:
      return {"MOVE", Key("string:"), std::to_string(Below(4))};
    case 32:
      return {Below(2) == 0 ? "DEL" : "UNLINK", Key("list:"), Key("zset:")};
    case 33:
      return {"SORT", Key("set:"), "ALPHA", "STORE", Key("sorted:")};
    case 34:
      return Below(40) == 0 ? Words{"FLUSHDB"} : Words{"GETEX", Key("string:"), "PX", std::to_string(1 + Below(900))};
    case 35:
      return Below(10) == 0 ? Words{"SWAPDB", "1", "2"} : Words{"PUBLISH", "news", Text(20)};
    case 36:
      return {"SELECT", std::to_string(Below(4))};
    case 37:
      return {"BLMPOP", "0.001", "1", Key("list:"), "RIGHT", "COUNT", "2"};
    case 38:
      return OfScript();
    default:
      return OfStream();
  }
}

void RandomRequests::Append(std::vector<Words>& to) {
  if (Below(8) != 0) return to.push_back(One());
  to.push_back({"MULTI"});
  for (std::uint64_t left = 1 + Below(6); left > 0; --left) to.push_back(One());
  to.push_back({"EXEC"});
}

TortureLoad::TortureLoad(std::uint64_t seed, int port) : random_(seed), port_(port), thread_([this] { Run(); }) {}

TortureLoad::~TortureLoad() {
  ended_ = true;
  thread_.join();
}

void TortureLoad::Pause() {
  paused_ = true;
  idle_ = false;
  while (!idle_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void TortureLoad::Run() {
  std::unique_ptr<support::Redis> redis;
  int connected_to = 0;
  while (!ended_) {
    if (paused_) {
      idle_ = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    const int port = port_;
    if (redis == nullptr || connected_to != port || !redis->connected()) {
      redis = std::make_unique<support::Redis>(port, 3000);
      connected_to = port;
    }
    std::vector<Words> batch = {{"SELECT", "0"}};
    for (std::uint64_t i = 0; i < 1 + random_.Below(20); ++i) random_.Append(batch);
    batch.push_back({"SELECT", "9"});
    batch.push_back({"INCR", "acknowledged"});
    for (const Words& words : batch) redis->Send(words);
    support::Value last;
    bool lost = false;
    for (std::size_t i = 0; i < batch.size() && !lost; ++i) {
      last = redis->Next();
      lost = last.kind == support::Value::Kind::kNone;
    }
    if (!lost && last.kind == support::Value::Kind::kInteger) ++acknowledged_;
    requests_ += batch.size();
    if (lost || last.is_error()) {
      redis.reset();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(500 + random_.Below(2000)));
    }
  }
}

}  // namespace interop
