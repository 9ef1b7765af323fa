// DEBUG: what tests and operators in need look at and change.
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "replication/base/check.h"
#include "replication/base/text.h"
#include "replication/core/feed.h"
#include "replication/core/master_link.h"
#include "replication/core/observed.h"
#include "replication/core/saving.h"
#include "replication/core/server_commands.h"
#include "replication/data/data_digest.h"
#include "replication/data/object.h"
#include "replication/data/payload_tail.h"
#include "replication/data/rdb_reader.h"
#include "replication/data/rdb_writer.h"
#include "replication/data/snapshot.h"

namespace replication {
namespace {

using base::LogLevel;

void Unknown(const resp::Words& words, resp::ReplyWriter& reply) {
  reply.Error(fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try DEBUG HELP.",
                          words[1].substr(0, 128)));
}

void Sleep(NodeState& state, const resp::Words& words, resp::ReplyWriter& reply) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(words[2].data(), words[2].data() + words[2].size(), seconds);
  if (error != std::errc() || end != words[2].data() + words[2].size() || !(seconds >= 0) || seconds > 3600) {
    return reply.Error("ERR value is not a valid float");
  }
  const base::Millis how_long(static_cast<std::int64_t>(seconds * 1000));
  state.wishes.push_back(Freeze{how_long});
  state.observed->owed += static_cast<std::uint64_t>(how_long.count()) * 1'000'000;
  reply.Ok();
}

void DigestValues(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now,
                  resp::ReplyWriter& reply) {
  reply.Array(words.size() - 2);
  for (std::size_t i = 2; i < words.size(); ++i) {
    const data::Spot spot = state.keyspace.Find(client.db, words[i]);
    const bool there = spot && !spot->ExpiredAt(base::UnixMillis(now.wall));
    reply.Simple(data::ValueDigest(there ? &*spot : nullptr));
  }
}

// A reply of each type, so that client libraries can be tried. Source: the replies of redis-server 7.0.15.
void Protocol(const resp::Words& words, resp::ReplyWriter& reply) {
  const std::string type = base::ToLower(words[2]);
  const auto numbers = [&reply](bool with_booleans) {
    for (int i = 0; i < 3; ++i) {
      reply.Integer(i);
      if (with_booleans) reply.Bool(i == 1);
    }
  };
  if (type == "string") return reply.Bulk("Hello World");
  if (type == "integer") return reply.Integer(12345);
  if (type == "double") return reply.Raw(reply.protocol() == 3 ? ",3.141\r\n" : "$5\r\n3.141\r\n");
  if (type == "null") return reply.Null();
  if (type == "array") {
    reply.Array(3);
    return numbers(false);
  }
  if (type == "set") {
    reply.Set(3);
    return numbers(false);
  }
  if (type == "map") {
    reply.Map(3);
    return numbers(true);
  }
  if (type == "attrib") {
    if (reply.protocol() == 3) reply.Raw("|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
    return reply.Bulk("Some real reply following the attribute");
  }
  if (type == "push") {
    if (reply.protocol() == 2) return reply.Error("ERR RESP2 is not supported by this command");
    reply.Push(2);
    reply.Bulk("server-cpu-usage");
    reply.Integer(42);
    return reply.Bulk("Some real reply following the push reply");
  }
  if (type == "verbatim") return reply.Verbatim("txt", "This is a verbatim\nstring");
  if (type == "true" || type == "false") return reply.Bool(type == "true");
  if (type == "bignum") {
    constexpr std::string_view kNumber = "1234567999999999999999999999999999999";
    return reply.protocol() == 3 ? reply.Raw(fmt::format("({}\r\n", kNumber)) : reply.Bulk(kNumber);
  }
  reply.Error(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

void ShowObject(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now,
                resp::ReplyWriter& reply) {
  const data::Spot spot = state.keyspace.Find(client.db, words[2]);
  if (!spot || spot->ExpiredAt(base::UnixMillis(now.wall))) return reply.Error("ERR no such key");
  // Of the value alone: its type and the tail are not counted.
  const std::size_t serialized = data::DumpPayload(*spot).size() - 1 - data::kPayloadTailBytes;
  reply.Simple(fmt::format("Value at:{} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
                           fmt::ptr(&*spot), data::EncodingName(*spot), serialized, spot->used_at() & 0xffffff,
                           state.keyspace.IdleSeconds(*spot)));
}

// POPULATE count [prefix] [size]: keys that are there already stay. It is no write: replicas hear nothing of it.
void Populate(NodeState& state, NodeClient& client, const resp::Words& words, resp::ReplyWriter& reply) {
  constexpr std::size_t kMostBytes = 512 << 20;
  const auto count = base::ParseInt<std::int64_t>(words[2]);
  const auto size = words.size() > 4 ? base::ParseInt<std::int64_t>(words[4]) : std::optional<std::int64_t>(0);
  if (!count || !size) return reply.Error("ERR value is not an integer or out of range");
  if (*count < 0 || *size < 0 || static_cast<std::size_t>(*size) > kMostBytes) {
    return reply.Error("ERR value is out of range, must be positive");
  }
  const std::string_view prefix = words.size() > 3 ? words[3] : "key";
  for (std::int64_t i = 0; i < *count; ++i) {
    const std::string key = fmt::format("{}:{}", prefix, i);
    const data::Spot spot = state.keyspace.Find(client.db, key);
    if (spot) continue;
    std::string value = fmt::format("value:{}", i);
    if (*size > 0) value.resize(static_cast<std::size_t>(*size), '\0');
    state.keyspace.Set(spot, key, value, data::kNever);
  }
  reply.Ok();
}

// The data set through the form of a file and back, in memory: what a restart would make of it. O(data set), and nobody
// is served meanwhile. Redis goes by way of its file; nothing is written here, and none of its options is taken.
void Reload(NodeState& state, resp::ReplyWriter& reply) {
  const auto snapshot = data::Snapshot::Begin(state.keyspace);
  if (snapshot == nullptr) return reply.Error("ERR Background save already in progress");
  data::RdbEncoder encoder;
  std::string bytes;
  encoder.Begin({}, snapshot->functions(), snapshot->databases(), bytes);
  data::Keyspace fresh(state.keyspace.databases(), state.random.Next());
  fresh.set_limits(state.keyspace.limits());
  fresh.set_clock(state.keyspace.clock());
  fresh.set_usage(state.keyspace.usage());
  data::RdbReader reader(fresh);
  const auto take = [&]() -> base::Result<void> {
    const auto taken = reader.Feed(bytes);
    bytes.clear();
    if (!taken) return tl::unexpected(taken.error());
    return {};
  };
  data::Batch batch;
  for (bool more = true; more;) {
    more = snapshot->Step(1000, 1 << 20, batch);
    encoder.Append(batch, bytes);
    if (!more) encoder.End(bytes);
    if (const auto taken = take(); !taken) return reply.Error("ERR " + taken.error().text);
  }
  if (const auto whole = reader.Finish(); !whole) return reply.Error("ERR " + whole.error().text);
  state.keyspace.SwapContents(fresh);
  fresh.FlushAll();
  if (data::Discarded old = fresh.TakeDiscarded(); !old.empty()) state.wishes.push_back(Discard{std::move(old)});
  state.Say(LogLevel::kWarning, "DB reloaded by DEBUG RELOAD");
  reply.Ok();
}

// REPLICATE word [word ...]: a command for the replicas that this node does not run itself.
void Replicate(NodeState& state, NodeClient& client, const resp::Words& words, resp::ReplyWriter& reply) {
  if (!state.is_master()) return reply.Error("ERR this node is a replica: its stream is its master's");
  data::Effect effect{.db = client.db, .as_sent = false, .words = {}};
  effect.words.assign(words.begin() + 2, words.end());
  std::vector<data::Effect> effects;
  effects.push_back(std::move(effect));
  FeedEach(state, effects);
  reply.Ok();
}

// Milliseconds of RESTART and CRASH-AND-RECOVER: none is 0.
std::optional<base::Millis> Delay(const resp::Words& words, resp::ReplyWriter& reply) {
  constexpr std::int64_t kLongest = 24 * 3600 * 1000;
  const auto delay = words.size() > 2 ? base::ParseInt<std::int64_t>(words[2]) : std::optional<std::int64_t>(0);
  if (delay && *delay >= 0 && *delay <= kLongest) return base::Millis(*delay);
  reply.Error("ERR value is not an integer or out of range");
  return std::nullopt;
}

// RESTART: as SHUTDOWN, then anew with the same arguments. The client's connection ends; an answer is an error.
void Restart(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  const std::optional<base::Millis> delay = Delay(words, reply);
  if (!delay) return;
  if (state.shutdown.stage != Shutdown::Stage::kNo) return reply.Error("ERR a shutdown is in progress");
  client.blocked = Blocked::kShutdown;
  Shutdown how;
  how.now = true;
  how.again = delay;
  how.asked_by = {client.id};
  BeginShutdown(state, how, now);
}

void CrashAndRecover(NodeState& state, const resp::Words& words, resp::ReplyWriter& reply) {
  const std::optional<base::Millis> delay = Delay(words, reply);
  if (!delay) return;
  state.Say(LogLevel::kWarning, "Crashing, and beginning anew: DEBUG CRASH-AND-RECOVER");
  state.wishes.push_back(Crash{*delay});
  reply.Ok();  // reaches nobody unless it could not be done
}

// DROP-LINK [MASTER|REPLICAS]: the connections of replication, as a network cuts them: everybody connects again.
void DropLink(NodeState& state, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  const std::string which = words.size() > 2 ? base::ToLower(words[2]) : "";
  if (!which.empty() && which != "master" && which != "replicas") return reply.Error("ERR syntax error");
  if (which != "replicas") CutMasterLink(state, "DEBUG DROP-LINK", now);
  if (which != "master") {
    for (const auto& [id, replica] : state.replicas.all()) {
      if (NodeClient* link = state.Find(id)) state.server.clients.Close(*link, serve::Client::Closing::kNow);
    }
  }
  reply.Ok();
}

void MatchLength(const resp::Words& words, resp::ReplyWriter& reply) {
  const auto length = base::ParseInt<std::int64_t>(words[2]);
  if (!length || *length < 0 || *length > 1 << 20) return reply.Error("ERR value is not an integer or out of range");
  reply.Integer(base::GlobMatch(words[3], std::string(static_cast<std::size_t>(*length), 'x')) ? 1 : 0);
}

void Help(resp::ReplyWriter& reply) {
  constexpr std::array<std::string_view, 21> kLines = {
      "DEBUG <subcommand> [<arg> ...]. Subcommands are:",
      "CHANGE-REPL-ID: begins a new history of replication.",
      "CRASH-AND-RECOVER [<milliseconds>]: ends the process as kill -9 would, and begins it anew after so long.",
      "DIGEST: one value for the whole data set. DIGEST-VALUE [<key> ...]: one for each key.",
      "DROP-LINK [MASTER|REPLICAS]: cuts those connections; they are made again.",
      "ERROR <text>: replies with that error.",
      "LOG <text>: writes it into the log.",
      "OBJECT <key>: how its value is kept.",
      "PANIC, SEGFAULT: ends the process without saving.",
      "POPULATE <count> [<prefix>] [<size>]: makes keys that are not there yet; replicas hear nothing of them.",
      "PROTOCOL <type>: a reply of that type.",
      "QUICKLIST-PACKED-THRESHOLD <size>: accepted, without effect here.",
      "RELOAD: takes the data set through the form of a file and back, in memory.",
      "REPL-PAUSE-READ <0|1>: whether what the master sends stays unread.",
      "REPLICATE <word> [<word> ...]: sends that command to the replicas, without running it here.",
      "RESTART [<milliseconds>]: shuts down, saving as configured, and begins anew after so long.",
      "SET-ACTIVE-EXPIRE <0|1>: whether keys are deleted when their time comes, or when they are asked for.",
      "SLEEP <seconds>: answers nobody for so long.",
      "STRINGMATCH-LEN <length> <pattern>: matches a text of so many x.",
      "HELP",
      "    Prints this help.",
  };
  reply.Array(kLines.size());
  for (const std::string_view line : kLines) reply.Simple(line);
}

void Debug(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  const DebugCommand allowed = state.settings.enable_debug_command;
  if (allowed == DebugCommand::kNo || (allowed == DebugCommand::kLocal && !IsLocal(client))) {
    return reply.Error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a "
        "local connection, otherwise you need to set this option in the configuration file, and then restart the "
        "server.");
  }
  const std::string what = base::ToLower(words[1]);
  if (what == "digest-value") return DigestValues(state, client, words, now, reply);
  if (what == "populate" && words.size() <= 5 && words.size() > 2) return Populate(state, client, words, reply);
  if (what == "restart" && words.size() <= 3) return Restart(state, client, words, now, reply);
  if (what == "crash-and-recover" && words.size() <= 3) return CrashAndRecover(state, words, reply);
  if (what == "drop-link" && words.size() <= 3) return DropLink(state, words, now, reply);
  if (what == "replicate" && words.size() > 2) return Replicate(state, client, words, reply);
  // Pieces of lists are bounded by list-max-listpack-size alone: there is nothing to set.
  if (what == "quicklist-packed-threshold" && words.size() == 3) return reply.Ok();
  if (what == "stringmatch-len" && words.size() == 4) return MatchLength(words, reply);
  if (words.size() == 2) {
    if (what == "help") return Help(reply);
    if (what == "reload") return Reload(state, reply);
    if (what == "segfault" || what == "panic") {
      state.Say(LogLevel::kWarning, fmt::format("Ending without saving: DEBUG {}", what));
      VIGIL_CHECK(false);
    }
    if (what == "digest") return reply.Simple(data::DataDigest(state.keyspace));
    if (what == "change-repl-id") {
      state.history.Begin(state.random);
      state.Say(LogLevel::kWarning, "Changing replication IDs after receiving change-repl-id");
      return reply.Ok();
    }
  }
  if (words.size() == 3) {
    if (what == "object") return ShowObject(state, client, words, now, reply);
    if (what == "sleep") return Sleep(state, words, reply);
    if (what == "set-active-expire") {
      state.active_expire = words[2] != "0";
      return reply.Ok();
    }
    if (what == "repl-pause-read") {
      state.master.deaf = words[2] != "0";
      return reply.Ok();
    }
    if (what == "protocol") return Protocol(words, reply);
    if (what == "error") return reply.Error(words[2]);
    if (what == "log") {
      state.Say(LogLevel::kWarning, fmt::format("DEBUG LOG: {}", words[2]));
      return reply.Ok();
    }
  }
  Unknown(words, reply);
}

using namespace serve;

constexpr std::array kRows = {
    NodeCommand{{"debug",
                 -2,
                 kAdmin | kNoScript | kLoading | kStale,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous,
                 "server",
                 "For tests: DIGEST, DIGEST-VALUE, OBJECT, POPULATE, RELOAD, PROTOCOL, ERROR, LOG, SLEEP, "
                 "STRINGMATCH-LEN, CHANGE-REPL-ID, SET-ACTIVE-EXPIRE, REPLICATE, DROP-LINK, REPL-PAUSE-READ, RESTART, "
                 "CRASH-AND-RECOVER, PANIC, SEGFAULT"},
                &Debug},
};

}  // namespace

std::span<const NodeCommand> DebugCommands() {
  return kRows;
}

}  // namespace replication
