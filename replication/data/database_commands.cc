// Whole databases: walking through them, emptying and exchanging them.
#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"
#include "replication/data/scan_options.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

// KEYS and SCAN never show what has expired, not even to the master's stream.
bool Expired(const CommandContext& context, const Entry& entry) {
  return entry.ExpiredAt(NowMs(context));
}

void ReplyKeys(CommandContext& context, const std::vector<std::string_view>& keys) {
  context.reply.Array(keys.size());
  for (const std::string_view key : keys) context.reply.Bulk(key);
}

// ASYNC or SYNC make no difference: memory is never freed on the spot. False: a syntax error has been answered.
bool CheckFlushOption(CommandContext& context, const Words& words) {
  if (words.size() == 1) return true;
  if (words.size() == 2 && (EqualsIgnoreCase(words[1], "async") || EqualsIgnoreCase(words[1], "sync"))) return true;
  context.reply.Error(kSyntaxError);
  return false;
}

}  // namespace

void Keys(CommandContext& context, const Words& words) {
  const std::string_view pattern = words[1];
  std::vector<std::string_view> keys;
  context.keyspace.ForEach(context.db, [&](const Entry& entry) {
    if ((pattern == "*" || base::GlobMatch(pattern, entry.key())) && !Expired(context, entry)) {
      keys.push_back(entry.key());
    }
  });
  ReplyKeys(context, keys);
}

void Scan(CommandContext& context, const Words& words) {
  const auto cursor = CursorOrReply(context, words[1]);
  if (!cursor) return;
  ScanOptions options;
  if (!ReadScanOptions(context, words, 2, options)) return;

  std::vector<std::string_view> keys;
  std::int64_t seen = 0;
  const auto visit = [&](const Entry& entry) {
    ++seen;
    if (!options.Wants(entry.key())) return;
    if (options.type && !EqualsIgnoreCase(*options.type, TypeName(entry.type()))) return;
    if (!Expired(context, entry)) keys.push_back(entry.key());
  };
  std::uint64_t next = *cursor;
  // Empty buckets count too, so that a call is never long.
  const std::int64_t most_steps = options.count > (INT64_MAX / 10) ? INT64_MAX : options.count * 10;
  std::int64_t steps = 0;
  do {
    next = context.keyspace.Scan(context.db, next, visit);
  } while (next != 0 && seen < options.count && ++steps < most_steps);
  context.reply.Array(2);
  context.reply.Bulk(fmt::format_int(next).c_str());
  ReplyKeys(context, keys);
}

void DbSize(CommandContext& context, const Words&) {
  context.reply.Integer(static_cast<std::int64_t>(context.keyspace.Size(context.db)));
}

void RandomKey(CommandContext& context, const Words&) {
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    const Entry* entry = context.keyspace.RandomKey(context.db);
    if (entry == nullptr) return context.reply.Null();
    if (!Hidden(context, *entry)) return context.reply.Bulk(entry->key());
  }
  // Nearly everything has expired and waits for its DEL: any living key will do.
  const Entry* found = nullptr;
  context.keyspace.ForEach(context.db, [&](const Entry& entry) {
    if (found == nullptr && !Hidden(context, entry)) found = &entry;
  });
  found != nullptr ? context.reply.Bulk(found->key()) : context.reply.Null();
}

void FlushDb(CommandContext& context, const Words& words) {
  if (!CheckFlushOption(context, words)) return;
  context.keyspace.FlushDb(context.db);
  PushAsSent(context);
  context.reply.Ok();
}

void FlushAll(CommandContext& context, const Words& words) {
  if (!CheckFlushOption(context, words)) return;
  context.keyspace.FlushAll();
  PushAsSent(context);
  context.reply.Ok();
}

void SwapDb(CommandContext& context, const Words& words) {
  // Both are read before either is looked for.
  const auto read = [&context](std::string_view word, std::string_view error) -> std::optional<std::int64_t> {
    const auto index = base::ParseInt<std::int32_t>(word);
    if (!index) {
      context.reply.Error(error);
      return std::nullopt;
    }
    return *index;
  };
  const auto first = read(words[1], "ERR invalid first DB index");
  if (!first) return;
  const auto second = read(words[2], "ERR invalid second DB index");
  if (!second) return;
  const std::int64_t databases = context.keyspace.databases();
  if (*first < 0 || *first >= databases || *second < 0 || *second >= databases) return context.reply.Error(kNoSuchDb);
  if (*first != *second) context.keyspace.SwapDb(static_cast<int>(*first), static_cast<int>(*second));
  PushAsSent(context);
  context.reply.Ok();
}

}  // namespace data
