// Sorted sets: parts of them, by rank, by score, by member.
#include <algorithm>
#include <variant>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/zset_replies.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

enum class By { kRank, kScore, kMember };

struct Ranks {
  std::int64_t start = 0;
  std::int64_t stop = 0;
};
using Bounds = std::variant<Ranks, ScoreRange, MemberRange>;

// What a command on a range asks for.
struct RangeRequest {
  std::optional<By> by;
  std::optional<bool> reverse;
  bool store = false;
  bool with_scores = false;
  std::int64_t offset = 0;
  std::int64_t limit = -1;
  Bounds bounds;
};

// The two words of the bounds, the lower one first, or the error has been answered.
bool ReadBounds(CommandContext& context, By by, std::string_view min, std::string_view max, Bounds& bounds) {
  switch (by) {
    case By::kRank: {
      const auto start = IntegerOrReply(context, min);
      const auto stop = start ? IntegerOrReply(context, max) : std::nullopt;
      if (!stop) return false;
      bounds = Ranks{*start, *stop};
      return true;
    }
    case By::kScore: {
      const auto range = ParseScoreRange(min, max);
      if (range) bounds = *range;
      if (!range) context.reply.Error(kBadScoreRange);
      return range.has_value();
    }
    case By::kMember: {
      const auto range = ParseMemberRange(min, max);
      if (range) bounds = *range;
      if (!range) context.reply.Error(kBadMemberRange);
      return range.has_value();
    }
  }
  return false;
}

// Options from words[first] on. What the command's name has said already cannot be said again.
bool ReadRangeOptions(CommandContext& context, const Words& words, std::size_t first, RangeRequest& request) {
  for (std::size_t i = first; i < words.size(); ++i) {
    if (!request.store && EqualsIgnoreCase(words[i], "withscores")) {
      request.with_scores = true;
    } else if (EqualsIgnoreCase(words[i], "limit") && i + 2 < words.size()) {
      const auto offset = IntegerOrReply(context, words[i + 1]);
      const auto limit = offset ? IntegerOrReply(context, words[i + 2]) : std::nullopt;
      if (!limit) return false;
      request.offset = *offset;
      request.limit = *limit;
      i += 2;
    } else if (!request.reverse && EqualsIgnoreCase(words[i], "rev")) {
      request.reverse = true;
    } else if (!request.by && EqualsIgnoreCase(words[i], "bylex")) {
      request.by = By::kMember;
    } else if (!request.by && EqualsIgnoreCase(words[i], "byscore")) {
      request.by = By::kScore;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  request.by = request.by.value_or(By::kRank);
  request.reverse = request.reverse.value_or(false);
  if (request.limit != -1 && request.by == By::kRank) {
    context.reply.Error("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
    return false;
  }
  if (request.with_scores && request.by == By::kMember) {
    context.reply.Error("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    return false;
  }
  return true;
}

RankRange Limited(RankRange range, const RangeRequest& request) {
  const auto size = static_cast<std::int64_t>(range.size());
  if (request.offset < 0 || request.offset >= size) return {};
  const std::int64_t left = size - request.offset;
  const auto take = static_cast<std::uint64_t>(request.limit < 0 ? left : std::min(request.limit, left));
  const auto skip = static_cast<std::uint64_t>(request.offset);
  if (*request.reverse) return {range.last - skip - take, range.last - skip};
  return {range.first + skip, range.first + skip + take};
}

RankRange RanksOf(const ZsetView& zset, const RangeRequest& request) {
  if (const auto* ranks = std::get_if<Ranks>(&request.bounds)) {
    const RankRange range = RanksBetween(zset.size(), ranks->start, ranks->stop);
    // In reverse the first rank is that of the last item.
    return *request.reverse ? RankRange{zset.size() - range.last, zset.size() - range.first} : range;
  }
  if (const auto* scores = std::get_if<ScoreRange>(&request.bounds)) return Limited(zset.Within(*scores), request);
  return Limited(zset.Within(std::get<MemberRange>(request.bounds), *request.reverse), request);
}

// `target` is the key to store into; otherwise the items are answered.
void Range(CommandContext& context, const Words& words, std::size_t key_at, RangeRequest request) {
  if (!ReadRangeOptions(context, words, key_at + 3, request)) return;
  std::string_view min = words[key_at + 1];
  std::string_view max = words[key_at + 2];
  if (*request.reverse && request.by != By::kRank) std::swap(min, max);
  if (!ReadBounds(context, *request.by, min, max, request.bounds)) return;
  Spot spot;
  if (!FindZset(context, words[key_at], spot)) return;

  const RankRange range = spot ? RanksOf(ZsetView(*spot), request) : RankRange{};
  if (!request.store) {
    ItemReply items(context, request.with_scores);
    items.Header(range.size());
    if (!spot) return;
    return ZsetView(*spot).ForRange(range, *request.reverse,
                                    [&items](std::string_view member, double score) { items.Item(member, score); });
  }
  Contents contents;
  if (range.size() > 0) {
    ZsetEditor stored(contents, context.keyspace);
    ZsetView(*spot).ForRange(range, *request.reverse,
                             [&stored](std::string_view member, double score) { stored.Set(member, score); });
  }
  StoreZset(context, "zrangestore", words[1], std::move(contents), range.size());
}

void ZRange(CommandContext& context, const Words& words) {
  Range(context, words, 1, {});
}

void ZRangeStore(CommandContext& context, const Words& words) {
  RangeRequest request;
  request.store = true;
  Range(context, words, 2, request);
}

void RangeBy(CommandContext& context, const Words& words, By by, bool reverse) {
  RangeRequest request;
  request.by = by;
  request.reverse = reverse;
  Range(context, words, 1, request);
}

void ZRevRange(CommandContext& context, const Words& words) {
  RangeBy(context, words, By::kRank, true);
}

void ZRangeByScore(CommandContext& context, const Words& words) {
  RangeBy(context, words, By::kScore, false);
}

void ZRevRangeByScore(CommandContext& context, const Words& words) {
  RangeBy(context, words, By::kScore, true);
}

void ZRangeByLex(CommandContext& context, const Words& words) {
  RangeBy(context, words, By::kMember, false);
}

void ZRevRangeByLex(CommandContext& context, const Words& words) {
  RangeBy(context, words, By::kMember, true);
}

void Count(CommandContext& context, const Words& words, By by) {
  RangeRequest request;
  request.reverse = false;
  if (!ReadBounds(context, by, words[2], words[3], request.bounds)) return;
  Spot spot;
  if (!FindZset(context, words[1], spot)) return;
  context.reply.Integer(spot ? static_cast<std::int64_t>(RanksOf(ZsetView(*spot), request).size()) : 0);
}

void ZCount(CommandContext& context, const Words& words) {
  Count(context, words, By::kScore);
}

void ZLexCount(CommandContext& context, const Words& words) {
  Count(context, words, By::kMember);
}

void Remove(CommandContext& context, const Words& words, By by) {
  RangeRequest request;
  request.reverse = false;
  if (!ReadBounds(context, by, words[2], words[3], request.bounds)) return;
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!ZsetOrNothing(context, spot)) return;
  const RankRange range = spot ? RanksOf(ZsetView(*spot), request) : RankRange{};
  if (range.size() == 0) return context.reply.Integer(0);
  context.keyspace.Change(spot, words[1], ValueType::kZset, [&](Contents& contents) {
    ZsetEditor zset(contents, context.keyspace);
    zset.Erase(range);
    return zset.HasItems();
  });
  context.keyspace.CountChanges(range.size() - 1);
  const std::string_view event = by == By::kRank    ? "zremrangebyrank"
                                 : by == By::kScore ? "zremrangebyscore"
                                                    : "zremrangebylex";
  Notify(context, kZsetEvent, event, words[1]);
  NotifyIfGone(context, words[1]);
  PushAsSent(context);
  context.reply.Integer(static_cast<std::int64_t>(range.size()));
}

void ZRemRangeByRank(CommandContext& context, const Words& words) {
  Remove(context, words, By::kRank);
}

void ZRemRangeByScore(CommandContext& context, const Words& words) {
  Remove(context, words, By::kScore);
}

void ZRemRangeByLex(CommandContext& context, const Words& words) {
  Remove(context, words, By::kMember);
}

using namespace serve;

constexpr KeyPositions kOne = {1, 1, 1};

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"zcount", 4, kReadonly | kFast, kOne, kCatSortedset, "sorted-set",
      "Count the members in a sorted set with scores within the given values", "<key> <min> <max>"},
     &ZCount},
    {{"zlexcount", 4, kReadonly | kFast, kOne, kCatSortedset, "sorted-set",
      "Count the number of members in a sorted set between a given lexicographical range", "<key> <min> <max>"},
     &ZLexCount},
    {{"zrange", -4, kReadonly, kOne, kCatSortedset, "sorted-set", "Return a range of members in a sorted set",
      "<key> <start> <stop> [BYSCORE|BYLEX] [REV] [LIMIT <offset> <count>] [WITHSCORES]"},
     &ZRange},
    {{"zrangebylex", -4, kReadonly, kOne, kCatSortedset, "sorted-set",
      "Return a range of members in a sorted set, by lexicographical range",
      "<key> <min> <max> [LIMIT <offset> <count>]"},
     &ZRangeByLex},
    {{"zrangebyscore", -4, kReadonly, kOne, kCatSortedset, "sorted-set",
      "Return a range of members in a sorted set, by score", "<key> <min> <max> [WITHSCORES] [LIMIT <offset> <count>]"},
     &ZRangeByScore},
    {{"zrangestore",
      -5,
      kWrite | kDenyOom,
      {1, 2, 1},
      kCatSortedset,
      "sorted-set",
      "Store a range of members from sorted set into another key",
      "<dst> <src> <min> <max> [BYSCORE|BYLEX] [REV] [LIMIT <offset> <count>]"},
     &ZRangeStore},
    {{"zremrangebylex", 4, kWrite, kOne, kCatSortedset, "sorted-set",
      "Remove all members in a sorted set between the given lexicographical range", "<key> <min> <max>"},
     &ZRemRangeByLex},
    {{"zremrangebyrank", 4, kWrite, kOne, kCatSortedset, "sorted-set",
      "Remove all members in a sorted set within the given indexes", "<key> <start> <stop>"},
     &ZRemRangeByRank},
    {{"zremrangebyscore", 4, kWrite, kOne, kCatSortedset, "sorted-set",
      "Remove all members in a sorted set within the given scores", "<key> <min> <max>"},
     &ZRemRangeByScore},
    {{"zrevrange", -4, kReadonly, kOne, kCatSortedset, "sorted-set",
      "Return a range of members in a sorted set, by index, with scores ordered from high to low",
      "<key> <start> <stop> [WITHSCORES]"},
     &ZRevRange},
    {{"zrevrangebylex", -4, kReadonly, kOne, kCatSortedset, "sorted-set",
      "Return a range of members in a sorted set, by lexicographical range, ordered from higher to lower strings.",
      "<key> <max> <min> [LIMIT <offset> <count>]"},
     &ZRevRangeByLex},
    {{"zrevrangebyscore", -4, kReadonly, kOne, kCatSortedset, "sorted-set",
      "Return a range of members in a sorted set, by score, with scores ordered from high to low",
      "<key> <max> <min> [WITHSCORES] [LIMIT <offset> <count>]"},
     &ZRevRangeByScore},
};

}  // namespace

std::span<const DataCommand> ZsetRangeCommands() {
  return kCommands;
}

}  // namespace data
