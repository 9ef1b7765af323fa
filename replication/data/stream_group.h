// A consumer group: how far it has read, what was delivered and not acknowledged, and to whom.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "replication/data/id_tree.h"
#include "replication/data/stream_id.h"

namespace data {

// An entry that was delivered and not acknowledged.
struct PendingEntry {
  StreamId id;
  std::int64_t delivered_at = 0;  // Unix milliseconds
  std::uint64_t deliveries = 0;
  std::uint32_t consumer = 0;  // its number in the group
};
inline StreamId IdOf(const PendingEntry& entry) {
  return entry.id;
}

struct StreamConsumer {
  std::uint32_t number = 0;  // within the group, never used twice
  std::int64_t seen_at = 0;  // Unix milliseconds
  IdTree<StreamId> pending;
};

class StreamGroup {
 public:
  using Consumers = std::map<std::string, StreamConsumer, std::less<>>;
  // That entries_read is not known: the group began at an id of its own, or entries before it were deleted.
  static constexpr std::int64_t kUnknown = -1;

  StreamId last_id;                      // delivered
  std::int64_t entries_read = kUnknown;  // of all that were ever added: how many stand up to last_id

  const IdTree<PendingEntry>& pending() const { return pending_; }
  const Consumers& consumers() const { return consumers_; }
  // Null: there is none.
  const StreamConsumer* Find(std::string_view consumer) const;
  const std::string& NameOf(std::uint32_t consumer) const { return names_.at(consumer); }
  // Memory. O(1).
  std::size_t bytes() const { return sizeof(*this) + pending_.bytes() + consumer_bytes_; }

  // True when it is new.
  bool AddConsumer(std::string_view name, std::int64_t now);
  void SetSeen(std::string_view consumer, std::int64_t at);
  // What was pending with it, which is gone as well; nothing when there is no such consumer.
  std::optional<std::uint64_t> RemoveConsumer(std::string_view name);
  // The consumer, who must exist, has it now, whoever had it before.
  void Give(std::string_view consumer, StreamId id, std::int64_t delivered_at, std::uint64_t deliveries);
  // False when it is not pending.
  bool Acknowledge(StreamId id);

 private:
  template <class Change>
  void ChangePending(StreamConsumer& consumer, const Change& change);
  StreamConsumer& ConsumerNumbered(std::uint32_t number) { return consumers_.find(names_.at(number))->second; }

  IdTree<PendingEntry> pending_;
  Consumers consumers_;
  std::map<std::uint32_t, std::string> names_;
  std::uint32_t next_number_ = 0;
  std::size_t consumer_bytes_ = 0;
};

}  // namespace data
