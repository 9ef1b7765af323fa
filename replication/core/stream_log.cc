#include "replication/core/stream_log.h"

#include <algorithm>
#include <cstring>

#include "replication/base/check.h"

namespace replication {
namespace {

constexpr std::size_t kBlockBytes = 64 << 10;
// The first block of a quiet log is small: most logs of a test or of an idle node never need more.
constexpr std::size_t kFirstBlockBytes = 4 << 10;

}  // namespace

void StreamLog::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back().used == blocks_.back().capacity) {
      const std::size_t capacity = blocks_.empty() ? kFirstBlockBytes : kBlockBytes;
      blocks_.push_back(Block{end_, 0, capacity, std::make_unique_for_overwrite<char[]>(capacity)});
      memory_ += capacity;
    }
    Block& block = blocks_.back();
    const std::size_t taken = std::min(bytes.size(), block.capacity - block.used);
    std::memcpy(block.bytes.get() + block.used, bytes.data(), taken);
    block.used += taken;
    end_ += static_cast<Offset>(taken);
    bytes.remove_prefix(taken);
  }
}

std::size_t StreamLog::BlockOf(Offset offset) const {
  const auto after = std::upper_bound(blocks_.begin(), blocks_.end(), offset,
                                      [](Offset at, const Block& block) { return at < block.first; });
  VIGIL_CHECK(after != blocks_.begin());
  return static_cast<std::size_t>(after - blocks_.begin()) - 1;
}

base::Result<std::vector<std::string_view>> StreamLog::Read(Offset from, Offset until, std::size_t max_bytes) const {
  if (from < begin_ || from > end_) return base::Fail(base::ErrorCode::kOutOfRange, "the offset is not held");
  std::vector<std::string_view> views;
  until = std::min(until, end_);
  std::size_t total = 0;
  for (std::size_t i = from < until ? BlockOf(from) : 0; from < until && (views.empty() || total < max_bytes); ++i) {
    const Block& block = blocks_[i];
    const auto skip = static_cast<std::size_t>(from - block.first);
    const std::size_t length = std::min(block.used - skip, static_cast<std::size_t>(until - from));
    views.emplace_back(block.bytes.get() + skip, length);
    total += length;
    from += static_cast<Offset>(length);
  }
  return views;
}

void StreamLog::TrimBefore(Offset first) {
  begin_ = std::max(begin_, std::min(first, end_));
  while (!blocks_.empty() && blocks_.front().first + static_cast<Offset>(blocks_.front().used) <= begin_) {
    // The last block is kept for what comes next.
    if (blocks_.size() == 1 && blocks_.front().used < blocks_.front().capacity) break;
    memory_ -= blocks_.front().capacity;
    blocks_.pop_front();
  }
}

void StreamLog::CutFrom(Offset from) {
  if (from >= end_) return;
  VIGIL_CHECK(from >= begin_);
  end_ = from;
  while (!blocks_.empty() && blocks_.back().first >= from) {
    memory_ -= blocks_.back().capacity;
    blocks_.pop_back();
  }
  if (!blocks_.empty()) blocks_.back().used = static_cast<std::size_t>(from - blocks_.back().first);
}

void StreamLog::Restart(Offset next) {
  blocks_.clear();
  memory_ = 0;
  begin_ = end_ = next;
}

}  // namespace replication
