#include "replication/data/stream_replies.h"

#include <fmt/format.h>

namespace data {
namespace {

std::optional<StreamId> EndOfRange(CommandContext& context, std::string_view word, bool start) {
  if (word == "-") return kLeastStreamId;
  if (word == "+") return kGreatestStreamId;
  const bool without = word.starts_with('(');
  if (without) word.remove_prefix(1);
  const auto id = StreamIdOrReply(context, word, start ? 0 : UINT64_MAX);
  if (!id || !without) return id;
  const auto neighbour = start ? After(*id) : Before(*id);
  if (!neighbour) {
    context.reply.Error(start ? "ERR invalid start ID for the interval" : "ERR invalid end ID for the interval");
  }
  return neighbour;
}

}  // namespace

std::optional<StreamId> StreamIdOrReply(CommandContext& context, std::string_view word, std::uint64_t missing_seq) {
  const auto id = ParseStreamId(word, missing_seq);
  if (!id) context.reply.Error(kInvalidStreamId);
  return id;
}

std::optional<StreamId> RangeStartOrReply(CommandContext& context, std::string_view word) {
  return EndOfRange(context, word, true);
}

std::optional<StreamId> RangeEndOrReply(CommandContext& context, std::string_view word) {
  return EndOfRange(context, word, false);
}

const Stream* StreamOrNothing(CommandContext& context, const Spot& spot, bool& ok) {
  ok = TypeOrNothing(context, spot, ValueType::kStream);
  return ok && spot ? &StreamOf(*spot) : nullptr;
}

void ReplyStreamId(CommandContext& context, StreamId id) {
  context.reply.Bulk(TextOf(id));
}

void ReplyStreamEntry(CommandContext& context, const StreamEntry& entry) {
  context.reply.Array(2);
  ReplyStreamId(context, entry.id());
  context.reply.Array(2 * entry.fields());
  entry.ForEach([&context](std::string_view field, std::string_view value) {
    context.reply.Bulk(field);
    context.reply.Bulk(value);
  });
}

std::uint64_t ReplyStreamRange(CommandContext& context, const Stream& stream, StreamId first, StreamId last,
                               std::uint64_t count, bool reverse) {
  // How many there are must be said before them.
  std::uint64_t found = 0;
  stream.ForRange(first, last, reverse, [&](const StreamEntry&) { return ++found != count; });
  context.reply.Array(found);
  std::uint64_t left = found;
  if (found > 0) {
    stream.ForRange(first, last, reverse, [&](const StreamEntry& entry) {
      ReplyStreamEntry(context, entry);
      return --left > 0;
    });
  }
  return found;
}

bool MeetConsumer(CommandContext& context, std::string_view key, StreamGroup& group, std::string_view consumer) {
  const std::int64_t now = NowMs(context);
  if (group.AddConsumer(consumer, now)) {
    Notify(context, kStreamEvent, "xgroup-createconsumer", key);
    return true;
  }
  group.SetSeen(consumer, now);
  return false;
}

void PushClaim(CommandContext& context, std::string_view key, std::string_view group_name, const StreamGroup& group,
               std::string_view consumer, const PendingEntry& entry) {
  PushEffect(context, {"XCLAIM", key, group_name, consumer, "0", TextOf(entry.id), "TIME",
                       fmt::format_int(entry.delivered_at).str(), "RETRYCOUNT", fmt::format_int(entry.deliveries).str(),
                       "FORCE", "JUSTID", "LASTID", TextOf(group.last_id)});
}

void PushGroupPosition(CommandContext& context, std::string_view key, std::string_view group_name,
                       const StreamGroup& group) {
  PushEffect(context, {"XGROUP", "SETID", key, group_name, TextOf(group.last_id), "ENTRIESREAD",
                       fmt::format_int(group.entries_read).str()});
}

}  // namespace data
