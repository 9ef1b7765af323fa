// The replicas attached to this node: how far each is, in its payload and in the stream.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "replication/base/ids.h"
#include "replication/base/time.h"
#include "replication/core/stream_log.h"
#include "replication/serve/client.h"

namespace replication {

using base::MonoTime;
using serve::ClientId;
using SnapshotId = std::uint64_t;

// What a client told us by REPLCONF before it asked for the stream.
struct Announced {
  std::uint16_t listening_port = 0;
  std::string ip;         // empty: the address it comes from
  bool eof = false;       // takes a payload of unknown length, ended by a mark
  bool psync2 = false;    // understands "+CONTINUE <id>"
  bool vigil = false;     // one of ours: no delay before its snapshot
  bool rdb_only = false;  // wants the payload and no stream
  bool no_data = false;   // wants no keys in it
  bool no_functions = false;
};

// One payload on its way to the replicas that wait for it together: the encoded snapshot of one offset.
struct FullSync {
  SnapshotId id = 0;
  Offset offset = 0;        // the data are those after this byte of the stream
  std::string mark;         // 40 characters that end the payload for those who asked for that
  StreamLog payload;        // the snapshot, then, once complete, the mark
  Offset snapshot_end = 0;  // offset in `payload` behind the snapshot; valid when complete or `encoded`
  bool complete = false;
  // The payload goes to a temporary file first, and comes back as the sockets take it: because its length must be said
  // first (`by_length`), or because the sockets are slower than clients overwrite what the snapshot still holds.
  bool spilled = false;
  bool by_length = false;
  bool reading = false;                  // a piece of the file was asked for and has not come
  std::optional<std::uint64_t> encoded;  // bytes of the snapshot; known when its last one was written to the file
};

struct Replica {
  enum class Stage {
    kWaitSnapshot,  // asked for a full sync that has not begun
    kPayload,       // its payload is being made and sent
    kOnline,        // follows the stream
  };

  ClientId client = 0;
  Announced announced;
  std::string ip;  // announced, or the address it comes from
  Stage stage = Stage::kWaitSnapshot;
  bool plain_sync = false;  // asked by SYNC: gets no +FULLRESYNC, sends no ACK
  MonoTime attached_at{};   // asked for the stream
  MonoTime since{};         // entered its stage
  MonoTime progress_at{};   // the socket last took payload bytes, or it showed a sign of life before

  MonoTime newline_at{};  // while it waits: when to tell it again that we are alive

  std::shared_ptr<FullSync> sync;  // kPayload
  bool by_length = false;          // its payload is announced by length, not ended by a mark
  bool header_sent = false;        // "$..." stands in its output
  Offset payload_cursor = 0;       // next byte of sync->payload to send

  Offset cursor = 0;  // next byte of the stream to send; holds the log from there on. Valid from kPayload on
  bool held = false;  // nothing of the stream before its first ACK
  Offset ack = -1;      // it said that it has applied this; -1: it has not said anything
  Offset durable = -1;  // it said that this is on its disk (FACK); -1: it has no journal
  MonoTime ack_at{};
  std::optional<MonoTime> over_soft_limit_at;

  // What it still has to be sent counts as its output buffer.
  std::uint64_t lag_bytes(Offset stream_end) const {
    return stage == Stage::kWaitSnapshot ? 0 : static_cast<std::uint64_t>(stream_end - cursor);
  }
};

class ReplicaTable {
 public:
  Replica& Add(ClientId client);
  Replica* Find(ClientId client);
  const Replica* Find(ClientId client) const;
  void Remove(ClientId client);

  bool empty() const { return replicas_.empty(); }
  std::size_t size() const { return replicas_.size(); }
  std::map<ClientId, Replica>& all() { return replicas_; }
  const std::map<ClientId, Replica>& all() const { return replicas_; }

  // Each counts once: of two connections from the same address the older one counts again only when something is heard
  // on it, since it may be what is left of a machine that lost its power.

  // Online replicas that have acknowledged byte `offset`.
  int CountAcked(Offset offset) const;
  // Online replicas that have said that byte `offset` is on their disks.
  int CountDurable(Offset offset) const;
  // Online replicas heard of at most `max_lag` ago.
  int CountGood(MonoTime now, base::Seconds max_lag) const;

 private:
  bool Counts(const Replica& replica) const;

  std::map<ClientId, Replica> replicas_;  // in order of id: whoever walks it walks it alike everywhere
};

}  // namespace replication
