// Some entries of a stream in one run of bytes: the listpack in which Redis 7 keeps them, byte for byte.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "replication/data/listpack.h"
#include "replication/data/stream_id.h"

namespace data {

// Field, value, field, value ...
using FieldValues = std::span<const std::string_view>;

// An entry to be read. Valid until its stream is changed.
class StreamEntry {
 public:
  StreamId id() const { return id_; }
  // Pairs.
  std::size_t fields() const { return fields_; }
  // visit(field, value)
  template <class Visit>
  void ForEach(Visit&& visit) const {
    IntText field_buffer;
    IntText value_buffer;
    auto at = at_;
    auto name = names_;
    for (std::size_t i = 0; i < fields_; ++i) {
      auto& field_at = own_names_ ? at : name;
      const std::string_view field = pack_.Get(field_at).Text(field_buffer);
      field_at = pack_.Next(field_at);
      visit(field, pack_.Get(at).Text(value_buffer));
      at = pack_.Next(at);
    }
  }

 private:
  friend class StreamNode;
  explicit StreamEntry(ListpackView pack) : pack_(pack) {}

  ListpackView pack_;
  StreamId id_;
  std::size_t fields_ = 0;
  bool own_names_ = false;            // otherwise the node's names are its fields
  ListpackView::Position at_ = 0;     // its first field, or its first value
  ListpackView::Position names_ = 0;  // the node's first name
};

// A leaf of a stream (CountedTree). An entry that is deleted stays as a mark until no other is left: ids are kept as
// differences to the node's own, which is that of its first entry.
//
// Layout: number of entries, number of marks, number of names, the names, 0; then for each entry its flags, the two
// differences, then either the values (its fields are the names) or the number of fields and each with its value, and
// how many elements that was.
// Source: spec "Streams"; DUMP payloads of a running redis-server 7.0.
class StreamNode {
 public:
  using Key = StreamId;
  using Position = ListpackView::Position;

  StreamNode() = default;
  // Of one entry, whose fields become the names.
  StreamNode(StreamId id, FieldValues pairs);
  // What an RDB file brings. kInvalid: the reason.
  static base::Result<StreamNode> Read(StreamId id, std::string packed);

  // --- As CountedTree wants them. Where a node ends is decided when an entry is added (HasRoom), not here.
  Key FirstKey() const { return id_; }
  std::uint64_t items() const { return live_; }
  std::size_t bytes() const { return pack_.allocated(); }
  bool TooLarge() const { return false; }
  StreamNode SplitOff() { return {}; }
  bool TooSmall() const { return false; }
  bool TryTake(const StreamNode&) { return false; }

  StreamId id() const { return id_; }
  std::string_view packed() const { return pack_.view().bytes(); }
  // May one more be added? `max_bytes` 0: as many as a node can hold; `max_entries` 0: any number.
  bool HasRoom(FieldValues pairs, std::size_t max_bytes, std::size_t max_entries) const;
  // Of the last entry, whether it is deleted or not.
  StreamId LastId() const;

  // Entries that are not deleted, in order. visit(entry) returns false to end. False when it did.
  template <class Visit>
  bool ForEach(Visit&& visit) const {
    const ListpackView view = pack_.view();
    for (Position at = EntriesBegin(); at != view.End();) {
      const Parts parts = PartsAt(at);
      if (!parts.deleted && !visit(EntryOf(parts))) return false;
      at = parts.next;
    }
    return true;
  }
  // The other way round. O(entries) of memory.
  template <class Visit>
  bool ForEachBackwards(Visit&& visit) const {
    std::vector<Parts> all;
    const ListpackView view = pack_.view();
    for (Position at = EntriesBegin(); at != view.End();) {
      all.push_back(PartsAt(at));
      at = all.back().next;
    }
    for (auto parts = all.rbegin(); parts != all.rend(); ++parts) {
      if (!parts->deleted && !visit(EntryOf(*parts))) return false;
    }
    return true;
  }
  std::optional<StreamEntry> Find(StreamId id) const;

  // `id` comes behind all others.
  void Append(StreamId id, FieldValues pairs);
  // False when there is no such entry, or no more.
  bool Erase(StreamId id);
  // Deletes entries from the beginning for as long as `wanted(id)`.
  template <class Wanted>
  void EraseFirst(Wanted&& wanted) {
    std::uint64_t erased = 0;
    for (Position at = EntriesBegin(); at != pack_.view().End();) {
      const Parts parts = PartsAt(at);
      if (!parts.deleted) {
        if (!wanted(parts.id)) break;
        at = parts.next - Mark(at);
        ++erased;
      } else {
        at = parts.next;
      }
    }
    NoteErased(erased);
  }

 private:
  enum Flag : std::int64_t { kDeleted = 1, kSameFields = 2 };

  struct Parts {
    StreamId id;
    bool deleted = false;
    bool same_fields = false;
    std::size_t fields = 0;
    Position first = 0;  // field or value
    Position next = 0;   // entry
  };

  // The end may not be passed: a node of ours, or one that Read() has checked.
  Parts PartsAt(Position at) const;
  StreamEntry EntryOf(const Parts& parts) const;
  Position EntriesBegin() const;
  std::int64_t NumberAt(Position at) const { return pack_.view().Get(at).integer.value_or(0); }
  bool SameFields(FieldValues pairs) const;
  // By how many bytes what stands behind it moves forward: a payload of others may have a flag wider than need be.
  Position Mark(Position at);
  void NoteErased(std::uint64_t count);
  base::Result<void> Check();

  StreamId id_;
  std::uint64_t live_ = 0;
  Listpack pack_;
};

}  // namespace data
