// Times to live.
#include <fmt/format.h>

#include <limits>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

// When a new expiry is taken, by the one that is there.
struct Conditions {
  bool missing = false;  // NX
  bool there = false;    // XX
  bool later = false;    // GT; no expiry counts as later than all
  bool sooner = false;   // LT
};

bool ReadConditions(CommandContext& context, const Words& words, Conditions& conditions) {
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (EqualsIgnoreCase(words[i], "nx")) {
      conditions.missing = true;
    } else if (EqualsIgnoreCase(words[i], "xx")) {
      conditions.there = true;
    } else if (EqualsIgnoreCase(words[i], "gt")) {
      conditions.later = true;
    } else if (EqualsIgnoreCase(words[i], "lt")) {
      conditions.sooner = true;
    } else {
      context.reply.Error(fmt::format("ERR Unsupported option {}", words[i]));
      return false;
    }
  }
  if (conditions.missing && (conditions.there || conditions.later || conditions.sooner)) {
    context.reply.Error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if (conditions.later && conditions.sooner) {
    context.reply.Error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

// kNever, which stands for no expiry, compares as the latest of all: just what GT and LT mean.
bool Met(const Conditions& conditions, UnixMs at, UnixMs held) {
  if (conditions.missing && held != kNever) return false;
  if (conditions.there && held == kNever) return false;
  if (conditions.later && at <= held) return false;
  if (conditions.sooner && at >= held) return false;
  return true;
}

void PushPExpireAt(CommandContext& context, const Words& words, UnixMs at) {
  PushEffect(context, "PEXPIREAT", words[1], at);
  for (std::size_t i = 3; i < words.size(); ++i) context.effects.back().words.emplace_back(words[i]);
}

void ExpireKey(CommandContext& context, const Words& words, bool seconds, bool from_now) {
  using Limits = std::numeric_limits<std::int64_t>;
  const std::string_view key = words[1];
  Conditions conditions;
  if (!ReadConditions(context, words, conditions)) return;
  const auto value = IntegerOrReply(context, words[2]);
  if (!value) return;
  std::int64_t at = *value;
  if (seconds && (at > Limits::max() / 1000 || at < Limits::min() / 1000)) {
    return ReplyInvalidExpireTime(context, words[0]);
  }
  if (seconds) at *= 1000;
  const std::int64_t begin = from_now ? NowMs(context) : 0;
  if (begin > 0 && at > Limits::max() - begin) return ReplyInvalidExpireTime(context, words[0]);
  at = AsExpiry(at + begin);

  const Spot spot = Lookup(context, key, Use::kWrite);
  if (!spot || !Met(conditions, at, spot->expires_at())) return context.reply.Integer(0);
  // On a replica a time that has passed deletes nothing: that is for the master to say.
  if (at <= NowMs(context) && !context.replica) {
    context.keyspace.Erase(spot);
    Notify(context, kGenericEvent, "del", key);
    PushEffect(context, {context.keyspace.ExpiryWord(), key});
  } else {
    context.keyspace.SetExpiry(spot, at);
    Notify(context, kGenericEvent, "expire", key);
    PushPExpireAt(context, words, at);
  }
  context.reply.Integer(1);
}

void ReplyTimeLeft(CommandContext& context, std::string_view key, bool milliseconds, bool absolute) {
  const Spot spot = Lookup(context, key, Use::kInspect);
  if (!spot) return context.reply.Integer(-2);
  if (!spot->has_expiry()) return context.reply.Integer(-1);
  std::int64_t time = spot->expires_at();
  // A key that the master's stream sees alive may be long past its time.
  if (!absolute) time = time > NowMs(context) ? time - NowMs(context) : 0;
  if (time < 0) time = 0;
  context.reply.Integer(milliseconds ? time : time / 1000 + (time % 1000 >= 500 ? 1 : 0));
}

}  // namespace

void Expire(CommandContext& context, const Words& words) {
  ExpireKey(context, words, true, true);
}

void PExpire(CommandContext& context, const Words& words) {
  ExpireKey(context, words, false, true);
}

void ExpireAt(CommandContext& context, const Words& words) {
  ExpireKey(context, words, true, false);
}

void PExpireAt(CommandContext& context, const Words& words) {
  ExpireKey(context, words, false, false);
}

void Ttl(CommandContext& context, const Words& words) {
  ReplyTimeLeft(context, words[1], false, false);
}

void PTtl(CommandContext& context, const Words& words) {
  ReplyTimeLeft(context, words[1], true, false);
}

void ExpireTime(CommandContext& context, const Words& words) {
  ReplyTimeLeft(context, words[1], false, true);
}

void PExpireTime(CommandContext& context, const Words& words) {
  ReplyTimeLeft(context, words[1], true, true);
}

void Persist(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!spot || !spot->has_expiry()) return context.reply.Integer(0);
  context.keyspace.SetExpiry(spot, kNever);
  Notify(context, kGenericEvent, "persist", words[1]);
  PushAsSent(context);
  context.reply.Integer(1);
}

}  // namespace data
