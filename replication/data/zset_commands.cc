// Sorted sets: single members, the ends, random members.
#include <cmath>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/random_pick.h"
#include "replication/data/scan_options.h"
#include "replication/data/zset_replies.h"

namespace data {

RankRange RanksBetween(std::uint64_t size, std::int64_t start, std::int64_t stop) {
  const auto count = static_cast<std::int64_t>(size);
  if (start < 0) start = std::max<std::int64_t>(0, count + start);
  if (stop < 0) stop += count;
  stop = std::min(stop, count - 1);
  if (start > stop) return {};
  return {static_cast<std::uint64_t>(start), static_cast<std::uint64_t>(stop) + 1};
}

void StoreZset(CommandContext& context, std::string_view event, std::string_view key, Contents contents,
               std::uint64_t size) {
  const Spot spot = Lookup(context, key, Use::kWrite);
  if (size > 0) {
    context.keyspace.SetContents(spot, key, ValueType::kZset, std::move(contents));
    Notify(context, kZsetEvent, event, key);
    PushAsSent(context);
  } else if (spot) {
    context.keyspace.Erase(spot);
    Notify(context, kGenericEvent, "del", key);
    PushAsSent(context);
  }
  context.reply.Integer(static_cast<std::int64_t>(size));
}

namespace {

using base::EqualsIgnoreCase;

// --- ZADD

struct AddOptions {
  bool if_missing = false;  // NX
  bool if_there = false;    // XX
  bool if_greater = false;  // GT
  bool if_less = false;     // LT
  bool count_changed = false;
  bool increment = false;
};

// The number of words that are options. Source: ZADD.
std::size_t ReadAddOptions(const Words& words, AddOptions& options) {
  std::size_t at = 2;
  for (; at < words.size(); ++at) {
    if (EqualsIgnoreCase(words[at], "nx")) {
      options.if_missing = true;
    } else if (EqualsIgnoreCase(words[at], "xx")) {
      options.if_there = true;
    } else if (EqualsIgnoreCase(words[at], "ch")) {
      options.count_changed = true;
    } else if (EqualsIgnoreCase(words[at], "incr")) {
      options.increment = true;
    } else if (EqualsIgnoreCase(words[at], "gt")) {
      options.if_greater = true;
    } else if (EqualsIgnoreCase(words[at], "lt")) {
      options.if_less = true;
    } else {
      break;
    }
  }
  return at - 2;
}

std::string_view ConflictOf(const AddOptions& options, std::size_t items) {
  if (options.if_missing && options.if_there) {
    return "ERR XX and NX options at the same time are not compatible";
  }
  if ((options.if_greater && options.if_missing) || (options.if_less && options.if_missing) ||
      (options.if_greater && options.if_less)) {
    return "ERR GT, LT, and/or NX options at the same time are not compatible";
  }
  if (options.increment && items > 1) return "ERR INCR option supports a single increment-element pair";
  return {};
}

// The score that a member gets, or nothing when it is to be left alone. NaN: the sum is none.
std::optional<double> NewScore(const AddOptions& options, std::optional<double> held, double given) {
  if (!held) return options.if_there ? std::nullopt : std::optional(given);
  if (options.if_missing) return std::nullopt;
  const double score = options.increment ? *held + given : given;
  if (std::isnan(score)) return score;
  if (options.if_less && score >= *held) return std::nullopt;
  if (options.if_greater && score <= *held) return std::nullopt;
  return score;
}

void Add(CommandContext& context, const Words& words, AddOptions options) {
  const std::size_t first = 2 + ReadAddOptions(words, options);
  const std::size_t left = words.size() - first;
  if (left == 0 || left % 2 != 0) return context.reply.Error(kSyntaxError);
  const std::string_view conflict = ConflictOf(options, left / 2);
  if (!conflict.empty()) return context.reply.Error(conflict);
  std::vector<double> scores;
  for (std::size_t i = first; i < words.size(); i += 2) {
    const auto score = ParseDouble(words[i]);
    if (!score) return context.reply.Error(kNotAFloat);
    scores.push_back(*score);
  }
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!ZsetOrNothing(context, spot)) return;

  std::optional<double> result;  // of INCR
  std::int64_t added = 0;
  std::int64_t changed = 0;
  // What comes of one pair, in a sorted set that holds `held` for its member.
  const auto judge = [&](std::size_t i, std::optional<double> held) {
    const auto score = NewScore(options, held, scores[i]);
    result = score;
    if (score && !held) ++added;
    if (score && held && *score != *held) ++changed;
    return score;
  };
  const auto answer = [&] {
    if (!options.increment) return context.reply.Integer(options.count_changed ? added + changed : added);
    result ? context.reply.Double(*result) : context.reply.Null();
  };
  if (left == 2) {
    // Most have one pair. When it changes nothing, the key is not touched.
    const auto score = judge(0, spot ? ZsetView(*spot).Score(words[first + 1]) : std::nullopt);
    if (score && std::isnan(*score)) return context.reply.Error("ERR resulting score is not a number (NaN)");
    if (added + changed > 0) {
      context.keyspace.Change(spot, words[1], ValueType::kZset, [&](Contents& contents) {
        ZsetEditor(contents, context.keyspace).Set(words[first + 1], *score);
        return true;
      });
      Notify(context, kZsetEvent, options.increment ? "zincr" : "zadd", words[1]);
      PushAsSent(context);
    }
    return answer();
  }
  // When nothing changes in the sorted set as it is, nothing does at all.
  bool any = !spot && !options.if_there;
  for (std::size_t i = 0; spot && i < scores.size() && !any; ++i) {
    const auto held = ZsetView(*spot).Score(words[first + 2 * i + 1]);
    const auto score = NewScore(options, held, scores[i]);
    any = score && score != held;
  }
  if (any) {
    context.keyspace.Change(spot, words[1], ValueType::kZset, [&](Contents& contents) {
      ZsetEditor zset(contents, context.keyspace);
      for (std::size_t i = 0; i < scores.size(); ++i) {
        const std::string_view member = words[first + 2 * i + 1];
        const auto held = zset.view().Score(member);
        const auto score = judge(i, held);
        // Compared as numbers: -0 does not take the place of 0.
        if (score && score != held) zset.Set(member, *score);
      }
      return true;
    });
    // The door has counted one change.
    context.keyspace.CountChanges(static_cast<std::uint64_t>(added + changed) - 1);
    Notify(context, kZsetEvent, options.increment ? "zincr" : "zadd", words[1]);
    PushAsSent(context);
  }
  answer();
}

}  // namespace

void ZAdd(CommandContext& context, const Words& words) {
  Add(context, words, {});
}

namespace {

void ZIncrBy(CommandContext& context, const Words& words) {
  AddOptions options;
  options.increment = true;
  Add(context, words, options);
}

void ZRem(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!ZsetOrNothing(context, spot)) return;
  bool any = false;
  for (std::size_t i = 2; spot && i < words.size() && !any; ++i) any = ZsetView(*spot).Score(words[i]).has_value();
  if (!any) return context.reply.Integer(0);
  std::int64_t erased = 0;
  context.keyspace.Change(spot, words[1], ValueType::kZset, [&](Contents& contents) {
    ZsetEditor zset(contents, context.keyspace);
    for (std::size_t i = 2; i < words.size() && zset.HasItems(); ++i) erased += zset.Erase(words[i]) ? 1 : 0;
    return zset.HasItems();
  });
  context.keyspace.CountChanges(static_cast<std::uint64_t>(erased - 1));
  Notify(context, kZsetEvent, "zrem", words[1]);
  NotifyIfGone(context, words[1]);
  PushAsSent(context);
  context.reply.Integer(erased);
}

// --- Reading

void ZCard(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindZset(context, words[1], spot)) return;
  context.reply.Integer(spot ? static_cast<std::int64_t>(ZsetView(*spot).size()) : 0);
}

void ReplyScore(CommandContext& context, const Spot& spot, std::string_view member) {
  const auto score = spot ? ZsetView(*spot).Score(member) : std::nullopt;
  score ? context.reply.Double(*score) : context.reply.Null();
}

void ZScore(CommandContext& context, const Words& words) {
  Spot spot;
  if (FindZset(context, words[1], spot)) ReplyScore(context, spot, words[2]);
}

void ZMScore(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindZset(context, words[1], spot)) return;
  context.reply.Array(words.size() - 2);
  for (std::size_t i = 2; i < words.size(); ++i) ReplyScore(context, spot, words[i]);
}

void ReplyRank(CommandContext& context, const Words& words, bool reverse) {
  Spot spot;
  if (!FindZset(context, words[1], spot)) return;
  const auto rank = spot ? ZsetView(*spot).Rank(words[2]) : std::nullopt;
  if (!rank) return context.reply.Null();
  context.reply.Integer(static_cast<std::int64_t>(reverse ? ZsetView(*spot).size() - 1 - *rank : *rank));
}

void ZRank(CommandContext& context, const Words& words) {
  ReplyRank(context, words, false);
}

void ZRevRank(CommandContext& context, const Words& words) {
  ReplyRank(context, words, true);
}

// --- The ends

void Pop(CommandContext& context, const Words& words, bool highest) {
  if (words.size() > 3) return context.reply.Error(kSyntaxError);
  std::optional<std::int64_t> count;
  if (words.size() == 3) {
    constexpr std::string_view kNotPositive = "ERR value is out of range, must be positive";
    count = IntegerOrReply(context, words[2], kNotPositive);
    if (!count) return;
    if (*count < 0) return context.reply.Error(kNotPositive);
  }
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!ZsetOrNothing(context, spot)) return;
  if (!spot || count == 0) return context.reply.Array(0);

  const auto wanted = std::min(static_cast<std::uint64_t>(count.value_or(1)), ZsetView(*spot).size());
  // Without a count there is one item, and it is not nested.
  const bool nested = count.has_value() && context.reply.protocol() == 3;
  context.reply.Array(nested ? wanted : 2 * wanted);
  PopItems(context, spot, words[1], wanted, highest, [&](std::string_view member, double score) {
    if (nested) context.reply.Array(2);
    context.reply.Bulk(member);
    context.reply.Double(score);
  });
  PushAsSent(context);
}

void ZPopMin(CommandContext& context, const Words& words) {
  Pop(context, words, false);
}

void ZPopMax(CommandContext& context, const Words& words) {
  Pop(context, words, true);
}

// --- At random, and piece by piece

void ZRandMember(CommandContext& context, const Words& words) {
  base::Random& random = context.keyspace.random();
  if (words.size() == 2) {
    Spot spot;
    if (!FindZset(context, words[1], spot)) return;
    if (!spot) return context.reply.Null();
    const ZsetView zset(*spot);
    const std::uint64_t rank = random.Below(zset.size());
    return zset.ForRange({rank, rank + 1}, false,
                         [&context](std::string_view member, double) { context.reply.Bulk(member); });
  }
  const auto pick = ReadRandomPick(context, words, "withscores");
  if (!pick) return;
  Spot spot;
  if (!FindZset(context, words[1], spot)) return;
  if (!spot || pick->count == 0) return context.reply.Array(0);

  const ZsetView zset(*spot);
  ItemReply items(context, pick->with_more);
  PickRanks(
      random, zset.size(), pick->count, [&](std::uint64_t count) { items.Header(count); },
      [&](std::uint64_t rank) {
        zset.ForRange({rank, rank + 1}, false,
                      [&items](std::string_view member, double score) { items.Item(member, score); });
      });
}

void ZScan(CommandContext& context, const Words& words) {
  ScanElements(context, words, &FindZset,
               [](const Spot& spot, std::uint64_t cursor, std::size_t count, const auto& keep) {
                 return ZsetView(*spot).Scan(cursor, count, keep);
               });
}

using namespace serve;

constexpr std::uint32_t kGrow = kWrite | kDenyOom | kFast;
constexpr std::uint32_t kLook = kReadonly | kFast;
constexpr KeyPositions kOne = {1, 1, 1};

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"zadd", -4, kGrow, kOne, kCatSortedset, "sorted-set",
      "Add one or more members to a sorted set, or update its score if it already exists",
      "<key> [NX|XX] [GT|LT] [CH] [INCR] <score> <member> [<score> <member> ...]"},
     &ZAdd},
    {{"zcard", 2, kLook, kOne, kCatSortedset, "sorted-set", "Get the number of members in a sorted set", "<key>"},
     &ZCard},
    {{"zincrby", 4, kGrow, kOne, kCatSortedset, "sorted-set", "Increment the score of a member in a sorted set",
      "<key> <increment> <member>"},
     &ZIncrBy},
    {{"zmscore", -3, kLook, kOne, kCatSortedset, "sorted-set",
      "Get the score associated with the given members in a sorted set", "<key> <member> [<member> ...]"},
     &ZMScore},
    {{"zpopmax", -2, kWrite | kFast, kOne, kCatSortedset, "sorted-set",
      "Remove and return members with the highest scores in a sorted set", "<key> [<count>]"},
     &ZPopMax},
    {{"zpopmin", -2, kWrite | kFast, kOne, kCatSortedset, "sorted-set",
      "Remove and return members with the lowest scores in a sorted set", "<key> [<count>]"},
     &ZPopMin},
    {{"zrandmember", -2, kReadonly, kOne, kCatSortedset, "sorted-set",
      "Get one or multiple random elements from a sorted set", "<key> [<count> [WITHSCORES]]"},
     &ZRandMember},
    {{"zrank", 3, kLook, kOne, kCatSortedset, "sorted-set", "Determine the index of a member in a sorted set",
      "<key> <member>"},
     &ZRank},
    {{"zrem", -3, kWrite | kFast, kOne, kCatSortedset, "sorted-set", "Remove one or more members from a sorted set",
      "<key> <member> [<member> ...]"},
     &ZRem},
    {{"zrevrank", 3, kLook, kOne, kCatSortedset, "sorted-set",
      "Determine the index of a member in a sorted set, with scores ordered from high to low", "<key> <member>"},
     &ZRevRank},
    {{"zscan", -3, kReadonly, kOne, kCatSortedset, "sorted-set",
      "Incrementally iterate sorted sets elements and associated scores",
      "<key> <cursor> [MATCH <pattern>] [COUNT <count>]"},
     &ZScan},
    {{"zscore", 3, kLook, kOne, kCatSortedset, "sorted-set",
      "Get the score associated with the given member in a sorted set", "<key> <member>"},
     &ZScore},
};

}  // namespace

std::span<const DataCommand> ZsetCommands() {
  return kCommands;
}

}  // namespace data
