#include "replication/core/journal_walk.h"

#include <algorithm>

#include "replication/base/text.h"

namespace replication {
namespace {

constexpr std::string_view kTimeMark = "#TS:";

}  // namespace

JournalWalk::JournalWalk(const std::optional<FoundHead>& head, std::string_view index) {
  if (head) {
    head_size_ = left_of_head_ = head->size;
    offset_ = head->head.first - 1;
    db_ = head->head.db;
  }
  for (const IndexRecord& record : ParseIndex(index)) {
    if (record.kind == IndexRecord::Kind::kBatch) batches_.push_back(record);
  }
}

void JournalWalk::Feed(std::string_view bytes) {
  const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(left_of_head_, bytes.size()));
  left_of_head_ -= skipped;
  bytes.remove_prefix(skipped);
  if (!bytes.empty()) reader_.Feed(bytes);
}

// Of the command that ends at this place of the file.
std::int64_t JournalWalk::TimeAt(std::uint64_t position) {
  while (next_batch_ < batches_.size() && batches_[next_batch_].end() < position) ++next_batch_;
  if (next_batch_ < batches_.size() && batches_[next_batch_].position < position) return batches_[next_batch_].time_ms;
  return marked_ms_;
}

JournalWalk::Outcome JournalWalk::Next(JournalCommand& out) {
  switch (reader_.Next(out.words)) {
    case CommandReader::Outcome::kNeedMore:
      return Outcome::kNeedMore;
    case CommandReader::Outcome::kError:
      return Outcome::kError;
    case CommandReader::Outcome::kMark:
      if (out.words[0].starts_with(kTimeMark)) {
        const auto seconds = base::ParseInt<std::int64_t>(out.words[0].substr(kTimeMark.size()));
        // Nine digits more would not fit into milliseconds.
        if (seconds && *seconds >= 0 && *seconds < std::int64_t{1} << 50) marked_ms_ = *seconds * 1000;
      }
      return Outcome::kMark;
    case CommandReader::Outcome::kCommand:
      break;
  }
  out.raw = reader_.raw();
  out.before = out.through = offset_;
  if (offset_ != kNoOffset) {
    offset_ += static_cast<Offset>(out.raw.size());
    out.through = offset_;
  }
  if (!in_multi_) multi_before_ = out.before;
  out.undo = multi_before_;
  if (base::EqualsIgnoreCase(out.words[0], "multi")) in_multi_ = true;
  if (base::EqualsIgnoreCase(out.words[0], "exec")) in_multi_ = false;
  if (out.words.size() == 2 && base::EqualsIgnoreCase(out.words[0], "select")) {
    if (const auto db = base::ParseInt<int>(out.words[1])) db_ = *db;
  }
  out.whole = !in_multi_;
  out.db = db_;
  out.time_ms = TimeAt(position());
  return Outcome::kCommand;
}

}  // namespace replication
