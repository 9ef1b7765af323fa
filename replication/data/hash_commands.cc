// Hashes.
#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/float_text.h"
#include "replication/data/handlers.h"
#include "replication/data/hash_value.h"
#include "replication/data/lookup.h"
#include "replication/data/random_pick.h"
#include "replication/data/scan_options.h"

namespace data {
namespace {

bool HashOrNothing(CommandContext& context, const Spot& spot) {
  return TypeOrNothing(context, spot, ValueType::kHash);
}

// Looked up for reading; false when the type's error has been answered.
bool FindHash(CommandContext& context, std::string_view key, Spot& spot) {
  spot = Lookup(context, key, Use::kRead);
  return HashOrNothing(context, spot);
}

// Fields and values from words[2] on. Returns how many fields are new.
std::int64_t SetFields(CommandContext& context, const Spot& spot, const Words& words) {
  std::int64_t fresh = 0;
  context.keyspace.Change(spot, words[1], ValueType::kHash, [&](Contents& contents) {
    HashEditor hash(contents, context.keyspace);
    for (std::size_t i = 2; i < words.size(); i += 2) fresh += hash.Set(words[i], words[i + 1]) ? 1 : 0;
    return true;
  });
  context.keyspace.CountChanges((words.size() - 2) / 2 - 1);
  Notify(context, kHashEvent, "hset", words[1]);
  PushAsSent(context);
  return fresh;
}

void SetField(CommandContext& context, const Spot& spot, std::string_view key, std::string_view field,
              std::string_view value) {
  context.keyspace.Change(spot, key, ValueType::kHash, [&](Contents& contents) {
    HashEditor(contents, context.keyspace).Set(field, value);
    return true;
  });
}

enum class Part { kFields, kValues, kBoth };

void ReplyAll(CommandContext& context, const Words& words, Part part) {
  Spot spot;
  if (!FindHash(context, words[1], spot)) return;
  const std::uint64_t size = spot ? HashView(*spot).size() : 0;
  if (part == Part::kBoth) {
    context.reply.Map(size);
  } else {
    context.reply.Array(size);
  }
  if (!spot) return;
  HashView(*spot).ForEach([&context, part](std::string_view field, std::string_view value) {
    if (part != Part::kValues) context.reply.Bulk(field);
    if (part != Part::kFields) context.reply.Bulk(value);
  });
}

void ReplyField(CommandContext& context, const Spot& spot, std::string_view field) {
  IntText buffer;
  const auto value = spot ? HashView(*spot).Find(field, buffer) : std::nullopt;
  value ? context.reply.Bulk(*value) : context.reply.Null();
}

// Some random fields. In RESP3 a field with its value is an array of its own.
class RandomFields {
 public:
  RandomFields(CommandContext& context, const HashView& hash, bool with_values)
      : context_(context), hash_(hash), with_values_(with_values) {}

  void ReplyHeader(std::uint64_t count) {
    context_.reply.Array(with_values_ && context_.reply.protocol() == 2 ? 2 * count : count);
  }
  void Reply(std::uint64_t rank) {
    const HashView::Item item = hash_.AtRank(rank, buffer_);
    if (with_values_ && context_.reply.protocol() == 3) context_.reply.Array(2);
    context_.reply.Bulk(item.field);
    if (with_values_) context_.reply.Bulk(item.value);
  }

 private:
  CommandContext& context_;
  const HashView& hash_;
  bool with_values_;
  HashView::Buffer buffer_;
};

void HSet(CommandContext& context, const Words& words) {
  if (words.size() % 2 != 0) return ReplyWrongArity(context, words[0]);
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!HashOrNothing(context, spot)) return;
  context.reply.Integer(SetFields(context, spot, words));
}

void HMSet(CommandContext& context, const Words& words) {
  if (words.size() % 2 != 0) return ReplyWrongArity(context, words[0]);
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!HashOrNothing(context, spot)) return;
  SetFields(context, spot, words);
  context.reply.Ok();
}

void HSetNx(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!HashOrNothing(context, spot)) return;
  IntText buffer;
  if (spot && HashView(*spot).Find(words[2], buffer)) return context.reply.Integer(0);
  SetField(context, spot, words[1], words[2], words[3]);
  Notify(context, kHashEvent, "hset", words[1]);
  PushAsSent(context);
  context.reply.Integer(1);
}

void HGet(CommandContext& context, const Words& words) {
  Spot spot;
  if (FindHash(context, words[1], spot)) ReplyField(context, spot, words[2]);
}

void HMGet(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindHash(context, words[1], spot)) return;
  context.reply.Array(words.size() - 2);
  for (std::size_t i = 2; i < words.size(); ++i) ReplyField(context, spot, words[i]);
}

void HGetAll(CommandContext& context, const Words& words) {
  ReplyAll(context, words, Part::kBoth);
}

void HKeys(CommandContext& context, const Words& words) {
  ReplyAll(context, words, Part::kFields);
}

void HVals(CommandContext& context, const Words& words) {
  ReplyAll(context, words, Part::kValues);
}

void HLen(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindHash(context, words[1], spot)) return;
  context.reply.Integer(spot ? static_cast<std::int64_t>(HashView(*spot).size()) : 0);
}

void HExists(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindHash(context, words[1], spot)) return;
  IntText buffer;
  context.reply.Integer(spot && HashView(*spot).Find(words[2], buffer) ? 1 : 0);
}

void HStrLen(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindHash(context, words[1], spot)) return;
  IntText buffer;
  const auto value = spot ? HashView(*spot).Find(words[2], buffer) : std::nullopt;
  context.reply.Integer(value ? static_cast<std::int64_t>(value->size()) : 0);
}

void HDel(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!HashOrNothing(context, spot)) return;
  IntText buffer;
  bool any = false;
  for (std::size_t i = 2; spot && i < words.size() && !any; ++i) {
    any = HashView(*spot).Find(words[i], buffer).has_value();
  }
  if (!any) return context.reply.Integer(0);
  std::int64_t erased = 0;
  context.keyspace.Change(spot, words[1], ValueType::kHash, [&](Contents& contents) {
    HashEditor hash(contents, context.keyspace);
    for (std::size_t i = 2; i < words.size() && hash.HasItems(); ++i) erased += hash.Erase(words[i]) ? 1 : 0;
    return hash.HasItems();
  });
  context.keyspace.CountChanges(static_cast<std::uint64_t>(erased - 1));
  Notify(context, kHashEvent, "hdel", words[1]);
  NotifyIfGone(context, words[1]);
  PushAsSent(context);
  context.reply.Integer(erased);
}

void HIncrBy(CommandContext& context, const Words& words) {
  const auto step = IntegerOrReply(context, words[3]);
  if (!step) return;
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!HashOrNothing(context, spot)) return;
  std::int64_t value = 0;
  IntText buffer;
  if (const auto held = spot ? HashView(*spot).Find(words[2], buffer) : std::nullopt) {
    const auto parsed = IntegerOrReply(context, *held, "ERR hash value is not an integer");
    if (!parsed) return;
    value = *parsed;
  }
  std::int64_t sum;
  if (__builtin_add_overflow(value, *step, &sum)) {
    return context.reply.Error("ERR increment or decrement would overflow");
  }
  const fmt::format_int digits(sum);
  SetField(context, spot, words[1], words[2], {digits.data(), digits.size()});
  Notify(context, kHashEvent, "hincrby", words[1]);
  PushAsSent(context);
  context.reply.Integer(sum);
}

void HIncrByFloat(CommandContext& context, const Words& words) {
  const auto step = ParseLongDouble(words[3]);
  if (!step) return context.reply.Error(kNotAFloat);
  if (std::isinf(*step)) return context.reply.Error("ERR value is NaN or Infinity");
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!HashOrNothing(context, spot)) return;
  long double value = 0;
  IntText buffer;
  if (const auto held = spot ? HashView(*spot).Find(words[2], buffer) : std::nullopt) {
    const auto parsed = ParseLongDouble(*held);
    if (!parsed) return context.reply.Error("ERR hash value is not a float");
    value = *parsed;
  }
  value += *step;
  if (std::isnan(value) || std::isinf(value)) {
    return context.reply.Error("ERR increment would produce NaN or Infinity");
  }
  const std::string text = LongDoubleText(value);
  SetField(context, spot, words[1], words[2], text);
  Notify(context, kHashEvent, "hincrbyfloat", words[1]);
  // The sum, not the summand: replicas must not differ by a rounding.
  PushEffect(context, {"HSET", words[1], words[2], text});
  context.reply.Bulk(text);
}

void HRandField(CommandContext& context, const Words& words) {
  if (words.size() == 2) {
    Spot spot;
    if (!FindHash(context, words[1], spot)) return;
    if (!spot) return context.reply.Null();
    const HashView hash(*spot);
    HashView::Buffer buffer;
    return context.reply.Bulk(hash.AtRank(context.keyspace.random().Below(hash.size()), buffer).field);
  }
  const auto pick = ReadRandomPick(context, words, "withvalues");
  if (!pick) return;
  Spot spot;
  if (!FindHash(context, words[1], spot)) return;
  if (!spot || pick->count == 0) return context.reply.Array(0);

  const HashView hash(*spot);
  RandomFields fields(context, hash, pick->with_more);
  PickRanks(
      context.keyspace.random(), hash.size(), pick->count, [&](std::uint64_t count) { fields.ReplyHeader(count); },
      [&](std::uint64_t rank) { fields.Reply(rank); });
}

void HScan(CommandContext& context, const Words& words) {
  ScanElements(context, words, &FindHash,
               [](const Spot& spot, std::uint64_t cursor, std::size_t count, const auto& keep) {
                 return HashView(*spot).Scan(cursor, count, keep);
               });
}

using namespace serve;

constexpr std::uint32_t kGrow = kWrite | kDenyOom | kFast;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"hdel",
      -3,
      kWrite | kFast,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Delete one or more hash fields",
      "<key> <field> [<field> ...]"},
     &HDel},
    {{"hexists",
      3,
      kReadonly | kFast,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Determine if a hash field exists",
      "<key> <field>"},
     &HExists},
    {{"hget", 3, kReadonly | kFast, {1, 1, 1}, kCatHash, "hash", "Get the value of a hash field", "<key> <field>"},
     &HGet},
    {{"hgetall", 2, kReadonly, {1, 1, 1}, kCatHash, "hash", "Get all the fields and values in a hash", "<key>"},
     &HGetAll},
    {{"hincrby",
      4,
      kGrow,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Increment the integer value of a hash field by the given number",
      "<key> <field> <increment>"},
     &HIncrBy},
    {{"hincrbyfloat",
      4,
      kGrow,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Increment the float value of a hash field by the given amount",
      "<key> <field> <increment>"},
     &HIncrByFloat},
    {{"hkeys", 2, kReadonly, {1, 1, 1}, kCatHash, "hash", "Get all the fields in a hash", "<key>"}, &HKeys},
    {{"hlen", 2, kReadonly | kFast, {1, 1, 1}, kCatHash, "hash", "Get the number of fields in a hash", "<key>"}, &HLen},
    {{"hmget",
      -3,
      kReadonly | kFast,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Get the values of all the given hash fields",
      "<key> <field> [<field> ...]"},
     &HMGet},
    {{"hmset",
      -4,
      kGrow,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Set multiple hash fields to multiple values",
      "<key> <field> <value> [<field> <value> ...]"},
     &HMSet},
    {{"hrandfield",
      -2,
      kReadonly,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Get one or multiple random fields from a hash",
      "<key> [<count> [WITHVALUES]]"},
     &HRandField},
    {{"hscan",
      -3,
      kReadonly,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Incrementally iterate hash fields and associated values",
      "<key> <cursor> [MATCH <pattern>] [COUNT <count>]"},
     &HScan},
    {{"hset",
      -4,
      kGrow,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Set the string value of a hash field",
      "<key> <field> <value> [<field> <value> ...]"},
     &HSet},
    {{"hsetnx",
      4,
      kGrow,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Set the value of a hash field, only if the field does not exist",
      "<key> <field> <value>"},
     &HSetNx},
    {{"hstrlen",
      3,
      kReadonly | kFast,
      {1, 1, 1},
      kCatHash,
      "hash",
      "Get the length of the value of a hash field",
      "<key> <field>"},
     &HStrLen},
    {{"hvals", 2, kReadonly, {1, 1, 1}, kCatHash, "hash", "Get all the values in a hash", "<key>"}, &HVals},
};

}  // namespace

std::span<const DataCommand> HashCommands() {
  return kCommands;
}

}  // namespace data
