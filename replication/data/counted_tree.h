// Large collections: a B+ tree of leaves, counted, whose copy costs nothing until one of the two changes.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "replication/base/check.h"
#include "replication/base/owners.h"

namespace data {

// A sequence of leaves. A leaf holds some items, packed as it likes; the tree knows how many, so that an item is found
// by its rank, and the key of the first one, so that it is found by order.
//
// Copies share all nodes. Whoever changes one of them copies the leaf concerned and the few nodes above it first, so a
// snapshot of a collection of any size costs nothing, and a write under a snapshot costs one leaf. Owners are
// counted across threads: a copy may be read and destroyed by another thread while the first one is being changed. One
// object by itself is not to be used by two threads.
//
// `Leaf` has: Key, a small type with <=> and ==, a hint of the order that may be equal for different items;
// Key FirstKey() const, of a leaf with items; std::uint64_t items() const; std::size_t bytes() const, its memory beyond
// sizeof(Leaf); bool TooLarge() const and Leaf SplitOff(), which moves about the upper half of at least two items into
// a new leaf; bool TooSmall() const and bool TryTake(const Leaf& next), which appends a copy of what `next` holds, or
// does nothing when that would be too much. Copyable; made empty by default.
//
// All of it is O(log items), where nothing else is said.
template <class Leaf>
class CountedTree {
 public:
  using Key = typename Leaf::Key;
  class Cursor;

  CountedTree() = default;
  CountedTree(const CountedTree& other)
      : root_(other.root_), height_(other.height_), bytes_(other.bytes_), items_(other.items_) {
    if (root_ != nullptr) Share(root_);
  }
  CountedTree(CountedTree&& other) noexcept
      : root_(std::exchange(other.root_, nullptr)),
        height_(std::exchange(other.height_, 0)),
        bytes_(std::exchange(other.bytes_, 0)),
        items_(std::exchange(other.items_, 0)) {}
  CountedTree& operator=(CountedTree other) noexcept {
    std::swap(root_, other.root_);
    std::swap(height_, other.height_);
    std::swap(bytes_, other.bytes_);
    std::swap(items_, other.items_);
    return *this;
  }
  // O(items), unless another copy keeps them.
  ~CountedTree() {
    if (root_ != nullptr) Release(root_, height_);
  }

  bool empty() const { return root_ == nullptr; }
  std::uint64_t items() const { return items_; }  // O(1)
  // Memory of all nodes, shared ones included. O(1).
  std::size_t bytes() const { return bytes_; }

  // The ends; not valid() when the tree is empty.
  Cursor First() const;
  Cursor Last() const;
  // The leaf with the item of this rank, which is number `rank - cursor.rank()` in it. Not valid() from items() on.
  Cursor AtRank(std::uint64_t rank) const;
  // The leaf where what `order` looks for is, if it is anywhere: the last one that does not begin behind it, or the
  // first one. `order(key)` and, when that says "equal", `order(leaf)` for the leaf's first item, tell how that stands
  // to what is looked for: less, when it comes before it. Not valid() when the tree is empty.
  template <class Order>
  Cursor Seek(const Order& order) const;

  // Lets `change(Leaf&)` change a leaf, in place if nobody shares it: it may take items away and add some, as many as
  // fit into two leaves at most, without disturbing the order. In an empty tree `at` may be any cursor of it, and the
  // leaf is empty. All cursors are invalid afterwards. Plus O(leaf) when it is shared.
  template <class Change>
  void Edit(const Cursor& at, const Change& change);

  // Adds a leaf with at least one item behind all others, or in front of them.
  void Append(Leaf leaf);
  void Prepend(Leaf leaf);

  // Stops the program when the tree is not as it should be. For tests. O(nodes).
  void CheckShape() const;

 private:
  static constexpr std::size_t kFan = 32;
  static constexpr std::size_t kThin = kFan / 4;
  static constexpr std::size_t kMaxHeight = 16;  // kThin to the power of this is beyond any memory

  struct Node {
    base::Owners owners;
  };
  struct LeafNode : Node {
    LeafNode() = default;
    explicit LeafNode(Leaf from) : leaf(std::move(from)) {}
    Leaf leaf;
  };
  struct InnerNode : Node {
    std::size_t count = 0;
    std::array<Key, kFan> keys{};
    std::array<std::uint64_t, kFan> items{};
    std::array<Node*, kFan> children{};
  };

  static InnerNode& Inner(Node* node) { return *static_cast<InnerNode*>(node); }
  static LeafNode& LeafOf(Node* node) { return *static_cast<LeafNode*>(node); }
  static void Share(Node* node) { node->owners.Add(); }
  static void Release(Node* node, std::size_t height) {
    if (!node->owners.Drop()) return;
    if (height == 0) {
      delete &LeafOf(node);
      return;
    }
    InnerNode& inner = Inner(node);
    for (std::size_t i = 0; i < inner.count; ++i) Release(inner.children[i], height - 1);
    delete &inner;
  }
  static std::uint64_t ItemsOf(Node* node, std::size_t height) {
    if (height == 0) return LeafOf(node).leaf.items();
    const InnerNode& inner = Inner(node);
    std::uint64_t items = 0;
    for (std::size_t i = 0; i < inner.count; ++i) items += inner.items[i];
    return items;
  }
  static Key FirstKeyOf(Node* node, std::size_t height) {
    return height == 0 ? LeafOf(node).leaf.FirstKey() : Inner(node).keys[0];
  }
  static const Leaf& FirstLeafOf(Node* node, std::size_t height) {
    for (; height > 0; --height) node = Inner(node).children[0];
    return LeafOf(node).leaf;
  }
  static std::size_t MemoryOf(Node* node, std::size_t height) {
    return height == 0 ? sizeof(LeafNode) + LeafOf(node).leaf.bytes() : sizeof(InnerNode);
  }

  // Where a leaf hangs: children[index[h - 1]] of node[h] is node[h - 1]; node[0] is the leaf.
  struct Path {
    std::array<Node*, kMaxHeight + 1> node{};
    std::array<std::size_t, kMaxHeight> index{};
  };

  // A leaf is looked for in several places of it: they are fetched at once.
  static void Prefetch(const LeafNode& leaf) {
    constexpr std::size_t kLine = 64;
    const char* at = reinterpret_cast<const char*>(&leaf);
    for (std::size_t i = 0; i < sizeof leaf; i += kLine) __builtin_prefetch(at + i);
  }

  // Makes `child`, which hangs in an exclusive place, exclusive itself. A copy may take less room than what it was made
  // of, which had grown.
  Node* Own(Node* child, std::size_t height) {
    if (child->owners.Sole()) return child;
    Node* copy = nullptr;
    if (height == 0) {
      copy = new LeafNode(LeafOf(child).leaf);
    } else {
      auto* inner = new InnerNode;
      const InnerNode& from = Inner(child);
      inner->count = from.count;
      inner->keys = from.keys;
      inner->items = from.items;
      inner->children = from.children;
      for (std::size_t i = 0; i < from.count; ++i) Share(from.children[i]);
      copy = inner;
    }
    bytes_ += MemoryOf(copy, height);
    bytes_ -= MemoryOf(child, height);
    Release(child, height);
    return copy;
  }
  void OwnPath(Path& path);
  // Brings counts and first keys above path.node[height] up to date.
  void Refresh(Path& path, std::size_t height);
  // The same, when nothing has changed but that the leaf has so many items more, which begin with `first`.
  void RefreshLeaf(Path& path, std::int64_t more, const Key& first);
  // Puts `fresh` behind path.node[height], splitting what is full. The path is of no use afterwards above `height`,
  // unless there was room.
  void InsertBehind(Path& path, std::size_t height, Node* fresh);
  // Takes the child out of the node above, and that one too when it was the last.
  void Remove(Path& path, std::size_t height);
  // Joins path.node[height] with a neighbour when that is possible.
  void Join(Path& path, std::size_t height);
  bool TryJoin(Path& path, std::size_t height, std::size_t left);
  void Shorten();

  Node* root_ = nullptr;
  std::size_t height_ = 0;  // of the root: 0 is a leaf
  std::size_t bytes_ = 0;
  std::uint64_t items_ = 0;
};

// Stands on a leaf of a tree that outlives it. Invalid after a change.
template <class Leaf>
class CountedTree<Leaf>::Cursor {
 public:
  Cursor() = default;

  bool valid() const { return path_.node[0] != nullptr; }
  const Leaf& operator*() const { return LeafOf(path_.node[0]).leaf; }
  const Leaf* operator->() const { return &**this; }
  // How many items the leaves before this one have.
  std::uint64_t rank() const {
    std::uint64_t rank = 0;
    for (std::size_t height = 1; height <= height_; ++height) {
      const InnerNode& inner = Inner(path_.node[height]);
      for (std::size_t i = 0; i < path_.index[height - 1]; ++i) rank += inner.items[i];
    }
    return rank;
  }

  // Not valid() behind the last leaf. O(1) amortised.
  void Next() {
    std::size_t height = 1;
    while (height <= height_ && path_.index[height - 1] + 1 == Inner(path_.node[height]).count) ++height;
    if (height > height_) {
      path_.node[0] = nullptr;
      return;
    }
    ++path_.index[height - 1];
    Descend(height, false);
  }
  // Not valid() before the first leaf.
  void Previous() {
    std::size_t height = 1;
    while (height <= height_ && path_.index[height - 1] == 0) ++height;
    if (height > height_) {
      path_.node[0] = nullptr;
      return;
    }
    --path_.index[height - 1];
    Descend(height, true);
  }

 private:
  friend class CountedTree;

  explicit Cursor(const CountedTree& tree) : height_(tree.height_) { path_.node[height_] = tree.root_; }

  // From path_.index[height - 1] down to the first or the last leaf below it.
  void Descend(std::size_t height, bool to_last) {
    for (; height > 0; --height) {
      path_.node[height - 1] = Inner(path_.node[height]).children[path_.index[height - 1]];
      if (height > 1) path_.index[height - 2] = to_last ? Inner(path_.node[height - 1]).count - 1 : 0;
    }
  }

  Path path_;
  std::size_t height_ = 0;
};

template <class Leaf>
typename CountedTree<Leaf>::Cursor CountedTree<Leaf>::First() const {
  Cursor cursor(*this);
  cursor.Descend(height_, false);
  return cursor;
}

template <class Leaf>
typename CountedTree<Leaf>::Cursor CountedTree<Leaf>::Last() const {
  if (root_ == nullptr) return Cursor(*this);
  return AtRank(items() - 1);
}

template <class Leaf>
typename CountedTree<Leaf>::Cursor CountedTree<Leaf>::AtRank(std::uint64_t rank) const {
  Cursor cursor(*this);
  if (rank >= items_) return Cursor();
  std::uint64_t total = items_;  // below the node
  for (std::size_t height = height_; height > 0; --height) {
    const InnerNode& inner = Inner(cursor.path_.node[height]);
    std::size_t i = 0;
    if (rank < total / 2) {
      for (; rank >= inner.items[i]; ++i) rank -= inner.items[i];
    } else {
      std::uint64_t before = total;
      for (i = inner.count; rank < before;) before -= inner.items[--i];
      rank -= before;
    }
    total = inner.items[i];
    cursor.path_.index[height - 1] = i;
    cursor.path_.node[height - 1] = inner.children[i];
  }
  return cursor;
}

template <class Leaf>
template <class Order>
typename CountedTree<Leaf>::Cursor CountedTree<Leaf>::Seek(const Order& order) const {
  Cursor cursor(*this);
  if (root_ == nullptr) return cursor;
  for (std::size_t height = height_; height > 0; --height) {
    const InnerNode& inner = Inner(cursor.path_.node[height]);
    const auto begins_behind = [&](std::size_t i) {
      const std::weak_ordering by_key = order(inner.keys[i]);
      if (by_key != 0) return by_key > 0;
      return order(FirstLeafOf(inner.children[i], height - 1)) > 0;
    };
    std::size_t low = 1;  // all children before it are not behind; the first one is taken as it is
    std::size_t high = inner.count;
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (begins_behind(middle)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    cursor.path_.index[height - 1] = low - 1;
    cursor.path_.node[height - 1] = inner.children[low - 1];
    if (height == 1) Prefetch(LeafOf(inner.children[low - 1]));
  }
  return cursor;
}

template <class Leaf>
void CountedTree<Leaf>::OwnPath(Path& path) {
  for (std::size_t height = height_ + 1; height-- > 0;) {
    Node* owned = Own(path.node[height], height);
    if (owned == path.node[height]) continue;
    path.node[height] = owned;
    if (height == height_) {
      root_ = owned;
    } else {
      Inner(path.node[height + 1]).children[path.index[height]] = owned;
    }
  }
}

template <class Leaf>
void CountedTree<Leaf>::Refresh(Path& path, std::size_t height) {
  for (; height < height_; ++height) {
    InnerNode& above = Inner(path.node[height + 1]);
    above.items[path.index[height]] = ItemsOf(path.node[height], height);
    above.keys[path.index[height]] = FirstKeyOf(path.node[height], height);
  }
}

template <class Leaf>
void CountedTree<Leaf>::RefreshLeaf(Path& path, std::int64_t more, const Key& first) {
  bool leads = true;  // what has changed is the first below all nodes so far
  for (std::size_t height = 0; height < height_; ++height) {
    InnerNode& above = Inner(path.node[height + 1]);
    const std::size_t at = path.index[height];
    above.items[at] += static_cast<std::uint64_t>(more);
    if (leads) above.keys[at] = first;
    leads = leads && at == 0;
    if (!leads && more == 0) return;
  }
}

template <class Leaf>
template <class Change>
void CountedTree<Leaf>::Edit(const Cursor& at, const Change& change) {
  if (root_ == nullptr) {
    root_ = new LeafNode;
    height_ = 0;
    bytes_ = MemoryOf(root_, 0);
  }
  Path path = at.path_;
  path.node[height_] = root_;  // says nothing new, but to an empty tree
  VIGIL_CHECK(path.node[0] != nullptr);
  OwnPath(path);

  Leaf& leaf = LeafOf(path.node[0]).leaf;
  const std::uint64_t items_before = leaf.items();
  const Key first_before = items_before > 0 ? leaf.FirstKey() : Key{};
  bytes_ -= leaf.bytes();
  change(leaf);
  bytes_ += leaf.bytes();
  const auto more = static_cast<std::int64_t>(leaf.items() - items_before);
  items_ += static_cast<std::uint64_t>(more);
  if (leaf.items() == 0) {
    Remove(path, 0);
    Shorten();
    return;
  }
  if (more != 0 || leaf.FirstKey() != first_before) RefreshLeaf(path, more, leaf.FirstKey());
  if (leaf.TooLarge()) {
    bytes_ -= leaf.bytes();
    auto* right = new LeafNode(leaf.SplitOff());
    bytes_ += leaf.bytes() + MemoryOf(right, 0);
    Refresh(path, 0);
    InsertBehind(path, 0, right);
  } else if (leaf.TooSmall()) {
    Join(path, 0);
    Shorten();
  }
}

template <class Leaf>
void CountedTree<Leaf>::Append(Leaf leaf) {
  VIGIL_CHECK(leaf.items() > 0);
  auto* fresh = new LeafNode(std::move(leaf));
  bytes_ += MemoryOf(fresh, 0);
  items_ += fresh->leaf.items();
  if (root_ == nullptr) {
    root_ = fresh;
    height_ = 0;
    return;
  }
  Path path = Last().path_;
  OwnPath(path);
  InsertBehind(path, 0, fresh);
}

template <class Leaf>
void CountedTree<Leaf>::Prepend(Leaf leaf) {
  VIGIL_CHECK(leaf.items() > 0);
  if (root_ == nullptr) return Append(std::move(leaf));
  Path path = First().path_;
  OwnPath(path);
  // The leaf in front takes it, and what it held goes into one right behind.
  Leaf& front = LeafOf(path.node[0]).leaf;
  std::swap(front, leaf);
  auto* behind = new LeafNode(std::move(leaf));
  bytes_ += sizeof(LeafNode) + front.bytes();
  items_ += front.items();
  Refresh(path, 0);
  InsertBehind(path, 0, behind);
}

template <class Leaf>
void CountedTree<Leaf>::InsertBehind(Path& path, std::size_t height, Node* fresh) {
  if (height == height_) {
    VIGIL_CHECK(height_ < kMaxHeight);
    auto* top = new InnerNode;
    bytes_ += sizeof(InnerNode);
    top->count = 1;
    top->children[0] = root_;
    root_ = top;
    ++height_;
    path.node[height_] = top;
    path.index[height] = 0;
    Refresh(path, height);
  }
  InnerNode* above = &Inner(path.node[height + 1]);
  std::size_t at = path.index[height] + 1;
  InnerNode* right = nullptr;
  if (above->count == kFan) {
    // Sequences grow at their end, mostly: a split there leaves the left node full.
    const std::size_t keep = at == kFan ? kFan - 1 : kFan / 2;
    right = new InnerNode;
    bytes_ += sizeof(InnerNode);
    right->count = above->count - keep;
    std::copy_n(above->keys.begin() + keep, right->count, right->keys.begin());
    std::copy_n(above->items.begin() + keep, right->count, right->items.begin());
    std::copy_n(above->children.begin() + keep, right->count, right->children.begin());
    above->count = keep;
    if (at > keep) {
      above = right;
      at -= keep;
    }
  }
  const auto shift = [&](auto& array) {
    std::copy_backward(array.begin() + at, array.begin() + above->count, array.begin() + above->count + 1);
  };
  shift(above->keys);
  shift(above->items);
  shift(above->children);
  ++above->count;
  above->children[at] = fresh;
  above->keys[at] = FirstKeyOf(fresh, height);
  above->items[at] = ItemsOf(fresh, height);
  Refresh(path, height + 1);
  if (right != nullptr) InsertBehind(path, height + 1, right);
}

template <class Leaf>
void CountedTree<Leaf>::Remove(Path& path, std::size_t height) {
  bytes_ -= MemoryOf(path.node[height], height);
  Release(path.node[height], height);
  if (height == height_) {
    root_ = nullptr;
    height_ = 0;
    return;
  }
  InnerNode& above = Inner(path.node[height + 1]);
  const std::size_t at = path.index[height];
  const auto close = [&](auto& array) {
    std::copy(array.begin() + at + 1, array.begin() + above.count, array.begin() + at);
  };
  close(above.keys);
  close(above.items);
  close(above.children);
  --above.count;
  if (above.count == 0) {
    Remove(path, height + 1);
    return;
  }
  Refresh(path, height + 1);
  if (above.count < kThin) Join(path, height + 1);
}

template <class Leaf>
void CountedTree<Leaf>::Join(Path& path, std::size_t height) {
  if (height == height_) return;
  const std::size_t at = path.index[height];
  if (at + 1 < Inner(path.node[height + 1]).count && TryJoin(path, height, at)) return;
  if (at > 0) TryJoin(path, height, at - 1);
}

// Of the children `left` and `left + 1` of path.node[height + 1].
template <class Leaf>
bool CountedTree<Leaf>::TryJoin(Path& path, std::size_t height, std::size_t left) {
  InnerNode& above = Inner(path.node[height + 1]);
  Node* next = above.children[left + 1];
  if (height > 0 && Inner(above.children[left]).count + Inner(next).count > kFan) return false;
  // A shared left one is copied, even if nothing comes of it: rare, and harmless.
  Node* into = Own(above.children[left], height);
  above.children[left] = into;
  bytes_ -= MemoryOf(into, height);
  if (height == 0) {
    const bool taken = LeafOf(into).leaf.TryTake(LeafOf(next).leaf);
    bytes_ += MemoryOf(into, height);
    if (!taken) return false;
  } else {
    InnerNode& to = Inner(into);
    const InnerNode& from = Inner(next);
    std::copy_n(from.keys.begin(), from.count, to.keys.begin() + to.count);
    std::copy_n(from.items.begin(), from.count, to.items.begin() + to.count);
    std::copy_n(from.children.begin(), from.count, to.children.begin() + to.count);
    for (std::size_t i = 0; i < from.count; ++i) Share(from.children[i]);
    to.count += from.count;
    bytes_ += MemoryOf(into, height);
  }
  path.node[height] = into;
  path.index[height] = left;
  Refresh(path, height);
  path.node[height] = next;
  path.index[height] = left + 1;
  Remove(path, height);
  return true;
}

template <class Leaf>
void CountedTree<Leaf>::Shorten() {
  while (height_ > 0 && Inner(root_).count == 1) {
    Node* only = Inner(root_).children[0];
    Share(only);
    bytes_ -= sizeof(InnerNode);
    Release(root_, height_);
    root_ = only;
    --height_;
  }
}

template <class Leaf>
void CountedTree<Leaf>::CheckShape() const {
  std::size_t bytes = 0;
  const auto check = [&bytes](const auto& self, Node* node, std::size_t height) -> void {
    bytes += MemoryOf(node, height);
    VIGIL_CHECK(node->owners.Any());
    VIGIL_CHECK(ItemsOf(node, height) > 0);
    if (height == 0) return;
    const InnerNode& inner = Inner(node);
    VIGIL_CHECK(inner.count >= 1 && inner.count <= kFan);
    for (std::size_t i = 0; i < inner.count; ++i) {
      VIGIL_CHECK(inner.items[i] == ItemsOf(inner.children[i], height - 1));
      VIGIL_CHECK(inner.keys[i] == FirstKeyOf(inner.children[i], height - 1));
      self(self, inner.children[i], height - 1);
    }
  };
  if (root_ != nullptr) check(check, root_, height_);
  VIGIL_CHECK(bytes == bytes_);
  VIGIL_CHECK(items_ == (root_ == nullptr ? 0 : ItemsOf(root_, height_)));
}

}  // namespace data
