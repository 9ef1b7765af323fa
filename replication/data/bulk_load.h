// Many keys into a keyspace that nobody else sees yet.
//
// Where a key belongs is, in a large table, never in the processor's caches: a load that inserted one key after the
// other would mostly wait for memory. So a few keys are kept back while their buckets are on their way.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "replication/data/entry.h"

namespace data {

class Keyspace;
class Table;

// Between Add() and Flush() the keyspace lacks the last few keys, and must not be changed by others.
class BulkLoad {
 public:
  explicit BulkLoad(Keyspace& into) : into_(into) {}
  ~BulkLoad();
  BulkLoad(const BulkLoad&) = delete;
  BulkLoad& operator=(const BulkLoad&) = delete;

  // Nobody listens, no snapshot may be running, nothing is counted as a change.

  // So many keys will come for this database, if what says so is right. Only a hint.
  void Expect(int db, std::size_t keys);
  // Takes the key over; `mark` is that of its use, as Keyspace::MarkOfIdle() gives it. False: some key that was added
  // came twice, now or a few calls ago; duplicate() names it, and nothing more may be added.
  bool Add(int db, std::string_view key, NewValue value, UnixMs expires_at, std::uint32_t mark);
  // Inserts what is kept back, and expects nothing more. False as above.
  bool Flush();
  const std::string& duplicate() const { return duplicate_; }

 private:
  struct Waiting {
    Table* table;
    Entry* entry;  // null: a free place
    std::uint64_t hash;
  };

  bool Insert(Waiting& waiting);

  Keyspace& into_;
  // Enough for the fetches to be done; more would push each other out of the cache.
  std::array<Waiting, 16> waiting_{};
  std::size_t next_ = 0;
  std::string duplicate_;
};

}  // namespace data
