// All facts of a node. What happens to them is in the files named after the parts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/log.h"
#include "replication/base/random.h"
#include "replication/base/time.h"
#include "replication/core/blocked_keys.h"
#include "replication/core/failover.h"
#include "replication/core/full_sync.h"
#include "replication/core/functions.h"
#include "replication/core/history.h"
#include "replication/core/key_events.h"
#include "replication/core/master_link.h"
#include "replication/core/node.h"
#include "replication/core/replica_table.h"
#include "replication/core/saving.h"
#include "replication/core/scripts.h"
#include "replication/core/settings.h"
#include "replication/core/stream_log.h"
#include "replication/core/transactions.h"
#include "replication/core/wait.h"
#include "replication/data/command.h"
#include "replication/data/eviction.h"
#include "replication/data/keyspace.h"
#include "replication/resp/request_parser.h"
#include "replication/serve/session.h"

namespace replication {

struct Delay;          // delay.h
struct Journal;        // journal.h
struct JournalReplay;  // journal_replay.h
struct Observed;       // observed.h
class Tracking;        // tracking.h

// Why a client's requests wait.
enum class Blocked {
  kNo,
  kWait,      // WAIT
  kKey,       // BLPOP and its kin
  kPause,     // CLIENT PAUSE: its request stands in `postponed`
  kConfig,    // CONFIG REWRITE: its reply has holes
  kSave,      // SAVE
  kShutdown,  // SHUTDOWN
  kScript,    // its script runs for long, in slices
};

struct NodeClient : serve::Client {
  serve::ClientMemory memory() const override;  // memory_limit.cc

  resp::RequestParser parser;
  Transaction transaction;
  Announced announced;
  Offset write_offset = 0;  // end of the stream after its last command: what WAIT waits for

  bool in_exec = false;       // its transaction is being executed: nothing may wait
  std::size_t exec_from = 0;  // where its reply begins in `out`
  Blocked blocked = Blocked::kNo;
  std::vector<std::string> postponed;
  // A reply whose parts the edge must answer first (CONFIG REWRITE, also inside EXEC).
  struct Hole {
    std::uint64_t ticket = 0;
    std::size_t at = 0;  // where in `withheld`
    std::string text;    // empty: not answered yet
  };
  std::vector<Hole> holes;
  std::string withheld;
  Closing closing_later = Closing::kNo;  // asked for while a reply was withheld

  bool tracks = false;  // CLIENT TRACKING ON: how, is known to Tracking

  // With a journal: what in `out` must wait until a job of it is done, oldest first (journal.h).
  struct ReplyMark {
    std::size_t at = 0;  // where in `out` it begins
    std::uint64_t needs = 0;
    bool wrote = false;  // acknowledges a write
  };
  std::vector<ReplyMark> reply_marks;
  std::size_t marked_to = 0;  // what lies before, in `out`, has been judged
  bool touched = false;       // a command of it since then has looked at data
  bool wrote = false;         // or changed them
};

// Memory as maxmemory judges it.
struct MemoryWatch {
  data::Evictor evictor;
  // What clients take, replicas excepted: counted now and then, since it takes a look at each of them.
  std::uint64_t clients = 0;
  std::optional<MonoTime> clients_counted_at;
  bool going_on = false;  // the last round ended before enough was evicted
  bool is_short = false;  // too much is held, and nothing more may go
  // For maxmemory-clients: when each of them was last looked at, and whether something has happened since.
  std::optional<MonoTime> clients_judged_at;
  bool clients_changed = false;
};

// Counters of INFO stats; CONFIG RESETSTAT sets them back.
struct Stats {
  std::uint64_t connections = 0;
  std::uint64_t rejected_connections = 0;
  std::uint64_t commands = 0;
  std::uint64_t input_bytes = 0;
  std::uint64_t output_bytes = 0;  // counted by the edge
  std::uint64_t repl_input_bytes = 0;
  std::uint64_t repl_output_bytes = 0;
  std::uint64_t sync_full = 0;
  std::uint64_t sync_partial_ok = 0;
  std::uint64_t sync_partial_err = 0;
  std::uint64_t unexpected_error_replies = 0;
  std::uint64_t repl_unknown_commands = 0;
  std::uint64_t repl_lost_writes = 0;  // of our own, replaced by full syncs; not those that could not be counted
  std::uint64_t repl_lost_bytes = 0;
  std::uint64_t error_replies = 0;
  std::uint64_t evicted_clients = 0;
  std::map<std::string, std::uint64_t, std::less<>> errors_by_code;
};

// Commands of the current second and of the one before: instantaneous_ops_per_sec without a timer.
struct Rate {
  std::int64_t second = 0;
  std::uint64_t current = 0;
  std::uint64_t previous = 0;
  void Count(MonoTime now, std::uint64_t n = 1);
  std::uint64_t PerSecond(MonoTime now) const;
};

// The data set being read from disk before the start.
struct DiskLoad {
  bool active = false;
  std::uint64_t total_bytes = 0;
  base::WallTime began_at{};
  MonoTime began_mono{};
  std::unique_ptr<data::RdbReader> reader;
  std::unique_ptr<JournalReplay> replay;  // not null: the journal is being loaded

  DiskLoad();
  ~DiskLoad();
};

// What the keyspace is to know of the settings.
data::PackingLimits PackingLimitsOf(const Settings& settings);

struct NodeState {
  NodeState(Settings s, std::uint64_t seed, base::Log& l, Host& h, Now at);
  ~NodeState();

  Settings settings;  // settings.replicaof is the role: empty for a master
  base::Random random;
  base::Log& log;
  Host& host;
  Now started;
  Now now;  // the latest that we were told
  base::RunId run_id;

  serve::Server server;
  data::Keyspace keyspace;
  Watches watches;
  BlockedKeys blocked_keys;
  KeyEvents key_events;
  std::unique_ptr<Tracking> tracking;  // never null
  ChangeFork changes;

  // The history and its stream. `applied` is master_repl_offset: the number of the last byte whose effect is in the
  // data. On a replica the stream may hold more: [.., applied] is applied, the rest is received only.
  History history;
  StreamLog stream;
  bool backlog = false;  // is the stream kept at all? Without, a master's offset stands still
  Offset applied = 0;
  // The number of the last byte that belongs to a write. What lies between it and `applied` is no data (trailing.h).
  Offset data_end = 0;
  // The database that the stream has selected behind `applied`, and behind `data_end`; -1: that is not known.
  int stream_db = 0;
  int data_db = 0;
  // The ends of the first and the last SELECT of another database behind `data_end`; 0: there is none.
  Offset first_select = 0;
  Offset last_select = 0;
  // A master: the same as stream_db; -1: the next write announces its own in any case.
  int feed_db = -1;

  // What ends at `applied` is data.
  void DataEndsHere() {
    data_end = applied;
    data_db = stream_db;
    first_select = last_select = 0;
  }
  // Behind `applied` the stream is in this database.
  void Selects(int db) {
    if (db == stream_db) return;
    stream_db = db;
    last_select = applied;
    if (first_select == 0) first_select = applied;
  }
  // May we ask to go on from (history.replid, applied)? False until there was a history at all.
  bool resumable = false;

  ReplicaTable replicas;
  std::optional<MonoTime> no_replicas_since;  // a master with a backlog: when it is freed by its ttl
  MonoTime pinged_at{};                       // PING in the stream
  MasterLink master;
  Snapshots snapshots;
  Saving saving;
  Shutdown shutdown;
  std::unique_ptr<Journal> journal;  // never null
  std::unique_ptr<Delay> delay;      // never null
  Failover failover;
  DiskLoad loading;
  Waiters waiters;
  Pause pause;
  std::uint64_t last_ticket = 0;
  bool active_expire = true;  // DEBUG SET-ACTIVE-EXPIRE
  bool started_up = false;    // Start() was called

  Stats stats;
  Rate ops;
  std::unique_ptr<Observed> observed;  // never null
  MemoryWatch memory;

  // Effects of the transaction that runs, with their words; not null only inside EXEC and scripts.
  std::vector<data::Effect>* exec_effects = nullptr;
  Scripts scripts;
  Functions functions;
  std::vector<ClientId> resumed;  // may go on with their requests
  std::vector<Wish> wishes;
  std::string scratch;

  bool is_master() const { return settings.replicaof.empty(); }
  bool link_up() const { return master.stage == MasterLink::Stage::kConnected; }
  NodeClient* Find(ClientId id) { return static_cast<NodeClient*>(server.clients.Find(id)); }
  const NodeClient* Find(ClientId id) const { return static_cast<const NodeClient*>(server.clients.Find(id)); }
  void Say(base::LogLevel level, std::string_view line) { log.Write(level, line); }
};

// Gives the keyspace all that it is to know of the settings.
void TellKeyspace(NodeState& state);
// Notifications and invalidations of client caches that wait leave. Not within a reply.
void TellOfChanges(NodeState& state);

// Handlers of the commands that are about the node itself.
using NodeHandler = void (*)(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now,
                             resp::ReplyWriter& reply);
struct NodeCommand {
  serve::CommandRow row;
  NodeHandler handler;
};

}  // namespace replication
