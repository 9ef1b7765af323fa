// What the commands on sorted sets share.
#pragma once

#include <algorithm>
#include <string_view>

#include "replication/data/command.h"
#include "replication/data/lookup.h"
#include "replication/data/zset_value.h"

namespace data {

inline constexpr std::string_view kBadScoreRange = "ERR min or max is not a float";
inline constexpr std::string_view kBadMemberRange = "ERR min or max not valid string range item";

inline bool ZsetOrNothing(CommandContext& context, const Spot& spot) {
  return TypeOrNothing(context, spot, ValueType::kZset);
}

// Looked up for reading; false when the type's error has been answered.
inline bool FindZset(CommandContext& context, std::string_view key, Spot& spot) {
  spot = Lookup(context, key, Use::kRead);
  return ZsetOrNothing(context, spot);
}

// Ranks from `start` to `stop` inclusive, negative ones counted from the end. Source: ZRANGE.
RankRange RanksBetween(std::uint64_t size, std::int64_t start, std::int64_t stop);

// The items of a range as an array, with RESP3 each of them in an array of its own when it comes with its score.
class ItemReply {
 public:
  ItemReply(CommandContext& context, bool with_scores)
      : reply_(context.reply), with_scores_(with_scores), nested_(with_scores && reply_.protocol() == 3) {}

  void Header(std::uint64_t items) { reply_.Array(with_scores_ && !nested_ ? 2 * items : items); }
  void Item(std::string_view member, double score) {
    if (nested_) reply_.Array(2);
    reply_.Bulk(member);
    if (with_scores_) reply_.Double(score);
  }

 private:
  resp::ReplyWriter& reply_;
  bool with_scores_;
  bool nested_;
};

// Puts what `contents` holds, `size` items, in place of the key, or takes the key away when there are none. Answers
// the size; the effect is the command as it was sent.
// `event` is what subscribers are told of a key that was stored.
void StoreZset(CommandContext& context, std::string_view event, std::string_view key, Contents contents,
               std::uint64_t size);

// Takes away up to `count` items from the lower or the upper end of a key that holds at least one, and answers them
// before that: give(member, score).
template <class Give>
void PopItems(CommandContext& context, const Spot& spot, std::string_view key, std::uint64_t count, bool highest,
              const Give& give) {
  std::uint64_t popped = 0;
  context.keyspace.Change(spot, key, ValueType::kZset, [&](Contents& contents) {
    ZsetEditor zset(contents, context.keyspace);
    const std::uint64_t size = zset.view().size();
    popped = std::min(count, size);
    const RankRange range = highest ? RankRange{size - popped, size} : RankRange{0, popped};
    zset.view().ForRange(range, highest, give);
    zset.Erase(range);
    return zset.HasItems();
  });
  context.keyspace.CountChanges(popped - 1);
  Notify(context, kZsetEvent, highest ? "zpopmax" : "zpopmin", key);
  NotifyIfGone(context, key);
}

}  // namespace data
