// Streams: entries are added, read and deleted.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/stream_replies.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

// --- Trimming, by XADD and XTRIM.

struct TrimRequest {
  bool wanted = false;
  TrimRule rule;
  std::size_t threshold_at = 0;  // its place among the words
  std::optional<std::uint64_t> limit;
};

// What an approximate trim may delete at most when nobody says otherwise: a hundred nodes.
std::uint64_t UsualLimit(const Keyspace& keyspace) {
  const std::uint64_t entries = keyspace.limits().stream_entries;
  if (entries == 0) return 10000;
  return std::min<std::uint64_t>(100 * entries, 1000000);
}

// Reads options from words[at] on, up to the one that is none of them: for XADD that is where the id stands. False: an
// error has been answered.
bool ReadTrimOptions(CommandContext& context, const Words& words, std::size_t& at, bool add, bool& make_stream,
                     TrimRequest& request) {
  const auto fail = [&context](std::string_view error) {
    context.reply.Error(error);
    return false;
  };
  for (; at < words.size(); ++at) {
    const std::string_view word = words[at];
    const std::size_t more = words.size() - 1 - at;
    // The id of XADD; the last word of it cannot be an option.
    if (add && word == "*") break;
    const bool by_length = EqualsIgnoreCase(word, "maxlen");
    if ((by_length || EqualsIgnoreCase(word, "minid")) && more > 0) {
      if (request.wanted) {
        return fail("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
      }
      request.wanted = true;
      std::string_view next = words[at + 1];
      request.rule.approximate = false;
      if (more >= 2 && (next == "~" || next == "=")) {
        request.rule.approximate = next == "~";
        next = words[++at + 1];
      }
      if (by_length) {
        const auto length = IntegerOrReply(context, next);
        if (!length) return false;
        if (*length < 0) return fail("ERR The MAXLEN argument must be >= 0.");
        request.rule.max_length = static_cast<std::uint64_t>(*length);
      } else {
        request.rule.least_id = StreamIdOrReply(context, next, 0);
        if (!request.rule.least_id) return false;
      }
      request.threshold_at = ++at;
    } else if (EqualsIgnoreCase(word, "limit") && more > 0) {
      const auto number = IntegerOrReply(context, words[at + 1]);
      if (!number) return false;
      if (*number < 0) return fail("ERR The LIMIT argument must be >= 0.");
      request.limit = static_cast<std::uint64_t>(*number);
      ++at;
    } else if (add && EqualsIgnoreCase(word, "nomkstream")) {
      make_stream = false;
    } else if (add) {
      break;
    } else {
      return fail(kSyntaxError);
    }
  }
  return true;
}

// What the options together must fulfil. False: an error has been answered.
bool CheckTrim(CommandContext& context, bool add, TrimRequest& request) {
  const auto fail = [&context](std::string_view error) {
    context.reply.Error(error);
    return false;
  };
  if (request.limit.value_or(0) > 0 && !request.wanted) {
    return fail("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
  }
  if (!add && !request.wanted) return fail("ERR syntax error, XTRIM must be called with a trimming strategy");
  // A master has decided already: what its stream says is exact, with or without a limit.
  if (context.caller == CommandContext::Caller::kMaster) return true;
  if (request.limit && !request.rule.approximate) {
    return fail("ERR syntax error, LIMIT cannot be used without the special ~ option");
  }
  if (request.rule.approximate) request.rule.limit = request.limit.value_or(UsualLimit(context.keyspace));
  return true;
}

// The request with what it came to in place of what it asked for.
std::vector<std::string> Exactly(const Words& words, const TrimRequest& request, const Stream& stream) {
  std::vector<std::string> exact(words.begin(), words.end());
  if (request.wanted && request.rule.approximate) {
    // Nothing is left: everything is older than the greatest id.
    const StreamId least = stream.first_kept_id().value_or(kGreatestStreamId);
    exact[request.threshold_at - 1] = "=";
    exact[request.threshold_at] = request.rule.max_length ? fmt::format_int(stream.length()).str() : TextOf(least);
  }
  return exact;
}

// --- XADD

// How the id is to be made.
struct WantedId {
  StreamId id;
  bool any = false;      // "*"
  bool any_seq = false;  // "ms-*"
};

std::optional<WantedId> ReadWantedId(CommandContext& context, std::string_view word) {
  if (word == "*") return WantedId{.id = {}, .any = true};
  if (word.ends_with("-*")) {
    const auto ms = base::ParseInt<std::uint64_t>(word.substr(0, word.size() - 2));
    if (ms) return WantedId{.id = {*ms, 0}, .any = false, .any_seq = true};
    context.reply.Error(kInvalidStreamId);
    return std::nullopt;
  }
  const auto id = StreamIdOrReply(context, word, 0);
  if (!id) return std::nullopt;
  return WantedId{*id};
}

// The id for the next entry; nothing when none is left there.
std::optional<StreamId> NextId(const WantedId& wanted, StreamId last, std::uint64_t now) {
  if (wanted.any) return now > last.ms ? StreamId{now, 0} : After(last);
  StreamId id = wanted.id;
  if (wanted.any_seq && id.ms == last.ms) {
    if (last.seq == UINT64_MAX) return std::nullopt;
    id.seq = last.seq + 1;
  }
  return id > last ? std::optional(id) : std::nullopt;
}

void XAdd(CommandContext& context, const Words& words) {
  TrimRequest trim;
  bool make_stream = true;
  std::size_t at = 2;
  if (!ReadTrimOptions(context, words, at, true, make_stream, trim)) return;
  std::optional<WantedId> wanted;
  if (at < words.size()) {
    wanted = ReadWantedId(context, words[at]);
    if (!wanted) return;
  }
  if (!CheckTrim(context, true, trim)) return;
  const std::size_t first = at + 1;
  if (first >= words.size() || (words.size() - first) % 2 != 0) return ReplyWrongArity(context, "xadd");
  // Said last of all that is wrong with the words: as Redis does.
  if (!wanted->any && !wanted->any_seq && wanted->id.IsZero()) {
    return context.reply.Error("ERR The ID specified in XADD must be greater than 0-0");
  }
  const FieldValues pairs(words.begin() + static_cast<std::ptrdiff_t>(first), words.end());

  const Spot spot = Lookup(context, words[1], Use::kWrite);
  bool ok = true;
  const Stream* held = StreamOrNothing(context, spot, ok);
  if (!ok) return;
  if (held == nullptr && !make_stream) return context.reply.Null();
  const StreamId last = held != nullptr ? held->last_id() : StreamId{};
  if (last == kGreatestStreamId) {
    return context.reply.Error("ERR The stream has exhausted the last possible ID, unable to add more items");
  }
  std::uint64_t bytes = 0;
  for (const std::string_view text : pairs) bytes += text.size();
  if (bytes > (std::uint64_t{1} << 30)) return context.reply.Error("ERR Elements are too large to be stored");
  const auto id = NextId(*wanted, last, static_cast<std::uint64_t>(NowMs(context)));
  if (!id) {
    return context.reply.Error("ERR The ID specified in XADD is equal or smaller than the target stream top item");
  }
  ReplyStreamId(context, *id);
  std::vector<std::string> exact;
  bool trimmed = false;
  ChangeStream(context.keyspace, spot, words[1], [&](Stream& stream) {
    stream.Append(*id, pairs, context.keyspace.limits());
    trimmed = trim.wanted && stream.Trim(trim.rule) > 0;
    const bool as_sent = !wanted->any && !wanted->any_seq && !trim.rule.approximate;
    if (as_sent) return;
    exact = Exactly(words, trim, stream);
    if (wanted->any || wanted->any_seq) exact[at] = TextOf(*id);
  });
  Notify(context, kStreamEvent, "xadd", words[1]);
  if (trimmed) Notify(context, kStreamEvent, "xtrim", words[1]);
  if (exact.empty()) return PushAsSent(context);
  context.effects.push_back(Effect{context.db, false, std::move(exact)});
}

void XTrim(CommandContext& context, const Words& words) {
  TrimRequest trim;
  bool make_stream = false;
  std::size_t at = 2;
  if (!ReadTrimOptions(context, words, at, false, make_stream, trim) || !CheckTrim(context, false, trim)) return;
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  bool ok = true;
  const Stream* held = StreamOrNothing(context, spot, ok);
  if (!ok) return;
  if (held == nullptr) return context.reply.Integer(0);
  // A trial on a copy, which costs next to nothing: a trim that deletes nothing touches nothing.
  const std::uint64_t deleted = Stream(*held).Trim(trim.rule);
  context.reply.Integer(static_cast<std::int64_t>(deleted));
  if (deleted == 0) return;
  std::vector<std::string> exact;
  ChangeStream(context.keyspace, spot, words[1], [&](Stream& stream) {
    stream.Trim(trim.rule);
    if (trim.rule.approximate) exact = Exactly(words, trim, stream);
  });
  context.keyspace.CountChanges(deleted - 1);
  Notify(context, kStreamEvent, "xtrim", words[1]);
  if (exact.empty()) return PushAsSent(context);
  context.effects.push_back(Effect{context.db, false, std::move(exact)});
}

// --- Reading

void XLen(CommandContext& context, const Words& words) {
  bool ok = true;
  const Stream* stream = StreamOrNothing(context, Lookup(context, words[1], Use::kRead), ok);
  if (ok) context.reply.Integer(stream == nullptr ? 0 : static_cast<std::int64_t>(stream->length()));
}

void Range(CommandContext& context, const Words& words, bool reverse) {
  const auto first = RangeStartOrReply(context, words[reverse ? 3 : 2]);
  if (!first) return;
  const auto last = RangeEndOrReply(context, words[reverse ? 2 : 3]);
  if (!last) return;
  std::int64_t count = -1;
  for (std::size_t i = 4; i < words.size(); ++i) {
    if (!EqualsIgnoreCase(words[i], "count") || i + 1 == words.size()) return context.reply.Error(kSyntaxError);
    const auto number = IntegerOrReply(context, words[++i]);
    if (!number) return;
    count = std::max<std::int64_t>(*number, 0);
  }
  const Spot spot = Lookup(context, words[1], Use::kRead);
  if (!spot) return context.reply.Array(0);
  bool ok = true;
  const Stream* stream = StreamOrNothing(context, spot, ok);
  if (!ok) return;
  if (count == 0) return context.reply.NullArray();
  ReplyStreamRange(context, *stream, *first, *last, count < 0 ? 0 : static_cast<std::uint64_t>(count), reverse);
}

void XRange(CommandContext& context, const Words& words) {
  Range(context, words, false);
}
void XRevRange(CommandContext& context, const Words& words) {
  Range(context, words, true);
}

// --- XDEL, XSETID

void XDel(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  bool ok = true;
  const Stream* held = StreamOrNothing(context, spot, ok);
  if (!ok) return;
  if (held == nullptr) return context.reply.Integer(0);
  std::vector<StreamId> ids;
  bool any = false;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto id = StreamIdOrReply(context, words[i], 0);
    if (!id) return;
    ids.push_back(*id);
    any = any || held->Has(*id);
  }
  if (!any) return context.reply.Integer(0);
  std::int64_t deleted = 0;
  ChangeStream(context.keyspace, spot, words[1], [&](Stream& stream) {
    for (const StreamId id : ids) deleted += stream.Erase(id) ? 1 : 0;
  });
  context.keyspace.CountChanges(static_cast<std::uint64_t>(deleted) - 1);
  Notify(context, kStreamEvent, "xdel", words[1]);
  PushAsSent(context);
  context.reply.Integer(deleted);
}

void XSetId(CommandContext& context, const Words& words) {
  const auto id = StreamIdOrReply(context, words[2], 0);
  if (!id) return;
  std::optional<std::int64_t> added;
  std::optional<StreamId> max_deleted;
  for (std::size_t i = 3; i < words.size(); ++i) {
    const bool more = i + 1 < words.size();
    if (more && EqualsIgnoreCase(words[i], "entriesadded")) {
      added = IntegerOrReply(context, words[++i]);
      if (!added) return;
      if (*added < 0) return context.reply.Error("ERR entries_added must be positive");
    } else if (more && EqualsIgnoreCase(words[i], "maxdeletedid")) {
      max_deleted = StreamIdOrReply(context, words[++i], 0);
      if (!max_deleted) return;
      if (*id < *max_deleted) {
        return context.reply.Error("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
      }
    } else {
      return context.reply.Error(kSyntaxError);
    }
  }
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!spot) return context.reply.Error("ERR no such key");
  bool ok = true;
  const Stream* held = StreamOrNothing(context, spot, ok);
  if (!ok) return;
  if (held->length() > 0) {
    StreamId last;
    held->ForRange(kLeastStreamId, kGreatestStreamId, true, [&last](const StreamEntry& entry) {
      last = entry.id();
      return false;
    });
    if (*id < last) {
      return context.reply.Error("ERR The ID specified in XSETID is smaller than the target stream top item");
    }
    if (added && held->length() > static_cast<std::uint64_t>(*added)) {
      return context.reply.Error("ERR The entries_added specified in XSETID is smaller than the target stream length");
    }
  }
  ChangeStreamAnnex(context.keyspace, spot, words[1], [&](Stream& stream) {
    stream.SetLastId(*id);
    if (added) stream.SetEntriesAdded(static_cast<std::uint64_t>(*added));
    if (max_deleted && !max_deleted->IsZero()) stream.SetMaxDeletedId(*max_deleted);
  });
  Notify(context, kStreamEvent, "xsetid", words[1]);
  PushAsSent(context);
  context.reply.Ok();
}

using namespace serve;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"xadd",
      -5,
      kWrite | kDenyOom | kFast,
      {1, 1, 1},
      kCatStream,
      "stream",
      "Append an entry to a stream",
      "<key> [NOMKSTREAM] [MAXLEN|MINID [=|~] <threshold> [LIMIT <count>]] *|<id> <field> <value> "
      "[<field> <value> ...]"},
     &XAdd},
    {{"xdel",
      -3,
      kWrite | kFast,
      {1, 1, 1},
      kCatStream,
      "stream",
      "Delete entries of a stream",
      "<key> <id> [<id> ...]"},
     &XDel},
    {{"xlen", 2, kReadonly | kFast, {1, 1, 1}, kCatStream, "stream", "Count the entries of a stream", "<key>"}, &XLen},
    {{"xrange",
      -4,
      kReadonly,
      {1, 1, 1},
      kCatStream,
      "stream",
      "Get the entries between two ids",
      "<key> <start> <end> [COUNT <count>]"},
     &XRange},
    {{"xrevrange",
      -4,
      kReadonly,
      {1, 1, 1},
      kCatStream,
      "stream",
      "Get the entries between two ids, the newest first",
      "<key> <end> <start> [COUNT <count>]"},
     &XRevRange},
    {{"xsetid",
      -3,
      kWrite | kDenyOom | kFast,
      {1, 1, 1},
      kCatStream,
      "stream",
      "Set what a stream remembers of its ids: for replication",
      "<key> <last-id> [ENTRIESADDED <count>] [MAXDELETEDID <id>]"},
     &XSetId},
    {{"xtrim",
      -4,
      kWrite,
      {1, 1, 1},
      kCatStream,
      "stream",
      "Delete the oldest entries of a stream",
      "<key> MAXLEN|MINID [=|~] <threshold> [LIMIT <count>]"},
     &XTrim},
};

}  // namespace

std::span<const DataCommand> StreamCommands() {
  return kCommands;
}

}  // namespace data
