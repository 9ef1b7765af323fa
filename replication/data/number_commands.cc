// Counting.
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"

namespace data {
namespace {

constexpr std::string_view kNotAFloat = "ERR value is not a valid float";
constexpr std::size_t kMaxFloatText = 5 * 1024;  // longer texts are no numbers for Redis

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
  PushAsSent(context);
  context.reply.Integer(sum);
}

// As Redis reads floating point numbers: what strtold takes as a whole, without leading space, no NaN.
std::optional<long double> ParseFloat(std::string_view text) {
  if (text.empty() || text.size() >= kMaxFloatText || std::string_view(" \t\n\v\f\r").find(text[0]) != text.npos) {
    return std::nullopt;
  }
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  const long double value = std::strtold(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size() || std::isnan(value)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
  return value;
}

// 17 digits behind the point, without the zeros at the end.
std::string FloatText(long double value) {
  char buffer[kMaxFloatText];
  const int length = std::snprintf(buffer, sizeof buffer, "%.17Lf", value);
  std::string text(buffer, static_cast<std::size_t>(length));
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
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
    const auto held = ParseFloat(spot->Text(buffer));
    if (!held) return context.reply.Error(kNotAFloat);
    value = *held;
  }
  const auto step = ParseFloat(words[2]);
  if (!step) return context.reply.Error(kNotAFloat);
  value += *step;
  if (std::isnan(value) || std::isinf(value)) {
    return context.reply.Error("ERR increment would produce NaN or Infinity");
  }
  const std::string text = FloatText(value);
  context.keyspace.Set(spot, key, text, spot ? spot->expires_at() : kNever, Form::kText);
  // The sum, not the summand: replicas must not differ by a rounding.
  PushEffect(context, {"SET", key, text, "KEEPTTL"});
  context.reply.Bulk(text);
}

}  // namespace data
