// Sorted sets: the first of several that has items, for clients that wait for it, too.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/waiting.h"
#include "replication/data/zset_replies.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

struct MultiPop {
  std::span<const std::string_view> keys;
  bool highest = false;
  std::optional<std::uint64_t> count;
};

// "<number> <key> ... MIN|MAX [COUNT <count>]" from words[at] on; nothing when an error has been answered.
std::optional<MultiPop> ReadMultiPop(CommandContext& context, const Words& words, std::size_t at) {
  constexpr std::string_view kBadNumber = "ERR numkeys should be greater than 0";
  constexpr std::string_view kBadCount = "ERR count should be greater than 0";
  const auto fail = [&context](std::string_view error) {
    context.reply.Error(error);
    return std::nullopt;
  };
  const auto keys = IntegerOrReply(context, words[at], kBadNumber);
  if (!keys) return std::nullopt;
  if (*keys < 1) return fail(kBadNumber);
  if (*keys >= static_cast<std::int64_t>(words.size() - at) - 1) return fail(kSyntaxError);
  MultiPop request;
  request.keys = std::span(words).subspan(at + 1, static_cast<std::size_t>(*keys));
  const std::size_t where = at + 1 + request.keys.size();
  request.highest = EqualsIgnoreCase(words[where], "max");
  if (!request.highest && !EqualsIgnoreCase(words[where], "min")) return fail(kSyntaxError);
  for (std::size_t i = where + 1; i < words.size(); i += 2) {
    if (request.count || i + 1 == words.size() || !EqualsIgnoreCase(words[i], "count")) return fail(kSyntaxError);
    const auto count = IntegerOrReply(context, words[i + 1], kBadCount);
    if (!count) return std::nullopt;
    if (*count < 1) return fail(kBadCount);
    request.count = static_cast<std::uint64_t>(*count);
  }
  return request;
}

// True when a key had items, or an error has been answered.
bool PopFirstOf(CommandContext& context, const MultiPop& request) {
  for (const std::string_view key : request.keys) {
    const Spot spot = Lookup(context, key, Use::kWrite);
    if (!ZsetOrNothing(context, spot)) return true;
    if (!spot) continue;
    const std::uint64_t wanted = std::min(request.count.value_or(1), ZsetView(*spot).size());
    context.reply.Array(2);
    context.reply.Bulk(key);
    context.reply.Array(wanted);
    PopItems(context, spot, key, wanted, request.highest, [&context](std::string_view member, double score) {
      context.reply.Array(2);
      context.reply.Bulk(member);
      context.reply.Double(score);
    });
    PushEffect(context, {request.highest ? "ZPOPMAX" : "ZPOPMIN", key, fmt::format_int(wanted).c_str()});
    return true;
  }
  return false;
}

void ZMPop(CommandContext& context, const Words& words) {
  const auto request = ReadMultiPop(context, words, 1);
  if (request && !PopFirstOf(context, *request)) context.reply.NullArray();
}

void BZMPop(CommandContext& context, const Words& words) {
  const auto request = ReadMultiPop(context, words, 2);
  if (!request) return;
  const auto timeout = TimeoutOrReply(context, words[1]);
  if (!timeout || PopFirstOf(context, *request)) return;
  Wait wait{.type = ValueType::kZset, .keys = {}, .timeout_ms = *timeout};
  for (const std::string_view key : request->keys) {
    wait.keys.push_back({std::string(key),
                         {"BZMPOP", "0", "1", std::string(key), request->highest ? "MAX" : "MIN", "COUNT",
                          fmt::format_int(request->count.value_or(1)).str()}});
  }
  WaitOrReplyNothing(context, std::move(wait));
}

void BlockingPop(CommandContext& context, const Words& words, bool highest) {
  const auto timeout = TimeoutOrReply(context, words.back());
  if (!timeout) return;
  const auto keys = std::span(words).subspan(1, words.size() - 2);
  for (const std::string_view key : keys) {
    const Spot spot = Lookup(context, key, Use::kWrite);
    if (!ZsetOrNothing(context, spot)) return;
    if (!spot) continue;
    context.reply.Array(3);
    context.reply.Bulk(key);
    PopItems(context, spot, key, 1, highest, [&context](std::string_view member, double score) {
      context.reply.Bulk(member);
      context.reply.Double(score);
    });
    return PushEffect(context, {highest ? "ZPOPMAX" : "ZPOPMIN", key});
  }
  Wait wait{.type = ValueType::kZset, .keys = {}, .timeout_ms = *timeout};
  for (const std::string_view key : keys) {
    wait.keys.push_back({std::string(key), {std::string(words[0]), std::string(key), "0"}});
  }
  WaitOrReplyNothing(context, std::move(wait));
}

void BZPopMin(CommandContext& context, const Words& words) {
  BlockingPop(context, words, false);
}

void BZPopMax(CommandContext& context, const Words& words) {
  BlockingPop(context, words, true);
}

using namespace serve;

constexpr std::uint32_t kWaits = kWrite | kNoScript | kBlocking | kFast;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"bzmpop",
      -5,
      kWrite | kBlocking,
      {0, 0, 0, 2},
      kCatSortedset,
      "sorted-set",
      "Remove and return members with scores in a sorted set or block until one is available",
      "<timeout> <numkeys> <key> [<key> ...] MIN|MAX [COUNT <count>]"},
     &BZMPop},
    {{"bzpopmax",
      -3,
      kWaits,
      {1, -2, 1},
      kCatSortedset,
      "sorted-set",
      "Remove and return the member with the highest score from one or more sorted sets, or block until one is "
      "available",
      "<key> [<key> ...] <timeout>"},
     &BZPopMax},
    {{"bzpopmin",
      -3,
      kWaits,
      {1, -2, 1},
      kCatSortedset,
      "sorted-set",
      "Remove and return the member with the lowest score from one or more sorted sets, or block until one is "
      "available",
      "<key> [<key> ...] <timeout>"},
     &BZPopMin},
    {{"zmpop",
      -4,
      kWrite,
      {0, 0, 0, 1},
      kCatSortedset,
      "sorted-set",
      "Remove and return members with scores in a sorted set",
      "<numkeys> <key> [<key> ...] MIN|MAX [COUNT <count>]"},
     &ZMPop},
};

}  // namespace

std::span<const DataCommand> ZsetBlockingCommands() {
  return kCommands;
}

}  // namespace data
