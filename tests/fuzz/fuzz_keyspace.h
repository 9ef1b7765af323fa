// A data set without a node around it: commands run on it, a whole file of it, a file into it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "replication/data/command.h"
#include "replication/data/rdb_reader.h"
#include "replication/data/rdb_writer.h"
#include "replication/data/snapshot.h"
#include "tests/fuzz/fuzz.h"

namespace fuzz {

inline constexpr data::UnixMs kNow = 1'000'000'000'000;

// The encoded reply (RESP2) to a command on database 0 of `keyspace`.
inline std::string Run(data::Keyspace& keyspace, const std::vector<std::string_view>& words) {
  static const serve::CommandTable kTable = [] {
    serve::CommandTable table;
    const auto commands = data::DataCommands();
    for (std::size_t i = 0; i < commands.size(); ++i) table.Add(commands[i].row, 0, i);
    return table;
  }();
  const serve::Words command(words.begin(), words.end());
  std::string out;
  std::string error;
  const auto* entry = kTable.Resolve(command, error);
  Require(entry != nullptr, "the command is there");
  resp::ReplyWriter reply(out, 2);
  std::vector<data::Effect> effects;
  data::CommandContext context{.keyspace = keyspace,
                               .db = 0,
                               .now = {base::MonoTime(base::Millis(kNow)), base::FromUnixMillis(kNow)},
                               .caller = data::CommandContext::Caller::kClient,
                               .replica = false,
                               .reply = reply,
                               .effects = effects,
                               .hold_expiry = false};
  data::DataCommands()[entry->index].handler(context, command);
  return out;
}

// The number that an integer reply, or the head of an array, is.
inline std::int64_t Number(const std::string& reply) {
  Require(reply.size() > 3 && (reply[0] == ':' || reply[0] == '*'), "a reply that is a number");
  return std::stoll(reply.substr(1));
}

// The text of a bulk reply.
inline std::string Bulk(const std::string& reply) {
  Require(reply.size() > 5 && reply[0] == '$', "a reply that is a text");
  const std::size_t begin = reply.find("\r\n") + 2;
  return reply.substr(begin, reply.size() - begin - 2);
}

inline std::string WriteFile(data::Keyspace& keyspace) {
  const auto snapshot = data::Snapshot::Begin(keyspace);
  data::RdbEncoder encoder;
  std::string out;
  encoder.Begin({}, snapshot->functions(), snapshot->databases(), out);
  data::Batch batch;
  bool more = true;
  while (more) {
    more = snapshot->Step(100, 1 << 16, batch);
    encoder.Append(batch, out);
  }
  encoder.End(out);
  return out;
}

// Empty text: loaded completely. `taken` are the bytes that belong to the file.
inline std::string ReadFile(data::Keyspace& keyspace, std::string_view file, std::size_t piece,
                            std::size_t* taken = nullptr) {
  data::RdbReader reader(keyspace);
  std::size_t sum = 0;
  for (std::size_t at = 0; at < file.size() && !reader.complete(); at += piece) {
    const auto fed = reader.Feed(file.substr(at, piece));
    if (!fed) return fed.error().text;
    sum += *fed;
  }
  if (taken != nullptr) *taken = sum;
  const auto finished = reader.Finish();
  return finished ? "" : finished.error().text;
}

}  // namespace fuzz
