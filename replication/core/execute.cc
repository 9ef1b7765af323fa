#include "replication/core/execute.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "replication/base/text.h"
#include "replication/core/delay.h"
#include "replication/core/feed.h"
#include "replication/core/full_sync.h"
#include "replication/core/journal.h"
#include "replication/core/memory_limit.h"
#include "replication/core/observed.h"
#include "replication/core/roles.h"
#include "replication/core/server_commands.h"
#include "replication/core/tracking.h"
#include "replication/serve/cross_protocol.h"

namespace replication {
namespace {

// Which part of the program a row's handler belongs to: CommandTable's group.
enum Group : int {
  kSession,
  kData,
  kTransactions,
  kSaving,
  kWaiting,
  kRoles,
  kFailover,
  kScripts,
  kFunctions,
  kServer,
  kObservation,
  kMemory,
  kTracking,
  kDebug,
  kAbsent,
  kFun,
  kDelay,
  kJournal,
};

constexpr std::string_view kMisconf =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that "
    "may modify the data set are disabled, because this instance is configured to report errors during writes if RDB "
    "snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB "
    "error.";

template <class Rows>
void Add(serve::CommandTable& table, const Rows& rows, int group) {
  std::size_t index = 0;
  for (const auto& each : rows) table.Add(each.row, group, index++);
}

std::span<const NodeCommand> RowsOf(int group) {
  switch (group) {
    case kTransactions:
      return TransactionCommands();
    case kSaving:
      return SavingCommands();
    case kWaiting:
      return WaitCommands();
    case kRoles:
      return RoleCommands();
    case kFailover:
      return FailoverCommands();
    case kObservation:
      return ObservationCommands();
    case kMemory:
      return MemoryCommands();
    case kTracking:
      return TrackingCommands();
    case kDebug:
      return DebugCommands();
    case kAbsent:
      return AbsentCommands();
    case kDelay:
      return DelayCommands();
    case kFun:
      return FunCommands();
    case kJournal:
      return JournalCommands();
    case kScripts:
      return ScriptCommands();
    case kFunctions:
      return FunctionCommands();
    default:
      return ServerCommands();
  }
}

void CountError(NodeState& state, std::string_view reply) {
  ++state.stats.error_replies;
  const std::string_view code = reply.substr(1, reply.find_first_of(" \r") - 1);
  // Codes are ours, but texts are not: a reply that a client caused must not grow the table without end.
  auto found = state.stats.errors_by_code.find(code);
  if (found != state.stats.errors_by_code.end()) {
    ++found->second;
  } else if (state.stats.errors_by_code.size() < 128) {
    state.stats.errors_by_code.emplace(code, 1);
  }
}

// Commands that act on the transaction instead of being queued into it.
bool ActsOnTransaction(std::string_view name) {
  return name == "exec" || name == "discard" || name == "multi" || name == "watch" || name == "quit" || name == "reset";
}

// The command that a request with a wrong number of words is for; null when there is none.
const serve::CommandTable::Entry* Meant(const NodeState& state, const resp::Words& words) {
  std::string name = base::ToLower(words[0].substr(0, 64));
  if (state.server.commands.IsContainer(name) && words.size() > 1) name += "|" + base::ToLower(words[1].substr(0, 64));
  return state.server.commands.Find(name);
}

void Refuse(NodeState& state, NodeClient& client, const serve::CommandRow* row, std::string text,
            resp::ReplyWriter& reply) {
  if (row != nullptr && row->name == "exec") {
    if (client.transaction.open) ForgetTransaction(state, client);
    const std::string_view reason = text.starts_with("ERR ") ? std::string_view(text).substr(4) : text;
    text = fmt::format("EXECABORT Transaction discarded because of: {}", reason);
  } else if (client.transaction.open) {
    client.transaction.broken = true;
  }
  const std::size_t before = reply.out().size();
  reply.Error(text);
  CountError(state, std::string_view(reply.out()).substr(before));
}

// Shall this request wait until a pause ends? CLIENT PAUSE and UNPAUSE themselves never do, so that an operator can
// correct a mistake.
bool Waits(const NodeState& state, const NodeClient& client, const serve::CommandRow& row, std::uint32_t flags,
           const Now& now) {
  if (client.kind != serve::ClientKind::kNormal) return false;
  switch (state.pause.what(now.mono)) {
    case Pause::What::kNothing:
      return false;
    case Pause::What::kWrites:
      return (flags & (serve::kWrite | serve::kMayReplicate)) != 0;
    case Pause::What::kAll:
      return row.name != "client|unpause" && row.name != "client|pause" && row.name != "shutdown";
  }
  return false;
}

// Does it run scripts, so that it may take long?
bool RunsScripts(const serve::CommandTable::Entry& entry) {
  return (entry.group == kScripts || entry.group == kFunctions) &&
         (entry.row->name.starts_with("eval") || entry.row->name.starts_with("fcall"));
}
bool RunsScripts(const NodeClient& client, const serve::CommandTable::Entry& entry) {
  if (client.kind != serve::ClientKind::kNormal) return false;
  return RunsScripts(entry) || (client.transaction.runs_scripts && entry.row->name == "exec");
}

// What follows a command that has run, or was refused: its reply stands in `out` behind `before`.
void AfterCommand(NodeState& state, NodeClient& client, std::size_t before, bool is_served, std::string_view name) {
  client.queued_commands = client.transaction.open ? static_cast<int>(client.transaction.queue.size()) : -1;
  if (client.blocked == Blocked::kConfig) {
    // Nothing of the reply has been written; it comes with the edge's answer, and so does the end of the connection.
    client.closing_later = std::exchange(client.closing, serve::Client::Closing::kNo);
    return;
  }
  if (client.blocked == Blocked::kNo) serve::TakeBackReply(client, before);
  if (client.out.size() == before) return;
  if (is_served) {
    // Anything but payload and stream would shift what the replica reads.
    state.Say(base::LogLevel::kWarning, fmt::format("Replica {} sent '{}', which has a reply: disconnecting it",
                                                    client.peer, name.substr(0, 64)));
    client.out.resize(before);
    state.server.clients.Close(client, serve::Client::Closing::kNow);
    return;
  }
  state.server.clients.Wake(client);
}

void Execute(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now) {
  client.active_at = now.mono;
  if (serve::IsCrossProtocol(words)) {
    state.Say(base::LogLevel::kWarning,
              fmt::format("Client {} speaks HTTP: somebody may be abusing a browser. It is closed", client.peer));
    state.server.clients.Close(client, serve::Client::Closing::kNow);
    return;
  }
  const std::size_t before = client.out.size();
  const Replica* replica = state.replicas.Find(client.id);
  const bool is_served = replica != nullptr && replica->stage != Replica::Stage::kWaitSnapshot;
  resp::ReplyWriter reply(client.out, client.protocol);
  std::string error;
  const serve::CommandTable::Entry* entry = state.server.commands.Resolve(words, error);
  const serve::CommandRow* row = entry == nullptr ? nullptr : entry->row;
  std::uint32_t flags = row == nullptr ? 0 : row->flags;
  if (row != nullptr) {
    if (row->name == "exec" && client.transaction.open) {
      // An EXEC is judged by what it would execute.
      flags |= client.transaction.any_flags & (serve::kWrite | serve::kMayReplicate | serve::kDenyOom);
      flags &= client.transaction.common_flags | ~(serve::kLoading | serve::kStale);
    }
    error = serve::MayRun(state.server, client, *entry, words, now);
    if (state.settings.maxmemory > 0) KeepMemoryWithinLimit(state, now);
    if (error.empty()) error = WhyRefused(state, client, *row, flags, now);
    if (error.empty() && state.scripts.turns.suspended && (flags & serve::kAllowBusy) == 0) {
      error = BusyText(state.scripts.turns);
    }
  }
  if (!error.empty()) {
    const auto* meant = entry != nullptr ? entry : Meant(state, words);
    if (meant != nullptr) ++state.observed->Of(*meant).rejected;
    Refuse(state, client, meant == nullptr ? nullptr : meant->row, std::move(error), reply);
  } else if (Waits(state, client, *row, flags, now)) {
    client.postponed.assign(words.begin(), words.end());
    client.blocked = Blocked::kPause;
    return;
  } else if (client.transaction.open && !ActsOnTransaction(row->name)) {
    client.transaction.queue.emplace_back(words.begin(), words.end());
    client.transaction.any_flags |= flags;
    client.transaction.common_flags &= flags;
    client.transaction.runs_scripts = client.transaction.runs_scripts || RunsScripts(*entry);
    reply.Simple("QUEUED");
  } else if (RunsScripts(client, *entry)) {
    const auto call = [&state, &client, entry, request = std::vector<std::string>(words.begin(), words.end()), now] {
      resp::ReplyWriter own(client.out, client.protocol);
      Call(state, client, *entry, resp::Words(request.begin(), request.end()), now, own);
      ServeBlockedKeys(state, now);
    };
    return RunInTurns(state, client, call,
                      [&state, &client](std::size_t from) { AfterCommand(state, client, from, false, {}); });
  } else {
    Call(state, client, *entry, words, now, reply);
    ServeBlockedKeys(state, now);
  }
  AfterCommand(state, client, before, is_served, words[0]);
}

// What the journal is to know of a command: does its reply show data, or acknowledge a change? The rest (PING, INFO,
// CONFIG ...) never waits for a disk.
void NoteForJournal(NodeClient& client, int group, bool changed) {
  client.touched = client.touched || (group != kSession && group != kServer && group != kObservation &&
                                      group != kMemory && group != kWaiting && group != kJournal);
  // Who waits for a key will have changed it when the reply comes.
  client.wrote = client.wrote || changed || client.blocked == Blocked::kKey;
}

}  // namespace

void FillCommandTable(serve::CommandTable& table) {
  Add(table, serve::SessionCommands(), kSession);
  Add(table, data::DataCommands(), kData);
  for (const int group : {kTransactions, kSaving, kWaiting, kRoles, kFailover, kScripts, kFunctions, kServer,
                          kObservation, kMemory, kTracking, kDebug, kAbsent, kFun, kDelay, kJournal})
    Add(table, RowsOf(group), group);
  table.AddAlias("slaveof", "replicaof");
}

base::Result<void> RenameCommands(serve::CommandTable& table, std::span<const RenamedCommand> renames) {
  for (const RenamedCommand& rename : renames) {
    if (auto renamed = table.Rename(rename.from, rename.to); !renamed) return renamed;
  }
  return {};
}

std::string WhyRefused(const NodeState& state, const NodeClient& client, const serve::CommandRow& row,
                       std::uint32_t flags, const Now& now) {
  const bool writes = (flags & serve::kWrite) != 0;
  const Settings& settings = state.settings;
  if (state.memory.is_short &&
      ((flags & serve::kDenyOom) != 0 || (client.transaction.open && !ActsOnTransaction(row.name)))) {
    return "OOM command not allowed when used memory > 'maxmemory'.";
  }
  if (state.is_master() && (writes || row.name == "ping") && settings.stop_writes_on_bgsave_error &&
      !settings.save.empty() && !state.saving.last_ok) {
    return std::string(kMisconf);
  }
  if (state.is_master() && (writes || row.name == "ping")) {
    if (std::string refusal = WhyJournalRefuses(state); !refusal.empty()) return refusal;
  }
  if (state.is_master() && writes && settings.min_replicas_to_write > 0 &&
      state.replicas.CountGood(now.mono, settings.min_replicas_max_lag) <
          static_cast<int>(settings.min_replicas_to_write)) {
    return "NOREPLICAS Not enough good replicas to write.";
  }
  if (!state.is_master() && settings.replica_read_only && writes) {
    return "READONLY You can't write against a read only replica.";
  }
  if (!state.is_master() && !state.link_up() && !settings.replica_serve_stale_data && (flags & serve::kStale) == 0) {
    return "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
  }
  if (state.loading.active && (flags & serve::kLoading) == 0) {
    return "LOADING Redis is loading the dataset in memory";
  }
  if (client.transaction.open && (row.flags & serve::kNoMulti) != 0) {
    return "ERR Command not allowed inside a transaction";
  }
  return {};
}

void Call(NodeState& state, NodeClient& client, const serve::CommandTable::Entry& entry, const resp::Words& words,
          const Now& now, resp::ReplyWriter& reply) {
  ++state.stats.commands;
  state.ops.Count(now.mono);
  const std::uint64_t began = CommandBegins(state);
  if (state.tracking->any()) state.tracking->set_caller(client.id);
  const std::size_t before = reply.out().size();
  const bool from_master = client.kind == serve::ClientKind::kMaster;
  const Offset applied_before = state.applied;
  std::vector<data::Effect> effects;
  switch (entry.group) {
    case kSession:
      // What others were told of before must not come after it.
      if ((entry.row->flags & serve::kMayReplicate) != 0) TellOfChanges(state);
      serve::SessionCommands()[entry.index].handler(state.server, client, words, now, reply);
      if (entry.row->name == "reset") {
        ForgetTransaction(state, client);
        StopMonitoring(state, client);
        StopTracking(state, client);
      }
      // A publish is no write, but the replicas' subscribers are to hear it too.
      if (entry.row->name == "publish" || entry.row->name == "spublish") {
        effects.push_back(data::Effect{.db = client.db, .as_sent = true, .words = {}});
      }
      break;
    case kData: {
      data::CommandContext context{
          .keyspace = state.keyspace,
          .db = client.db,
          .now = from_master ? now : DataTime(state, now),
          .caller = from_master ? data::CommandContext::Caller::kMaster : data::CommandContext::Caller::kClient,
          .proto_max_bulk_len = state.settings.proto_max_bulk_len,
          .replica = !state.is_master(),
          .reply = reply,
          .effects = effects,
          .hold_expiry = state.pause.what(now.mono) != Pause::What::kNothing,
          .may_wait = client.kind == serve::ClientKind::kNormal && !client.in_exec};
      data::DataCommands()[entry.index].handler(context, words);
      if (context.wait) Block(state, client, std::move(*context.wait), now);
      break;
    }
    default:
      RowsOf(entry.group)[entry.index].handler(state, client, words, now, reply);
      if (std::exchange(state.functions.changed, false)) {
        effects.push_back(data::Effect{.db = client.db, .as_sent = true, .words = {}});
      }
      break;
  }
  const bool failed = reply.out().size() > before && reply.out()[before] == '-';
  CommandEnds(state, client, entry, words, began, failed, now);
  if (failed) {
    CountError(state, std::string_view(reply.out()).substr(before, 64));
  }
  if (client.tracks) RememberRead(state, client, *entry.row, words);
  // Within a transaction what has happened is told when all of it has.
  if (!client.in_exec && (state.tracking->any() || !state.key_events.empty())) {
    TellOfChanges(state);
    state.tracking->set_caller(0);  // what changes by itself is nobody's
  }
  if (from_master) return;
  if (!effects.empty() && state.is_master()) {
    if (state.exec_effects == nullptr) {
      Feed(state, effects, words);
    } else {
      for (data::Effect& effect : effects) {
        if (std::exchange(effect.as_sent, false)) effect.words.assign(words.begin(), words.end());
        state.exec_effects->push_back(std::move(effect));
      }
    }
  }
  client.write_offset = state.applied;
  NoteForJournal(client, entry.group, state.applied != applied_before || !effects.empty());
}

std::string CallForMaster(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now) {
  std::string error;
  const serve::CommandTable::Entry* entry = state.server.commands.Resolve(words, error);
  if (entry == nullptr) return error;
  std::string replies;
  resp::ReplyWriter reply(replies, 2);
  Call(state, client, *entry, words, now, reply);
  if (replies.empty() || replies[0] != '-') return {};
  return replies.substr(1, replies.find('\r') - 1);
}

void FetchAhead(const NodeState& state, const NodeClient& client, std::size_t& fetched) {
  if (fetched > 0) {
    --fetched;
    return;
  }
  if (client.parser.buffered() == 0) return;
  std::array<std::string_view, 16> keys;
  fetched = client.parser.PeekSecondWords(keys);
  if (fetched > 1) state.keyspace.Prefetch(client.db, std::span(keys).first(fetched));
}

void ProcessRequests(NodeState& state, NodeClient& client, const Now& now) {
  resp::Words words;
  std::size_t fetched = 0;
  state.observed->tick = 0;
  while (client.blocked == Blocked::kNo && client.closing == serve::Client::Closing::kNo) {
    const bool stranger = state.server.access.required() && !client.authenticated;
    client.parser.set_limits(stranger ? resp::RequestParser::kUnauthenticated
                                      : resp::RequestParser::Limits{.max_bulk = state.settings.proto_max_bulk_len});
    switch (client.parser.Next(words)) {
      case resp::RequestParser::Outcome::kRequest:
        FetchAhead(state, client, fetched);
        Execute(state, client, words, now);
        break;
      case resp::RequestParser::Outcome::kNeedMore:
        if (client.kind == serve::ClientKind::kReplica && client.parser.TakeEmptyLines() > 0) {
          // A replica that loads says by an empty line that it is alive.
          if (Replica* replica = state.replicas.Find(client.id)) replica->ack_at = replica->progress_at = now.mono;
        }
        return;
      case resp::RequestParser::Outcome::kError:
        resp::ReplyWriter(client.out, client.protocol).Error("ERR " + client.parser.error());
        state.server.clients.Close(client, serve::Client::Closing::kAfterReply);
        return;
    }
  }
}

void ProcessResumed(NodeState& state, const Now& now) {
  while (!state.resumed.empty()) {
    for (const ClientId id : std::exchange(state.resumed, {})) {
      NodeClient* client = state.Find(id);
      if (client == nullptr || client->blocked != Blocked::kNo) continue;
      state.server.clients.Wake(*client);  // its socket may be read again
      if (!client->postponed.empty() && client->closing == serve::Client::Closing::kNo) {
        const std::vector<std::string> request = std::exchange(client->postponed, {});
        Execute(state, *client, resp::Words(request.begin(), request.end()), now);
      }
      ProcessRequests(state, *client, now);
    }
  }
}

void Resume(NodeState& state, NodeClient& client) {
  client.blocked = Blocked::kNo;
  state.resumed.push_back(client.id);
}

void ForgetClient(NodeState& state, NodeClient& client) {
  const ClientId id = client.id;
  if (Replica* replica = state.replicas.Find(id)) {
    state.Say(base::LogLevel::kNotice, fmt::format("Connection with replica {} lost.", client.peer));
    LeaveFullSync(state, *replica);
    state.replicas.Remove(id);
    if (state.replicas.empty()) state.no_replicas_since = state.now.mono;
    state.waiters.changed = true;  // a shutdown may be waiting for it
  }
  state.waiters.waiting.erase(id);
  state.blocked_keys.Forget(id);
  ForgetTransaction(state, client);
  StopMonitoring(state, client);
  StopTracking(state, client);
  state.server.pubsub.Forget(client);
  state.server.clients.Remove(id);
}

void ForgetTransaction(NodeState& state, NodeClient& client) {
  client.transaction = Transaction{};
  state.watches.Forget(client.id);
}

}  // namespace replication
