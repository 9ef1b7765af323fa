#include "replication/core/journal_scan.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "replication/base/text.h"
#include "replication/data/crc64.h"

namespace replication {
namespace {

// A batch of an offset above zero: is it one at all, and can its end be numbered?
bool MakesSense(const IndexRecord& record) {
  if (record.marks > record.length || record.end() <= record.position) return false;
  return record.length - record.marks <= static_cast<std::uint64_t>(std::numeric_limits<Offset>::max() - record.offset);
}

}  // namespace

IncrScanner::IncrScanner(std::optional<std::string> index) : has_index_(index.has_value()) {
  if (!index) return;
  const std::size_t last = index->find_last_not_of('\0');
  const std::size_t whole = last == std::string::npos ? 0 : last + 1;
  std::size_t at = 0;
  for (const IndexRecord& record : ParseIndex(*index)) {
    at += IndexRecord::kSize;
    if (at > whole) torn_from_ = std::min(torn_from_, records_.size());
    if (record.kind == IndexRecord::Kind::kSynced) {
      if (record.checksum == ChecksumOf(record, 0)) synced_ = std::max(synced_, record.position);
      if (!ends_in_index_.empty()) ends_in_index_.back() = at;
      continue;
    }
    records_.push_back(record);
    ends_in_index_.push_back(at);
  }
}

void IncrScanner::Feed(std::string_view bytes) {
  if (head_decided_) return Take(bytes);
  start_.append(bytes);
  if (start_.size() >= kMaxIncrHead) DecideHead(false);
}

void IncrScanner::DecideHead(bool all) {
  head_decided_ = true;
  const std::string start = std::exchange(start_, {});
  auto head = ParseIncrHead(start);
  if (head) {
    verdict_.head = *head;
    verdict_.last = head->head.first - 1;
    position_ = matched_end_ = head->size;
    return Take(std::string_view(start).substr(head->size));
  }
  if (head.error().code == base::ErrorCode::kInvalid) {
    // A head is durable before anybody relies on the file: one that is torn belongs to a file that was never used.
    verdict_.damage = head.error().text;
    verdict_.size = position_ = start.size();
    static_cast<void>(all);
    return;
  }
  in_tail_ = true;
  records_.clear();
  Take(start);
}

void IncrScanner::Take(std::string_view bytes) {
  verdict_.size = position_ + bytes.size();
  if (verdict_.damage) {
    position_ += bytes.size();
    return;
  }
  if (!in_tail_) return TakeMatched(bytes);
  CheckLater(bytes);
  position_ += bytes.size();
  TakeTail(bytes);
}

void IncrScanner::TakeMatched(std::string_view bytes) {
  while (!bytes.empty()) {
    const bool known = next_ < records_.size() && records_[next_].position == matched_end_ &&
                       records_[next_].offset == verdict_.last + 1 && MakesSense(records_[next_]);
    if (known) {
      const IndexRecord& record = records_[next_];
      const std::uint64_t left = record.end() - position_;
      const std::string_view part =
          bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, bytes.size())));
      crc_ = data::Crc64(crc_, part);
      batch_.append(part);
      position_ += part.size();
      bytes.remove_prefix(part.size());
      if (position_ < record.end()) return;
      if (ChecksumOf(record, crc_) == record.checksum) {
        matched_end_ = record.end();
        verdict_.last = record.end_offset() - 1;
        verdict_.index_good = ends_in_index_[next_];
        ++next_;
        crc_ = 0;
        batch_.clear();
        continue;
      }
    }
    // What follows is not what we wrote, or not all of it.
    in_tail_ = true;
    later_ = next_ + (known ? 1 : 0);
    TakeTail(std::exchange(batch_, {}));
    CheckLater(bytes);
    position_ += bytes.size();
    return TakeTail(bytes);
  }
}

// Does anything behind the place that does not match match again? Then something in the middle is damaged.
void IncrScanner::CheckLater(std::string_view bytes) {
  std::uint64_t at = position_;
  while (!bytes.empty() && later_ < records_.size()) {
    const IndexRecord& record = records_[later_];
    if (record.position > at) {
      const auto skip = static_cast<std::size_t>(std::min<std::uint64_t>(record.position - at, bytes.size()));
      at += skip;
      bytes.remove_prefix(skip);
      continue;
    }
    if (record.end() <= at || (!later_begun_ && record.position < at)) {
      ++later_;
      later_crc_ = 0;
      later_begun_ = false;
      continue;
    }
    const auto part =
        bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(record.end() - at, bytes.size())));
    later_crc_ = data::Crc64(later_crc_, part);
    later_begun_ = true;
    at += part.size();
    bytes.remove_prefix(part.size());
    if (at < record.end()) return;
    if (ChecksumOf(record, later_crc_) == record.checksum) later_matches_ = true;
    ++later_;
    later_crc_ = 0;
    later_begun_ = false;
  }
}

void IncrScanner::TakeTail(std::string_view bytes) {
  const std::size_t last = bytes.find_last_not_of('\0');
  const std::size_t end = last == std::string_view::npos ? 0 : last + 1;
  if (end > 0) {
    // They were not at the end after all.
    static constexpr std::array<char, 4096> kZeros{};
    for (std::uint64_t left = std::exchange(zeros_, 0); left > 0;) {
      const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(left, kZeros.size()));
      ReadTail({kZeros.data(), piece});
      left -= piece;
    }
    ReadTail(bytes.substr(0, end));
  }
  zeros_ += bytes.size() - end;
}

void IncrScanner::ReadTail(std::string_view bytes) {
  if (broken_) return;
  reader_.Feed(bytes);
  std::vector<std::string_view> words;
  while (true) {
    switch (reader_.Next(words)) {
      case CommandReader::Outcome::kCommand:
        if (base::EqualsIgnoreCase(words[0], "multi")) in_multi_ = true;
        if (base::EqualsIgnoreCase(words[0], "exec")) in_multi_ = false;
        if (base::EqualsIgnoreCase(words[0], "select")) selects_ = true;
        [[fallthrough]];
      case CommandReader::Outcome::kMark:
        if (!in_multi_) tail_good_ = reader_.consumed();
        break;
      case CommandReader::Outcome::kNeedMore:
        return;
      case CommandReader::Outcome::kError:
        broken_ = true;
        return;
    }
  }
}

IncrVerdict IncrScanner::Finish() {
  if (!head_decided_) DecideHead(true);
  if (verdict_.damage) return verdict_;
  if (!in_tail_ && position_ > matched_end_) {
    in_tail_ = true;
    later_ = next_ + 1;
    TakeTail(std::exchange(batch_, {}));
  }
  verdict_.size = position_;
  verdict_.good = matched_end_;
  verdict_.damage_at = matched_end_ + tail_good_;
  // More was to come, by our index. A record that is torn itself says nothing: what stands in the file may have been
  // acknowledged.
  const bool expected = next_ < records_.size() && next_ < torn_from_;
  if (matched_end_ < synced_) {
    verdict_.damage_at = matched_end_;
    verdict_.damage = "bytes that were durable are missing or changed";
    return verdict_;
  }
  if (later_matches_) {
    verdict_.damage_at = matched_end_;
    verdict_.damage = "a part in its middle is not what was written";
    return verdict_;
  }
  if (!in_tail_) {
    verdict_.ours = verdict_.head.has_value();
    return verdict_;
  }
  const bool strangers = !verdict_.head || !expected || selects_;
  if (broken_ && (!verdict_.head || !expected)) {
    verdict_.damage = reader_.error();
    return verdict_;
  }
  if (strangers) {
    verdict_.good = matched_end_ + tail_good_;
    // Nothing of it is whole: nobody's data.
    verdict_.ours = verdict_.head.has_value() && tail_good_ == 0;
    return verdict_;
  }
  if (!broken_ && zeros_ == 0 && position_ >= records_[next_].end()) {
    verdict_.damage_at = matched_end_;
    verdict_.damage = "its last part is not what was written";
    return verdict_;
  }
  verdict_.ours = true;  // a batch that was being written: never acknowledged, never sent
  return verdict_;
}

}  // namespace replication
