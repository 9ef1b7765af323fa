// Lists.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/list_ends.h"
#include "replication/data/list_value.h"
#include "replication/data/lookup.h"

namespace data {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

// Looked up for reading; false when the type's error has been answered.
bool FindList(CommandContext& context, std::string_view key, Spot& spot) {
  spot = Lookup(context, key, Use::kRead);
  return TypeOrNothing(context, spot, ValueType::kList);
}

void Push(CommandContext& context, const Words& words, End end, bool only_if_there) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!TypeOrNothing(context, spot, ValueType::kList)) return;
  if (only_if_there && !spot) return context.reply.Integer(0);
  PushTo(context, spot, words[1], std::span(words).subspan(2), end);
  context.keyspace.CountChanges(words.size() - 3);
  Notify(context, kListEvent, end == End::kLeft ? "lpush" : "rpush", words[1]);
  PushAsSent(context);
  context.reply.Integer(static_cast<std::int64_t>(ListView(*context.keyspace.Find(context.db, words[1])).size()));
}

void LPush(CommandContext& context, const Words& words) {
  Push(context, words, End::kLeft, false);
}
void RPush(CommandContext& context, const Words& words) {
  Push(context, words, End::kRight, false);
}
void LPushX(CommandContext& context, const Words& words) {
  Push(context, words, End::kLeft, true);
}
void RPushX(CommandContext& context, const Words& words) {
  Push(context, words, End::kRight, true);
}

void Pop(CommandContext& context, const Words& words, End end) {
  if (words.size() > 3) return ReplyWrongArity(context, words[0]);
  std::optional<std::int64_t> count;
  if (words.size() == 3) {
    count = base::ParseInt<std::int64_t>(words[2]);
    if (!count || *count < 0) return context.reply.Error("ERR value is out of range, must be positive");
  }
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!TypeOrNothing(context, spot, ValueType::kList)) return;
  if (!spot) return count ? context.reply.NullArray() : context.reply.Null();
  if (count == 0) return context.reply.Array(0);
  const std::uint64_t wanted = std::min(ListView(*spot).size(), static_cast<std::uint64_t>(count.value_or(1)));
  const std::vector<std::string> popped = PopFrom(context, spot, words[1], wanted, end);
  NotifyPopped(context, words[1], end);
  PushAsSent(context);
  if (count) context.reply.Array(popped.size());
  for (const std::string& element : popped) context.reply.Bulk(element);
}

void LPop(CommandContext& context, const Words& words) {
  Pop(context, words, End::kLeft);
}
void RPop(CommandContext& context, const Words& words) {
  Pop(context, words, End::kRight);
}

void LLen(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindList(context, words[1], spot)) return;
  context.reply.Integer(spot ? static_cast<std::int64_t>(ListView(*spot).size()) : 0);
}

// What `first` to `last`, negative ones counted from the end, mean in a list of this size: the rank of the first and
// how many there are, perhaps none.
std::pair<std::uint64_t, std::uint64_t> RangeIn(std::uint64_t size, std::int64_t first, std::int64_t last) {
  const auto length = static_cast<std::int64_t>(size);
  if (first < 0) first = std::max<std::int64_t>(0, first + length);
  if (last < 0) last += length;
  last = std::min(last, length - 1);
  if (first > last || first >= length) return {0, 0};
  return {static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(last - first + 1)};
}

// The rank that an index means; nothing when the list has no such element.
std::optional<std::uint64_t> RankOf(std::uint64_t size, std::int64_t index) {
  const auto length = static_cast<std::int64_t>(size);
  if (index < 0) index += length;
  if (index < 0 || index >= length) return std::nullopt;
  return static_cast<std::uint64_t>(index);
}

void LRange(CommandContext& context, const Words& words) {
  const auto first = IntegerOrReply(context, words[2]);
  if (!first) return;
  const auto last = IntegerOrReply(context, words[3]);
  if (!last) return;
  Spot spot;
  if (!FindList(context, words[1], spot)) return;
  if (!spot) return context.reply.Array(0);
  const ListView list(*spot);
  auto [rank, count] = RangeIn(list.size(), *first, *last);
  context.reply.Array(count);
  if (count == 0) return;
  IntText buffer;
  list.Forward(rank, [&, left = count](const PackedElement& element) mutable {
    context.reply.Bulk(element.Text(buffer));
    return --left > 0;
  });
}

void LIndex(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindList(context, words[1], spot)) return;
  if (!spot) return context.reply.Null();
  const auto index = IntegerOrReply(context, words[2]);
  if (!index) return;
  const ListView list(*spot);
  const auto rank = RankOf(list.size(), *index);
  if (!rank) return context.reply.Null();
  IntText buffer;
  context.reply.Bulk(list.At(*rank, buffer));
}

void LSet(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!spot) return context.reply.Error("ERR no such key");
  if (!TypeOrNothing(context, spot, ValueType::kList)) return;
  const auto index = IntegerOrReply(context, words[2]);
  if (!index) return;
  const auto rank = RankOf(ListView(*spot).size(), *index);
  if (!rank) return context.reply.Error("ERR index out of range");
  context.keyspace.Change(spot, words[1], ValueType::kList, [&](Contents& contents) {
    ListEditor(contents, context.keyspace).Replace(*rank, words[3]);
    return true;
  });
  Notify(context, kListEvent, "lset", words[1]);
  PushAsSent(context);
  context.reply.Ok();
}

void LInsert(CommandContext& context, const Words& words) {
  const bool after = base::EqualsIgnoreCase(words[2], "after");
  if (!after && !base::EqualsIgnoreCase(words[2], "before")) return context.reply.Error(kSyntaxError);
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!TypeOrNothing(context, spot, ValueType::kList)) return;
  if (!spot) return context.reply.Integer(0);
  const ListView list(*spot);
  const std::uint64_t size = list.size();
  std::uint64_t rank = 0;
  list.Forward(0, [&](const PackedElement& element) {
    if (element.Equals(words[3])) return false;
    ++rank;
    return true;
  });
  if (rank == size) return context.reply.Integer(-1);
  context.keyspace.Change(spot, words[1], ValueType::kList, [&](Contents& contents) {
    ListEditor(contents, context.keyspace).Insert(rank + (after ? 1 : 0), words[4]);
    return true;
  });
  Notify(context, kListEvent, "linsert", words[1]);
  PushAsSent(context);
  context.reply.Integer(static_cast<std::int64_t>(size + 1));
}

void LRem(CommandContext& context, const Words& words) {
  const auto count = IntegerOrReply(context, words[2]);
  if (!count) return;
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!TypeOrNothing(context, spot, ValueType::kList)) return;
  if (!spot) return context.reply.Integer(0);
  const ListView list(*spot);
  const auto most = static_cast<std::uint64_t>(*count == 0 ? kMax : std::abs(std::max(*count, -kMax)));
  std::vector<std::uint64_t> ranks;  // from the end of the list to its beginning
  if (*count < 0) {
    list.Backward(list.size() - 1, [&, rank = list.size()](const PackedElement& element) mutable {
      --rank;
      if (element.Equals(words[3])) ranks.push_back(rank);
      return ranks.size() < most;
    });
  } else {
    list.Forward(0, [&, rank = std::uint64_t{0}](const PackedElement& element) mutable {
      if (element.Equals(words[3])) ranks.push_back(rank);
      ++rank;
      return ranks.size() < most;
    });
    std::ranges::reverse(ranks);
  }
  if (ranks.empty()) return context.reply.Integer(0);
  context.keyspace.Change(spot, words[1], ValueType::kList, [&](Contents& contents) {
    ListEditor editor(contents, context.keyspace);
    for (std::size_t i = 0; i < ranks.size();) {
      // Neighbours go together.
      std::size_t end = i + 1;
      while (end < ranks.size() && ranks[end] + 1 == ranks[end - 1]) ++end;
      editor.Erase(ranks[end - 1], end - i);
      i = end;
    }
    return editor.HasItems();
  });
  context.keyspace.CountChanges(ranks.size() - 1);
  Notify(context, kListEvent, "lrem", words[1]);
  NotifyIfGone(context, words[1]);
  PushAsSent(context);
  context.reply.Integer(static_cast<std::int64_t>(ranks.size()));
}

void LTrim(CommandContext& context, const Words& words) {
  const auto first = IntegerOrReply(context, words[2]);
  if (!first) return;
  const auto last = IntegerOrReply(context, words[3]);
  if (!last) return;
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!TypeOrNothing(context, spot, ValueType::kList)) return;
  if (!spot) return context.reply.Ok();
  const std::uint64_t size = ListView(*spot).size();
  const auto [rank, count] = RangeIn(size, *first, *last);
  if (count == 0) {
    context.keyspace.Erase(spot);
  } else if (count < size) {
    context.keyspace.Change(spot, words[1], ValueType::kList, [&, from = rank, kept = count](Contents& contents) {
      ListEditor editor(contents, context.keyspace);
      editor.Erase(from + kept, size - from - kept);
      editor.Erase(0, from);
      return true;
    });
  } else {
    context.keyspace.TellChanged(spot, words[1]);
  }
  Notify(context, kListEvent, "ltrim", words[1]);
  NotifyIfGone(context, words[1]);
  if (count < size) {
    context.keyspace.CountChanges(size - count - 1);
    PushAsSent(context);
  }
  context.reply.Ok();
}

struct PosOptions {
  std::int64_t rank = 1;
  std::optional<std::int64_t> count;
  std::int64_t most = 0;  // how many elements to compare; 0: all
};

// False when an error has been answered.
bool ReadPosOptions(CommandContext& context, const Words& words, PosOptions& options) {
  const auto not_negative = [&](std::string_view word, std::string_view error, std::int64_t& value) {
    const auto parsed = base::ParseInt<std::int64_t>(word);
    if (!parsed || *parsed < 0) {
      context.reply.Error(error);
      return false;
    }
    value = *parsed;
    return true;
  };
  for (std::size_t i = 3; i < words.size(); i += 2) {
    const bool has_value = i + 1 < words.size();
    if (has_value && base::EqualsIgnoreCase(words[i], "rank")) {
      const auto rank = IntegerOrReply(context, words[i + 1]);
      if (!rank) return false;
      options.rank = *rank;
      if (*rank == 0) {
        context.reply.Error(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to "
            "start from the end of the list");
        return false;
      }
    } else if (has_value && base::EqualsIgnoreCase(words[i], "count")) {
      if (!not_negative(words[i + 1], "ERR COUNT can't be negative", options.count.emplace())) return false;
    } else if (has_value && base::EqualsIgnoreCase(words[i], "maxlen")) {
      if (!not_negative(words[i + 1], "ERR MAXLEN can't be negative", options.most)) return false;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

void LPos(CommandContext& context, const Words& words) {
  PosOptions options;
  if (!ReadPosOptions(context, words, options)) return;
  Spot spot;
  if (!FindList(context, words[1], spot)) return;
  std::vector<std::uint64_t> ranks;
  if (spot) {
    const ListView list(*spot);
    // The least number cannot be negated; with stock it means the last match, like -1.
    std::int64_t skip = options.rank < -kMax ? 0 : std::abs(options.rank) - 1;
    const std::int64_t wanted = options.count.value_or(1);
    std::int64_t compared = 0;
    const auto visit = [&](std::uint64_t rank, const PackedElement& element) {
      if (element.Equals(words[2]) && skip-- <= 0) ranks.push_back(rank);
      if (wanted != 0 && static_cast<std::int64_t>(ranks.size()) == wanted) return false;
      return options.most == 0 || ++compared < options.most;
    };
    if (options.rank > 0) {
      list.Forward(0, [&, rank = std::uint64_t{0}](const PackedElement& each) mutable { return visit(rank++, each); });
    } else {
      list.Backward(list.size() - 1,
                    [&, rank = list.size()](const PackedElement& each) mutable { return visit(--rank, each); });
    }
  }
  if (options.count) {
    context.reply.Array(ranks.size());
    for (const std::uint64_t rank : ranks) context.reply.Integer(static_cast<std::int64_t>(rank));
  } else {
    ranks.empty() ? context.reply.Null() : context.reply.Integer(static_cast<std::int64_t>(ranks[0]));
  }
}

void LMove(CommandContext& context, const Words& words) {
  const auto from = EndOrReply(context, words[3]);
  if (!from) return;
  const auto to = EndOrReply(context, words[4]);
  if (!to) return;
  if (MoveElement(context, words[1], words[2], *from, *to) == Moved::kNothingThere) return context.reply.Null();
}

void RPopLPush(CommandContext& context, const Words& words) {
  const Moved moved = MoveElement(context, words[1], words[2], End::kRight, End::kLeft);
  if (moved == Moved::kNothingThere) return context.reply.Null();
}

void LMPop(CommandContext& context, const Words& words) {
  const auto request = ReadMultiPop(context, words, 1);
  if (request && !PopFirstOf(context, *request)) context.reply.NullArray();
}

using namespace serve;

constexpr std::uint32_t kGrow = kWrite | kDenyOom;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"lindex", 3, kReadonly, {1, 1, 1}, kCatList, "list", "Get an element from a list by its index", "<key> <index>"},
     &LIndex},
    {{"linsert",
      5,
      kGrow,
      {1, 1, 1},
      kCatList,
      "list",
      "Insert an element before or after another element in a list",
      "<key> (BEFORE|AFTER) <pivot> <element>"},
     &LInsert},
    {{"llen", 2, kReadonly | kFast, {1, 1, 1}, kCatList, "list", "Get the length of a list", "<key>"}, &LLen},
    {{"lmove",
      5,
      kGrow,
      {1, 2, 1},
      kCatList,
      "list",
      "Pop an element from a list, push it to another list and return it",
      "<source> <destination> LEFT|RIGHT LEFT|RIGHT"},
     &LMove},
    {{"lmpop",
      -4,
      kWrite,
      {0, 0, 0, 1},
      kCatList,
      "list",
      "Pop elements from a list",
      "<numkeys> <key> [<key> ...] LEFT|RIGHT [COUNT <count>]"},
     &LMPop},
    {{"lpop",
      -2,
      kWrite | kFast,
      {1, 1, 1},
      kCatList,
      "list",
      "Remove and get the first elements in a list",
      "<key> [<count>]"},
     &LPop},
    {{"lpos",
      -3,
      kReadonly,
      {1, 1, 1},
      kCatList,
      "list",
      "Return the index of matching elements on a list",
      "<key> <element> [RANK <rank>] [COUNT <num-matches>] [MAXLEN <len>]"},
     &LPos},
    {{"lpush",
      -3,
      kGrow | kFast,
      {1, 1, 1},
      kCatList,
      "list",
      "Prepend one or multiple elements to a list",
      "<key> <element> [<element> ...]"},
     &LPush},
    {{"lpushx",
      -3,
      kGrow | kFast,
      {1, 1, 1},
      kCatList,
      "list",
      "Prepend an element to a list, only if the list exists",
      "<key> <element> [<element> ...]"},
     &LPushX},
    {{"lrange",
      4,
      kReadonly,
      {1, 1, 1},
      kCatList,
      "list",
      "Get a range of elements from a list",
      "<key> <start> <stop>"},
     &LRange},
    {{"lrem", 4, kWrite, {1, 1, 1}, kCatList, "list", "Remove elements from a list", "<key> <count> <element>"}, &LRem},
    {{"lset",
      4,
      kGrow,
      {1, 1, 1},
      kCatList,
      "list",
      "Set the value of an element in a list by its index",
      "<key> <index> <element>"},
     &LSet},
    {{"ltrim", 4, kWrite, {1, 1, 1}, kCatList, "list", "Trim a list to the specified range", "<key> <start> <stop>"},
     &LTrim},
    {{"rpop",
      -2,
      kWrite | kFast,
      {1, 1, 1},
      kCatList,
      "list",
      "Remove and get the last elements in a list",
      "<key> [<count>]"},
     &RPop},
    {{"rpoplpush",
      3,
      kGrow,
      {1, 2, 1},
      kCatList,
      "list",
      "Remove the last element in a list, prepend it to another list and return it",
      "<source> <destination>"},
     &RPopLPush},
    {{"rpush",
      -3,
      kGrow | kFast,
      {1, 1, 1},
      kCatList,
      "list",
      "Append one or multiple elements to a list",
      "<key> <element> [<element> ...]"},
     &RPush},
    {{"rpushx",
      -3,
      kGrow | kFast,
      {1, 1, 1},
      kCatList,
      "list",
      "Append an element to a list, only if the list exists",
      "<key> <element> [<element> ...]"},
     &RPushX},
};

}  // namespace

std::span<const DataCommand> ListCommands() {
  return kCommands;
}

}  // namespace data
