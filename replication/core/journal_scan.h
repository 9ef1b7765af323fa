// Judging an incr file before it is loaded: what of it holds, whose it is, and where it is to be cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/core/journal_format.h"

namespace replication {

struct IncrVerdict {
  std::optional<FoundHead> head;  // none: a stranger's file
  std::uint64_t size = 0;         // of the file
  std::uint64_t good = 0;         // what may be loaded: whole commands and transactions. The rest is a torn tail
  std::uint64_t index_good = 0;   // bytes of the index that speak of it
  // All of it is what we wrote, so that the history may be claimed through `last`. Otherwise somebody else has
  // appended to it.
  bool ours = false;
  Offset last = 0;  // the last byte of stream in it, when `ours`
  // It must not be used: why, and from where on. What was durable once is missing or changed.
  std::optional<std::string> damage;
  std::uint64_t damage_at = 0;
};

// Takes the bytes of the file in order. Holds at most one batch of them. Pure.
//
// What our index does not confirm was either being written when the process was killed: then it was never acknowledged
// or sent, and goes. Or somebody else has appended it: then it is data, and stays. Stock begins what it appends with a
// SELECT; a tail that holds one is therefore kept as far as its commands are whole. Zeros at the end are nobody's: a
// machine that lost its power leaves them where the length of a file was on its disk before the bytes.
// Source: spec/decisions.md B3; what redis-server 7.0.15 does to a file that it continues.
class IncrScanner {
 public:
  // `index`: the bytes of the file beside it; empty: there is none.
  explicit IncrScanner(std::optional<std::string> index);
  void Feed(std::string_view bytes);
  IncrVerdict Finish();

 private:
  void Take(std::string_view bytes);
  void TakeMatched(std::string_view bytes);
  void TakeTail(std::string_view bytes);
  void ReadTail(std::string_view bytes);
  void CheckLater(std::string_view bytes);
  void DecideHead(bool all);

  bool has_index_;
  std::vector<IndexRecord> records_;  // of batches
  std::vector<std::size_t> ends_in_index_;
  std::uint64_t synced_ = 0;  // bytes of the file that were durable once
  // The first record that the index need not have whole: it ends with zeros, as a loss of power leaves them.
  std::size_t torn_from_ = SIZE_MAX;
  std::size_t index_size_ = 0;

  std::string start_;  // until the head is decided
  bool head_decided_ = false;
  IncrVerdict verdict_;

  std::uint64_t position_ = 0;  // bytes taken
  std::size_t next_ = 0;        // the record that is being compared
  std::uint64_t crc_ = 0;
  std::string batch_;  // bytes since the last record that matched
  std::uint64_t matched_end_ = 0;
  bool in_tail_ = false;
  std::size_t later_ = 0;  // in the tail: the record that is being compared
  std::uint64_t later_crc_ = 0;
  bool later_begun_ = false;  // its first bytes have been seen
  bool later_matches_ = false;

  CommandReader reader_;
  std::uint64_t tail_good_ = 0;  // relative to matched_end_
  std::uint64_t zeros_ = 0;      // at its end, so far
  bool in_multi_ = false;
  bool selects_ = false;
  bool broken_ = false;
};

}  // namespace replication
