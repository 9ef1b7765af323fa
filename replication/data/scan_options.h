// What SCAN, SSCAN, HSCAN and ZSCAN have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
// The reply of a scan: where it goes on, and what it has found.
void ReplyScan(CommandContext& context, std::uint64_t next, const std::vector<std::string>& found);

// SSCAN, HSCAN and ZSCAN. `find(context, key, spot)` answers an error and is false, or finds the value;
// `scan(spot, cursor, count, keep)` visits about `count` elements, calls keep(name, texts ...) for each with the name
// that MATCH judges and the texts to be answered, and gives the next cursor.
template <class Find, class Scan>
void ScanElements(CommandContext& context, const serve::Words& words, Find&& find, Scan&& scan) {
  const auto cursor = CursorOrReply(context, words[2]);
  if (!cursor) return;
  Spot spot;
  if (!find(context, words[1], spot)) return;
  ScanOptions options;
  if (spot && !ReadScanOptions(context, words, 3, options)) return;
  std::vector<std::string> found;  // copies: the texts of numbers do not last
  const auto keep = [&](std::string_view name, auto... texts) {
    if (!options.Wants(name)) return;
    found.emplace_back(name);
    (found.emplace_back(texts), ...);
  };
  ReplyScan(context, spot ? scan(spot, *cursor, static_cast<std::size_t>(options.count), keep) : 0, found);
}

}  // namespace data
