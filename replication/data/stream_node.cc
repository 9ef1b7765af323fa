#include "replication/data/stream_node.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

namespace data {
namespace {

// Beyond this a listpack becomes unwieldy, whatever the settings say. Source: Redis' largest node, observed.
constexpr std::size_t kMostBytes = std::size_t{1} << 30;

constexpr ListpackView::Position kCountAt = 6;  // the first element: how many entries are not deleted

std::size_t TextBytes(FieldValues pairs) {
  std::size_t bytes = 0;
  for (const std::string_view text : pairs) bytes += text.size();
  return bytes;
}

base::Error Damaged(std::string reason) {
  return base::Error{base::ErrorCode::kInvalid, "a damaged stream node: " + std::move(reason)};
}

}  // namespace

StreamNode::StreamNode(StreamId id, FieldValues pairs) : id_(id) {
  pack_.Append(std::int64_t{0});
  pack_.Append(std::int64_t{0});
  pack_.Append(static_cast<std::int64_t>(pairs.size() / 2));
  for (std::size_t i = 0; i < pairs.size(); i += 2) pack_.Append(pairs[i]);
  pack_.Append(std::int64_t{0});
  Append(id, pairs);
}

base::Result<StreamNode> StreamNode::Read(StreamId id, std::string packed) {
  if (const auto valid = CheckListpack(packed); !valid) return tl::unexpected(valid.error());
  StreamNode node;
  node.id_ = id;
  node.pack_ = Listpack(std::move(packed));
  if (const auto valid = node.Check(); !valid) return tl::unexpected(valid.error());
  return node;
}

// Everything that reading it later relies on.
base::Result<void> StreamNode::Check() {
  const ListpackView view = pack_.view();
  Position at = view.Begin();
  // The next element, as a number of at least 0.
  const auto number = [&]() -> std::optional<std::int64_t> {
    if (at == view.End()) return std::nullopt;
    const auto value = view.Get(at).integer;
    at = view.Next(at);
    return value && *value >= 0 ? value : std::nullopt;
  };
  const auto skip = [&](std::int64_t elements) {
    for (; elements > 0 && at != view.End(); --elements) at = view.Next(at);
    return elements == 0;
  };
  const auto live = number();
  const auto marks = number();
  const auto names = number();
  if (!live || !marks || !names || !skip(*names) || number() != 0) return tl::unexpected(Damaged("its head"));
  std::int64_t live_seen = 0;
  std::int64_t marks_seen = 0;
  std::optional<StreamId> last;
  while (at != view.End()) {
    const auto flags = number();
    if (!flags || *flags > (kDeleted | kSameFields)) return tl::unexpected(Damaged("flags"));
    StreamId id = id_;
    for (std::uint64_t* part : {&id.ms, &id.seq}) {
      if (at == view.End()) return tl::unexpected(Damaged("it ends within an id"));
      const auto difference = view.Get(at).integer;
      if (!difference) return tl::unexpected(Damaged("an id that is no number"));
      *part += static_cast<std::uint64_t>(*difference);
      at = view.Next(at);
    }
    if (last ? id <= *last : id < id_) return tl::unexpected(Damaged("ids out of order"));
    last = id;
    const bool same = (*flags & kSameFields) != 0;
    std::optional<std::int64_t> fields = names;
    if (!same) fields = number();
    if (!fields || *fields > std::numeric_limits<std::int32_t>::max()) return tl::unexpected(Damaged("fields"));
    if (!skip(same ? *fields : 2 * *fields)) return tl::unexpected(Damaged("it ends within an entry"));
    if (number() != (same ? *fields + 3 : 2 * *fields + 4)) return tl::unexpected(Damaged("the length of an entry"));
    ((*flags & kDeleted) != 0 ? marks_seen : live_seen) += 1;
  }
  if (live_seen != *live || marks_seen != *marks) return tl::unexpected(Damaged("the number of entries"));
  if (live_seen == 0) return tl::unexpected(Damaged("no entry in it"));
  live_ = static_cast<std::uint64_t>(live_seen);
  return {};
}

bool StreamNode::HasRoom(FieldValues pairs, std::size_t max_bytes, std::size_t max_entries) const {
  if (max_bytes == 0 || max_bytes > kMostBytes) max_bytes = kMostBytes;
  if (pack_.bytes() + TextBytes(pairs) >= max_bytes) return false;
  const auto held = live_ + static_cast<std::uint64_t>(NumberAt(pack_.view().Next(kCountAt)));
  return max_entries == 0 || held < max_entries;
}

ListpackView::Position StreamNode::EntriesBegin() const {
  const ListpackView view = pack_.view();
  const Position names = view.Next(view.Next(kCountAt));
  Position at = view.Next(names);
  for (std::int64_t left = NumberAt(names); left >= 0; --left) at = view.Next(at);
  return at;
}

StreamNode::Parts StreamNode::PartsAt(Position at) const {
  const ListpackView view = pack_.view();
  Parts parts;
  const std::int64_t flags = NumberAt(at);
  parts.deleted = (flags & kDeleted) != 0;
  parts.same_fields = (flags & kSameFields) != 0;
  at = view.Next(at);
  parts.id.ms = id_.ms + static_cast<std::uint64_t>(NumberAt(at));
  at = view.Next(at);
  parts.id.seq = id_.seq + static_cast<std::uint64_t>(NumberAt(at));
  at = view.Next(at);
  if (parts.same_fields) {
    parts.fields = static_cast<std::size_t>(NumberAt(view.Next(view.Next(kCountAt))));
  } else {
    parts.fields = static_cast<std::size_t>(NumberAt(at));
    at = view.Next(at);
  }
  parts.first = at;
  for (std::size_t left = parts.same_fields ? parts.fields : 2 * parts.fields; left > 0; --left) at = view.Next(at);
  parts.next = view.Next(at);
  return parts;
}

StreamEntry StreamNode::EntryOf(const Parts& parts) const {
  const ListpackView view = pack_.view();
  StreamEntry entry(view);
  entry.id_ = parts.id;
  entry.fields_ = parts.fields;
  entry.own_names_ = !parts.same_fields;
  entry.at_ = parts.first;
  entry.names_ = view.Next(view.Next(view.Next(kCountAt)));
  return entry;
}

StreamId StreamNode::LastId() const {
  // Its last element says how many stand before it.
  const ListpackView view = pack_.view();
  Position at = view.Previous(view.End());
  for (std::int64_t left = NumberAt(at); left > 0; --left) at = view.Previous(at);
  return PartsAt(at).id;
}

std::optional<StreamEntry> StreamNode::Find(StreamId id) const {
  std::optional<StreamEntry> found;
  ForEach([&](const StreamEntry& entry) {
    if (entry.id() == id) found = entry;
    return entry.id() < id;
  });
  return found;
}

bool StreamNode::SameFields(FieldValues pairs) const {
  const ListpackView view = pack_.view();
  Position at = view.Next(view.Next(kCountAt));
  if (NumberAt(at) != static_cast<std::int64_t>(pairs.size() / 2)) return false;
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    at = view.Next(at);
    if (!view.Get(at).Equals(pairs[i])) return false;
  }
  return true;
}

void StreamNode::Append(StreamId id, FieldValues pairs) {
  const bool same = SameFields(pairs);
  pack_.Append(same ? std::int64_t{kSameFields} : std::int64_t{0});
  pack_.Append(static_cast<std::int64_t>(id.ms - id_.ms));
  pack_.Append(static_cast<std::int64_t>(id.seq - id_.seq));
  const auto fields = static_cast<std::int64_t>(pairs.size() / 2);
  if (!same) pack_.Append(fields);
  for (std::size_t i = same ? 1 : 0; i < pairs.size(); i += same ? 2 : 1) pack_.Append(pairs[i]);
  pack_.Append(same ? fields + 3 : 2 * fields + 4);
  ++live_;
  pack_.Replace(kCountAt, fmt::format_int(live_).str());
}

StreamNode::Position StreamNode::Mark(Position at) {
  const std::size_t before = pack_.bytes();
  pack_.Replace(at, fmt::format_int(NumberAt(at) | kDeleted).str());
  return static_cast<Position>(before - pack_.bytes());
}

void StreamNode::NoteErased(std::uint64_t count) {
  if (count == 0) return;
  live_ -= count;
  pack_.Replace(kCountAt, fmt::format_int(live_).str());
  const Position marks = pack_.view().Next(kCountAt);
  pack_.Replace(marks, fmt::format_int(NumberAt(marks) + static_cast<std::int64_t>(count)).str());
}

bool StreamNode::Erase(StreamId id) {
  const ListpackView view = pack_.view();
  for (Position at = EntriesBegin(); at != view.End();) {
    const Parts parts = PartsAt(at);
    if (parts.id >= id) {
      if (parts.id != id || parts.deleted) return false;
      Mark(at);
      NoteErased(1);
      return true;
    }
    at = parts.next;
  }
  return false;
}

}  // namespace data
