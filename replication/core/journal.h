// The journal: the replication stream on disk. What is to be written when, what may be acknowledged and sent, what
// follows when the disk refuses.
//
// Its files are a Redis 7 multi-part AOF (journal_format.h). The bytes of an incr file are those of the stream, as far
// as they are applied, so that each batch ends at a command boundary outside MULTI. One thread of the edge does what
// the wishes say, in order; nothing here waits for it.
// Source: spec/decisions.md B2 and B3.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "replication/core/journal_format.h"
#include "replication/core/journal_wishes.h"
#include "replication/core/node.h"

namespace replication {

struct NodeClient;
struct NodeCommand;

// What a start found on disk, after it was loaded.
struct JournalFound {
  Manifest manifest;           // none of its files: there was nothing
  std::uint64_t next_seq = 1;  // no file of the folder has it or a larger one
  std::uint64_t bytes = 0;     // of all its files
  std::uint64_t base_bytes = 0;
};

struct Journal {
  enum class Stage {
    kOff,
    kRebase,  // no base of our data is on disk yet; what is written meanwhile goes into a file behind it
    kRunning,
    kBroken,  // the disk refused: nothing counts until a new file is begun
  };
  // Where the file stood after a job.
  struct Mark {
    JobId job = 0;
    Offset through = 0;
    std::string file;
    std::uint64_t size = 0;
    std::uint64_t index_size = 0;
    int db = 0;  // selected in the stream behind it
  };
  // A base that is being made, with the incr files that follow it.
  struct Rewrite {
    SnapshotId snapshot = 0;
    JournalFile base;
    std::vector<JournalFile> incrs;
    MonoTime began_at{};
  };

  Stage stage = Stage::kOff;
  // Has durability been promised? Not yet while a running node makes its first base (CONFIG SET appendonly yes).
  bool promised = false;
  bool replaced = false;  // the data are others than those of the files: a full sync
  std::string trouble;    // kBroken: why
  bool warned = false;

  std::string folder;  // its path: where it was at the start, whatever `dir` says later
  Manifest manifest;
  Manifest before_adopt;
  std::uint64_t next_seq = 1;
  std::optional<Rewrite> rewrite;
  JobId adopting = 0;    // the job that puts a base in place; 0: none
  JobId recovering = 0;  // the job that begins a new file after a failure; 0: none
  std::optional<MonoTime> retry_at;
  std::optional<MonoTime> rewrite_not_before;
  bool rewrite_scheduled = false;

  IncrHead head;  // of the file that is written
  Mark taken;     // what the edge was given
  Mark durable;   // what survives: the last sync that is known
  Offset written = 0;
  std::deque<Mark> in_flight;
  std::deque<Mark> syncs;
  JobId last_job = 0;
  JobId done_job = 0;
  // For WAITAOF and FACK. What was synced by fsync, also where the policy asks for none; -1: nothing of these data.
  Offset synced = -1;
  bool based = false;     // the files hold a base of these data
  Offset wanted = -1;     // somebody waits for this to be durable
  Offset ack_after = -1;  // our master wants to hear when this is durable; -1: no
  JobId history_job = 0;  // began the file of the present history
  std::int64_t marked_second = 0;
  MonoTime sync_at{};  // everysec: the next one

  std::set<ClientId> held;  // have output that waits

  // For INFO.
  std::uint64_t base_bytes = 0;
  std::uint64_t closed_bytes = 0;  // incr files behind the base, the one that is written left out
  std::uint64_t size_after_rewrite = 0;
  std::uint64_t rewrites = 0;
  std::uint64_t rewrites_failed = 0;  // one after the other
  std::uint64_t delayed_syncs = 0;
  std::int64_t last_rewrite_sec = -1;
  bool last_rewrite_ok = true;

  std::uint64_t size() const { return base_bytes + closed_bytes + taken.size; }
};

// The data that the settings say are on disk have been loaded; the journal goes on behind them, or begins.
void OpenJournal(NodeState& state, const JournalFound& found, const Now& now);
// CONFIG SET appendonly: begins or ends what differs from the settings.
void FollowAppendOnly(NodeState& state, const Now& now);
// At the end of a turn: what was applied since is given to the edge, and what is due is begun.
void FlushJournal(NodeState& state, const Now& now);
void OnJournalReport(NodeState& state, const JournalReport& report, const Now& now);
// A snapshot of the journal's is on disk, or is not. False: it is not one of the journal's.
bool OnJournalBase(NodeState& state, SnapshotId id, const base::Result<void>& result, const Now& now);
std::optional<MonoTime> JournalDeadline(const NodeState& state);

// The last byte that a crash of the machine does not take from us; -1: there is no journal, or it does not hold these
// data yet.
Offset DurableThrough(const NodeState& state);
// Somebody waits for this byte to be durable: it is synced at the end of the turn, whatever appendfsync says.
void WantDurable(NodeState& state, Offset offset);
// The same for all that is applied, and our master is told when it is done.
void AckWhenDurable(NodeState& state);
// What follows REPLCONF GETACK where that is wanted.
inline constexpr std::string_view kGetAckDurable = "FSYNC";

// The last byte that replicas may be sent: nothing that is not written, with `always` durable.
Offset SendLimit(const NodeState& state);
// Must what a new history depends on become durable first?
bool HoldsReplicas(const NodeState& state);
// The bytes at the front of its output that may leave.
std::size_t SendableBytes(NodeState& state, NodeClient& client);
void OnBytesSent(NodeClient& client, std::size_t bytes);
// The oldest byte of the stream that may still have to be written again.
Offset JournalNeeds(const NodeState& state);
// The text of a refusal of writes; empty: they may run.
std::string WhyJournalRefuses(const NodeState& state);

// BGREWRITEAOF.
std::span<const NodeCommand> JournalCommands();

}  // namespace replication
