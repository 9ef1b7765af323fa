// Keys, whatever they hold.
#include <limits>

#include "replication/base/check.h"
#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"
#include "replication/data/object.h"
#include "replication/data/set_value.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

constexpr std::size_t kEmbeddedBytes = 44;       // up to here Redis calls a text "embstr"
constexpr std::int64_t kSharedIntegers = 10000;  // below this Redis shares integers among keys

void RenameTo(CommandContext& context, const Words& words, bool only_if_missing) {
  const std::string_view from_key = words[1];
  const std::string_view to_key = words[2];
  if (!Lookup(context, from_key, Use::kWrite)) return context.reply.Error("ERR no such key");
  const auto done = [&context, only_if_missing](bool renamed) {
    only_if_missing ? context.reply.Integer(renamed ? 1 : 0) : context.reply.Ok();
  };
  if (from_key == to_key) return done(false);
  if (Lookup(context, to_key, Use::kWrite) && only_if_missing) return done(false);
  context.keyspace.MoveTo(context.keyspace.Find(context.db, from_key), context.db, to_key);
  Notify(context, kGenericEvent, "rename_from", from_key);
  Notify(context, kGenericEvent, "rename_to", to_key);
  PushAsSent(context);
  done(true);
}

}  // namespace

std::string_view EncodingName(const Entry& entry) {
  switch (entry.type()) {
    case ValueType::kString:
      if (entry.encoding() == Encoding::kInt) return "int";
      return entry.packing() != Packing::kEdited && entry.TextSize() <= kEmbeddedBytes ? "embstr" : "raw";
    case ValueType::kHash:
      return entry.encoding() == Encoding::kTree ? "hashtable" : "listpack";
    case ValueType::kSet:
      return SetView(entry).is_intset() ? "intset" : "hashtable";
    case ValueType::kList:
      return "quicklist";  // Redis 7.0 has no other, however short a list is
    case ValueType::kZset:
      return entry.encoding() == Encoding::kTree ? "skiplist" : "listpack";
    case ValueType::kStream:
      return "stream";
  }
  VIGIL_CHECK(false);
  return {};
}

void Del(CommandContext& context, const Words& words) {
  std::int64_t deleted = 0;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const Spot spot = Lookup(context, words[i], Use::kWrite);
    if (!spot) continue;
    context.keyspace.Erase(spot);
    Notify(context, kGenericEvent, "del", words[i]);
    ++deleted;
  }
  if (deleted > 0) PushAsSent(context);
  context.reply.Integer(deleted);
}

void Exists(CommandContext& context, const Words& words) {
  std::int64_t found = 0;
  for (std::size_t i = 1; i < words.size(); ++i) found += Lookup(context, words[i], Use::kInspect) ? 1 : 0;
  context.reply.Integer(found);
}

void Touch(CommandContext& context, const Words& words) {
  std::int64_t found = 0;
  for (std::size_t i = 1; i < words.size(); ++i) found += Lookup(context, words[i], Use::kRead) ? 1 : 0;
  context.reply.Integer(found);
}

void Type(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kInspect);
  context.reply.Simple(spot ? TypeName(spot->type()) : "none");
}

void Rename(CommandContext& context, const Words& words) {
  RenameTo(context, words, false);
}

void RenameNx(CommandContext& context, const Words& words) {
  RenameTo(context, words, true);
}

void Copy(CommandContext& context, const Words& words) {
  int to_db = context.db;
  bool replace = false;
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (EqualsIgnoreCase(words[i], "replace")) {
      replace = true;
    } else if (EqualsIgnoreCase(words[i], "db") && i + 1 < words.size()) {
      const auto db = DbOrReply(context, words[++i]);
      if (!db) return;
      to_db = *db;
    } else {
      return context.reply.Error(kSyntaxError);
    }
  }
  if (to_db == context.db && words[1] == words[2]) return context.reply.Error(kSameObject);
  if (!Lookup(context, words[1], Use::kRead)) return context.reply.Integer(0);
  if (Lookup(context, to_db, words[2], Use::kWrite) && !replace) return context.reply.Integer(0);
  context.keyspace.CopyTo(context.keyspace.Find(context.db, words[1]), to_db, words[2]);
  context.keyspace.Notify(to_db, kGenericEvent, "copy_to", words[2]);
  PushAsSent(context);
  context.reply.Integer(1);
}

void Move(CommandContext& context, const Words& words) {
  const auto to_db = DbOrReply(context, words[2]);
  if (!to_db) return;
  if (*to_db == context.db) return context.reply.Error(kSameObject);
  if (!Lookup(context, words[1], Use::kWrite)) return context.reply.Integer(0);
  if (Lookup(context, *to_db, words[1], Use::kWrite)) return context.reply.Integer(0);
  context.keyspace.MoveTo(context.keyspace.Find(context.db, words[1]), *to_db, words[1]);
  Notify(context, kGenericEvent, "move_from", words[1]);
  context.keyspace.Notify(*to_db, kGenericEvent, "move_to", words[1]);
  PushAsSent(context);
  context.reply.Integer(1);
}

void ObjectEncoding(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[2], Use::kPeek);
  if (!spot) return context.reply.Null();
  context.reply.Bulk(EncodingName(*spot));
}

void ObjectFreq(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[2], Use::kPeek);
  if (!spot) return context.reply.Null();
  if (context.keyspace.usage().frequency) return context.reply.Integer(context.keyspace.Frequency(*spot));
  context.reply.Error(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching "
      "between policies at runtime LRU and LFU data will take some time to adjust.");
}

void ObjectHelp(CommandContext& context, const Words&) {
  serve::CommandTable table;
  const auto commands = DataCommands();
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (commands[i].row.name.starts_with("object")) table.Add(commands[i].row, 0, i);
  }
  serve::ReplyHelp(table, "object", context.reply);
}

void ObjectIdleTime(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[2], Use::kPeek);
  if (!spot) return context.reply.Null();
  if (context.keyspace.usage().frequency) {
    return context.reply.Error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between "
        "policies at runtime LRU and LFU data will take some time to adjust.");
  }
  context.reply.Integer(context.keyspace.IdleSeconds(*spot));
}

void ObjectRefCount(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[2], Use::kPeek);
  if (!spot) return context.reply.Null();
  const bool shared = spot->encoding() == Encoding::kInt && spot->Integer() >= 0 && spot->Integer() < kSharedIntegers;
  context.reply.Integer(shared ? std::numeric_limits<std::int32_t>::max() : 1);
}

}  // namespace data
