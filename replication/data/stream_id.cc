#include "replication/data/stream_id.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"

namespace data {

std::optional<StreamId> After(StreamId id) {
  if (id.seq != UINT64_MAX) return StreamId{id.ms, id.seq + 1};
  if (id.ms != UINT64_MAX) return StreamId{id.ms + 1, 0};
  return std::nullopt;
}

std::optional<StreamId> Before(StreamId id) {
  if (id.seq != 0) return StreamId{id.ms, id.seq - 1};
  if (id.ms != 0) return StreamId{id.ms - 1, UINT64_MAX};
  return std::nullopt;
}

std::string TextOf(StreamId id) {
  return fmt::format("{}-{}", id.ms, id.seq);
}

namespace {

// Blanks and a plus before it belong to a number here, as they do where C reads it: who takes such an id from a client
// must not differ from us.
std::optional<std::uint64_t> ParsePart(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size()));
  if (text.starts_with('+')) text.remove_prefix(1);
  while (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9') text.remove_prefix(1);
  return base::ParseInt<std::uint64_t>(text);
}

}  // namespace

std::optional<StreamId> ParseStreamId(std::string_view text, std::uint64_t missing_seq, bool* had_seq) {
  text = text.substr(0, text.find('\0'));
  const std::size_t dash = text.find('-');
  if (had_seq != nullptr) *had_seq = dash != std::string_view::npos;
  const auto ms = ParsePart(text.substr(0, dash));
  if (!ms) return std::nullopt;
  if (dash == std::string_view::npos) return StreamId{*ms, missing_seq};
  const auto seq = ParsePart(text.substr(dash + 1));
  if (!seq) return std::nullopt;
  return StreamId{*ms, *seq};
}

}  // namespace data
