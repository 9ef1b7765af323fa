#include "replication/core/journal_retention.h"

#include <algorithm>
#include <array>
#include <map>

#include "replication/base/text.h"

namespace replication {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t seconds;
};
constexpr std::array kUnits = {Unit{"s", 1}, Unit{"min", 60}, Unit{"h", 3600}, Unit{"d", 86400}};
constexpr std::int64_t kLongest = 100LL * 365 * 86400;

struct Name {
  std::uint64_t seq = 0;
  bool base = false;
};

// "appendonly.aof.3.base.rdb", "appendonly.aof.4.incr.aof", "appendonly.aof.4.incr.aof.idx".
std::optional<Name> ReadName(std::string_view filename, std::string_view name) {
  if (!name.starts_with(filename) || name.size() <= filename.size() || name[filename.size()] != '.')
    return std::nullopt;
  name.remove_prefix(filename.size() + 1);
  const std::size_t dot = name.find('.');
  const auto seq = base::ParseInt<std::uint64_t>(name.substr(0, dot));
  if (!seq || dot == std::string_view::npos) return std::nullopt;
  const std::string_view rest = name.substr(dot);
  if (rest == ".base.rdb" || rest == ".base.aof") return Name{*seq, true};
  if (rest == ".incr.aof" || rest == ".incr.aof.idx") return Name{*seq, false};
  return std::nullopt;
}

struct Generation {
  std::vector<std::string> names;
  std::uint64_t bytes = 0;
  std::int64_t last_ms = 0;
};

}  // namespace

std::optional<Retention> ParseRetention(std::string_view text) {
  if (text == "0") return Retention{};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string unit = base::ToLower(text.substr(digits));
  for (const Unit& each : kUnits) {
    if (unit != each.name) continue;
    const auto count = base::ParseInt<std::int64_t>(text.substr(0, digits));
    if (!count || *count < 1 || *count > kLongest / each.seconds) return std::nullopt;
    return Retention{.time = base::Seconds(*count * each.seconds), .bytes = std::nullopt};
  }
  const auto bytes = base::ParseMemory(text);
  if (!bytes || *bytes == 0 || unit.empty()) return std::nullopt;
  return Retention{.time = std::nullopt, .bytes = *bytes};
}

std::vector<std::string> WhatGoes(std::string_view filename, const std::vector<ArchivedFile>& files,
                                  const Retention& retention, std::int64_t now_ms) {
  std::map<std::uint64_t, Generation> by_base;  // 0: what stands before any base
  for (const ArchivedFile& file : files) {
    const auto name = ReadName(filename, file.name);
    if (name && name->base) by_base[name->seq];
  }
  std::uint64_t total = 0;
  for (const ArchivedFile& file : files) {
    const auto name = ReadName(filename, file.name);
    if (!name) continue;
    auto after = by_base.upper_bound(name->seq);
    Generation& generation = after == by_base.begin() ? by_base[0] : std::prev(after)->second;
    generation.names.push_back(file.name);
    generation.bytes += file.bytes;
    generation.last_ms = std::max(generation.last_ms, file.modified_ms);
    total += file.bytes;
  }
  std::vector<std::string> gone;
  for (const auto& [seq, generation] : by_base) {
    const bool too_old = retention.time && generation.last_ms < now_ms - retention.time->count() * 1000;
    const bool too_much = retention.bytes && total > *retention.bytes;
    if (retention.keeps() && !too_old && !too_much) break;
    gone.insert(gone.end(), generation.names.begin(), generation.names.end());
    total -= generation.bytes;
  }
  return gone;
}

}  // namespace replication
