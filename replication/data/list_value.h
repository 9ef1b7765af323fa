// Lists, packed or not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "replication/data/keyspace.h"
#include "replication/data/list_tree.h"
#include "replication/data/listpack.h"

namespace data {

// A list to be read. Valid until the key is changed.
class ListView {
 public:
  explicit ListView(ListpackView packed) : packed_(packed) {}
  explicit ListView(const ListTree& tree) : tree_(&tree) {}
  // `entry` must hold a list.
  explicit ListView(const Entry& entry);

  std::uint64_t size() const { return packed_ ? packed_->size() : tree_->size(); }
  // `rank` is below size(). The text may be in `buffer`. O(log size + a piece of the list).
  std::string_view At(std::uint64_t rank, IntText& buffer) const;

  // visit(element) for those from `rank` on, until it returns false.
  template <class Visit>
  void Forward(std::uint64_t rank, Visit&& visit) const {
    if (packed_) {
      Forward(*packed_, packed_->At(static_cast<std::int64_t>(rank)), visit);
      return;
    }
    auto cursor = tree_->AtRank(rank);
    while (cursor.valid()) {
      const ListpackView piece = cursor->view();
      const std::uint64_t index = rank > cursor.rank() ? rank - cursor.rank() : 0;
      if (!Forward(piece, piece.At(static_cast<std::int64_t>(index)), visit)) return;
      cursor.Next();
    }
  }
  // The same from `rank`, which is below size(), to the beginning.
  template <class Visit>
  void Backward(std::uint64_t rank, Visit&& visit) const {
    if (packed_) {
      Backward(*packed_, packed_->At(static_cast<std::int64_t>(rank)), visit);
      return;
    }
    auto cursor = tree_->AtRank(rank);
    auto at = cursor->view().At(static_cast<std::int64_t>(rank - cursor.rank()));
    while (Backward(cursor->view(), at, visit)) {
      cursor.Previous();
      if (!cursor.valid()) return;
      at = cursor->view().At(-1);
    }
  }

 private:
  template <class Visit>
  static bool Forward(const ListpackView& pack, ListpackView::Position at, Visit& visit) {
    for (; at != pack.End(); at = pack.Next(at)) {
      if (!visit(pack.Get(at))) return false;
    }
    return true;
  }
  template <class Visit>
  static bool Backward(const ListpackView& pack, ListpackView::Position at, Visit& visit) {
    while (visit(pack.Get(at))) {
      if (at == pack.Begin()) return true;
      at = pack.Previous(at);
    }
    return false;
  }

  std::optional<ListpackView> packed_;
  const ListTree* tree_ = nullptr;
};

// A list taken out of the keyspace to be changed (Keyspace::Change()). Becomes a tree when it has outgrown the limits,
// and stays one.
class ListEditor {
 public:
  // A new list when `contents` holds nothing.
  ListEditor(Contents& contents, const Keyspace& keyspace);
  ~ListEditor();
  ListEditor(const ListEditor&) = delete;
  ListEditor& operator=(const ListEditor&) = delete;

  ListView view() const { return tree_ != nullptr ? ListView(*tree_) : ListView(pack_.view()); }
  std::uint64_t size() const { return view().size(); }
  // What Keyspace::Change() wants to know.
  bool HasItems() const { return size() > 0; }

  // Before the element with this rank; at the end for size().
  void Insert(std::uint64_t rank, std::string_view text);
  // `rank` is below size().
  void Replace(std::uint64_t rank, std::string_view text);
  // `rank + count` is at most size().
  void Erase(std::uint64_t rank, std::uint64_t count);
  // Behind all others: what an RDB file brings. May have no elements.
  void AppendPack(ListpackView pack);

 private:
  void Unpack();
  void UnpackIfLarge();

  Contents& contents_;
  ListLimits limits_;
  Listpack pack_;
  ListTree* tree_ = nullptr;
};

}  // namespace data
