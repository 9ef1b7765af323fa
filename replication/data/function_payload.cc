#include "replication/data/function_payload.h"

#include "replication/data/keyspace.h"
#include "replication/data/payload_tail.h"
#include "replication/data/rdb_format.h"
#include "replication/data/rdb_reader.h"
#include "replication/data/rdb_writer.h"

namespace data {

std::string FunctionPayload(std::span<const std::string> texts) {
  // What a file has behind its head, when nothing but functions is in it.
  std::string head;
  std::string file;
  const RdbOptions options{.compress = Compressor::Effort::kAll};
  RdbEncoder(options).Begin({}, {}, {}, head);
  RdbEncoder(options).Begin({}, texts, {}, file);
  std::string payload = file.substr(head.size());
  AppendPayloadTail(payload);
  return payload;
}

base::Result<std::vector<std::string>> ReadFunctionPayload(std::string_view payload) {
  const auto fail = [](const char* text) { return base::Fail(base::ErrorCode::kInvalid, text); };
  if (!IsWholePayload(payload)) return fail("DUMP payload version or checksum are wrong");
  const std::string_view body = payload.substr(0, payload.size() - kPayloadTailBytes);
  if (!body.empty() && static_cast<std::uint8_t>(body[0]) != rdb::kFunction2) {
    return fail("given type is not a function");
  }
  // A file of a version that has no checksum.
  std::string file = "REDIS0004";
  file += body;
  file.push_back(static_cast<char>(rdb::kEnd));
  Keyspace keyspace(1, 0);
  RdbReader reader(keyspace);
  const auto taken = reader.Feed(file);
  if (!taken || *taken != file.size() || !reader.complete()) return fail("failed loading functions");
  if (reader.facts().keys_loaded > 0) return fail("given type is not a function");
  return keyspace.functions();
}

}  // namespace data
