#include "replication/data/bulk_load.h"

#include <utility>

#include "replication/data/keyspace.h"
#include "replication/data/table.h"

namespace data {

BulkLoad::~BulkLoad() {
  for (Waiting& each : waiting_) {
    if (each.entry != nullptr) Entry::Free(each.entry);
  }
}

void BulkLoad::Expect(int db, std::size_t keys) {
  into_.At(db).Reserve(keys);
}

bool BulkLoad::Add(int db, std::string_view key, NewValue value, UnixMs expires_at, std::uint32_t mark) {
  Table& table = into_.At(db);
  const std::uint64_t hash = table.Hash(key);
  table.PrefetchBucket(table.BucketOf(hash));
  Waiting& place = waiting_[next_];
  next_ = (next_ + 1) % waiting_.size();
  const bool inserted = place.entry == nullptr || Insert(place);
  place = {.table = &table, .entry = Entry::Make(key, std::move(value), expires_at, mark), .hash = hash};
  return inserted;
}

bool BulkLoad::Flush() {
  bool inserted = true;
  for (int db = 0; db < into_.databases(); ++db) into_.At(db).Reserve(0);
  for (Waiting& each : waiting_) {
    if (each.entry != nullptr) inserted = Insert(each) && inserted;
  }
  return inserted;
}

bool BulkLoad::Insert(Waiting& waiting) {
  Entry* entry = std::exchange(waiting.entry, nullptr);
  Table& table = *waiting.table;
  // The table may have grown since: the bucket is looked up anew.
  if (table.Find(table.BucketOf(waiting.hash), waiting.hash, entry->key()) != nullptr) {
    duplicate_ = entry->key();
    Entry::Free(entry);
    return false;
  }
  table.Insert(waiting.hash, entry);
  return true;
}

}  // namespace data
