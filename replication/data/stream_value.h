// Streams: entries in the order of their ids, and the groups that read them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/data/collection.h"
#include "replication/data/counted_tree.h"
#include "replication/data/keyspace.h"
#include "replication/data/shared_until_changed.h"
#include "replication/data/stream_group.h"
#include "replication/data/stream_node.h"

namespace data {

// How a stream is to be shortened. Source: XTRIM.
struct TrimRule {
  std::optional<std::uint64_t> max_length;
  std::optional<StreamId> least_id;  // without max_length
  bool approximate = false;          // whole nodes alone
  std::uint64_t limit = 0;           // of entries to delete; 0: any number
};

// A collection of its own kind: always a tree, and it may be empty. Copies share nodes and groups.
class Stream final : public Collection {
 public:
  using Groups = std::map<std::string, SharedUntilChanged<StreamGroup>, std::less<>>;

  std::unique_ptr<Collection> Copy() const override { return std::make_unique<Stream>(*this); }
  std::size_t bytes() const override { return sizeof(*this) + nodes_.bytes() + group_bytes_; }

  std::uint64_t length() const { return nodes_.items(); }
  // Of all that were ever in it.
  StreamId last_id() const { return last_id_; }
  StreamId max_deleted_id() const { return max_deleted_id_; }
  std::uint64_t entries_added() const { return entries_added_; }
  // Of what is in it; 0-0 when that is nothing.
  StreamId first_id() const;
  // The same, but of what is deleted as well for as long as its node holds others; nothing when the stream is empty.
  std::optional<StreamId> first_kept_id() const;

  // visit(entry) for those from `first` to `last`, both included, or from `last` down; it returns false to end.
  // Nothing may change meanwhile.
  template <class Visit>
  void ForRange(StreamId first, StreamId last, bool reverse, Visit&& visit) const {
    if (first > last) return;
    auto at = nodes_.Seek(Order{reverse ? last : first});
    const auto within = [&](const StreamEntry& entry) {
      if (entry.id() < first) return reverse ? ended_ : go_on_;
      if (entry.id() > last) return reverse ? go_on_ : ended_;
      return visit(entry) ? go_on_ : ended_;
    };
    while (at.valid()) {
      if (!(reverse ? at->ForEachBackwards(within) : at->ForEach(within))) return;
      reverse ? at.Previous() : at.Next();
    }
  }
  std::optional<StreamEntry> Find(StreamId id) const;
  bool Has(StreamId id) const { return Find(id).has_value(); }
  // The nodes, as an RDB file has them.
  template <class Visit>
  void ForEachNode(Visit&& visit) const {
    for (auto at = nodes_.First(); at.valid(); at.Next()) visit(*at);
  }

  const Groups& groups() const { return groups_; }
  const StreamGroup* FindGroup(std::string_view name) const;
  // How many of all that were ever added stand up to `id`; nothing when deleted ones make that a guess.
  std::optional<std::uint64_t> CountUpTo(StreamId id) const;
  // Was an entry deleted that stood behind `id`, or may one have been?
  bool MayHaveGapBehind(StreamId id) const;
  // Entries that a group has not read; nothing when that cannot be told.
  std::optional<std::uint64_t> LagOf(const StreamGroup& group) const;

  // `id` is above last_id(). The number of fields is not 0.
  void Append(StreamId id, FieldValues pairs, const PackingLimits& limits);
  // False when there is no such entry.
  bool Erase(StreamId id);
  // How many entries are gone.
  std::uint64_t Trim(const TrimRule& rule);
  void SetLastId(StreamId id) { last_id_ = id; }
  void SetEntriesAdded(std::uint64_t count) { entries_added_ = count; }
  void SetMaxDeletedId(StreamId id) { max_deleted_id_ = id; }

  // False when there is one of this name.
  bool AddGroup(std::string_view name, StreamId last_id, std::int64_t entries_read);
  // False when there is none.
  bool RemoveGroup(std::string_view name);
  // change(group), which must exist. Copies it first when a snapshot has it too: O(consumers).
  template <class Change>
  void ChangeGroup(std::string_view name, Change&& change) {
    StreamGroup& group = OwnGroup(name);
    group_bytes_ -= group.bytes();
    change(group);
    group_bytes_ += group.bytes();
  }

  // Loading: nodes in order. False when it does not come behind the others.
  bool AppendNode(StreamNode node);
  void CheckShape() const { nodes_.CheckShape(); }

 private:
  static constexpr bool go_on_ = true;
  static constexpr bool ended_ = false;

  struct Order {
    StreamId wanted;
    std::weak_ordering operator()(StreamId first) const { return first <=> wanted; }
    std::weak_ordering operator()(const StreamNode&) const { return std::weak_ordering::equivalent; }
  };

  StreamGroup& OwnGroup(std::string_view name);

  CountedTree<StreamNode> nodes_;
  StreamId last_id_;
  StreamId max_deleted_id_;
  std::uint64_t entries_added_ = 0;
  Groups groups_;
  std::size_t group_bytes_ = 0;
};

// `entry` must hold a stream.
const Stream& StreamOf(const Entry& entry);
// Keyspace::Change() for a stream: a new one when there is none, and it stays when it is empty.
template <class Change>
void ChangeStream(Keyspace& keyspace, const Spot& spot, std::string_view key, Change&& change) {
  keyspace.Change(spot, key, ValueType::kStream, [&change](Contents& contents) {
    if (contents.tree == nullptr) contents.tree = std::make_unique<Stream>();
    change(static_cast<Stream&>(*contents.tree));
    return true;
  });
}

// The same for what hangs on a stream that is there: its groups, its last ID and its counts. Who watches the key is not
// told.
template <class Change>
void ChangeStreamAnnex(Keyspace& keyspace, const Spot& spot, std::string_view key, Change&& change) {
  keyspace.ChangeAnnex(spot, key, ValueType::kStream, [&change](Contents& contents) {
    change(static_cast<Stream&>(*contents.tree));
    return true;
  });
}

}  // namespace data
