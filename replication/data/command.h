// Commands on the data set: rows, handlers, and the effects they hand to the replication stream.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replication/base/time.h"
#include "replication/data/keyspace.h"
#include "replication/resp/reply_writer.h"
#include "replication/serve/command_row.h"

namespace data {

// One canonical command for the stream: absolute expiries, definite choices.
// Source: the replication documentation of Redis 7.0; spec: effects as a running redis-server propagates them.
struct Effect {
  int db = 0;
  // The request is its own canonical form: the stream gets the words that the handler got, and `words` is empty.
  // (So the common SET copies nothing here.)
  bool as_sent = false;
  std::vector<std::string> words;
};

// A blocking command has found nothing: what it waits for.
struct Awaited {
  std::string key;
  // Run in place of the command once the key holds a value of the type: the same command for this key alone.
  std::vector<std::string> request;
};
struct Wait {
  ValueType type = ValueType::kList;
  std::vector<Awaited> keys;
  std::int64_t timeout_ms = 0;  // 0: for ever
  // XREADGROUP: waits no longer when the stream or this group of it is gone. Empty: waits for a key whatever becomes
  // of it meanwhile.
  std::string group = {};
};

struct CommandContext {
  enum class Caller {
    kClient,
    kMaster,  // the stream of our master: expired keys are seen as alive, no reply is looked at
  };

  Keyspace& keyspace;
  int db = 0;
  base::Now now;
  Caller caller = Caller::kClient;
  std::uint64_t proto_max_bulk_len = 512ULL << 20;
  bool replica = false;  // expired keys are hidden from clients, but it is the master who deletes them
  resp::ReplyWriter& reply;
  // Appended to, in order; an expired key found on the way yields its DEL first. More than one effect of one command
  // belongs into MULTI and EXEC.
  std::vector<Effect>& effects;
  // A master that holds its writes (CLIENT PAUSE, FAILOVER) hides expired keys and deletes none.
  bool hold_expiry = false;
  // May the caller be let wait? Not inside EXEC, and not the stream of a master: a blocking command that finds nothing
  // then answers as if its time had run out.
  bool may_wait = false;
  // Set by a blocking command that has found nothing, answered nothing and changed nothing.
  std::optional<Wait> wait = std::nullopt;
};

// `words` is the whole request; its number fits the row's arity. A handler that changes something has pushed at least
// one effect on return; one that changed nothing pushed none (FLUSHDB and FLUSHALL always do).
using DataHandler = void (*)(CommandContext& context, const serve::Words& words);

struct DataCommand {
  serve::CommandRow row;
  DataHandler handler;
};

// The rows to put into the node's table.
std::span<const DataCommand> DataCommands();

}  // namespace data
