// Hashes, packed or not.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "replication/data/field_tree.h"
#include "replication/data/keyspace.h"
#include "replication/data/listpack.h"

namespace data {

// A hash to be read. Valid until the key is changed.
class HashView {
 public:
  // Packed: field, value, field, value ...
  explicit HashView(ListpackView packed) : packed_(packed) {}
  explicit HashView(const FieldTree& tree) : tree_(&tree) {}
  // `entry` must hold a hash.
  explicit HashView(const Entry& entry);

  bool packed() const { return packed_.has_value(); }
  std::uint64_t size() const { return packed_ ? packed_->size() / 2 : tree_->size(); }
  // The value may be in `buffer`.
  std::optional<std::string_view> Find(std::string_view field, IntText& buffer) const;

  struct Item {
    std::string_view field;
    std::string_view value;
  };
  struct Buffer {
    IntText field;
    IntText value;
  };
  // `rank` is below size().
  Item AtRank(std::uint64_t rank, Buffer& buffer) const;

  // visit(field, value) for each.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    if (!packed_) return tree_->ForEach(visit);
    Buffer buffer;
    for (auto at = packed_->Begin(); at != packed_->End();) {
      const PackedElement field = packed_->Get(at);
      at = packed_->Next(at);
      const PackedElement value = packed_->Get(at);
      at = packed_->Next(at);
      visit(field.Text(buffer.field), value.Text(buffer.value));
    }
  }
  // As FieldTree::Scan(); what is packed is visited at once.
  template <class Visit>
  std::uint64_t Scan(std::uint64_t cursor, std::size_t count, Visit&& visit) const {
    if (!packed_) return tree_->Scan(cursor, count, visit);
    ForEach(visit);
    return 0;
  }

 private:
  std::optional<ListpackView> packed_;
  const FieldTree* tree_ = nullptr;
};

// A hash taken out of the keyspace to be changed (Keyspace::Change()). Becomes a tree when it has outgrown the limits,
// and stays one.
class HashEditor {
 public:
  // A new hash when `contents` holds nothing.
  HashEditor(Contents& contents, const Keyspace& keyspace);
  ~HashEditor();
  HashEditor(const HashEditor&) = delete;
  HashEditor& operator=(const HashEditor&) = delete;

  HashView view() const { return tree_ != nullptr ? HashView(*tree_) : HashView(pack_.view()); }
  // True when the field is new.
  bool Set(std::string_view field, std::string_view value);
  // False when there is no such field.
  bool Erase(std::string_view field);
  // What Keyspace::Change() wants to know.
  bool HasItems() const { return view().size() > 0; }

 private:
  void Unpack();

  Contents& contents_;
  const Keyspace& keyspace_;
  Listpack pack_;
  FieldTree* tree_ = nullptr;
};

// What an RDB file brings as type hash: the form that this server keeps. Nothing when a field stands there twice or
// has no value; `packed` must be a valid listpack. O(size * log size).
std::optional<Contents> HashFromListpack(std::string packed, const Keyspace& keyspace);

}  // namespace data
