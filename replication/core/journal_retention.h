// journal-retention: how long what a rewrite of the journal leaves behind is kept, so that moments before it can still
// be restored. Stock deletes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/time.h"

namespace replication {

struct Retention {
  std::optional<base::Seconds> time;   // every moment of the last so many seconds can be had
  std::optional<std::uint64_t> bytes;  // what is kept takes no more, older moments go first

  bool keeps() const { return time || bytes; }
};

// "0": nothing is kept. "90s", "15min", "36h", "7d", or bytes with a unit: "10gb". Empty: it is neither.
std::optional<Retention> ParseRetention(std::string_view text);

// A file of the archive.
struct ArchivedFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::int64_t modified_ms = 0;  // Unix time of the last write
};

// The names of those that go. A base and the incr files behind it, up to the next base, go together, oldest first; by
// time only when nothing of them was written within it. Files of other names are left alone, and do not count.
// `filename` is `appendfilename`.
std::vector<std::string> WhatGoes(std::string_view filename, const std::vector<ArchivedFile>& files,
                                  const Retention& retention, std::int64_t now_ms);

}  // namespace replication
