// RESTORE of a stream: whatever bytes stand for it, they are refused, or a stream comes of them that works, says of
// itself what is true, and whose own DUMP is taken again. The checksum is made here: it keeps nobody out.
#include "replication/data/crc64.h"
#include "tests/fuzz/fuzz_keyspace.h"

namespace {

using fuzz::Number;
using fuzz::Run;

void CheckConsistent(data::Keyspace& keyspace) {
  const std::string range = Run(keyspace, {"XRANGE", "k", "-", "+"});
  fuzz::Require(Number(range) == Number(Run(keyspace, {"XLEN", "k"})), "as many entries as it says");
  fuzz::Require(Number(Run(keyspace, {"XREVRANGE", "k", "+", "-"})) == Number(range), "as many from behind");
  const std::string dump = Run(keyspace, {"DUMP", "k"});
  const std::size_t begin = dump.find("\r\n") + 2;
  const std::string_view payload = std::string_view(dump).substr(begin, dump.size() - begin - 2);
  fuzz::Require(Run(keyspace, {"RESTORE", "again", "0", payload, "REPLACE"}) == "+OK\r\n", "its own dump is taken");
  fuzz::Require(Run(keyspace, {"XRANGE", "again", "-", "+"}) == range, "and is the same stream");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  constexpr char kTypes[] = {15, 19, 21};
  std::string payload(1, kTypes[data[0] % 3]);
  payload += fuzz::Text(data + 1, size - 1);
  payload += std::string_view("\x0a\x00", 2);
  const std::uint64_t sum = data::Crc64(0, payload);
  payload.append(reinterpret_cast<const char*>(&sum), sizeof sum);

  data::Keyspace keyspace(16);
  if (Run(keyspace, {"RESTORE", "k", "0", payload}) != "+OK\r\n") return 0;
  CheckConsistent(keyspace);
  Run(keyspace, {"XINFO", "STREAM", "k", "FULL", "COUNT", "0"});
  Run(keyspace, {"XINFO", "GROUPS", "k"});
  Run(keyspace, {"XGROUP", "CREATE", "k", "new", "0"});
  Run(keyspace, {"XREADGROUP", "GROUP", "new", "bob", "STREAMS", "k", ">"});
  Run(keyspace, {"XREADGROUP", "GROUP", "g", "alice", "STREAMS", "k", "0"});
  Run(keyspace, {"XREADGROUP", "GROUP", "g", "bob", "STREAMS", "k", ">"});
  Run(keyspace, {"XPENDING", "k", "g", "-", "+", "10"});
  Run(keyspace, {"XAUTOCLAIM", "k", "g", "carl", "0", "0", "COUNT", "100"});
  Run(keyspace, {"XDEL", "k", "2-1", "1-1"});
  CheckConsistent(keyspace);
  Run(keyspace, {"XADD", "k", "*", "f", "v"});
  Run(keyspace, {"XTRIM", "k", "MAXLEN", "2"});
  CheckConsistent(keyspace);
  Run(keyspace, {"XTRIM", "k", "MINID", "3"});
  Run(keyspace, {"XGROUP", "DELCONSUMER", "k", "g", "alice"});
  Run(keyspace, {"XGROUP", "DESTROY", "k", "g"});
  Run(keyspace, {"XTRIM", "k", "MAXLEN", "0"});
  CheckConsistent(keyspace);
  return 0;
}
