// Sorted sets: several of them combined.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/set_value.h"
#include "replication/data/zset_replies.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

enum class Combination { kUnion, kIntersection, kDifference };
enum class Aggregate { kSum, kMin, kMax };

// A sorted set, a set, whose members all count 1, or nothing.
class Source {
 public:
  explicit Source(const Spot& spot) {
    if (!spot) return;
    if (spot->type() == ValueType::kZset) {
      value_ = ZsetView(*spot);
    } else {
      value_ = SetView(*spot);
    }
  }

  double weight = 1;

  std::uint64_t size() const {
    if (const auto* zset = std::get_if<ZsetView>(&value_)) return zset->size();
    if (const auto* set = std::get_if<SetView>(&value_)) return set->size();
    return 0;
  }
  std::optional<double> Score(std::string_view member) const {
    if (const auto* zset = std::get_if<ZsetView>(&value_)) return zset->Score(member);
    if (const auto* set = std::get_if<SetView>(&value_)) {
      if (set->Contains(member)) return 1;
    }
    return std::nullopt;
  }
  // visit(member, score)
  template <class Visit>
  void ForEach(const Visit& visit) const {
    if (const auto* zset = std::get_if<ZsetView>(&value_)) zset->ForEach(visit);
    if (const auto* set = std::get_if<SetView>(&value_)) {
      set->ForEach([&visit](std::string_view member) { visit(member, 1.0); });
    }
  }

 private:
  std::variant<std::monostate, ZsetView, SetView> value_;
};

struct Request {
  Combination combination = Combination::kUnion;
  bool store = false;
  bool count_only = false;
  bool with_scores = false;
  Aggregate aggregate = Aggregate::kSum;
  std::int64_t limit = 0;  // 0: none
  std::vector<Source> sources;
};

double Weighted(double weight, double score) {
  const double product = weight * score;
  return std::isnan(product) ? 0 : product;  // 0 times infinity
}

double Combined(Aggregate aggregate, double score, double other) {
  switch (aggregate) {
    case Aggregate::kSum: {
      const double sum = score + other;
      return std::isnan(sum) ? 0 : sum;  // infinity less infinity
    }
    case Aggregate::kMin:
      return other < score ? other : score;
    case Aggregate::kMax:
      return other > score ? other : score;
  }
  return score;
}

// "<number> <key> ...": the sources are looked up. False when an error has been answered; otherwise `next` is where
// the options begin.
bool ReadSources(CommandContext& context, const Words& words, std::size_t count_at, Request& request,
                 std::size_t& next) {
  const auto count = IntegerOrReply(context, words[count_at]);
  if (!count) return false;
  if (*count < 1) {
    context.reply.Error(fmt::format("ERR at least 1 input key is needed for '{}' command", base::ToLower(words[0])));
    return false;
  }
  if (*count > static_cast<std::int64_t>(words.size() - count_at - 1)) {
    context.reply.Error(kSyntaxError);
    return false;
  }
  next = count_at + 1 + static_cast<std::size_t>(*count);
  // An expired key that is met goes, and may move others: all are met before the first is kept hold of.
  for (std::size_t i = count_at + 1; i < next; ++i) {
    const Spot spot = Lookup(context, words[i], Use::kRead);
    if (spot && spot->type() == ValueType::kSet) continue;
    if (!ZsetOrNothing(context, spot)) return false;
  }
  for (std::size_t i = count_at + 1; i < next; ++i) {
    Spot spot = context.keyspace.Find(context.db, words[i]);
    if (spot && Hidden(context, *spot)) spot.slot = nullptr;
    request.sources.emplace_back(spot);
  }
  return true;
}

bool ReadOptions(CommandContext& context, const Words& words, std::size_t first, Request& request) {
  const bool aggregates = request.combination != Combination::kDifference && !request.count_only;
  const std::size_t count = request.sources.size();
  const auto syntax_error = [&context] {
    context.reply.Error(kSyntaxError);
    return false;
  };
  for (std::size_t i = first; i < words.size(); ++i) {
    const std::size_t behind = words.size() - i - 1;
    if (aggregates && behind >= count && EqualsIgnoreCase(words[i], "weights")) {
      for (Source& source : request.sources) {
        const auto weight = ParseDouble(words[++i]);
        if (!weight) {
          context.reply.Error("ERR weight value is not a float");
          return false;
        }
        source.weight = *weight;
      }
    } else if (aggregates && behind >= 1 && EqualsIgnoreCase(words[i], "aggregate")) {
      ++i;
      if (EqualsIgnoreCase(words[i], "sum")) {
        request.aggregate = Aggregate::kSum;
      } else if (EqualsIgnoreCase(words[i], "min")) {
        request.aggregate = Aggregate::kMin;
      } else if (EqualsIgnoreCase(words[i], "max")) {
        request.aggregate = Aggregate::kMax;
      } else {
        return syntax_error();
      }
    } else if (!request.store && !request.count_only && EqualsIgnoreCase(words[i], "withscores")) {
      request.with_scores = true;
    } else if (request.count_only && behind >= 1 && EqualsIgnoreCase(words[i], "limit")) {
      constexpr std::string_view kNegative = "ERR LIMIT can't be negative";
      const auto limit = IntegerOrReply(context, words[++i], kNegative);
      if (!limit) return false;
      if (*limit < 0) {
        context.reply.Error(kNegative);
        return false;
      }
      request.limit = *limit;
    } else {
      return syntax_error();
    }
  }
  return true;
}

using Items = std::map<std::string, double, std::less<>>;

Items Union(const Request& request) {
  Items items;
  for (const Source& source : request.sources) {
    source.ForEach([&](std::string_view member, double score) {
      score = Weighted(source.weight, score);
      const auto at = items.find(member);
      if (at == items.end()) {
        items.emplace(member, score);
      } else {
        at->second = Combined(request.aggregate, at->second, score);
      }
    });
  }
  return items;
}

// give(member, score) until it says false.
template <class Give>
void Intersect(const Request& request, const Give& give) {
  const Source& first = request.sources.front();
  bool go_on = true;
  first.ForEach([&](std::string_view member, double score) {
    if (!go_on) return;
    double result = Weighted(first.weight, score);
    for (std::size_t i = 1; i < request.sources.size(); ++i) {
      const Source& source = request.sources[i];
      const auto other = source.Score(member);
      if (!other) return;
      result = Combined(request.aggregate, result, *other * source.weight);
    }
    go_on = give(member, result);
  });
}

Items Difference(const Request& request) {
  Items items;
  request.sources.front().ForEach([&](std::string_view member, double score) {
    for (std::size_t i = 1; i < request.sources.size(); ++i) {
      if (request.sources[i].Score(member)) return;
    }
    items.emplace(member, score);
  });
  return items;
}

Items Combine(const Request& request) {
  switch (request.combination) {
    case Combination::kUnion:
      return Union(request);
    case Combination::kDifference:
      return Difference(request);
    case Combination::kIntersection:
      break;
  }
  Items items;
  Intersect(request, [&items](std::string_view member, double score) {
    items.emplace(member, score);
    return true;
  });
  return items;
}

void CombineKeys(CommandContext& context, const Words& words, Request request) {
  std::size_t next = 0;
  if (!ReadSources(context, words, request.store ? 2 : 1, request, next)) return;
  if (!ReadOptions(context, words, next, request)) return;
  // The smallest first, as Redis does: the order in which scores are added makes a difference to the last digit.
  if (request.combination != Combination::kDifference) {
    std::ranges::stable_sort(request.sources, {}, &Source::size);
  }
  if (request.count_only) {
    std::int64_t found = 0;
    Intersect(request, [&](std::string_view, double) { return ++found != request.limit; });
    return context.reply.Integer(found);
  }

  const Items items = Combine(request);
  auto tree = std::make_unique<ScoreTree>(context.keyspace.field_hash());
  for (const auto& [member, score] : items) tree->Set(member, score);
  if (!request.store) {
    ItemReply reply(context, request.with_scores);
    reply.Header(items.size());
    return ZsetView(*tree).ForEach([&reply](std::string_view member, double score) { reply.Item(member, score); });
  }
  Contents contents;
  if (!items.empty()) contents = ZsetFromTree(std::move(tree), context.keyspace);
  const std::string_view event = request.combination == Combination::kUnion          ? "zunionstore"
                                 : request.combination == Combination::kIntersection ? "zinterstore"
                                                                                     : "zdiffstore";
  StoreZset(context, event, words[1], std::move(contents), items.size());
}

Request Asking(Combination combination, bool store = false) {
  Request request;
  request.combination = combination;
  request.store = store;
  return request;
}

void ZUnion(CommandContext& context, const Words& words) {
  CombineKeys(context, words, Asking(Combination::kUnion));
}

void ZInter(CommandContext& context, const Words& words) {
  CombineKeys(context, words, Asking(Combination::kIntersection));
}

void ZDiff(CommandContext& context, const Words& words) {
  CombineKeys(context, words, Asking(Combination::kDifference));
}

void ZUnionStore(CommandContext& context, const Words& words) {
  CombineKeys(context, words, Asking(Combination::kUnion, true));
}

void ZInterStore(CommandContext& context, const Words& words) {
  CombineKeys(context, words, Asking(Combination::kIntersection, true));
}

void ZDiffStore(CommandContext& context, const Words& words) {
  CombineKeys(context, words, Asking(Combination::kDifference, true));
}

void ZInterCard(CommandContext& context, const Words& words) {
  Request request = Asking(Combination::kIntersection);
  request.count_only = true;
  CombineKeys(context, words, request);
}

using namespace serve;

constexpr std::uint32_t kStore = kWrite | kDenyOom;
constexpr KeyPositions kCounted = {0, 0, 0, 1};
constexpr KeyPositions kTargetAndCounted = {1, 1, 1, 2};

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"zdiff", -3, kReadonly, kCounted, kCatSortedset, "sorted-set", "Subtract multiple sorted sets",
      "<numkeys> <key> [<key> ...] [WITHSCORES]"},
     &ZDiff},
    {{"zdiffstore", -4, kStore, kTargetAndCounted, kCatSortedset, "sorted-set",
      "Subtract multiple sorted sets and store the resulting sorted set in a new key",
      "<destination> <numkeys> <key> [<key> ...]"},
     &ZDiffStore},
    {{"zinter", -3, kReadonly, kCounted, kCatSortedset, "sorted-set", "Intersect multiple sorted sets",
      "<numkeys> <key> [<key> ...] [WEIGHTS <weight> [<weight> ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]"},
     &ZInter},
    {{"zintercard", -3, kReadonly, kCounted, kCatSortedset, "sorted-set",
      "Intersect multiple sorted sets and return the cardinality of the result",
      "<numkeys> <key> [<key> ...] [LIMIT <limit>]"},
     &ZInterCard},
    {{"zinterstore", -4, kStore, kTargetAndCounted, kCatSortedset, "sorted-set",
      "Intersect multiple sorted sets and store the resulting sorted set in a new key",
      "<destination> <numkeys> <key> [<key> ...] [WEIGHTS <weight> [<weight> ...]] [AGGREGATE SUM|MIN|MAX]"},
     &ZInterStore},
    {{"zunion", -3, kReadonly, kCounted, kCatSortedset, "sorted-set", "Add multiple sorted sets",
      "<numkeys> <key> [<key> ...] [WEIGHTS <weight> [<weight> ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]"},
     &ZUnion},
    {{"zunionstore", -4, kStore, kTargetAndCounted, kCatSortedset, "sorted-set",
      "Add multiple sorted sets and store the resulting sorted set in a new key",
      "<destination> <numkeys> <key> [<key> ...] [WEIGHTS <weight> [<weight> ...]] [AGGREGATE SUM|MIN|MAX]"},
     &ZUnionStore},
};

}  // namespace

std::span<const DataCommand> ZsetCombineCommands() {
  return kCommands;
}

}  // namespace data
