// Counting.
#include <cmath>
#include <limits>

#include "replication/data/float_text.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"

namespace data {
namespace {

void Add(CommandContext& context, std::string_view key, std::int64_t step) {
  const Spot spot = Lookup(context, key, Use::kWrite);
  if (!StringOrNothing(context, spot)) return;
  std::int64_t value = 0;
  if (spot && spot->encoding() == Encoding::kInt) {
    value = spot->Integer();
  } else if (spot) {
    IntText buffer;
    const auto parsed = IntegerOrReply(context, spot->Text(buffer));
    if (!parsed) return;
    value = *parsed;
  }
  std::int64_t sum;
  if (__builtin_add_overflow(value, step, &sum)) {
    return context.reply.Error("ERR increment or decrement would overflow");
  }
  context.keyspace.SetInteger(spot, key, sum, spot ? spot->expires_at() : kNever);
  Notify(context, kStringEvent, "incrby", key);
  PushAsSent(context);
  context.reply.Integer(sum);
}

}  // namespace

void Incr(CommandContext& context, const Words& words) {
  Add(context, words[1], 1);
}

void Decr(CommandContext& context, const Words& words) {
  Add(context, words[1], -1);
}

void IncrBy(CommandContext& context, const Words& words) {
  if (const auto step = IntegerOrReply(context, words[2])) Add(context, words[1], *step);
}

void DecrBy(CommandContext& context, const Words& words) {
  const auto step = IntegerOrReply(context, words[2]);
  if (!step) return;
  if (*step == std::numeric_limits<std::int64_t>::min()) return context.reply.Error("ERR decrement would overflow");
  Add(context, words[1], -*step);
}

void IncrByFloat(CommandContext& context, const Words& words) {
  const std::string_view key = words[1];
  const Spot spot = Lookup(context, key, Use::kWrite);
  if (!StringOrNothing(context, spot)) return;
  long double value = 0;
  if (spot) {
    IntText buffer;
    const auto held = ParseLongDouble(spot->Text(buffer));
    if (!held) return context.reply.Error(kNotAFloat);
    value = *held;
  }
  const auto step = ParseLongDouble(words[2]);
  if (!step) return context.reply.Error(kNotAFloat);
  value += *step;
  if (std::isnan(value) || std::isinf(value)) {
    return context.reply.Error("ERR increment would produce NaN or Infinity");
  }
  const std::string text = LongDoubleText(value);
  context.keyspace.Set(spot, key, text, spot ? spot->expires_at() : kNever, Form::kText);
  Notify(context, kStringEvent, "incrbyfloat", key);
  // The sum, not the summand: replicas must not differ by a rounding.
  PushEffect(context, {"SET", key, text, "KEEPTTL"});
  context.reply.Bulk(text);
}

}  // namespace data
