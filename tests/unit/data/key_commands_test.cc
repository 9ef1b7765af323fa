#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

#include "tests/unit/data/command_support.h"

using namespace data;

TEST_CASE("keys: deleting counts what was there, and only then reaches the stream") {
  Runner node;
  node.Run("MSET a 1 b 2");
  node.TakeEffects();
  CHECK(node.Run("DEL nothing") == ":0\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("UNLINK a nothing a") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 UNLINK a nothing a");
  CHECK(node.Run("EXISTS b b a") == ":2\r\n");
  CHECK(node.Run("TOUCH b a") == ":1\r\n");
  CHECK(node.Run("TYPE b") == "+string\r\n");
  CHECK(node.Run("TYPE a") == "+none\r\n");
}

TEST_CASE("keys: renaming, copying and moving take the expiry along") {
  Runner node;
  node.Run("SET a 1 EX 10");
  node.Run("SET b 2");
  CHECK(node.Run("RENAMENX a b") == ":0\r\n");
  CHECK(node.Run("RENAME a b") == "+OK\r\n");
  CHECK(node.Run("TTL b") == ":10\r\n");
  CHECK(node.Run("RENAME a c") == "-ERR no such key\r\n");
  CHECK(node.Run("RENAME b b") == "+OK\r\n");
  CHECK(node.Run("RENAMENX b b") == ":0\r\n");
  CHECK(node.Run("COPY b c DB 3") == ":1\r\n");
  CHECK(node.Run("COPY b c DB 3") == ":0\r\n");
  node.TakeEffects();
  CHECK(node.Run("COPY b c DB 3 REPLACE") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 COPY b c DB 3 REPLACE");
  CHECK(node.Run("COPY b b") == "-ERR source and destination objects are the same\r\n");
  CHECK(node.Run("COPY b x DB 16") == "-ERR DB index is out of range\r\n");
  CHECK(node.Run("MOVE b 3") == ":1\r\n");
  CHECK(node.Run("MOVE b 0") == "-ERR source and destination objects are the same\r\n");
  node.db = 3;
  CHECK(node.Run("TTL b") == ":10\r\n");
  CHECK(node.Run("TTL c") == ":10\r\n");
  CHECK(node.Run("DBSIZE") == ":2\r\n");
}

TEST_CASE("keys: a time to live is set, asked for, and taken away") {
  Runner node;
  node.Run("SET k v");
  node.TakeEffects();
  CHECK(node.Run("EXPIRE k 100") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 PEXPIREAT k 1000000100000");
  CHECK(node.Run("EXPIRE k 50 GT") == ":0\r\n");
  CHECK(node.Run("PEXPIRE k 50000 LT") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 PEXPIREAT k 1000000050000 LT");
  CHECK(node.Run("TTL k") == ":50\r\n");
  CHECK(node.Run("PTTL k") == ":50000\r\n");
  CHECK(node.Run("EXPIRETIME k") == ":1000000050\r\n");
  CHECK(node.Run("EXPIRE k 1 NX") == ":0\r\n");
  CHECK(node.Run("EXPIRE k 1 NX GT") == "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
  CHECK(node.Run("EXPIRE k 1 maybe") == "-ERR Unsupported option maybe\r\n");
  CHECK(node.Run("PERSIST k") == ":1\r\n");
  CHECK(node.Run("PERSIST k") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 PERSIST k");
  CHECK(node.Run("EXPIRE k 10 GT") == ":0\r\n");
  CHECK(node.Run("TTL k") == ":-1\r\n");
  CHECK(node.Run("EXPIRE k -1") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 DEL k");
  CHECK(node.Run("TTL k") == ":-2\r\n");
  CHECK(node.Run("EXPIRE k 9223372036854775807") == "-ERR invalid expire time in 'expire' command\r\n");
}

TEST_CASE("expiry: a master deletes an expired key when it is met, and says so first") {
  Runner node;
  node.Run("SET k v PX 10");
  node.TakeEffects();
  node.now_ms += 10;
  CHECK(node.Run("GET k") == "$-1\r\n");
  CHECK(node.TakeEffects() == "0 DEL k");
  CHECK(node.keyspace.TotalSize() == 0);
  node.Run("SET k v PX 10");
  node.TakeEffects();
  node.now_ms += 10;
  CHECK(node.Run("INCR k") == ":1\r\n");
  CHECK(node.TakeEffects() == "0 DEL k | 0 INCR k");
  node.Run("SET k v PX 10");
  node.TakeEffects();
  node.now_ms += 10;
  CHECK(node.Run("DEL k") == ":0\r\n");
  CHECK(node.TakeEffects() == "0 DEL k");
}

TEST_CASE("expiry: a replica hides an expired key from clients, but not from its master") {
  Runner node;
  node.Run("SET k v PX 10");
  node.Run("SET s v");
  node.TakeEffects();
  node.now_ms += 1000;
  node.replica = true;
  CHECK(node.Run("GET k") == "$-1\r\n");
  CHECK(node.Run("EXISTS k") == ":0\r\n");
  CHECK(node.Run("TTL k") == ":-2\r\n");
  CHECK(node.Run("KEYS *") == "*1\r\n$1\r\ns\r\n");
  CHECK(node.Run("SCAN 0") == "*2\r\n$1\r\n0\r\n*1\r\n$1\r\ns\r\n");
  CHECK(node.Run("DBSIZE") == ":2\r\n");
  for (int i = 0; i < 20; ++i) CHECK(node.Run("RANDOMKEY") == "$1\r\ns\r\n");
  CHECK(node.TakeEffects() == "");

  node.caller = CommandContext::Caller::kMaster;
  CHECK(node.Run("APPEND k w") == ":2\r\n");
  CHECK(node.Run("PEXPIREAT k 5") == ":1\r\n");
  CHECK(node.keyspace.Size(0) == 2);
}

TEST_CASE("expiry: a master that holds its writes hides expired keys and deletes none") {
  Runner node;
  node.Run("SET k v PX 10");
  node.TakeEffects();
  node.now_ms += 10;
  node.hold_expiry = true;
  CHECK(node.Run("GET k") == "$-1\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.keyspace.TotalSize() == 1);
}

TEST_CASE("databases: flushing always reaches the stream, and empties one or all") {
  Runner node;
  CHECK(node.Run("FLUSHALL") == "+OK\r\n");
  CHECK(node.TakeEffects() == "0 FLUSHALL");
  node.Run("SET a 1");
  node.db = 1;
  node.Run("SET b 1");
  node.TakeEffects();
  CHECK(node.Run("FLUSHDB ASYNC") == "+OK\r\n");
  CHECK(node.TakeEffects() == "1 FLUSHDB ASYNC");
  CHECK(node.keyspace.TotalSize() == 1);
  CHECK(node.Run("FLUSHALL NOW") == "-ERR syntax error\r\n");
  CHECK(node.Run("SWAPDB 0 1") == "+OK\r\n");
  CHECK(node.Run("GET a") == "$1\r\n1\r\n");
  CHECK(node.Run("SWAPDB 0 16") == "-ERR DB index is out of range\r\n");
  CHECK(node.Run("SWAPDB x 1") == "-ERR invalid first DB index\r\n");
}

TEST_CASE("scan: goes through all keys, by pattern and type") {
  Runner node;
  for (int i = 0; i < 1000; ++i) node.Run(fmt::format("SET key:{} v", i));
  std::string cursor = "0";
  std::set<std::string> seen;
  int calls = 0;
  do {
    std::string reply = node.Run(fmt::format("SCAN {} COUNT 20 MATCH key:?5*", cursor));
    // *2, the cursor, then the keys: every second line behind them is a key.
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < reply.size();) {
      const std::size_t end = reply.find("\r\n", at);
      lines.push_back(reply.substr(at, end - at));
      at = end + 2;
    }
    cursor = lines[2];
    for (std::size_t i = 5; i < lines.size(); i += 2) seen.insert(lines[i]);
    REQUIRE(++calls < 1000);
  } while (cursor != "0");
  CHECK(seen.size() == 9 + 90);  // key:15 ... key:95, key:150 ... key:959
  CHECK(calls > 10);
  CHECK(node.Run("SCAN 0 TYPE hash COUNT 100000") == "*2\r\n$1\r\n0\r\n*0\r\n");
  CHECK(node.Run("SCAN x") == "-ERR invalid cursor\r\n");
  CHECK(node.Run("SCAN 0 COUNT 0") == "-ERR syntax error\r\n");
}

TEST_CASE("object: tells how a value is kept and since when it was not used") {
  Runner node;
  node.Run("SET i 42");
  node.Run("SET e short");
  node.Run("SET r 123456789012345678901234567890123456789012345");
  CHECK(node.Run("OBJECT ENCODING i") == "$3\r\nint\r\n");
  CHECK(node.Run("OBJECT ENCODING e") == "$6\r\nembstr\r\n");
  CHECK(node.Run("OBJECT ENCODING r") == "$3\r\nraw\r\n");
  node.Run("APPEND e x");
  CHECK(node.Run("OBJECT ENCODING e") == "$3\r\nraw\r\n");
  CHECK(node.Run("OBJECT REFCOUNT i") == ":2147483647\r\n");
  CHECK(node.Run("OBJECT REFCOUNT e") == ":1\r\n");
  node.now_ms += 5000;
  CHECK(node.Run("OBJECT IDLETIME e") == ":5\r\n");
  node.Run("GET e");
  CHECK(node.Run("OBJECT IDLETIME e") == ":0\r\n");
  CHECK(node.Run("OBJECT ENCODING nothing") == "$-1\r\n");
}

TEST_CASE("commands: every row has a handler, and can be called with as few words as it takes") {
  for (const DataCommand& command : DataCommands()) {
    CAPTURE(command.row.name);
    REQUIRE((command.handler != nullptr));
    Runner node;
    std::string line(command.row.name);
    if (const auto bar = line.find('|'); bar != std::string::npos) line[bar] = ' ';
    const int words = std::abs(command.row.arity) - (line.find(' ') != std::string::npos ? 1 : 0);
    for (int i = 1; i < words; ++i) line += " 1";
    CHECK_FALSE(node.Run(line).empty());
    // A write that failed or changed nothing is not for the stream.
    if ((command.row.flags & serve::kWrite) == 0) CHECK(node.TakeEffects() == "");
  }
}
