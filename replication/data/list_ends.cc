#include "replication/data/list_ends.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "replication/data/list_value.h"
#include "replication/data/lookup.h"

namespace data {

std::optional<End> EndOrReply(CommandContext& context, std::string_view word) {
  if (base::EqualsIgnoreCase(word, "left")) return End::kLeft;
  if (base::EqualsIgnoreCase(word, "right")) return End::kRight;
  context.reply.Error(kSyntaxError);
  return std::nullopt;
}

void PushTo(CommandContext& context, const Spot& spot, std::string_view key, std::span<const std::string_view> elements,
            End end) {
  context.keyspace.Change(spot, key, ValueType::kList, [&](Contents& contents) {
    ListEditor list(contents, context.keyspace);
    for (const std::string_view element : elements) list.Insert(end == End::kLeft ? 0 : list.size(), element);
    return true;
  });
}

std::vector<std::string> PopFrom(CommandContext& context, const Spot& spot, std::string_view key, std::uint64_t count,
                                 End end) {
  const ListView list(*spot);
  const std::uint64_t size = list.size();
  std::vector<std::string> popped;
  popped.reserve(count);
  IntText buffer;
  const auto take = [&](const PackedElement& element) {
    popped.emplace_back(element.Text(buffer));
    return popped.size() < count;
  };
  end == End::kLeft ? list.Forward(0, take) : list.Backward(size - 1, take);
  if (count == size) {
    context.keyspace.Erase(spot);
  } else {
    context.keyspace.Change(spot, key, ValueType::kList, [&](Contents& contents) {
      ListEditor(contents, context.keyspace).Erase(end == End::kLeft ? 0 : size - count, count);
      return true;
    });
  }
  context.keyspace.CountChanges(count - 1);
  return popped;
}

void NotifyPopped(CommandContext& context, std::string_view key, End end) {
  Notify(context, kListEvent, end == End::kLeft ? "lpop" : "rpop", key);
  NotifyIfGone(context, key);
}

Moved MoveElement(CommandContext& context, std::string_view from_key, std::string_view to_key, End from, End to,
                  std::span<const std::string_view> effect) {
  Spot source = Lookup(context, from_key, Use::kWrite);
  if (!source) return Moved::kNothingThere;
  if (!TypeOrNothing(context, source, ValueType::kList)) return Moved::kError;
  if (!TypeOrNothing(context, Lookup(context, to_key, Use::kWrite), ValueType::kList)) return Moved::kError;
  source = context.keyspace.Find(context.db, from_key);  // the second look may have moved it
  std::string element;
  if (from_key == to_key && ListView(*source).size() == 1) {
    // It would be gone with its expiry, and come again without.
    IntText buffer;
    element = ListView(*source).At(0, buffer);
    context.keyspace.Change(source, from_key, ValueType::kList, [](Contents&) { return true; });
  } else {
    element = PopFrom(context, source, from_key, 1, from)[0];
    const std::string_view elements[] = {element};
    PushTo(context, context.keyspace.Find(context.db, to_key), to_key, elements, to);
  }
  Notify(context, kListEvent, to == End::kLeft ? "lpush" : "rpush", to_key);
  NotifyPopped(context, from_key, from);
  if (effect.empty()) {
    PushAsSent(context);
  } else {
    context.effects.push_back(Effect{context.db, false, {effect.begin(), effect.end()}});
  }
  context.reply.Bulk(element);
  return Moved::kDone;
}

std::optional<MultiPop> ReadMultiPop(CommandContext& context, const serve::Words& words, std::size_t at) {
  const auto positive = [&](std::string_view word, std::string_view error) -> std::optional<std::int64_t> {
    const auto value = base::ParseInt<std::int64_t>(word);
    if (value && *value > 0) return value;
    context.reply.Error(error);
    return std::nullopt;
  };
  const auto syntax = [&context] {
    context.reply.Error(kSyntaxError);
    return std::nullopt;
  };
  const auto keys = positive(words[at], "ERR numkeys should be greater than 0");
  if (!keys) return std::nullopt;
  if (*keys >= static_cast<std::int64_t>(words.size() - at) - 1) return syntax();
  MultiPop request;
  request.keys = std::span(words).subspan(at + 1, static_cast<std::size_t>(*keys));
  std::size_t next = at + 1 + request.keys.size();
  const auto end = EndOrReply(context, words[next++]);
  if (!end) return std::nullopt;
  request.end = *end;
  if (next == words.size()) return request;
  if (next + 2 != words.size() || !base::EqualsIgnoreCase(words[next], "count")) {
    // A number that is none is told first, as Redis does.
    const bool counts = next + 1 < words.size() && base::EqualsIgnoreCase(words[next], "count");
    if (counts && !positive(words[next + 1], "ERR count should be greater than 0")) return std::nullopt;
    return syntax();
  }
  const auto count = positive(words[next + 1], "ERR count should be greater than 0");
  if (!count) return std::nullopt;
  request.count = static_cast<std::uint64_t>(*count);
  return request;
}

bool PopFirstOf(CommandContext& context, const MultiPop& request) {
  for (const std::string_view key : request.keys) {
    const Spot spot = Lookup(context, key, Use::kWrite);
    if (!spot) continue;
    if (!TypeOrNothing(context, spot, ValueType::kList)) return true;
    const std::uint64_t count = std::min(ListView(*spot).size(), request.count);
    const std::vector<std::string> popped = PopFrom(context, spot, key, count, request.end);
    NotifyPopped(context, key, request.end);
    // As it came out: how many, and from where.
    PushEffect(context, {request.end == End::kLeft ? "LPOP" : "RPOP", key, fmt::format_int(count).c_str()});
    context.reply.Array(2);
    context.reply.Bulk(key);
    context.reply.Array(popped.size());
    for (const std::string& element : popped) context.reply.Bulk(element);
    return true;
  }
  return false;
}

}  // namespace data
