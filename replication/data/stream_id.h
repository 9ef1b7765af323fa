// The ids of stream entries: a moment in milliseconds, and a number within it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace data {

struct StreamId {
  std::uint64_t ms = 0;
  std::uint64_t seq = 0;

  auto operator<=>(const StreamId&) const = default;
  bool IsZero() const { return ms == 0 && seq == 0; }
};
inline constexpr StreamId kLeastStreamId{0, 0};
inline constexpr StreamId kGreatestStreamId{UINT64_MAX, UINT64_MAX};

// The neighbours; nothing beyond the ends.
std::optional<StreamId> After(StreamId id);
std::optional<StreamId> Before(StreamId id);

// "1526919030474-55"
std::string TextOf(StreamId id);

// "ms-seq", or "ms" alone, for which `missing_seq` stands in. Nothing for anything else. `had_seq` tells which it was.
std::optional<StreamId> ParseStreamId(std::string_view text, std::uint64_t missing_seq, bool* had_seq = nullptr);

}  // namespace data
