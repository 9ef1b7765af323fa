// What SCAN, SSCAN, HSCAN and ZSCAN have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "replication/data/command.h"

namespace data {

struct ScanOptions {
  std::int64_t count = 10;
  std::optional<std::string_view> pattern;
  std::optional<std::string_view> type;  // SCAN alone

  bool Wants(std::string_view text) const;
};

// The cursor, or its error has been answered.
std::optional<std::uint64_t> CursorOrReply(CommandContext& context, std::string_view word);
// MATCH, COUNT and, when `first` is 2, TYPE from `first` on; false when an error has been answered.
bool ReadScanOptions(CommandContext& context, const serve::Words& words, std::size_t first, ScanOptions& options);

}  // namespace data
