#include "replication/data/stream_value.h"

#include <utility>

#include "replication/base/check.h"

namespace data {
namespace {

std::size_t BytesOf(const std::string& name, const StreamGroup& group) {
  constexpr std::size_t kMapNode = 4 * sizeof(void*);
  constexpr std::size_t kShared = 2 * sizeof(void*);
  return kMapNode + sizeof name + (name.capacity() > 15 ? name.capacity() : 0) + 2 * kShared + group.bytes();
}

}  // namespace

const Stream& StreamOf(const Entry& entry) {
  return static_cast<const Stream&>(entry.tree());
}

StreamId Stream::first_id() const {
  StreamId first;
  if (const auto at = nodes_.First(); at.valid()) {
    at->ForEach([&first](const StreamEntry& entry) {
      first = entry.id();
      return false;
    });
  }
  return first;
}

std::optional<StreamEntry> Stream::Find(StreamId id) const {
  const auto at = nodes_.Seek(Order{id});
  return at.valid() ? at->Find(id) : std::nullopt;
}

const StreamGroup* Stream::FindGroup(std::string_view name) const {
  const auto found = groups_.find(name);
  return found == groups_.end() ? nullptr : found->second.get();
}

std::optional<StreamId> Stream::first_kept_id() const {
  const auto first = nodes_.First();
  return first.valid() ? std::optional(first->FirstKey()) : std::nullopt;
}

bool Stream::MayHaveGapBehind(StreamId id) const {
  // What was deleted before the first entry that is left makes no gap.
  if (length() == 0 || first_id() > max_deleted_id_) return false;
  return id <= max_deleted_id_;
}

std::optional<std::uint64_t> Stream::CountUpTo(StreamId id) const {
  if (entries_added_ == 0) return 0;
  if (length() == 0 && id <= last_id_) return entries_added_;
  // Nothing was ever added behind it.
  if (id >= last_id_) return id == last_id_ ? std::optional(entries_added_) : std::nullopt;
  const StreamId first = first_id();
  // All that was deleted stood before the first: those that are left are counted from the end.
  if (max_deleted_id_.IsZero() || max_deleted_id_ < first) {
    if (id < first) return entries_added_ - length();
    if (id == first) return entries_added_ - length() + 1;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Stream::LagOf(const StreamGroup& group) const {
  if (entries_added_ == 0) return 0;
  std::optional<std::uint64_t> read;
  if (group.entries_read != StreamGroup::kUnknown && !MayHaveGapBehind(group.last_id)) {
    read = static_cast<std::uint64_t>(group.entries_read);
  } else {
    read = CountUpTo(group.last_id);
  }
  if (!read) return std::nullopt;
  return entries_added_ - *read;
}

void Stream::Append(StreamId id, FieldValues pairs, const PackingLimits& limits) {
  VIGIL_CHECK(id > last_id_ && !pairs.empty());
  const auto last = nodes_.Last();
  if (last.valid() && last->HasRoom(pairs, limits.stream_bytes, limits.stream_entries)) {
    nodes_.Edit(last, [&](StreamNode& node) { node.Append(id, pairs); });
  } else {
    nodes_.Append(StreamNode(id, pairs));
  }
  last_id_ = id;
  ++entries_added_;
}

bool Stream::Erase(StreamId id) {
  if (!Has(id)) return false;
  nodes_.Edit(nodes_.Seek(Order{id}), [id](StreamNode& node) { node.Erase(id); });
  max_deleted_id_ = std::max(max_deleted_id_, id);
  return true;
}

std::uint64_t Stream::Trim(const TrimRule& rule) {
  std::uint64_t deleted = 0;
  while (length() > 0) {
    if (rule.max_length && length() <= *rule.max_length) break;
    const auto first = nodes_.First();
    const std::uint64_t held = first->items();
    if (rule.limit > 0 && deleted + held > rule.limit) break;
    const bool whole = rule.max_length ? length() - held >= *rule.max_length : first->LastId() < *rule.least_id;
    if (!whole && rule.approximate) break;
    std::uint64_t left = rule.max_length ? length() - *rule.max_length : held;
    const std::uint64_t before = length();
    nodes_.Edit(first, [&](StreamNode& node) {
      node.EraseFirst([&](StreamId id) { return whole || (rule.max_length ? left-- > 0 : id < *rule.least_id); });
    });
    deleted += before - length();
    if (!whole) break;
  }
  return deleted;
}

bool Stream::AddGroup(std::string_view name, StreamId last_id, std::int64_t entries_read) {
  const auto [added, fresh] = groups_.try_emplace(std::string(name));
  if (!fresh) return false;
  StreamGroup& group = added->second.Own();
  group.last_id = last_id;
  group.entries_read = entries_read;
  group_bytes_ += BytesOf(added->first, *added->second);
  return true;
}

bool Stream::RemoveGroup(std::string_view name) {
  const auto found = groups_.find(name);
  if (found == groups_.end()) return false;
  group_bytes_ -= BytesOf(found->first, *found->second);
  groups_.erase(found);
  return true;
}

StreamGroup& Stream::OwnGroup(std::string_view name) {
  const auto found = groups_.find(name);
  VIGIL_CHECK(found != groups_.end());
  return found->second.Own();
}

bool Stream::AppendNode(StreamNode node) {
  if (const auto last = nodes_.Last(); last.valid() && last->LastId() >= node.id()) return false;
  nodes_.Append(std::move(node));
  return true;
}

}  // namespace data
