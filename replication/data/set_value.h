// Sets: numbers packed in order, a few members packed, or a tree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "replication/data/field_tree.h"
#include "replication/data/intset.h"
#include "replication/data/keyspace.h"
#include "replication/data/listpack.h"

namespace data {

// A set to be read. Valid until the key is changed.
class SetView {
 public:
  explicit SetView(IntsetView numbers) : numbers_(numbers) {}
  explicit SetView(ListpackView packed) : packed_(packed) {}
  explicit SetView(const FieldTree& tree) : tree_(&tree) {}
  // `packing` tells how `bytes` are to be understood.
  SetView(Packing packing, std::string_view bytes);
  // `entry` must hold a set.
  explicit SetView(const Entry& entry);

  // "intset" or "hashtable", as OBJECT ENCODING says.
  bool is_intset() const { return numbers_.has_value(); }
  std::uint64_t size() const;
  bool Contains(std::string_view member) const;
  // `rank` is below size(); all ranks are equally likely members. The text may be in `buffer`.
  std::string_view AtRank(std::uint64_t rank, IntText& buffer) const;

  // visit(member) for each.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    IntText buffer;
    if (numbers_) {
      for (std::size_t i = 0; i < numbers_->size(); ++i) visit(Digits(numbers_->At(i), buffer));
    } else if (packed_) {
      for (const PackedElement& element : *packed_) visit(element.Text(buffer));
    } else {
      tree_->ForEach([&visit](std::string_view member, std::string_view) { visit(member); });
    }
  }
  // As FieldTree::Scan(); what is packed is visited at once.
  template <class Visit>
  std::uint64_t Scan(std::uint64_t cursor, std::size_t count, Visit&& visit) const {
    if (tree_ != nullptr) {
      return tree_->Scan(cursor, count, [&visit](std::string_view member, std::string_view) { visit(member); });
    }
    ForEach(visit);
    return 0;
  }

 private:
  static std::string_view Digits(std::int64_t number, IntText& buffer) {
    return PackedElement{number, {}}.Text(buffer);
  }

  std::optional<IntsetView> numbers_;
  std::optional<ListpackView> packed_;
  const FieldTree* tree_ = nullptr;
};

// A set taken out of the keyspace to be changed (Keyspace::Change()). It is an intset as long as all members are
// integers and not too many; one that has ceased to be never becomes one again.
class SetEditor {
 public:
  // A new set when `contents` holds nothing.
  SetEditor(Contents& contents, const Keyspace& keyspace);
  ~SetEditor();
  SetEditor(const SetEditor&) = delete;
  SetEditor& operator=(const SetEditor&) = delete;

  SetView view() const;
  // True when the member is new.
  bool Add(std::string_view member);
  // False when there is no such member.
  bool Erase(std::string_view member);
  // What Keyspace::Change() wants to know.
  bool HasItems() const { return view().size() > 0; }

 private:
  enum class Form { kIntset, kListpack, kTree };

  bool Fits(std::string_view member, std::size_t members) const;
  // Out of the intset, for so many members and this one.
  void LeaveIntset(std::string_view next);
  void GrowTree();

  Contents& contents_;
  const Keyspace& keyspace_;
  Form form_ = Form::kIntset;
  Intset numbers_;
  Listpack pack_;
  FieldTree* tree_ = nullptr;
};

// What an RDB file brings as type set: the form that this server keeps. Nothing when there is no member; the bytes must
// be a valid intset.
std::optional<Contents> SetFromIntset(std::string bytes, const Keyspace& keyspace);

}  // namespace data
