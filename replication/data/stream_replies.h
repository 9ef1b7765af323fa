// What the commands on streams share: ids as arguments, entries as replies, and what is told to replicas.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "replication/data/handlers.h"
#include "replication/data/lookup.h"
#include "replication/data/stream_value.h"

namespace data {

inline constexpr std::string_view kInvalidStreamId = "ERR Invalid stream ID specified as stream command argument";

// An id written out, or the error has been answered. "-" and "+" are none.
std::optional<StreamId> StreamIdOrReply(CommandContext& context, std::string_view word, std::uint64_t missing_seq);
// One end of a range: "-", "+", "(id" for without it. Or the error has been answered.
std::optional<StreamId> RangeStartOrReply(CommandContext& context, std::string_view word);
std::optional<StreamId> RangeEndOrReply(CommandContext& context, std::string_view word);

// The stream at the spot; null when it is empty. `ok` is false when another type stands there, which has been answered.
const Stream* StreamOrNothing(CommandContext& context, const Spot& spot, bool& ok);

void ReplyStreamId(CommandContext& context, StreamId id);
// An id and the fields with their values.
void ReplyStreamEntry(CommandContext& context, const StreamEntry& entry);
// Up to `count` of them (0: all), from `first` to `last` or backwards; how many.
std::uint64_t ReplyStreamRange(CommandContext& context, const Stream& stream, StreamId first, StreamId last,
                               std::uint64_t count, bool reverse);

// Whoever names a consumer makes it. Inside ChangeGroup(); true when it is new.
bool MeetConsumer(CommandContext& context, std::string_view key, StreamGroup& group, std::string_view consumer);

// A pending entry as replicas are told of it: who has it, since when, and how far the group is.
// Source: spec "What the master puts into the stream"; the stream of a running redis-server 7.0.
void PushClaim(CommandContext& context, std::string_view key, std::string_view group_name, const StreamGroup& group,
               std::string_view consumer, const PendingEntry& entry);
void PushGroupPosition(CommandContext& context, std::string_view key, std::string_view group_name,
                       const StreamGroup& group);

}  // namespace data
