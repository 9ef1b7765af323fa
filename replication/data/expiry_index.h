// The keys that have an expiry, soonest first.
#pragma once

#include <cstddef>
#include <deque>

#include "replication/data/entry.h"

namespace data {

// A heap that knows where each entry stands in it, so that any entry can leave it. 16 bytes per key; adding a later
// expiry than all others is O(1), everything else O(log n).
class ExpiryIndex {
 public:
  std::size_t size() const { return items_.size(); }
  // Null when empty.
  Entry* Soonest() const { return items_.empty() ? nullptr : items_.front().entry; }
  UnixMs SoonestAt() const { return items_.empty() ? kNever : items_.front().at; }
  // Some expiry; i < size().
  UnixMs At(std::size_t i) const { return items_[i].at; }
  const Entry* EntryAt(std::size_t i) const { return items_[i].entry; }

  // The entry must have an expiry and not be in the index.
  void Add(Entry* entry);
  void Remove(const Entry* entry);
  // `fresh` takes the place of `old` and brings its own expiry.
  void Replace(const Entry* old, Entry* fresh);
  // Gives an entry of the index another expiry; not kNever.
  void Change(Entry* entry, UnixMs at);

  std::size_t Bytes() const { return items_.size() * sizeof(Item); }

 private:
  struct Item {
    UnixMs at;
    Entry* entry;
  };
  static constexpr std::size_t kArity = 4;

  void Place(std::size_t index, const Item& item);
  void Settle(std::size_t index, const Item& item);

  std::deque<Item> items_;  // in chunks: growing never copies it all
};

}  // namespace data
