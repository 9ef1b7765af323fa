#include "replication/core/loss.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "replication/core/state.h"
#include "replication/core/trailing.h"
#include "replication/resp/request_parser.h"

namespace replication {
namespace {

constexpr Offset kMostCounted = 16 << 20;

// The last byte that the other node has in common with us; 0: none that we know of.
Offset CommonEnd(const NodeState& state, const OtherHistory& theirs) {
  const History& ours = state.history;
  if (const auto last = LastCommonOf(ours.replid, theirs)) return std::min(*last, state.applied);
  if (ours.second_offset <= 0) return 0;
  const auto last = LastCommonOf(ours.replid2, theirs);
  return last ? std::min(*last, ours.second_offset - 1) : 0;
}

std::optional<std::uint64_t> CountWrites(const NodeState& state, Offset first, Offset last) {
  if (!state.backlog || first < state.stream.begin() || last - first >= kMostCounted) return std::nullopt;
  const auto views = state.stream.Read(first, last + 1, kMostCounted + 1);
  if (!views) return std::nullopt;
  resp::RequestParser parser(resp::RequestParser::kTrusted);
  resp::Words words;
  std::uint64_t writes = 0;
  for (const std::string_view bytes : *views) {
    parser.Feed(bytes);
    while (parser.Next(words) == resp::RequestParser::Outcome::kRequest) {
      if (!CarriesData(words)) continue;
      if (base::EqualsIgnoreCase(words[0], "multi") || base::EqualsIgnoreCase(words[0], "exec")) continue;
      ++writes;
    }
  }
  return writes;
}

}  // namespace

std::optional<Loss> WhatOnlyWeHold(const NodeState& state, const std::optional<OtherHistory>& theirs) {
  if (!state.history.is_own || !state.backlog) return std::nullopt;
  // Nothing in common: the bytes since we took this name are ours for certain.
  const Offset named = std::max<Offset>(state.history.second_offset - 1, 0);
  const Offset common = theirs ? CommonEnd(state, *theirs) : named;
  if (common >= state.data_end) return std::nullopt;
  return Loss{state.history.replid, common + 1, state.applied, CountWrites(state, common + 1, state.applied)};
}

std::string DescribeLoss(const Loss& loss) {
  const Offset bytes = loss.last - loss.first + 1;
  const std::string writes = loss.writes ? fmt::format("{} writes", *loss.writes) : std::string("writes");
  return fmt::format("{} ({} bytes, offsets {} to {} of history {}) that the master never had", writes, bytes,
                     loss.first, loss.last, loss.replid.hex);
}

}  // namespace replication
