// DUMP and RESTORE: a value as bytes that travel from server to server.
#include <fmt/format.h>

#include <string>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"
#include "replication/data/object.h"
#include "replication/data/payload_tail.h"
#include "replication/data/rdb_format.h"
#include "replication/data/rdb_reader.h"
#include "replication/data/rdb_writer.h"

namespace data {
std::string DumpPayload(const Entry& entry) {
  // The encoder writes keys: one without name and expiry in database 0.
  Entry* nameless = Entry::Make("", entry.Share(), kNever, 0);
  Batch batch;
  batch.Add(0, *nameless);
  Entry::Free(nameless);
  std::string out;
  RdbEncoder({.compress = Compressor::Effort::kAll}).Append(batch, out);
  constexpr std::size_t kTypeAt = 2;  // behind the choice of the database
  std::string payload(1, out[kTypeAt]);
  payload.append(out, kTypeAt + 2, std::string::npos);  // behind the type and the length of the name
  AppendPayloadTail(payload);
  return payload;
}

namespace {

using base::EqualsIgnoreCase;

// Reads the value into a keyspace of its own, as the key without name. False when it is damaged.
bool ReadValue(std::string_view payload, Keyspace& into) {
  if (payload.size() == kPayloadTailBytes) return false;
  // A file of a version that has no checksum; nothing but the one key may be in it.
  std::string file = "REDIS0004";
  file.push_back(payload[0]);
  file.push_back('\0');
  file += payload.substr(1, payload.size() - kPayloadTailBytes - 1);
  file.push_back(static_cast<char>(rdb::kEnd));
  RdbReader reader(into);
  const auto taken = reader.Feed(file);
  return taken && *taken == file.size() && reader.complete() && reader.facts().keys_loaded == 1 && into.Find(0, "");
}

// Puts what ReadValue() has read in the place of a key.
void TakeOver(Keyspace& from, Keyspace& into, const Spot& to, std::string_view key, UnixMs expires_at) {
  const Spot spot = from.Find(0, "");
  if (spot->type() == ValueType::kString) {
    IntText buffer;
    into.Set(to, key, spot->Text(buffer), expires_at);
    return;
  }
  const ValueType type = spot->type();
  Contents contents;
  from.Change(spot, "", type, [&contents](Contents& read) {
    contents.packing = read.packing;
    contents.packed = read.packed;
    contents.tree = std::move(read.tree);
    return false;
  });
  into.SetContents(to, key, type, std::move(contents), expires_at);
}

void Dump(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kRead);
  if (!spot) return context.reply.Null();
  context.reply.Bulk(DumpPayload(*spot));
}

struct RestoreOptions {
  bool replace = false;
  bool absolute = false;
  std::optional<std::uint64_t> idle;  // seconds
  std::optional<std::uint8_t> frequency;
};

// False: an error has been answered.
bool ReadOptions(CommandContext& context, const Words& words, RestoreOptions& options) {
  for (std::size_t i = 4; i < words.size(); ++i) {
    const bool has_next = i + 1 < words.size();
    if (EqualsIgnoreCase(words[i], "replace")) {
      options.replace = true;
    } else if (EqualsIgnoreCase(words[i], "absttl")) {
      options.absolute = true;
    } else if (has_next && !options.frequency && EqualsIgnoreCase(words[i], "idletime")) {
      const auto seconds = IntegerOrReply(context, words[++i]);
      if (!seconds) return false;
      if (*seconds < 0) {
        context.reply.Error("ERR Invalid IDLETIME value, must be >= 0");
        return false;
      }
      options.idle = static_cast<std::uint64_t>(*seconds);
    } else if (has_next && !options.idle && EqualsIgnoreCase(words[i], "freq")) {
      const auto frequency = IntegerOrReply(context, words[++i]);
      if (!frequency) return false;
      if (*frequency < 0 || *frequency > 255) {
        context.reply.Error("ERR Invalid FREQ value, must be >= 0 and <= 255");
        return false;
      }
      options.frequency = static_cast<std::uint8_t>(*frequency);
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

void PushRestore(CommandContext& context, const Words& words, UnixMs at, bool relative) {
  if (!relative) return PushAsSent(context);
  Effect& effect = context.effects.emplace_back();
  effect.db = context.db;
  effect.words.assign(words.begin(), words.end());
  effect.words[2] = fmt::format_int(at).str();
  effect.words.emplace_back("ABSTTL");
}

void Restore(CommandContext& context, const Words& words) {
  RestoreOptions options;
  if (!ReadOptions(context, words, options)) return;
  const std::string_view key = words[1];
  if (Lookup(context, key, Use::kWrite) && !options.replace) {
    return context.reply.Error("BUSYKEY Target key name already exists.");
  }
  const auto ttl = IntegerOrReply(context, words[2]);
  if (!ttl) return;
  if (*ttl < 0) return context.reply.Error("ERR Invalid TTL value, must be >= 0");
  if (!IsWholePayload(words[3])) return context.reply.Error("ERR DUMP payload version or checksum are wrong");
  Keyspace scratch(1, context.keyspace.random().Next());
  scratch.set_limits(context.keyspace.limits());
  if (!ReadValue(words[3], scratch)) return context.reply.Error("ERR Bad data format");

  UnixMs at = kNever;
  const bool relative = *ttl != 0 && !options.absolute;
  if (*ttl != 0) {
    const std::int64_t begin = relative ? NowMs(context) : 0;
    std::int64_t sum = 0;
    at = AsExpiry(__builtin_add_overflow(*ttl, begin, &sum) ? kNever : sum);
  }
  const Spot spot = Lookup(context, key, Use::kWrite);
  // What has expired on its way only takes away what it was to replace. A replica does as it is told.
  if (at <= NowMs(context) && !context.replica) {
    if (spot) {
      context.keyspace.Erase(spot);
      Notify(context, kGenericEvent, "del", key);
      PushEffect(context, {"DEL", key});
    }
    return context.reply.Ok();
  }
  const bool replaced = static_cast<bool>(spot);
  TakeOver(scratch, context.keyspace, spot, key, at);
  Keyspace& keyspace = context.keyspace;
  if (options.frequency && keyspace.usage().frequency) {
    keyspace.SetMark(context.db, key, keyspace.MarkOfFrequency(*options.frequency));
  }
  if (options.idle && !keyspace.usage().frequency)
    keyspace.SetMark(context.db, key, keyspace.MarkOfIdle(*options.idle));
  if (replaced) Notify(context, kNewKeyEvent, "new", key);  // nothing of the old one is left
  Notify(context, kGenericEvent, "restore", key);
  PushRestore(context, words, at, relative);
  context.reply.Ok();
}

using namespace serve;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"dump",
      2,
      kReadonly,
      {1, 1, 1},
      kCatKeyspace,
      "generic",
      "Return a serialized version of the value stored at the specified key.",
      "<key>"},
     &Dump},
    {{"restore",
      -4,
      kWrite | kDenyOom,
      {1, 1, 1},
      kCatKeyspace | kCatDangerous,
      "generic",
      "Create a key using the provided serialized value, previously obtained using DUMP.",
      "<key> <ttl> <serialized-value> [REPLACE] [ABSTTL] [IDLETIME <seconds>] [FREQ <frequency>]"},
     &Restore},
};

}  // namespace

std::span<const DataCommand> DumpCommands() {
  return kCommands;
}

}  // namespace data
