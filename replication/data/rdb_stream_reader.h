// A stream out of an RDB file, item by item: a large one is never in memory twice.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "replication/data/rdb_cursor.h"
#include "replication/data/stream_value.h"

namespace data {

// Source: spec "Streams (15, 19, 21)"; the RDB files of running servers.
class RdbStreamReader {
 public:
  using Outcome = RdbCursor::Outcome;

  // `type` is the one that the file gives the value: it tells what stands there.
  explicit RdbStreamReader(std::uint8_t type) : type_(type) {}

  // The next item; not after the last one.
  Outcome Read(RdbCursor& cursor);
  bool complete() const { return next_ == Next::kNothing; }
  // What was read, when complete().
  std::unique_ptr<Stream> Take() { return std::move(stream_); }

 private:
  enum class Next { kNodeCount, kNode, kHead, kGroup, kPending, kConsumer, kConsumerPending, kNothing };

  bool has_counts() const;
  Outcome ReadNode(RdbCursor& cursor);
  Outcome ReadHead(RdbCursor& cursor);
  Outcome ReadGroup(RdbCursor& cursor);
  Outcome ReadPending(RdbCursor& cursor);
  Outcome ReadConsumer(RdbCursor& cursor);
  Outcome ReadConsumerPending(RdbCursor& cursor);
  Outcome GroupOrNothing(RdbCursor& cursor);
  Outcome ConsumerOrGroup(RdbCursor& cursor);

  std::uint8_t type_;
  Next next_ = Next::kNodeCount;
  std::unique_ptr<Stream> stream_ = std::make_unique<Stream>();
  std::uint64_t nodes_left_ = 0;
  std::uint64_t groups_left_ = 0;
  std::uint64_t pending_left_ = 0;  // of the group, then of the consumer
  std::uint64_t consumers_left_ = 0;
  std::string group_;
  std::string consumer_;
  IdTree<PendingEntry> unowned_;  // of the group: whose they are comes later
  std::string scratch_;
};

}  // namespace data
