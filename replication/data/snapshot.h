// The data set as it was at one moment, read in slices while it goes on changing. No fork, no pause.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "replication/data/keyspace.h"

namespace data {

// Captured keys: copies that nobody else changes, so a batch may go to another thread.
class Batch {
 public:
  struct Record {
    int db;
    ValueType type;
    Encoding encoding;
    std::uint32_t key_size;
    Packing packing;
    std::uint32_t value_size;  // inline values
    std::size_t at;            // of the key in the bytes; an inline value follows
    std::int64_t integer;      // of Encoding::kInt
    std::size_t large;         // index into the large values, of Encoding::kLarge, or into the trees, of kTree
    UnixMs expires_at;         // kNever: none
    std::uint32_t used_at;     // the mark of its last use
  };

  void Add(int db, const Entry& entry);
  void Clear();
  bool empty() const { return records_.empty(); }
  std::size_t size() const { return records_.size(); }
  // Bytes that this batch keeps in memory, large values included. Trees count by their heads alone: what of them is
  // kept here only is what has changed since.
  std::size_t bytes() const { return bytes_.size() + records_.size() * sizeof(Record) + large_bytes_; }

  const std::vector<Record>& records() const { return records_; }
  std::string_view Key(const Record& record) const {
    return std::string_view(bytes_).substr(record.at, record.key_size);
  }
  // Not for Encoding::kInt and kTree.
  std::string_view Text(const Record& record) const;
  // Only for Encoding::kTree.
  const Collection& Tree(const Record& record) const { return *trees_[record.large]; }

 private:
  std::string bytes_;
  std::vector<Record> records_;
  std::vector<LargeValue> large_;
  std::vector<std::unique_ptr<Collection>> trees_;
  std::size_t large_bytes_ = 0;
};

// How many keys each database held when the snapshot began; empty ones are left out.
struct DatabaseSize {
  int db = 0;
  std::uint64_t keys = 0;
  std::uint64_t expires = 0;
};

// A cursor over the tables of one moment. A bucket that a write is about to change is captured first, by the door of
// the keyspace, into pre-images which the next slice gives out. Buckets about to be split or merged are captured too,
// and both halves then count as captured. Flushed or exchanged tables are kept until they have been read, and
// are then left to Keyspace::TakeDiscarded().
//
// Each key of that moment is given exactly once, in no particular order; databases may alternate.
class Snapshot {
 public:
  static constexpr int kMax = 3;  // may run at once

  // Null when kMax are running already. The keyspace must outlive the snapshot. O(databases).
  static std::unique_ptr<Snapshot> Begin(Keyspace& keyspace);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Puts the next records into `out` (cleared first): all pre-images, then whole buckets until there are at least
  // `max_records` records or `max_bytes` bytes. False when there is nothing more to come after this batch.
  bool Step(std::size_t max_records, std::size_t max_bytes, Batch& out);
  bool done() const;

  const std::vector<DatabaseSize>& databases() const { return sizes_; }
  const std::vector<std::string>& functions() const { return functions_; }
  std::uint64_t total_keys() const { return total_keys_; }
  std::uint64_t keys_captured() const { return keys_captured_; }  // so far
  // Memory held by pre-images that no Step() has given out yet.
  std::size_t pre_image_bytes() const { return pre_images_.bytes(); }

 private:
  class Walk;  // one table, and how far it has been read

  explicit Snapshot(Keyspace& keyspace);

  Keyspace& keyspace_;
  std::vector<std::unique_ptr<Walk>> walks_;
  std::size_t current_ = 0;
  std::vector<DatabaseSize> sizes_;
  std::vector<std::string> functions_;
  std::uint64_t total_keys_ = 0;
  std::uint64_t keys_captured_ = 0;
  Batch pre_images_;
};

}  // namespace data
