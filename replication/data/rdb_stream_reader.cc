#include "replication/data/rdb_stream_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "replication/base/text.h"
#include "replication/data/rdb_format.h"

namespace data {
namespace {

using Outcome = RdbCursor::Outcome;

constexpr std::size_t kIdBytes = 16;

StreamId IdOfBytes(std::string_view bytes) {
  return {BigEndian(bytes.substr(0, 8)), BigEndian(bytes.substr(8, 8))};
}

// Several lengths, one behind the other.
template <std::size_t count>
Outcome Lengths(RdbCursor& cursor, std::array<std::uint64_t, count>& lengths) {
  for (std::uint64_t& length : lengths) {
    if (const Outcome outcome = cursor.PlainLength(length); outcome != Outcome::kOk) return outcome;
  }
  return Outcome::kOk;
}

std::string Shown(std::string_view name) {
  return base::Quoted(name.substr(0, 64));
}

}  // namespace

bool RdbStreamReader::has_counts() const {
  return type_ != rdb::kTypeStream;
}

Outcome RdbStreamReader::Read(RdbCursor& cursor) {
  switch (next_) {
    case Next::kNodeCount: {
      const Outcome outcome = cursor.PlainLength(nodes_left_);
      if (outcome == Outcome::kOk) next_ = nodes_left_ > 0 ? Next::kNode : Next::kHead;
      return outcome;
    }
    case Next::kNode:
      return ReadNode(cursor);
    case Next::kHead:
      return ReadHead(cursor);
    case Next::kGroup:
      return ReadGroup(cursor);
    case Next::kPending:
      return ReadPending(cursor);
    case Next::kConsumer:
      return ReadConsumer(cursor);
    case Next::kConsumerPending:
      return ReadConsumerPending(cursor);
    case Next::kNothing:
      break;
  }
  return cursor.Bad(0, "nothing more belongs to the stream");
}

Outcome RdbStreamReader::ReadNode(RdbCursor& cursor) {
  const std::size_t begin = cursor.at();
  std::string_view id_bytes;
  std::string id_scratch;
  if (const Outcome outcome = cursor.Text(id_bytes, id_scratch); outcome != Outcome::kOk) return outcome;
  if (id_bytes.size() != kIdBytes) return cursor.Bad(begin, "the id of a stream node has 16 bytes");
  const StreamId id = IdOfBytes(id_bytes);
  std::string_view packed;
  if (const Outcome outcome = cursor.Text(packed, scratch_); outcome != Outcome::kOk) return outcome;
  auto node = StreamNode::Read(id, std::string(packed));
  if (!node) return cursor.Bad(begin, node.error().text);
  if (!stream_->AppendNode(std::move(*node))) return cursor.Bad(begin, "stream nodes out of order");
  if (--nodes_left_ == 0) next_ = Next::kHead;
  return Outcome::kOk;
}

Outcome RdbStreamReader::ReadHead(RdbCursor& cursor) {
  const std::size_t begin = cursor.at();
  std::array<std::uint64_t, 3> head{};    // how many entries, the last id
  std::array<std::uint64_t, 5> counts{};  // the first id, the greatest deleted one, how many were ever added
  if (const Outcome outcome = Lengths(cursor, head); outcome != Outcome::kOk) return outcome;
  if (has_counts()) {
    if (const Outcome outcome = Lengths(cursor, counts); outcome != Outcome::kOk) return outcome;
  }
  std::uint64_t groups = 0;
  if (const Outcome outcome = cursor.PlainLength(groups); outcome != Outcome::kOk) return outcome;
  if (head[0] != stream_->length()) {
    return cursor.Bad(begin, fmt::format("the stream has {} entries, not {}", stream_->length(), head[0]));
  }
  const StreamId last{head[1], head[2]};
  StreamId newest;
  stream_->ForRange(kLeastStreamId, kGreatestStreamId, true, [&newest](const StreamEntry& entry) {
    newest = entry.id();
    return false;
  });
  if (last < newest) return cursor.Bad(begin, "the stream has entries behind its last id");
  stream_->SetLastId(last);
  stream_->SetEntriesAdded(has_counts() ? counts[4] : stream_->length());
  if (has_counts()) stream_->SetMaxDeletedId({counts[2], counts[3]});
  groups_left_ = groups;
  return GroupOrNothing(cursor);
}

Outcome RdbStreamReader::GroupOrNothing(RdbCursor& cursor) {
  if (!unowned_.empty()) return cursor.Bad(0, "a pending entry without a consumer");
  if (groups_left_ == 0) {
    next_ = Next::kNothing;
    return Outcome::kOk;
  }
  --groups_left_;
  next_ = Next::kGroup;
  return Outcome::kOk;
}

Outcome RdbStreamReader::ReadGroup(RdbCursor& cursor) {
  const std::size_t begin = cursor.at();
  std::string_view name;
  if (const Outcome outcome = cursor.Text(name, scratch_); outcome != Outcome::kOk) return outcome;
  std::array<std::uint64_t, 2> last{};
  if (const Outcome outcome = Lengths(cursor, last); outcome != Outcome::kOk) return outcome;
  std::uint64_t read = 0;
  if (has_counts()) {
    if (const Outcome outcome = cursor.PlainLength(read); outcome != Outcome::kOk) return outcome;
  }
  std::uint64_t pending = 0;
  if (const Outcome outcome = cursor.PlainLength(pending); outcome != Outcome::kOk) return outcome;
  const StreamId last_id{last[0], last[1]};
  auto entries_read = static_cast<std::int64_t>(read);
  if (!has_counts()) {
    const auto count = stream_->CountUpTo(last_id);
    entries_read = count ? static_cast<std::int64_t>(*count) : StreamGroup::kUnknown;
  }
  if (!stream_->AddGroup(name, last_id, entries_read)) {
    return cursor.Bad(begin, fmt::format("the group {} stands there twice", Shown(name)));
  }
  group_ = name;
  pending_left_ = pending;
  next_ = Next::kPending;
  return Outcome::kOk;
}

Outcome RdbStreamReader::ReadPending(RdbCursor& cursor) {
  if (pending_left_ == 0) {
    std::uint64_t consumers = 0;
    if (const Outcome outcome = cursor.PlainLength(consumers); outcome != Outcome::kOk) return outcome;
    consumers_left_ = consumers;
    return ConsumerOrGroup(cursor);
  }
  const std::size_t begin = cursor.at();
  std::string_view id;
  std::string_view at;
  std::uint64_t deliveries = 0;
  if (const Outcome outcome = cursor.Take(kIdBytes, id); outcome != Outcome::kOk) return outcome;
  if (const Outcome outcome = cursor.Take(8, at); outcome != Outcome::kOk) return outcome;
  if (const Outcome outcome = cursor.PlainLength(deliveries); outcome != Outcome::kOk) return outcome;
  if (!unowned_.Put({IdOfBytes(id), LittleEndian<std::int64_t>(at), deliveries, 0})) {
    return cursor.Bad(begin, "a pending entry stands there twice");
  }
  --pending_left_;
  return Outcome::kOk;
}

Outcome RdbStreamReader::ConsumerOrGroup(RdbCursor& cursor) {
  if (consumers_left_ == 0) return GroupOrNothing(cursor);
  --consumers_left_;
  next_ = Next::kConsumer;
  return Outcome::kOk;
}

Outcome RdbStreamReader::ReadConsumer(RdbCursor& cursor) {
  const std::size_t begin = cursor.at();
  std::string_view name;
  if (const Outcome outcome = cursor.Text(name, scratch_); outcome != Outcome::kOk) return outcome;
  std::string_view seen;
  std::string_view active;
  if (const Outcome outcome = cursor.Take(8, seen); outcome != Outcome::kOk) return outcome;
  if (type_ == rdb::kTypeStream3) {
    if (const Outcome outcome = cursor.Take(8, active); outcome != Outcome::kOk) return outcome;
  }
  std::uint64_t pending = 0;
  if (const Outcome outcome = cursor.PlainLength(pending); outcome != Outcome::kOk) return outcome;
  bool fresh = false;
  stream_->ChangeGroup(group_,
                       [&](StreamGroup& group) { fresh = group.AddConsumer(name, LittleEndian<std::int64_t>(seen)); });
  if (!fresh) return cursor.Bad(begin, fmt::format("the consumer {} stands there twice", Shown(name)));
  consumer_ = name;
  pending_left_ = pending;
  if (pending > 0) {
    next_ = Next::kConsumerPending;
    return Outcome::kOk;
  }
  return ConsumerOrGroup(cursor);
}

Outcome RdbStreamReader::ReadConsumerPending(RdbCursor& cursor) {
  const std::size_t begin = cursor.at();
  std::string_view bytes;
  if (const Outcome outcome = cursor.Take(kIdBytes, bytes); outcome != Outcome::kOk) return outcome;
  const auto entry = unowned_.Find(IdOfBytes(bytes));
  if (!entry) return cursor.Bad(begin, "a consumer's pending entry is not its group's, or another's as well");
  unowned_.Erase(entry->id);
  stream_->ChangeGroup(
      group_, [&](StreamGroup& group) { group.Give(consumer_, entry->id, entry->delivered_at, entry->deliveries); });
  if (--pending_left_ > 0) return Outcome::kOk;
  return ConsumerOrGroup(cursor);
}

}  // namespace data
