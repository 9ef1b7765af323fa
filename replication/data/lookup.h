// What a caller may see and do: expired keys, wrong types, and the small steps that all handlers share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "replication/data/command.h"

namespace data {

inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kSameObject = "ERR source and destination objects are the same";
inline constexpr std::string_view kNoSuchDb = "ERR DB index is out of range";

// How long edits may make a string, in bytes. The master's word is not judged by our limit, but by what can be held.
std::uint64_t LongestString(const CommandContext& context);

UnixMs NowMs(const CommandContext& context);

// An expired key is missing for clients. On a master it is deleted when it is met, and its DEL is pushed before the
// effect of the command; on a replica, and while a master holds its writes, it is only hidden from reads. (A client
// that writes on a replica nevertheless begins afresh: the expired key goes, without an effect.) The stream of a
// master sees it alive: the master has decided already.
// Source: the replication documentation of Redis, "How Redis replication deals with expires on keys".
enum class Use {
  kRead,     // counts a hit or a miss, marks the key as used
  kInspect,  // counts, but leaves OBJECT IDLETIME alone: TTL, TYPE ...
  kPeek,     // the same, and tells nobody that a key is missing: OBJECT, DEBUG ...
  kWrite,    // neither
};
Spot Lookup(CommandContext& context, int db, std::string_view key, Use use);
inline Spot Lookup(CommandContext& context, std::string_view key, Use use) {
  return Lookup(context, context.db, key, use);
}

// Would a client of this context see the key as expired?
bool Hidden(const CommandContext& context, const Entry& entry);

// True when the spot is empty or holds this type; otherwise -WRONGTYPE has been answered.
bool TypeOrNothing(CommandContext& context, const Spot& spot, ValueType type);
inline bool StringOrNothing(CommandContext& context, const Spot& spot) {
  return TypeOrNothing(context, spot, ValueType::kString);
}

// The text of a string, answered as a bulk string; null when the spot is empty.
void ReplyText(CommandContext& context, const Spot& spot);

// A 64-bit integer, or its error has been answered.
std::optional<std::int64_t> IntegerOrReply(CommandContext& context, std::string_view word,
                                           std::string_view error = kNotAnInteger);
// One from `least` to `most`, or the error has been answered.
std::optional<std::int64_t> RangeOrReply(CommandContext& context, std::string_view word, std::int64_t least,
                                         std::int64_t most);
// The index of a database that exists, or the error has been answered. `error`: for what is no 32-bit integer.
std::optional<int> DbOrReply(CommandContext& context, std::string_view word, std::string_view error = {});

void ReplyInvalidExpireTime(CommandContext& context, std::string_view command);
void ReplyWrongArity(CommandContext& context, std::string_view command);

// --- Events: see KeyEventBit. The key is one of the context's database.
inline void Notify(CommandContext& context, std::uint32_t kind, std::string_view event, std::string_view key) {
  context.keyspace.Notify(context.db, kind, event, key);
}
// What follows when the last item of a collection is gone.
inline void NotifyIfGone(CommandContext& context, std::string_view key) {
  if (context.keyspace.Wants(kGenericEvent) && !context.keyspace.Find(context.db, key)) {
    Notify(context, kGenericEvent, "del", key);
  }
}

// --- Effects
void PushAsSent(CommandContext& context);
void PushEffect(CommandContext& context, std::initializer_list<std::string_view> words);
void PushEffect(CommandContext& context, std::string_view name, std::string_view key, UnixMs at);

// kNever stands for "no expiry", so the last millisecond of all time is moved by one.
inline UnixMs AsExpiry(std::int64_t at) {
  return at == kNever ? kNever - 1 : at;
}

}  // namespace data
