// Which moments a journal can give back, and from which of its files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "replication/core/journal_walk.h"

namespace replication {

// Milliseconds since 1970 UTC of "2026-11-23T14:05:00Z", "...T14:05:00.250+01:00": RFC 3339. A space may stand for the
// T; what is finer than a millisecond is dropped. kInvalid with the reason: a time zone must be there.
base::Result<std::int64_t> ParseMoment(std::string_view text);
// "2026-11-23T14:05:00.250Z".
std::string RenderMoment(std::int64_t unix_ms);

// The moment of a snapshot by the bytes that its file begins with: the end of the second that an RDB names. kNoTime: it
// names none.
std::int64_t MadeAt(std::string_view start_of_base);

// What is known of one file.
struct JournalPart {
  JournalFile file;
  bool archived = false;  // no longer in the manifest
  std::uint64_t size = 0;
  std::optional<IncrHead> head;     // of an incr file of ours
  Offset last = kNoOffset;          // of an incr file with a head: its last byte of stream
  std::int64_t first_ms = kNoTime;  // of its first and last command
  std::int64_t last_ms = kNoTime;
  std::int64_t made_ms = kNoTime;  // of a base: its data are no newer
};

// A base and the files that continue it, one behind the other: what is loaded to reach a moment.
struct JournalChain {
  std::optional<std::size_t> base;  // index among the parts
  std::vector<std::size_t> incrs;
  bool current = false;     // it is what a node starts on
  Offset from = kNoOffset;  // the moments that it has: [from, to], both at the end of a whole command
  Offset to = kNoOffset;
  std::int64_t from_ms = kNoTime;
  std::int64_t to_ms = kNoTime;
};

// Oldest first; the current one is the last. `parts` in the order of the manifest, archived ones in any. An archived
// base is continued by the files behind it for as long as their offsets join.
std::vector<JournalChain> FindChains(const std::vector<JournalPart>& parts);

// How many letters must be changed, added or left out to make one word of the other.
std::size_t EditsBetween(std::string_view a, std::string_view b);

// Exactly one of `offset` and `time_ms`.
struct WantedMoment {
  std::optional<Offset> offset;  // everything up to this byte of the stream, and nothing behind it
  std::string replid;            // the history that the offset is meant in; empty: the newest that has it
  // Everything up to the last command before the first one that is younger than this.
  std::optional<std::int64_t> time_ms;
};
// "4711" or "<replid>:4711"; kInvalid.
base::Result<WantedMoment> ParseWantedOffset(std::string_view text);

// The chain with the least to load. kOutOfRange: none has it; the text names the nearest moments that can be had.
base::Result<std::size_t> ChooseChain(const std::vector<JournalPart>& parts, const std::vector<JournalChain>& chains,
                                      const WantedMoment& wanted);

// Where the moment lies among the commands of a chain, which are given in order.
class MomentCut {
 public:
  // `from`: the offset before the first command of the chain.
  MomentCut(const WantedMoment& wanted, Offset from) : wanted_(wanted), reached_(from) {}
  // False: it lies before this command, and nothing behind it belongs to it.
  bool Includes(const JournalCommand& command);
  // All commands were given, or one was refused. kOutOfRange: no moment can be had there; the text names the nearest.
  base::Result<void> Finish() const;
  // The last moment passed: behind whole commands.
  Offset reached() const { return reached_; }
  std::int64_t reached_ms() const { return reached_ms_; }

 private:
  WantedMoment wanted_;
  Offset reached_;
  std::int64_t reached_ms_ = kNoTime;
  Offset next_whole_ = kNoOffset;  // the first moment behind the wanted one
  bool past_ = false;
};

}  // namespace replication
