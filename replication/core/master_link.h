// Our connection to our master: handshake, payload, stream. All incremental: bytes may be torn anywhere.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "replication/base/ids.h"
#include "replication/base/time.h"
#include "replication/core/loss.h"
#include "replication/data/keyspace.h"
#include "replication/data/rdb_reader.h"

namespace replication {

using base::MonoTime;
using base::Now;
using base::Offset;
using LinkId = std::uint64_t;
struct NodeClient;
struct NodeState;

// A payload being loaded into a data set that nobody sees yet.
struct PayloadLoad {
  explicit PayloadLoad(int databases, std::uint64_t seed) : keyspace(databases, seed), reader(keyspace) {}

  data::Keyspace keyspace;
  data::RdbReader reader;
  std::deque<std::string> queue;        // received, not yet given to the reader
  std::size_t queued = 0;               // bytes in it
  std::optional<std::uint64_t> length;  // of the payload; empty: it is ended by `mark`
  std::string mark;
  std::uint64_t received = 0;  // bytes of the payload, or what came so far
  bool alone = false;          // the old data are gone already (repl-diskless-load flush-before-load)
  MonoTime began_at{};
  MonoTime newline_at{};  // when to tell the master again that we are alive
};

struct MasterLink {
  enum class Stage {
    kNone,  // we are a master
    kWait,  // not connected; the next attempt is at retry_at
    kConnecting,
    kHandshake,   // PING, AUTH, REPLCONF are out
    kAskedPsync,  // PSYNC is out
    kAskedSync,   // SYNC is out, or +FULLRESYNC came: the payload's header follows
    kPayload,
    kConnected,
  };
  enum class Step { kPing, kAuth, kReplconf, kInfo };

  Stage stage = Stage::kNone;
  LinkId link = 0;  // current attempt or connection; 0: none
  LinkId last_link = 0;
  std::string out;            // for the master
  std::string line;           // an unfinished line of the handshake
  std::deque<Step> awaited;   // replies still due, in order
  std::size_t info_left = 0;  // bytes of the answer to INFO that are still to come
  std::string info;           // what it said of its history, while that matters (trailing.h)
  std::string partial_id;     // what PSYNC asked to go on with; empty: it asked for everything
  Offset asked_from = 0;      // and from which byte on
  MonoTime last_io_at{};
  MonoTime retry_at{};
  MonoTime ack_at{};                   // when the next periodic ACK is due
  int failures = 0;                    // attempts since the link was last up
  std::optional<MonoTime> down_since;  // empty: up, or never connected
  bool ever_connected = false;

  base::Endpoint fed_by;  // the master that our data came from, as it was configured
  // The stream holds a command that we do not know, and may not leave out: not tried again before somebody changes the
  // master or allows it. Empty: no.
  std::string stopped_by;
  // What the full sync that was offered takes from us, and nobody else has.
  std::optional<Loss> loss;
  bool deaf = false;           // DEBUG REPL-PAUSE-READ: what it sends stays in the socket
  bool refused_empty = false;  // the last full sync offered was an empty one that we did not take

  bool plain_sync = false;  // the master knows no PSYNC: no offsets, no ACK
  base::ReplicationId sync_id;
  Offset sync_offset = -1;
  std::unique_ptr<PayloadLoad> load;

  // The stream's commands run as this client. Made when the stream begins; its parser counts from `stream_base`.
  std::unique_ptr<NodeClient> client;
  Offset stream_base = 0;

  MasterLink();
  ~MasterLink();
};

// ROLE's words: connect, connecting, handshake, sync, connected.
std::string_view LinkStateName(const MasterLink& link);

// Emits the wish to connect, now.
void ConnectToMaster(NodeState& state, const Now& now);
void OnLinkConnected(NodeState& state, LinkId link, const Now& now);
void OnLinkBytes(NodeState& state, LinkId link, std::string_view bytes, const Now& now);
void OnLinkClosed(NodeState& state, LinkId link, std::string_view reason, const Now& now);
// Gives the link up without another attempt: promotion, or another master. What was not applied is forgotten.
void DropMasterLink(NodeState& state, const Now& now);
// Closes the link and connects again, as if the network had cut it. Without effect where there is none.
void CutMasterLink(NodeState& state, std::string_view reason, const Now& now);
// The stream is not RESP: close, and do not ask to go on.
void OnStreamBroken(NodeState& state, const Now& now);
// A strict replica has met a command that it does not know: the link goes, and stays away.
void StopLink(NodeState& state, std::string_view command, const Now& now);
// Loads up to `budget` bytes of the payload.
void LoadPayload(NodeState& state, std::size_t budget, const Now& now);
bool PayloadWaits(const NodeState& state);
// The node shuts down, and what it saves is to be its last word: nothing more is taken from the master until then.
void LeaveMaster(NodeState& state, const Now& now);
// REPLCONF ACK with what was applied.
void SendAck(NodeState& state, const Now& now);
std::optional<MonoTime> LinkDeadline(const NodeState& state);
void OnLinkDeadline(NodeState& state, const Now& now);
bool LinkWantsBytes(const NodeState& state);

}  // namespace replication
