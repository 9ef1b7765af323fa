#include "replication/data/lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "replication/base/text.h"

namespace data {

std::uint64_t LongestString(const CommandContext& context) {
  return context.caller == CommandContext::Caller::kMaster
             ? kMaxStringBytes
             : std::min<std::uint64_t>(context.proto_max_bulk_len, kMaxStringBytes);
}

UnixMs NowMs(const CommandContext& context) {
  return base::UnixMillis(context.now.wall);
}

bool Hidden(const CommandContext& context, const Entry& entry) {
  return context.caller == CommandContext::Caller::kClient && entry.ExpiredAt(NowMs(context));
}

Spot Lookup(CommandContext& context, int db, std::string_view key, Use use) {
  Keyspace& keyspace = context.keyspace;
  keyspace.set_clock(static_cast<std::uint32_t>(context.now.mono.time_since_epoch().count() / 1000));
  Spot spot = keyspace.Find(db, key);
  if (spot && Hidden(context, *spot)) {
    // Whoever writes must not edit what may not be seen; a key that is hidden only would still be there.
    const bool erase = use == Use::kWrite || (!context.replica && !context.hold_expiry);
    if (erase) {
      if (!context.replica) {
        context.effects.push_back(Effect{db, false, {std::string(keyspace.ExpiryWord()), std::string(key)}});
        ++keyspace.stats().expired;
      }
      keyspace.Erase(spot);
      keyspace.Notify(db, kExpiredEvent, "expired", key);
      spot = keyspace.Find(db, key);
    } else {
      spot.slot = nullptr;
    }
  }
  if (use == Use::kWrite) return spot;
  if (!spot) {
    ++keyspace.stats().misses;
    if (use != Use::kPeek) keyspace.Notify(db, kMissEvent, "keymiss", key);
    return spot;
  }
  ++keyspace.stats().hits;
  if (use == Use::kRead) keyspace.Touch(spot);
  return spot;
}

bool TypeOrNothing(CommandContext& context, const Spot& spot, ValueType type) {
  if (!spot || spot->type() == type) return true;
  context.reply.Error("WRONGTYPE Operation against a key holding the wrong kind of value");
  return false;
}

void ReplyText(CommandContext& context, const Spot& spot) {
  if (!spot) return context.reply.Null();
  IntText buffer;
  context.reply.Bulk(spot->Text(buffer));
}

std::optional<std::int64_t> IntegerOrReply(CommandContext& context, std::string_view word, std::string_view error) {
  const auto value = base::ParseInt<std::int64_t>(word);
  if (!value) context.reply.Error(error);
  return value;
}

std::optional<std::int64_t> RangeOrReply(CommandContext& context, std::string_view word, std::int64_t least,
                                         std::int64_t most) {
  const auto value = IntegerOrReply(context, word);
  if (!value || (*value >= least && *value <= most)) return value;
  context.reply.Error(fmt::format("ERR value is out of range, value must between {} and {}", least, most));
  return std::nullopt;
}

std::optional<int> DbOrReply(CommandContext& context, std::string_view word, std::string_view error) {
  using Limits = std::numeric_limits<std::int32_t>;
  const auto index = IntegerOrReply(context, word, error.empty() ? kNotAnInteger : error);
  if (!index) return std::nullopt;
  if (*index < Limits::min() || *index > Limits::max()) {
    context.reply.Error(!error.empty() ? std::string(error)
                                       : fmt::format("ERR value is out of range, value must between {} and {}",
                                                     Limits::min(), Limits::max()));
    return std::nullopt;
  }
  if (*index < 0 || *index >= context.keyspace.databases()) {
    context.reply.Error(kNoSuchDb);
    return std::nullopt;
  }
  return static_cast<int>(*index);
}

void ReplyInvalidExpireTime(CommandContext& context, std::string_view command) {
  context.reply.Error(fmt::format("ERR invalid expire time in '{}' command", base::ToLower(command)));
}

void ReplyWrongArity(CommandContext& context, std::string_view command) {
  context.reply.Error(fmt::format("ERR wrong number of arguments for '{}' command", base::ToLower(command)));
}

void PushAsSent(CommandContext& context) {
  context.effects.push_back(Effect{context.db, true, {}});
}

void PushEffect(CommandContext& context, std::initializer_list<std::string_view> words) {
  Effect& effect = context.effects.emplace_back();
  effect.db = context.db;
  effect.words.assign(words.begin(), words.end());
}

void PushEffect(CommandContext& context, std::string_view name, std::string_view key, UnixMs at) {
  PushEffect(context, {name, key, fmt::format_int(at).c_str()});
}

}  // namespace data
