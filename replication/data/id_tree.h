// Things in the order of their stream ids, each id once; a copy costs nothing until one of the two changes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "replication/data/counted_tree.h"
#include "replication/data/stream_id.h"

namespace data {

inline StreamId IdOf(StreamId id) {
  return id;
}

// `Item` is small and copyable; IdOf(item) is its id.
template <class Item>
class IdTree {
 public:
  std::uint64_t size() const { return tree_.items(); }
  bool empty() const { return tree_.empty(); }
  // Memory beyond the object itself. O(1).
  std::size_t bytes() const { return tree_.bytes(); }

  std::optional<Item> Find(StreamId id) const {
    const auto at = Seek(id);
    if (!at.valid()) return std::nullopt;
    const auto found = at->LowerBound(id);
    if (found == at->items_.end() || IdOf(*found) != id) return std::nullopt;
    return *found;
  }
  std::optional<Item> First() const {
    const auto at = tree_.First();
    return at.valid() ? std::optional(at->items_.front()) : std::nullopt;
  }
  std::optional<Item> Last() const {
    const auto at = tree_.Last();
    return at.valid() ? std::optional(at->items_.back()) : std::nullopt;
  }
  // visit(item), from the first whose id is not below `from`; it returns false to end. Nothing may change meanwhile.
  template <class Visit>
  void ForEachFrom(StreamId from, Visit&& visit) const {
    auto at = Seek(from);
    if (!at.valid()) return;
    auto item = at->LowerBound(from);
    while (true) {
      for (; item != at->items_.end(); ++item) {
        if (!visit(*item)) return;
      }
      at.Next();
      if (!at.valid()) return;
      item = at->items_.begin();
    }
  }

  // True when its id is new; otherwise the item with this id is replaced.
  bool Put(const Item& item) {
    bool fresh = false;
    tree_.Edit(Seek(IdOf(item)), [&](Leaf& leaf) {
      const auto at = leaf.LowerBound(IdOf(item));
      fresh = at == leaf.items_.end() || IdOf(*at) != IdOf(item);
      if (fresh) {
        leaf.items_.insert(at, item);
      } else {
        *at = item;
      }
    });
    return fresh;
  }
  // False when there is none.
  bool Erase(StreamId id) {
    if (!Find(id)) return false;
    tree_.Edit(Seek(id), [id](Leaf& leaf) { leaf.items_.erase(leaf.LowerBound(id)); });
    return true;
  }
  void CheckShape() const { tree_.CheckShape(); }

 private:
  struct Leaf {
    using Key = StreamId;
    static constexpr std::size_t kMost = 64;

    Key FirstKey() const { return IdOf(items_.front()); }
    std::uint64_t items() const { return items_.size(); }
    std::size_t bytes() const { return items_.capacity() * sizeof(Item); }
    bool TooLarge() const { return items_.size() > kMost; }
    Leaf SplitOff() {
      Leaf upper;
      const auto middle = items_.begin() + static_cast<std::ptrdiff_t>(items_.size() / 2);
      upper.items_.assign(middle, items_.end());
      items_.erase(middle, items_.end());
      return upper;
    }
    bool TooSmall() const { return items_.size() < kMost / 4; }
    bool TryTake(const Leaf& next) {
      if (items_.size() + next.items_.size() > kMost) return false;
      items_.insert(items_.end(), next.items_.begin(), next.items_.end());
      return true;
    }
    auto LowerBound(StreamId id) {
      return std::lower_bound(items_.begin(), items_.end(), id,
                              [](const Item& item, StreamId wanted) { return IdOf(item) < wanted; });
    }
    auto LowerBound(StreamId id) const {
      return std::lower_bound(items_.begin(), items_.end(), id,
                              [](const Item& item, StreamId wanted) { return IdOf(item) < wanted; });
    }

    std::vector<Item> items_;
  };
  struct Order {
    StreamId wanted;
    std::weak_ordering operator()(StreamId first) const { return first <=> wanted; }
    std::weak_ordering operator()(const Leaf&) const { return std::weak_ordering::equivalent; }
  };

  typename CountedTree<Leaf>::Cursor Seek(StreamId id) const { return tree_.Seek(Order{id}); }

  CountedTree<Leaf> tree_;
};

}  // namespace data
