// HyperLogLog.
#include <string>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/hyperloglog.h"
#include "replication/data/lookup.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

constexpr std::string_view kDamaged = "INVALIDOBJ Corrupted HLL object detected";

// The text at the spot, which holds a key; nothing when it is no HyperLogLog and the error has been answered.
std::optional<std::string> TextOrReply(CommandContext& context, const Spot& spot) {
  if (!StringOrNothing(context, spot)) return std::nullopt;
  IntText buffer;
  const std::string_view text = spot->Text(buffer);
  if (hll::IsOne(text)) return std::string(text);
  context.reply.Error("WRONGTYPE Key is not a valid HyperLogLog string value.");
  return std::nullopt;
}

void Keep(CommandContext& context, const Spot& spot, std::string_view key, std::string_view text) {
  context.keyspace.Set(spot, key, text, spot ? spot->expires_at() : kNever, Form::kEdited);
  PushAsSent(context);
}

void PfAdd(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  std::string text;
  if (spot) {
    auto held = TextOrReply(context, spot);
    if (!held) return;
    text = std::move(*held);
  } else {
    text = hll::Empty();
  }
  bool changed = !spot;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const hll::Change change = hll::Add(text, words[i], context.keyspace.limits().hll_sparse);
    if (change == hll::Change::kDamaged) return context.reply.Error(kDamaged);
    changed = changed || change == hll::Change::kChanged;
  }
  if (changed) {
    hll::ForgetCount(text);
    Keep(context, spot, words[1], text);
    Notify(context, kStringEvent, "pfadd", words[1]);
  }
  context.reply.Integer(changed ? 1 : 0);
}

// Of several keys: what they have seen together.
void CountTogether(CommandContext& context, const Words& words) {
  hll::Registers registers{};
  for (std::size_t i = 1; i < words.size(); ++i) {
    const Spot spot = Lookup(context, words[i], Use::kRead);
    if (!spot) continue;
    const auto text = TextOrReply(context, spot);
    if (!text) return;
    if (!hll::Merge(*text, registers)) return context.reply.Error(kDamaged);
  }
  context.reply.Integer(static_cast<std::int64_t>(hll::Estimate(registers)));
}

void PfCount(CommandContext& context, const Words& words) {
  if (words.size() > 2) return CountTogether(context, words);
  const Spot spot = Lookup(context, words[1], Use::kRead);
  if (!spot) return context.reply.Integer(0);
  auto text = TextOrReply(context, spot);
  if (!text) return;
  if (const auto count = hll::CachedCount(*text)) return context.reply.Integer(static_cast<std::int64_t>(*count));
  const auto registers = hll::RegistersOf(*text);
  if (!registers) return context.reply.Error(kDamaged);
  const std::uint64_t count = hll::Estimate(*registers);
  // The count is remembered, and since it is a part of the value, everywhere. On a replica only the master does that.
  // And while writes are held, nothing changes.
  if ((!context.replica && !context.hold_expiry) || context.caller == CommandContext::Caller::kMaster) {
    hll::CacheCount(*text, count);
    Keep(context, spot, words[1], *text);
  }
  context.reply.Integer(static_cast<std::int64_t>(count));
}

void PfMerge(CommandContext& context, const Words& words) {
  hll::Registers registers{};
  bool dense = false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const Spot spot = Lookup(context, words[i], Use::kRead);
    if (!spot) continue;
    const auto text = TextOrReply(context, spot);
    if (!text) return;
    dense = dense || hll::IsDense(*text);
    if (!hll::Merge(*text, registers)) return context.reply.Error(kDamaged);
  }
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  std::string text;
  if (spot) {
    IntText buffer;
    text = spot->Text(buffer);
  } else {
    text = hll::Empty();
  }
  if (dense && !hll::MakeDense(text)) return context.reply.Error(kDamaged);
  for (std::size_t i = 0; i < hll::kRegisters; ++i) {
    if (registers[i] != 0) hll::Raise(text, i, registers[i], context.keyspace.limits().hll_sparse);
  }
  hll::ForgetCount(text);
  Keep(context, spot, words[1], text);
  Notify(context, kStringEvent, "pfadd", words[1]);
  context.reply.Ok();
}

// GETREG, DECODE, ENCODING, TODENSE
void PfDebug(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[2], Use::kWrite);
  if (!spot) return context.reply.Error("ERR The specified key does not exist");
  auto text = TextOrReply(context, spot);
  if (!text) return;
  const bool was_dense = hll::IsDense(*text);
  if (EqualsIgnoreCase(words[1], "encoding")) return context.reply.Simple(was_dense ? "dense" : "sparse");
  if (EqualsIgnoreCase(words[1], "decode")) {
    if (was_dense) return context.reply.Error("ERR HLL encoding is not sparse");
    const auto runs = hll::RunsText(*text);
    return runs ? context.reply.Bulk(*runs) : context.reply.Error(kDamaged);
  }
  const bool registers = EqualsIgnoreCase(words[1], "getreg");
  if (!registers && !EqualsIgnoreCase(words[1], "todense")) {
    return context.reply.Error("ERR Unknown PFDEBUG subcommand '" + std::string(words[1]) + "'");
  }
  if (!was_dense) {
    if (!hll::MakeDense(*text)) return context.reply.Error(kDamaged);
    Keep(context, spot, words[2], *text);
  }
  if (!registers) return context.reply.Integer(was_dense ? 0 : 1);
  const auto all = hll::RegistersOf(*text);
  context.reply.Array(hll::kRegisters);
  for (const std::uint8_t rank : *all) context.reply.Integer(rank);
}

using namespace serve;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"pfadd",
      -2,
      kWrite | kDenyOom | kFast,
      {1, 1, 1},
      kCatHyperloglog,
      "hyperloglog",
      "Adds the specified elements to the specified HyperLogLog.",
      "<key> [<element> ...]"},
     &PfAdd},
    {{"pfcount",
      -2,
      kReadonly,
      {1, -1, 1},
      kCatHyperloglog,
      "hyperloglog",
      "Return the approximated cardinality of the set(s) observed by the HyperLogLog at key(s).",
      "<key> [<key> ...]"},
     &PfCount},
    {{"pfdebug",
      3,
      kWrite | kDenyOom | kAdmin,
      {2, 2, 1},
      kCatHyperloglog,
      "hyperloglog",
      "Internal commands for debugging HyperLogLog values",
      "<subcommand> <key>"},
     &PfDebug},
    {{"pfmerge",
      -2,
      kWrite | kDenyOom,
      {1, -1, 1},
      kCatHyperloglog,
      "hyperloglog",
      "Merge N different HyperLogLogs into a single one.",
      "<destkey> <sourcekey> [<sourcekey> ...]"},
     &PfMerge},
};

}  // namespace

std::span<const DataCommand> HyperLogLogCommands() {
  return kCommands;
}

}  // namespace data
