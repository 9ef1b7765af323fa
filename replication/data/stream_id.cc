#include "replication/data/stream_id.h"

#include <fmt/format.h>

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

std::optional<StreamId> ParseStreamId(std::string_view text, std::uint64_t missing_seq, bool* had_seq) {
  const std::size_t dash = text.find('-');
  if (had_seq != nullptr) *had_seq = dash != std::string_view::npos;
  const auto ms = base::ParseInt<std::uint64_t>(text.substr(0, dash));
  if (!ms) return std::nullopt;
  if (dash == std::string_view::npos) return StreamId{*ms, missing_seq};
  const auto seq = base::ParseInt<std::uint64_t>(text.substr(dash + 1));
  if (!seq) return std::nullopt;
  return StreamId{*ms, *seq};
}

}  // namespace data
