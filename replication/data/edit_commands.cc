// Parts of strings.
#include <algorithm>

#include "replication/data/handlers.h"
#include "replication/data/lookup.h"

namespace data {
namespace {

// May a string of `size` bytes grow by `more`? Otherwise the error has been answered.
bool MayGrow(CommandContext& context, std::uint64_t size, std::uint64_t more) {
  const std::uint64_t limit = LongestString(context);
  if (size <= limit && more <= limit - size) return true;
  context.reply.Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  return false;
}

std::int64_t TextSize(const Spot& spot) {
  return static_cast<std::int64_t>(spot->TextSize());
}

}  // namespace

void Append(CommandContext& context, const Words& words) {
  const std::string_view key = words[1];
  Spot spot = Lookup(context, key, Use::kWrite);
  if (!StringOrNothing(context, spot)) return;
  if (!spot) {
    context.keyspace.Set(spot, key, words[2], kNever);
    Notify(context, kStringEvent, "append", key);
    PushAsSent(context);
    return context.reply.Integer(static_cast<std::int64_t>(words[2].size()));
  }
  const std::size_t size = spot->TextSize();
  if (!MayGrow(context, size, words[2].size())) return;
  context.keyspace.Append(spot, words[2]);
  Notify(context, kStringEvent, "append", key);
  PushAsSent(context);
  context.reply.Integer(static_cast<std::int64_t>(size + words[2].size()));
}

void StrLen(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kRead);
  if (StringOrNothing(context, spot)) context.reply.Integer(spot ? TextSize(spot) : 0);
}

void GetRange(CommandContext& context, const Words& words) {
  auto start = IntegerOrReply(context, words[2]);
  if (!start) return;
  auto end = IntegerOrReply(context, words[3]);
  if (!end) return;
  const Spot spot = Lookup(context, words[1], Use::kRead);
  if (!spot) return context.reply.Bulk("");
  if (!StringOrNothing(context, spot)) return;

  IntText buffer;
  const std::string_view text = spot->Text(buffer);
  const auto size = static_cast<std::int64_t>(text.size());
  if (*start < 0 && *end < 0 && *start > *end) return context.reply.Bulk("");
  if (*start < 0) start = std::max<std::int64_t>(0, size + *start);
  if (*end < 0) end = std::max<std::int64_t>(0, size + *end);
  end = std::min(*end, size - 1);
  if (*start > *end || size == 0) return context.reply.Bulk("");
  context.reply.Bulk(text.substr(static_cast<std::size_t>(*start), static_cast<std::size_t>(*end - *start + 1)));
}

void SetRange(CommandContext& context, const Words& words) {
  const std::string_view key = words[1];
  const std::string_view bytes = words[3];
  const auto offset = IntegerOrReply(context, words[2]);
  if (!offset) return;
  if (*offset < 0) return context.reply.Error("ERR offset is out of range");
  const Spot spot = Lookup(context, key, Use::kWrite);
  if (!StringOrNothing(context, spot)) return;
  const std::int64_t size = spot ? TextSize(spot) : 0;
  if (bytes.empty()) return context.reply.Integer(size);
  const auto at = static_cast<std::uint64_t>(*offset);
  if (!MayGrow(context, at, bytes.size())) return;

  if (spot) {
    context.keyspace.Overwrite(spot, at, bytes);
  } else {
    std::string text(at, '\0');
    text += bytes;
    context.keyspace.Set(spot, key, text, kNever, Form::kEdited);
  }
  Notify(context, kStringEvent, "setrange", key);
  PushAsSent(context);
  context.reply.Integer(std::max(size, static_cast<std::int64_t>(at + bytes.size())));
}

}  // namespace data
