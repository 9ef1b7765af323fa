// The keys of one database: a hash table of cache-line buckets that grows and shrinks one bucket at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "replication/base/random.h"
#include "replication/data/entry.h"
#include "replication/data/expiry_index.h"
#include "replication/data/hash.h"

namespace data {

// Told before the keys of a bucket change or move to another one: how a snapshot captures them in time.
class TableWatcher {
 public:
  virtual ~TableWatcher() = default;
  virtual void BeforeBucketChanges(std::size_t bucket) = 0;
};

// Linear hashing: there are always size() buckets in use, and an insertion splits at most two of them, in order of
// their number. So no moment is expensive, no second table exists, and the load hardly varies.
//
// A bucket is one cache line: seven one-byte tags, seven pointers. A chained bucket gives up its last pointer for the
// overflow.
class Table {
 public:
  explicit Table(std::uint64_t seed);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  std::uint64_t Hash(std::string_view key) const { return hash_(key); }
  std::size_t keys() const { return keys_; }
  std::size_t buckets() const { return buckets_; }
  const ExpiryIndex& expiries() const { return expiries_; }
  // Entries, buckets and the expiry index.
  std::size_t Bytes() const { return bytes_ + expiries_.Bytes(); }

  // The bucket in which a key with this hash is or would be.
  std::size_t BucketOf(std::uint64_t hash) const {
    const std::size_t bucket = hash & (2 * base_ - 1);
    return bucket < buckets_ ? bucket : bucket & (base_ - 1);
  }
  // Null: no such key. Valid until the next change.
  Entry** Find(std::size_t bucket, std::uint64_t hash, std::string_view key) const;

  // --- Changes. The caller has called BeforeChange() for the bucket. Entries belong to the table.
  void BeforeChange(std::size_t bucket) {
    if (!watchers_.empty()) TellWatchers(bucket);
  }
  // Of a key that is not there yet. May split buckets.
  void Insert(std::uint64_t hash, Entry* entry);
  // Frees the old entry, which has the same key.
  void Replace(Entry** slot, Entry* fresh);
  // In place, when the block allows it; false: make a new entry and Replace().
  bool TryReplace(Entry* entry, NewValue& value);
  // Lets `edit` work on the value in place, which neither moves the entry nor touches its expiry.
  template <class Edit>
  void EditInPlace(Entry* entry, Edit&& edit) {
    bytes_ -= entry->Bytes();
    edit(*entry);
    bytes_ += entry->Bytes();
  }
  // Both must have an expiry.
  void ChangeExpiry(Entry* entry, UnixMs at) { expiries_.Change(entry, at); }
  // May merge buckets.
  void Erase(std::size_t bucket, Entry** slot);
  // So many keys are expected: insertions make the table grow ahead of the keys that are there, but never by more than
  // a few buckets each. 0: no more than there are.
  void Reserve(std::size_t keys);

  // --- Walks.
  // Each entry of one bucket.
  template <class Visit>
  void VisitBucket(std::size_t bucket, Visit&& visit) const {
    for (const Bucket* b = &At(bucket); b != nullptr; b = b->Next()) {
      for (std::size_t i = 0; i < kSlots; ++i) {
        if (b->tags[i] != 0) visit(static_cast<const Entry&>(*b->slots[i]));
      }
    }
  }
  // Asks the processor for the entries of a bucket that will be visited soon: a walk is waiting for memory, mostly.
  void Prefetch(std::size_t bucket) const {
    if (bucket >= buckets_) return;
    const Bucket& b = At(bucket);
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (b.slots[i] == nullptr) continue;
      __builtin_prefetch(b.slots[i]);
      __builtin_prefetch(reinterpret_cast<const char*>(b.slots[i]) + 64);
    }
  }
  // Asks for the bucket itself, which will be searched soon.
  void PrefetchBucket(std::size_t bucket) const { __builtin_prefetch(&At(bucket), 1); }
  // And for the entry in it that has this hash, by the look of it.
  void PrefetchEntry(std::size_t bucket, std::uint64_t hash) const;
  // See Keyspace::Scan().
  std::uint64_t Scan(std::uint64_t cursor, const std::function<void(const Entry&)>& visit) const;
  // Null when empty.
  const Entry* RandomEntry(base::Random& random) const;
  // Visits about `count` entries from a place chosen at random on; at least one unless the table is empty. Less even
  // than RandomEntry(), and cheaper.
  template <class Visit>
  void Sample(base::Random& random, std::size_t count, Visit&& visit) const {
    if (keys_ == 0) return;
    std::size_t seen = 0;
    std::size_t bucket = random.Below(buckets_);
    for (std::size_t steps = 0; seen < count && steps < buckets_; ++steps) {
      // A table is never so empty that this takes long: it shrinks.
      VisitBucket(bucket, [&](const Entry& entry) {
        if (seen++ < count) visit(entry);
      });
      bucket = bucket + 1 < buckets_ ? bucket + 1 : 0;
      if (seen > 0 && steps > 10 * count) return;
    }
  }

  void AddWatcher(TableWatcher* watcher) { watchers_.push_back(watcher); }
  void RemoveWatcher(TableWatcher* watcher);

 private:
  static constexpr std::size_t kSlots = 7;
  static constexpr std::size_t kSegment = 1024;  // buckets of one allocation
  static constexpr std::size_t kLeast = 4;       // buckets of an empty table
  // Keys per bucket, on average, at which the table grows. More saves memory and costs longer chains.
  static constexpr std::size_t kGrowAt = 5;
  // What an insertion adds while more keys are expected. Splitting buckets that are almost empty costs little.
  static constexpr int kAhead = 8;
  // The table shrinks when there are fewer than 3 keys in 2 buckets: far enough below, so that it does not swing.
  static constexpr std::size_t kShrinkKeys = 3;
  static constexpr std::size_t kShrinkBuckets = 2;

  struct alignas(64) Bucket {
    std::uint8_t tags[kSlots];  // 0: empty
    std::uint8_t chained;       // 1: the last slot is the overflow bucket, and its tag is 0
    Entry* slots[kSlots];

    Bucket* Next() const { return chained ? reinterpret_cast<Bucket*>(slots[kSlots - 1]) : nullptr; }
    std::size_t Room() const { return chained ? kSlots - 1 : kSlots; }
  };
  static_assert(sizeof(Bucket) == 64);

  static std::uint8_t TagOf(std::uint64_t hash) {
    const auto tag = static_cast<std::uint8_t>(hash >> 56);
    return tag != 0 ? tag : 1;
  }
  Bucket& At(std::size_t bucket) const { return segments_[bucket / kSegment][bucket % kSegment]; }

  void TellWatchers(std::size_t bucket);
  Bucket* NewBuckets(std::size_t count);
  void FreeBuckets(Bucket* buckets, std::size_t count);
  // Makes bucket number `bucket` addressable; it comes right behind those there are.
  void EnsureSegment(std::size_t bucket);
  void PutInto(Bucket* bucket, std::uint8_t tag, Entry* entry);
  void FreeChain(Bucket* overflow);
  void SplitOne();
  void MergeOne();

  KeyHash hash_;
  std::size_t base_ = kLeast;           // a power of two, base_ <= buckets_ < 2 * base_
  std::size_t buckets_ = kLeast;        // in use
  std::size_t first_segment_ = kLeast;  // buckets allocated in the first segment, which grows by doubling
  std::vector<Bucket*> segments_;
  std::size_t reserved_ = 0;  // buckets to be grown to, as keys come in
  std::size_t keys_ = 0;
  std::size_t bytes_ = 0;
  ExpiryIndex expiries_;
  std::vector<TableWatcher*> watchers_;
};

}  // namespace data
