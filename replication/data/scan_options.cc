#include "replication/data/scan_options.h"

#include <fmt/format.h>

#include <charconv>

#include "replication/base/text.h"
#include "replication/data/lookup.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

// As strtoul reads it: a sign and leading zeros are fine, and the empty text is 0.
std::optional<std::uint64_t> ParseCursor(std::string_view text) {
  if (text.empty()) return 0;
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return negative ? 0 - value : value;
}

}  // namespace

bool ScanOptions::Wants(std::string_view text) const {
  return !pattern || base::GlobMatch(*pattern, text);
}

std::optional<std::uint64_t> CursorOrReply(CommandContext& context, std::string_view word) {
  const auto cursor = ParseCursor(word);
  if (!cursor) context.reply.Error("ERR invalid cursor");
  return cursor;
}

bool ReadScanOptions(CommandContext& context, const serve::Words& words, std::size_t first, ScanOptions& options) {
  for (std::size_t i = first; i < words.size(); i += 2) {
    const bool has_value = i + 1 < words.size();
    if (has_value && EqualsIgnoreCase(words[i], "count")) {
      const auto count = IntegerOrReply(context, words[i + 1]);
      if (!count) return false;
      if (*count < 1) {
        context.reply.Error(kSyntaxError);
        return false;
      }
      options.count = *count;
    } else if (has_value && EqualsIgnoreCase(words[i], "match")) {
      options.pattern = words[i + 1];
    } else if (has_value && first == 2 && EqualsIgnoreCase(words[i], "type")) {
      options.type = words[i + 1];
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  if (options.pattern == "*") options.pattern.reset();
  return true;
}

void ReplyScan(CommandContext& context, std::uint64_t next, const std::vector<std::string>& found) {
  context.reply.Array(2);
  context.reply.Bulk(fmt::format_int(next).c_str());
  context.reply.Array(found.size());
  for (const std::string& text : found) context.reply.Bulk(text);
}

}  // namespace data
