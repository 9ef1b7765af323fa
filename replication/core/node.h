// The data node: a RESP server that is a master, a replica, or both. Pure: it is told what happened and when, and
// what it wants done by sockets, files and threads it asks for.
//
// One loop turn of whoever drives it (the edge, or a simulator):
//
//   1. tell what happened: OnClient, OnClientBytes, OnMasterBytes, OnDeadline ... in any order;
//   2. DoWork(budget) while has_work() and the time slice lasts;
//   3. EndTurn(now): what is done once per turn (GETACK for those who WAIT, trimming of the stream ...);
//   4. carry out TakeWishes(), in order;
//   5. send MasterOutput() to the master;
//   6. for each of ReplicasWithOutput(): NextForReplica(), write, OnReplicaSent();
//   7. for each of clients().TakeWoken(): send `out`; obey `closing`;
//   8. sleep until NextDeadline() or the next event; do not sleep while has_work().
//
// Step 6 comes before step 7: a reply may leave only when the socket of each replica has been offered the write it
// acknowledges. "Nothing acknowledged is lost when the master is killed" rests on it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/log.h"
#include "replication/base/random.h"
#include "replication/base/result.h"
#include "replication/base/time.h"
#include "replication/core/journal_wishes.h"
#include "replication/core/settings.h"
#include "replication/data/rdb_writer.h"
#include "replication/data/snapshot.h"
#include "replication/serve/client.h"

namespace replication {

struct NodeState;     // state.h: all facts, for INFO, tests and invariants
struct Manifest;      // journal_format.h
struct IncrVerdict;   // journal_scan.h
struct JournalFound;  // journal.h

using base::MonoTime;
using base::Now;
using base::Offset;
using serve::ClientId;

// Names one running snapshot; never reused.
using SnapshotId = std::uint64_t;
// Names one attempt to connect to the master; never reused: what comes from an earlier one is dropped.
using LinkId = std::uint64_t;

// ---- What the node asks for. Carried out in order. ----

// Connect to the master; answer with OnMasterConnected or OnMasterClosed. `to.host` may be a name: resolve it off
// the loop. An earlier attempt or connection was given up by a DisconnectMaster before.
struct ConnectMaster {
  LinkId link = 0;
  base::Endpoint to;
};
// Close that connection or give the attempt up; nothing is to be told about it any more.
struct DisconnectMaster {
  LinkId link = 0;
};

// A snapshot begins; its batches come from DoWork(). One data::RdbEncoder on a worker thread gets Begin() with the
// facts below, each batch in order, and End() after the batch that is `last`.
struct BeginSnapshot {
  SnapshotId id = 0;
  // Not empty: write the encoded bytes to a temporary file beside it, fsync, rename, fsync the folder, and answer
  // OnSaveDone(). Empty: give the bytes back by OnSnapshotChunk().
  std::string file;
  data::RdbOptions options;
  data::RdbHead head;
  std::vector<std::string> functions;
  std::vector<data::DatabaseSize> databases;
  // `file` is the folder of a temporary one: the encoded bytes go there, OnSnapshotSpilled() tells how many they are,
  // and they come back as they are asked for by ReadSnapshot.
  bool spill = false;
};
// The encoded bytes that come from now on go through a temporary file, as with `spill`: the sockets of those who wait
// for them are too slow.
struct SpillSnapshot {
  SnapshotId id = 0;
  std::string folder;
};
// Give the next bytes of such a file back, by OnSnapshotChunk(): about 256 KiB, in order. Waits for them if they have
// not been written yet.
struct ReadSnapshot {
  SnapshotId id = 0;
};
// Nobody wants it any more: drop what is queued for it, remove its temporary file, say nothing more about it.
struct CancelSnapshot {
  SnapshotId id = 0;
};

// CONFIG REWRITE: write the settings into the configuration file (temporary file, fsync, rename), off the loop;
// the text is rendered when the write begins. Answer OnConfigWritten(ticket, result). The client waits for it.
struct WriteConfig {
  std::uint64_t ticket = 0;
};

// Destroy this where it stalls nobody: data that have been replaced or flushed.
struct Discard {
  data::Discarded tables;
};

// DEBUG SLEEP: hold the whole process up, as its name says, before anything else is done or sent.
struct Freeze {
  base::Millis how_long{};
};

// CONFIG SET changed something that the edge has a hand in (loglevel, tcp-keepalive, logfile ...): look at settings().
struct SettingsChanged {};

// Flush what can be flushed to replicas and clients, and end the process.
struct Stop {
  int exit_code = 0;
  std::optional<base::Millis> again;  // then begin it anew, after so long
};
// DEBUG CRASH-AND-RECOVER: end the process as kill -9 would, and begin it anew after so long.
struct Crash {
  base::Millis again_after{};
};

using Wish = std::variant<ConnectMaster, DisconnectMaster, BeginSnapshot, SpillSnapshot, ReadSnapshot, CancelSnapshot,
                          WriteConfig, Discard, Freeze, SettingsChanged, Stop, Crash, JournalStart, JournalAppend,
                          JournalSync, JournalAdopt, JournalStop>;

// A piece of a snapshot for the worker. Nobody else touches it.
struct SnapshotBatch {
  SnapshotId id = 0;
  data::Batch batch;  // may be empty
  bool last = false;
};

// ---- What the node must be able to ask at once. ----

// Facts of the process that INFO shows. A simulator leaves them at zero.
struct HostFacts {
  std::int64_t process_id = 0;
  std::uint64_t used_memory = 0;
  std::uint64_t used_memory_peak = 0;
  std::uint64_t used_memory_rss = 0;
  std::uint64_t allocator_allocated = 0;
  std::uint64_t allocator_active = 0;
  std::uint64_t allocator_resident = 0;
  std::uint64_t total_system_memory = 0;
  double cpu_sys = 0;   // seconds
  double cpu_user = 0;  // seconds
  std::string executable;
  std::string config_file;  // full path; empty: started without one, CONFIG REWRITE is refused
  std::string os;
  std::string multiplexing_api = "epoll";
  std::string compiler;
  std::string allocator;
};

class Host {
 public:
  virtual ~Host() = default;
  virtual HostFacts Facts() { return {}; }
  // Nanoseconds of a clock that never goes back, for the durations of commands alone: nothing is decided by it. Must
  // cost next to nothing; it is asked once or twice for each command. A simulator's does not move.
  virtual std::uint64_t Nanoseconds() { return 0; }
  // MEMORY PURGE: gives free memory back to the system.
  virtual void PurgeMemory() {}
  // MEMORY MALLOC-STATS: the allocator's own report.
  virtual std::string AllocatorReport() { return {}; }
  // What the clock shows at this moment: how long a script runs is not known from outside. Of a host without one no
  // script is ever slow.
  virtual MonoTime ReadClock() { return {}; }
  // The absolute path of a folder that files can be made in (CONFIG SET dir), or why it is none.
  virtual base::Result<std::string> FindFolder(const std::string& folder) { return folder; }
  // Bytes that the master's socket holds at this moment, read without waiting; they are not delivered again by
  // OnMasterBytes(). Asked just before a promotion: what had already arrived is not to be lost.
  virtual std::string ReadMasterNow(LinkId) { return {}; }
};

class Node {
 public:
  // Begins as the settings say: a master, or a replica that asks for its connection once Start() is called. `log`
  // and `host` must outlive the node. `seed` gives run id, replication id and jitter.
  Node(Settings settings, std::uint64_t seed, base::Log& log, Host& host, Now now);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // ---- The data set on disk, before Start(). Clients may come already: they are told -LOADING. ----

  // `total_bytes` of the file, for INFO.
  void BeginLoading(std::uint64_t total_bytes, Now now);
  // Bytes of the file, in order, at most about 64 KiB at a time so that nobody waits long. Error kInvalid: not a
  // data set that we can read; the text says why. The program should end then: what it holds is not the file.
  base::Result<void> OnLoadBytes(std::string_view bytes, Now now);
  // After the last byte. kIncomplete: the file is truncated.
  base::Result<void> EndLoading(Now now);
  // ---- The same with `appendonly yes`: the files of the journal, in order, as they were judged. ----

  // `next_seq` as in JournalFound; for a journal that is begun later, too.
  void KnowJournalFolder(std::string folder, const Manifest& manifest, std::uint64_t next_seq);
  void BeginJournalLoading(std::uint64_t total_bytes, Now now);
  // What follows are the bytes of this file, which was judged so far; a base has no verdict.
  void OnJournalFile(const std::string& name, const IncrVerdict* verdict);
  base::Result<void> OnJournalBytes(std::string_view bytes, Now now);
  base::Result<void> EndJournalFile(Now now);
  base::Result<void> EndJournalLoading(const JournalFound& found, Now now);
  // Nothing was to be loaded, or an RDB file was: the journal begins. Before Start().
  void BeginJournal(Now now);
  // What the journal's thread has done.
  void OnJournalReport(const JournalReport& report, Now now);

  // How much of the client's `out` may leave now, and that so much of it did. The rest waits for the journal; the
  // client is woken then.
  std::size_t SendableBytes(ClientId id);
  void OnClientSent(ClientId id, std::size_t bytes);
  bool HoldsReplies() const;

  // No file, or it is loaded: takes up its role.
  void Start(Now now);

  // ---- Clients. ----

  // A connection was accepted. `peer` and `local` as "127.0.0.1:40000".
  ClientId OnClient(std::string peer, std::string local, Now now);
  // Bytes arrived. Requests that are complete are executed; replies stand in the client's `out`.
  void OnClientBytes(ClientId id, std::string_view bytes, Now now);
  // The connection is gone, whoever closed it. Must be told also after we asked for it (`closing`).
  void OnClientGone(ClientId id, Now now);
  // The registry: Find(), TakeWoken(), `out`, `closing`. The edge takes what it sends out of the front of `out`.
  serve::Clients& clients();
  const serve::Clients& clients() const;
  // False: this client's requests wait (WAIT, CLIENT PAUSE, a save ...) and more than a little is buffered; stop
  // reading its socket, so that it cannot fill our memory. It is woken when that ends.
  bool WantsBytes(ClientId id) const;

  // ---- Replicas: clients that sent PSYNC or SYNC. Their `out` is not the edge's to send: it is part of this. They
  // ---- may stand in TakeWoken() like all others: then only `closing` is to be obeyed.

  bool IsReplica(ClientId id) const;
  // Those that can be sent something, in order of id. O(replicas).
  std::vector<ClientId> ReplicasWithOutput() const;
  // What to send next: replies, payload, stream, in that order; at most about `max_bytes` but at least one span if
  // there is anything. Views are valid until the next non-const call.
  std::vector<std::string_view> NextForReplica(ClientId id, std::size_t max_bytes) const;
  // The socket took the first `bytes` of what NextForReplica() gave.
  void OnReplicaSent(ClientId id, std::size_t bytes, Now now);

  // ---- The master. ----

  void OnMasterConnected(LinkId link, Now now);
  void OnMasterBytes(LinkId link, std::string_view bytes, Now now);
  // Refused, lost, closed by the master. All bytes that arrived before must have been given to OnMasterBytes().
  void OnMasterClosed(LinkId link, std::string_view reason, Now now);
  // Bytes for the master; the edge takes them out (swap or erase).
  std::string& MasterOutput();
  // False: the payload arrives faster than it is loaded; stop reading the master's socket for now.
  bool WantsMasterBytes() const;

  // ---- Work in slices: loading a payload, walking snapshots, deleting what expired. ----

  bool has_work() const;
  // Does about `budget` bytes' worth (64 KiB: well below a millisecond) and appends batches for the worker. Call
  // again while has_work() and there is time.
  void DoWork(std::size_t budget, std::vector<SnapshotBatch>& out, Now now);
  // The worker has encoded (and, for a file, written) a batch: another may follow. Once for each batch.
  void OnBatchDone(SnapshotId id);
  // Encoded bytes of a snapshot that has no file, in order. `last` with the final ones (which may be empty).
  void OnSnapshotChunk(SnapshotId id, std::string bytes, bool last, Now now);
  // All of a snapshot that goes through a file is written, so many bytes; or they cannot be.
  void OnSnapshotSpilled(SnapshotId id, const base::Result<std::uint64_t>& bytes, Now now);
  // A snapshot that has a file is on disk, or could not be written.
  void OnSaveDone(SnapshotId id, const base::Result<void>& result, Now now);
  void OnConfigWritten(std::uint64_t ticket, const base::Result<void>& result, Now now);

  // SIGTERM or SIGINT: as SHUTDOWN without arguments. A Stop follows, unless the save fails.
  void RequestShutdown(Now now);

  // ---- Time. ----

  // Empty: nothing will happen by itself.
  std::optional<MonoTime> NextDeadline() const;
  // To be called at or after NextDeadline(); harmless when called early.
  void OnDeadline(Now now);
  void EndTurn(Now now);

  std::vector<Wish> TakeWishes();

  const Settings& settings() const;
  NodeState& state() { return *state_; }
  const NodeState& state() const { return *state_; }

 private:
  std::unique_ptr<NodeState> state_;
};

}  // namespace replication
