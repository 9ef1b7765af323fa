// SORT and SORT_RO.
//
// What is sorted is a list, a set or a sorted set; what it is sorted by, and what is answered, may stand under other
// keys, whose names are made from patterns. Texts are compared byte by byte: a node has no locale.
// Source: the documentation of SORT.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/hash_value.h"
#include "replication/data/list_value.h"
#include "replication/data/lookup.h"
#include "replication/data/set_value.h"
#include "replication/data/zset_value.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

struct Options {
  bool descending = false;
  bool as_text = false;
  bool sorted = true;  // BY with a pattern without '*': left as it is
  std::int64_t offset = 0;
  std::int64_t count = -1;
  std::optional<std::string_view> by;
  std::vector<std::string_view> gets;
  std::optional<std::string_view> target;
};

struct Item {
  std::string element;
  double score = 0;
  std::optional<std::string> text;  // to be compared by
};

// False when an error has been answered.
bool ReadOptions(CommandContext& context, const Words& words, bool may_store, Options& options) {
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t behind = words.size() - i - 1;
    if (EqualsIgnoreCase(words[i], "asc")) {
      options.descending = false;
    } else if (EqualsIgnoreCase(words[i], "desc")) {
      options.descending = true;
    } else if (EqualsIgnoreCase(words[i], "alpha")) {
      options.as_text = true;
    } else if (behind >= 2 && EqualsIgnoreCase(words[i], "limit")) {
      const auto offset = IntegerOrReply(context, words[i + 1]);
      const auto count = offset ? IntegerOrReply(context, words[i + 2]) : std::nullopt;
      if (!count) return false;
      options.offset = *offset;
      options.count = *count;
      i += 2;
    } else if (may_store && behind >= 1 && EqualsIgnoreCase(words[i], "store")) {
      options.target = words[++i];
    } else if (behind >= 1 && EqualsIgnoreCase(words[i], "by")) {
      options.by = words[++i];
      // Once said, no later pattern takes it back.
      if (options.by->find('*') == std::string_view::npos) options.sorted = false;
    } else if (behind >= 1 && EqualsIgnoreCase(words[i], "get")) {
      options.gets.push_back(words[++i]);
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

// The text that a pattern leads to from an element: "weight_*" is a string, "object_*->field" the field of a hash, "#"
// the element itself. Nothing when there is none.
std::optional<std::string> Follow(CommandContext& context, std::string_view pattern, std::string_view element) {
  if (pattern == "#") return std::string(element);
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return std::nullopt;
  std::string_view behind = pattern.substr(star + 1);
  std::string_view field;
  if (const std::size_t arrow = behind.find("->"); arrow != std::string_view::npos && arrow + 2 < behind.size()) {
    field = behind.substr(arrow + 2);
    behind = behind.substr(0, arrow);
  }
  std::string key(pattern.substr(0, star));
  key += element;
  key += behind;
  const Spot spot = Lookup(context, key, Use::kRead);
  if (!spot) return std::nullopt;
  IntText buffer;
  if (field.empty()) {
    if (spot->type() != ValueType::kString) return std::nullopt;
    return std::string(spot->Text(buffer));
  }
  if (spot->type() != ValueType::kHash) return std::nullopt;
  const auto value = HashView(*spot).Find(field, buffer);
  if (!value) return std::nullopt;
  return std::string(*value);
}

// As strtod has it, all of the text up to a zero byte; the empty text is 0. Nothing when it is no number.
std::optional<double> ScoreOf(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const double score = std::strtod(text.c_str(), &end);
  if (*end != '\0' || errno == ERANGE || std::isnan(score)) return std::nullopt;
  return score;
}

// All elements. Of what is not to be sorted, in the order in which it is to be answered.
std::vector<Item> Elements(const Spot& spot, const Options& options) {
  std::vector<Item> items;
  if (!spot) return items;
  const auto add = [&items](std::string_view element) { items.push_back({std::string(element), 0, {}}); };
  const bool backward = !options.sorted && options.descending;
  switch (spot->type()) {
    case ValueType::kList: {
      IntText buffer;
      const ListView list(*spot);
      const auto take = [&](const PackedElement& element) {
        add(element.Text(buffer));
        return true;
      };
      backward ? list.Backward(list.size() - 1, take) : list.Forward(0, take);
      break;
    }
    case ValueType::kSet:
      SetView(*spot).ForEach(add);
      break;
    default: {
      const ZsetView zset(*spot);
      zset.ForRange({0, zset.size()}, backward, [&add](std::string_view member, double) { add(member); });
    }
  }
  return items;
}

// Finds what each is compared by. False when something is no number.
bool FindWeights(CommandContext& context, const Options& options, std::vector<Item>& items) {
  for (Item& item : items) {
    std::optional<std::string> text = options.by ? Follow(context, *options.by, item.element) : item.element;
    if (!text) continue;  // counts 0, or comes before all texts
    if (options.as_text) {
      item.text = std::move(text);
    } else {
      const auto score = ScoreOf(*text);
      if (!score) return false;
      item.score = *score;
    }
  }
  return true;
}

int Compare(const Options& options, const Item& a, const Item& b) {
  int order = 0;
  if (!options.as_text) {
    // Equal numbers go by their elements: the order is to be the same everywhere.
    order = a.score < b.score ? -1 : a.score > b.score ? 1 : a.element.compare(b.element);
  } else if (!a.text || !b.text) {
    order = a.text.has_value() - b.text.has_value();
  } else {
    order = a.text->compare(*b.text);
  }
  return options.descending ? -order : order;
}

void StoreList(CommandContext& context, std::string_view key, const std::vector<std::string>& elements, bool as_sent) {
  const Spot spot = Lookup(context, key, Use::kWrite);
  if (elements.empty()) {
    if (spot) {
      context.keyspace.Erase(spot);
      Notify(context, kGenericEvent, "del", key);
      PushAsSent(context);
    }
    return context.reply.Integer(0);
  }
  Contents contents;
  {
    ListEditor list(contents, context.keyspace);
    for (const std::string& element : elements) list.Insert(list.size(), element);
  }
  context.keyspace.SetContents(spot, key, ValueType::kList, std::move(contents));
  context.keyspace.CountChanges(elements.size() - 1);
  Notify(context, kListEvent, "sortstore", key);
  if (as_sent) {
    PushAsSent(context);
  } else {
    PushEffect(context, {"DEL", key});
    PushEffect(context, {"RPUSH", key});
    for (const std::string& element : elements) context.effects.back().words.push_back(element);
  }
  context.reply.Integer(static_cast<std::int64_t>(elements.size()));
}

void SortKey(CommandContext& context, const Words& words, bool may_store) {
  Options options;
  if (!ReadOptions(context, words, may_store, options)) return;
  const Spot spot = Lookup(context, words[1], Use::kRead);
  const bool sortable =
      !spot || spot->type() == ValueType::kList || spot->type() == ValueType::kSet || spot->type() == ValueType::kZset;
  if (!sortable) return static_cast<void>(TypeOrNothing(context, spot, ValueType::kList));
  // A set has no order of its own that another server would find again.
  if (!options.sorted && options.target && spot && spot->type() == ValueType::kSet) {
    options.sorted = options.as_text = true;
    options.by.reset();
  }

  std::vector<Item> items = Elements(spot, options);
  bool unclear = false;  // are there equal texts of different elements?
  if (options.sorted) {
    if (!FindWeights(context, options, items)) {
      return context.reply.Error("ERR One or more scores can't be converted into double");
    }
    std::ranges::stable_sort(items, [&](const Item& a, const Item& b) { return Compare(options, a, b) < 0; });
    for (std::size_t i = 1; i < items.size() && !unclear; ++i) {
      unclear = Compare(options, items[i - 1], items[i]) == 0 && items[i - 1].element != items[i].element;
    }
  }

  const auto size = static_cast<std::int64_t>(items.size());
  const std::int64_t begin = std::clamp<std::int64_t>(options.offset, 0, size);
  const std::int64_t end = options.count < 0 ? size : begin + std::min(options.count, size - begin);
  const auto rows = static_cast<std::size_t>(end - begin);
  if (!options.target) context.reply.Array(rows * std::max<std::size_t>(1, options.gets.size()));
  std::vector<std::string> stored;
  const auto give = [&](const std::optional<std::string>& text) {
    if (options.target) {
      stored.push_back(text.value_or(""));
    } else {
      text ? context.reply.Bulk(*text) : context.reply.Null();
    }
  };
  for (std::int64_t i = begin; i < end; ++i) {
    const std::string& element = items[static_cast<std::size_t>(i)].element;
    if (options.gets.empty()) give(element);
    for (const std::string_view pattern : options.gets) give(Follow(context, pattern, element));
  }
  if (options.target) StoreList(context, *options.target, stored, !unclear);
}

void Sort(CommandContext& context, const Words& words) {
  SortKey(context, words, true);
}

void SortRo(CommandContext& context, const Words& words) {
  SortKey(context, words, false);
}

using namespace serve;

constexpr std::uint32_t kCategories = kCatSet | kCatSortedset | kCatList | kCatDangerous;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"sort",
      -2,
      kWrite | kDenyOom,
      {1, 1, 1},
      kCategories,
      "generic",
      "Sort the elements in a list, set or sorted set",
      "<key> [BY <pattern>] [LIMIT <offset> <count>] [GET <pattern> ...] [ASC|DESC] [ALPHA] [STORE <destination>]"},
     &Sort},
    {{"sort_ro",
      -2,
      kReadonly,
      {1, 1, 1},
      kCategories,
      "generic",
      "Sort the elements in a list, set or sorted set. Read-only variant of SORT.",
      "<key> [BY <pattern>] [LIMIT <offset> <count>] [GET <pattern> ...] [ASC|DESC] [ALPHA]"},
     &SortRo},
};

}  // namespace

std::span<const DataCommand> SortCommands() {
  return kCommands;
}

}  // namespace data
