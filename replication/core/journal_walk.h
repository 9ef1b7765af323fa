// Walking through an incr file: each command with its place in the stream, its time, and the moments around it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "replication/core/journal_format.h"

namespace replication {

inline constexpr Offset kNoOffset = -1;
inline constexpr std::int64_t kNoTime = -1;

struct JournalCommand {
  std::vector<std::string_view> words;  // valid until the next Feed()
  std::string_view raw;                 // its bytes, likewise
  Offset before = kNoOffset;            // the last byte before it; kNoOffset: the file is a stranger's, without offsets
  Offset through = kNoOffset;           // its own last byte
  Offset undo = kNoOffset;              // the last moment before it that can be had: `before`, or before its MULTI
  std::int64_t time_ms = kNoTime;       // since 1970 UTC; kNoTime: nothing says when
  bool whole = true;                    // a moment behind it can be had: it is in no transaction, or is its EXEC
  int db = 0;                           // that it worked in; of SELECT, the one that it selects
};

// Takes the bytes of one file in order. Pure; holds one command.
//
// A command's time is the one at which its batch was handed to the journal, in milliseconds, as the index has it. Where
// no index speaks of it, it is the second of the #TS mark before it, its beginning, as redis-check-aof counts.
class JournalWalk {
 public:
  // `head`: what stands at the beginning; none in a stranger's file. `index`: the bytes of the index beside it.
  JournalWalk(const std::optional<FoundHead>& head, std::string_view index);

  enum class Outcome { kCommand, kMark, kNeedMore, kError };
  void Feed(std::string_view bytes);
  Outcome Next(JournalCommand& out);

  const std::string& error() const { return reader_.error(); }
  // In the file, behind what was given last.
  std::uint64_t position() const { return head_size_ + reader_.consumed(); }
  bool in_transaction() const { return in_multi_; }
  bool has_rest() const { return reader_.has_rest(); }
  // The last byte of stream that was given; kNoOffset in a stranger's file.
  Offset offset() const { return offset_; }
  // #TS mark that was given last, in milliseconds.
  std::int64_t marked_ms() const { return marked_ms_; }

 private:
  std::int64_t TimeAt(std::uint64_t position);

  std::uint64_t head_size_ = 0;
  std::uint64_t left_of_head_ = 0;
  std::vector<IndexRecord> batches_;
  std::size_t next_batch_ = 0;
  Offset offset_ = kNoOffset;
  Offset multi_before_ = kNoOffset;
  std::int64_t marked_ms_ = kNoTime;
  bool in_multi_ = false;
  int db_ = 0;
  CommandReader reader_;
};

}  // namespace replication
