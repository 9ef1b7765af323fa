// The replication stream: bytes by absolute offset, kept once, read by cursors.
//
// The backlog, each attached replica and WAIT are cursors on it or comparisons of offsets; a full sync's payload is a
// log of its own.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/result.h"

namespace replication {

using base::Offset;

// The bytes [begin(), end()). Bytes are numbered from 1, so a stream of which N bytes exist has end() N + 1.
class StreamLog {
 public:
  // `next` is the offset of the first byte that will be appended.
  explicit StreamLog(Offset next = 1) : begin_(next), end_(next) {}

  Offset begin() const { return begin_; }
  Offset end() const { return end_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  // Bytes of the blocks that are held, their unused room included.
  std::size_t memory() const { return memory_; }

  // end() grows by exactly the number of bytes. Views from Read() stay valid. O(bytes).
  void Append(std::string_view bytes);

  // The bytes [from, until) as views of the blocks that hold them, oldest first, at most about `max_bytes` (but at
  // least one view when there is anything). Valid until the bytes are trimmed or cut. kOutOfRange when `from` is
  // older than begin() or beyond end(): answer with a full sync. O(log blocks + views).
  base::Result<std::vector<std::string_view>> Read(Offset from, Offset until, std::size_t max_bytes) const;

  // Forgets the bytes before `first`; a block is freed when its last byte is forgotten.
  void TrimBefore(Offset first);
  // Forgets the bytes from `from` on, as if they had never been appended.
  void CutFrom(Offset from);
  // Forgets everything; `next` is the offset of the next byte.
  void Restart(Offset next);

 private:
  struct Block {
    Offset first = 0;
    std::size_t used = 0;
    std::size_t capacity = 0;
    std::unique_ptr<char[]> bytes;
  };
  // The block that holds `offset`; it must be held.
  std::size_t BlockOf(Offset offset) const;

  std::deque<Block> blocks_;
  Offset begin_;
  Offset end_;
  std::size_t memory_ = 0;
};

}  // namespace replication
