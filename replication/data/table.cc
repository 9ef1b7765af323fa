#include "replication/data/table.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

#include "replication/base/check.h"

namespace data {
namespace {

static_assert(std::endian::native == std::endian::little, "tags are compared as one little-endian word");

// A word with the top bit set in (at least) each byte of `tags` that equals `tag`. The borrow of a match may mark the
// byte above it too, so a mark is a hint; keys are compared anyway.
std::uint64_t Matches(std::uint64_t tags, std::uint8_t tag) {
  const std::uint64_t ones = 0x0101010101010101ULL;
  const std::uint64_t different = tags ^ (ones * tag);
  return (different - ones) & ~different & (ones << 7);
}

std::uint64_t Reversed(std::uint64_t bits) {
  bits = ((bits >> 1) & 0x5555555555555555ULL) | ((bits & 0x5555555555555555ULL) << 1);
  bits = ((bits >> 2) & 0x3333333333333333ULL) | ((bits & 0x3333333333333333ULL) << 2);
  bits = ((bits >> 4) & 0x0f0f0f0f0f0f0f0fULL) | ((bits & 0x0f0f0f0f0f0f0f0fULL) << 4);
  return __builtin_bswap64(bits);
}

}  // namespace

Table::Table(std::uint64_t seed) : hash_(seed) {
  segments_.push_back(NewBuckets(first_segment_));
}

Table::~Table() {
  for (std::size_t i = 0; i < buckets_; ++i) {
    VisitBucket(i, [](const Entry& entry) { Entry::Free(const_cast<Entry*>(&entry)); });
    FreeChain(At(i).Next());
  }
  for (Bucket* segment : segments_) std::free(segment);
}

Table::Bucket* Table::NewBuckets(std::size_t count) {
  void* block = std::aligned_alloc(alignof(Bucket), count * sizeof(Bucket));
  if (block == nullptr) throw std::bad_alloc();
  std::memset(block, 0, count * sizeof(Bucket));
  bytes_ += count * sizeof(Bucket);
  return static_cast<Bucket*>(block);
}

void Table::FreeBuckets(Bucket* buckets, std::size_t count) {
  bytes_ -= count * sizeof(Bucket);
  std::free(buckets);
}

void Table::FreeChain(Bucket* overflow) {
  while (overflow != nullptr) {
    Bucket* next = overflow->Next();
    FreeBuckets(overflow, 1);
    overflow = next;
  }
}

void Table::EnsureSegment(std::size_t bucket) {
  if (bucket >= kSegment) {
    if (bucket / kSegment >= segments_.size()) segments_.push_back(NewBuckets(kSegment));
  } else if (bucket >= first_segment_) {
    // A small table: its only segment doubles. At most 64 KiB are copied.
    Bucket* larger = NewBuckets(first_segment_ * 2);
    std::memcpy(static_cast<void*>(larger), segments_[0], first_segment_ * sizeof(Bucket));
    FreeBuckets(segments_[0], first_segment_);
    segments_[0] = larger;
    first_segment_ *= 2;
  }
}

Entry** Table::Find(std::size_t bucket, std::uint64_t hash, std::string_view key) const {
  const std::uint8_t tag = TagOf(hash);
  for (Bucket* b = &At(bucket); b != nullptr; b = b->Next()) {
    std::uint64_t tags;
    std::memcpy(&tags, b->tags, sizeof tags);
    // The eighth byte is no tag.
    for (std::uint64_t found = Matches(tags, tag) << 8 >> 8; found != 0; found &= found - 1) {
      const std::size_t i = static_cast<std::size_t>(std::countr_zero(found)) / 8;
      if (b->tags[i] == tag && b->slots[i]->key() == key) return &b->slots[i];
    }
  }
  return nullptr;
}

void Table::PrefetchEntry(std::size_t bucket, std::uint64_t hash) const {
  const std::uint8_t tag = TagOf(hash);
  const Bucket& b = At(bucket);
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (b.tags[i] != tag) continue;
    __builtin_prefetch(b.slots[i], 1);
    __builtin_prefetch(reinterpret_cast<const char*>(b.slots[i]) + 64, 1);
  }
}

void Table::PutInto(Bucket* bucket, std::uint8_t tag, Entry* entry) {
  for (;;) {
    for (std::size_t i = 0; i < bucket->Room(); ++i) {
      if (bucket->tags[i] != 0) continue;
      bucket->tags[i] = tag;
      bucket->slots[i] = entry;
      return;
    }
    if (!bucket->chained) {
      // Full: the last entry makes room for the overflow.
      Bucket* overflow = NewBuckets(1);
      overflow->tags[0] = bucket->tags[kSlots - 1];
      overflow->slots[0] = bucket->slots[kSlots - 1];
      bucket->tags[kSlots - 1] = 0;
      bucket->slots[kSlots - 1] = reinterpret_cast<Entry*>(overflow);
      bucket->chained = 1;
    }
    bucket = bucket->Next();
  }
}

void Table::Insert(std::uint64_t hash, Entry* entry) {
  PutInto(&At(BucketOf(hash)), TagOf(hash), entry);
  ++keys_;
  bytes_ += entry->Bytes();
  if (entry->has_expiry()) expiries_.Add(entry);
  // Two, so that the table catches up should it ever have been too small.
  for (int i = 0; i < 2 && keys_ > buckets_ * kGrowAt; ++i) SplitOne();
  for (int i = 0; i < kAhead && buckets_ < reserved_; ++i) SplitOne();
}

void Table::Replace(Entry** slot, Entry* fresh) {
  Entry* old = *slot;
  if (old->has_expiry() && fresh->has_expiry()) {
    expiries_.Replace(old, fresh);
  } else if (old->has_expiry()) {
    expiries_.Remove(old);
  } else if (fresh->has_expiry()) {
    expiries_.Add(fresh);
  }
  bytes_ += fresh->Bytes();
  bytes_ -= old->Bytes();
  *slot = fresh;
  Entry::Free(old);
}

bool Table::TryReplace(Entry* entry, NewValue& value) {
  const std::size_t before = entry->Bytes();
  if (!entry->TryReplace(value)) return false;
  bytes_ += entry->Bytes();
  bytes_ -= before;
  return true;
}

void Table::Erase(std::size_t bucket, Entry** slot) {
  Entry* entry = *slot;
  if (entry->has_expiry()) expiries_.Remove(entry);
  bytes_ -= entry->Bytes();
  --keys_;

  // The hole is filled from the end of the chain, so that chains stay as short as they can be.
  Bucket* holder = &At(bucket);
  Bucket* before_tail = nullptr;
  Bucket* tail = holder;
  while (tail->Next() != nullptr) {
    before_tail = tail;
    tail = tail->Next();
  }
  while (slot < holder->slots || slot >= holder->slots + kSlots) holder = holder->Next();
  const auto hole = static_cast<std::size_t>(slot - holder->slots);
  holder->tags[hole] = 0;
  holder->slots[hole] = nullptr;
  if (before_tail != nullptr) {
    if (holder != tail) {
      std::size_t last = kSlots - 1;
      while (tail->tags[last] == 0) --last;
      holder->tags[hole] = tail->tags[last];
      holder->slots[hole] = tail->slots[last];
      tail->tags[last] = 0;
      tail->slots[last] = nullptr;
    }
    std::size_t used = 0;
    std::size_t only = 0;
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (tail->tags[i] != 0) {
        ++used;
        only = i;
      }
    }
    if (used == 1) {  // it fits into the slot that the chaining takes
      before_tail->chained = 0;
      before_tail->tags[kSlots - 1] = tail->tags[only];
      before_tail->slots[kSlots - 1] = tail->slots[only];
      FreeBuckets(tail, 1);
    }
  }
  Entry::Free(entry);
  for (int i = 0; i < 2 && buckets_ > kLeast && keys_ * kShrinkBuckets < buckets_ * kShrinkKeys; ++i) MergeOne();
}

void Table::SplitOne() {
  const std::size_t from = buckets_ - base_;
  const std::size_t to = buckets_;
  if (!watchers_.empty()) TellWatchers(from);
  EnsureSegment(to);
  ++buckets_;
  if (buckets_ == 2 * base_) base_ *= 2;

  const Bucket old = At(from);
  std::memset(static_cast<void*>(&At(from)), 0, sizeof(Bucket));
  for (const Bucket* b = &old; b != nullptr; b = b->Next()) {
    // All keys are needed at once: fetch them at once.
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (b->tags[i] != 0) __builtin_prefetch(b->slots[i]);
    }
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (b->tags[i] != 0) PutInto(&At(BucketOf(hash_(b->slots[i]->key()))), b->tags[i], b->slots[i]);
    }
  }
  FreeChain(old.Next());
  // The next split is a few insertions away: its keys, which all have to be hashed, are fetched until then.
  const std::size_t next = buckets_ - base_;
  Prefetch(next);
  __builtin_prefetch(&At(next + 1));
}

void Table::MergeOne() {
  const std::size_t from = buckets_ - 1;
  const std::size_t base = buckets_ == base_ ? base_ / 2 : base_;
  const std::size_t to = from - base;
  if (!watchers_.empty()) {
    TellWatchers(from);
    TellWatchers(to);
  }
  base_ = base;
  --buckets_;

  for (const Bucket* b = &At(from); b != nullptr; b = b->Next()) {
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (b->tags[i] != 0) PutInto(&At(to), b->tags[i], b->slots[i]);
    }
  }
  FreeChain(At(from).Next());
  std::memset(static_cast<void*>(&At(from)), 0, sizeof(Bucket));
  if (from % kSegment == 0) {  // never the first segment: a table keeps kLeast buckets
    FreeBuckets(segments_.back(), kSegment);
    segments_.pop_back();
  }
}

void Table::Reserve(std::size_t keys) {
  reserved_ = keys / kGrowAt;
}

// Buckets b and b + base_ together hold what bucket b of a table of base_ buckets would: the cursor counts through
// those, with its highest bit first. What was visited below a longer or shorter mask is then never a gap.
std::uint64_t Table::Scan(std::uint64_t cursor, const std::function<void(const Entry&)>& visit) const {
  const std::uint64_t mask = base_ - 1;
  const std::size_t bucket = cursor & mask;
  VisitBucket(bucket, visit);
  if (bucket + base_ < buckets_) VisitBucket(bucket + base_, visit);
  return Reversed(Reversed(cursor | ~mask) + 1);
}

const Entry* Table::RandomEntry(base::Random& random) const {
  if (keys_ == 0) return nullptr;
  // A table is never so empty that this takes long: it shrinks.
  std::size_t bucket = random.Below(buckets_);
  std::vector<const Entry*> found;
  for (int tries = 0; found.empty(); ++tries) {
    VisitBucket(bucket, [&found](const Entry& entry) { found.push_back(&entry); });
    bucket = tries < 100 ? random.Below(buckets_) : (bucket + 1) % buckets_;
  }
  return found[random.Below(found.size())];
}

void Table::TellWatchers(std::size_t bucket) {
  for (TableWatcher* watcher : watchers_) watcher->BeforeBucketChanges(bucket);
}

void Table::RemoveWatcher(TableWatcher* watcher) {
  std::erase(watchers_, watcher);
}

}  // namespace data
