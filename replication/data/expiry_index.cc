#include "replication/data/expiry_index.h"

#include <algorithm>

#include "replication/base/check.h"

namespace data {

void ExpiryIndex::Place(std::size_t index, const Item& item) {
  items_[index] = item;
  item.entry->expiry()->heap_index = static_cast<std::uint32_t>(index);
}

// Finds the place of `item`, beginning at the hole `index`, and puts it there.
void ExpiryIndex::Settle(std::size_t index, const Item& item) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / kArity;
    if (items_[parent].at <= item.at) break;
    Place(index, items_[parent]);
    index = parent;
  }
  for (;;) {
    const std::size_t first = index * kArity + 1;
    if (first >= items_.size()) break;
    const std::size_t last = std::min(first + kArity, items_.size());
    std::size_t least = first;
    for (std::size_t child = first + 1; child < last; ++child) {
      if (items_[child].at < items_[least].at) least = child;
    }
    if (items_[least].at >= item.at) break;
    Place(index, items_[least]);
    index = least;
  }
  Place(index, item);
}

void ExpiryIndex::Add(Entry* entry) {
  VIGIL_CHECK(items_.size() < 0xffffffffU);
  const Item item{entry->expires_at(), entry};
  items_.push_back(item);
  Settle(items_.size() - 1, item);
}

void ExpiryIndex::Remove(const Entry* entry) {
  const std::size_t index = entry->expiry()->heap_index;
  VIGIL_CHECK(index < items_.size() && items_[index].entry == entry);
  const Item last = items_.back();
  items_.pop_back();
  if (index < items_.size()) Settle(index, last);
}

void ExpiryIndex::Replace(const Entry* old, Entry* fresh) {
  const std::size_t index = old->expiry()->heap_index;
  VIGIL_CHECK(index < items_.size() && items_[index].entry == old);
  Settle(index, Item{fresh->expires_at(), fresh});
}

void ExpiryIndex::Change(Entry* entry, UnixMs at) {
  const std::size_t index = entry->expiry()->heap_index;
  VIGIL_CHECK(index < items_.size() && items_[index].entry == entry);
  entry->expiry()->at = at;
  Settle(index, Item{at, entry});
}

}  // namespace data
