// The journal's files as text and bytes: manifest, head of an incr file, index, and commands.
//
// The files are those of a Redis 7 multi-part AOF. What is ours beyond it stands in lines that begin with '#', which a
// stock server passes over, and in an index beside each incr file, which it does not look at.
// Source: AOF directories of a running redis-server 7.0.15; spec/decisions.md B3.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "replication/core/history.h"

namespace replication {

// ---- The manifest: which files make up the data set, in which order. ----

struct JournalFile {
  enum class Type { kBase, kHistory, kIncr };
  std::string name;  // within the folder
  std::uint64_t seq = 0;
  Type type = Type::kIncr;
  bool operator==(const JournalFile&) const = default;
};

struct Manifest {
  std::optional<JournalFile> base;
  std::vector<JournalFile> incrs;    // oldest first
  std::vector<JournalFile> history;  // of earlier generations: no longer needed
  bool operator==(const Manifest&) const = default;
};

// kInvalid: the text has the number of the line and the reason. An empty text is no manifest.
base::Result<Manifest> ParseManifest(std::string_view text);
std::string RenderManifest(const Manifest& manifest);

std::string BaseName(std::string_view filename, std::uint64_t seq);  // "appendonly.aof.1.base.rdb"
std::string IncrName(std::string_view filename, std::uint64_t seq);  // "appendonly.aof.1.incr.aof"
std::string IndexName(std::string_view incr_name);                   // "....idx"
std::string ManifestName(std::string_view filename);                 // "appendonly.aof.manifest"

// ---- The head of an incr file of ours. ----

// In what history the bytes of a file stand.
struct IncrHead {
  History history;
  Offset first = 1;  // of the first byte behind the prologue
  int db = 0;        // what the prologue selects
  bool operator==(const IncrHead& other) const {
    return history.replid == other.history.replid && history.replid2 == other.history.replid2 &&
           history.second_offset == other.history.second_offset && first == other.first && db == other.db;
  }
};
// Two lines and a SELECT that has no offset. Stock reads lines in pieces of 127 bytes: none of ours is longer.
std::string RenderIncrHead(const IncrHead& head);
// The head at the beginning of a file, and its length. kNotFound: there is none, the file is a stranger's. kInvalid:
// one begins there and makes no sense, or has a form that is newer than this program.
struct FoundHead {
  IncrHead head;
  std::size_t size = 0;
};
base::Result<FoundHead> ParseIncrHead(std::string_view bytes);
// No head is longer.
inline constexpr std::size_t kMaxIncrHead = 512;

// "#TS:1700000000\r\n"
std::string TimeMark(std::int64_t unix_seconds);

// ---- The index: one record for each batch, written before its bytes. ----

struct IndexRecord {
  static constexpr std::size_t kSize = 48;
  enum class Kind : std::uint32_t { kBatch = 1, kSynced = 2 };
  Kind kind = Kind::kBatch;
  std::uint32_t marks = 0;     // bytes at the batch's beginning that are no stream: a time mark
  std::uint64_t position = 0;  // of the batch in the file
  std::uint64_t length = 0;    // in the file, marks included. kSynced: 0, all before `position` is durable
  Offset offset = 0;           // of the first byte of stream in it
  std::int64_t time_ms = 0;    // when it was written, since 1970 UTC
  std::uint64_t checksum = 0;  // CRC-64 of its bytes
  std::uint64_t end() const { return position + length; }
  Offset end_offset() const { return offset + static_cast<Offset>(length - marks); }
};
// Little endian; the last eight bytes hold the checksum over the batch and over the record before it.
std::string RenderIndexRecord(const IndexRecord& record);
// Whole records; an incomplete one at the end is left out.
std::vector<IndexRecord> ParseIndex(std::string_view bytes);
// What `record.checksum` must be for these bytes of the file.
std::uint64_t ChecksumOf(const IndexRecord& record, std::uint64_t crc_of_bytes);

// ---- Commands. ----

// The commands of an AOF, out of bytes that may be torn anywhere.
class CommandReader {
 public:
  enum class Outcome {
    kCommand,
    kMark,  // a line that begins with '#'
    kNeedMore,
    kError,  // not an AOF: error() says why; nothing more is given
  };
  // Invalidates the words given before.
  void Feed(std::string_view bytes);
  // `words` (of kCommand; of kMark: the line) are valid until the next Feed().
  Outcome Next(std::vector<std::string_view>& words);
  const std::string& error() const { return error_; }
  // Bytes consumed by what was given.
  std::uint64_t consumed() const { return consumed_; }
  bool has_rest() const { return at_ < buffer_.size(); }
  // The bytes of the command that was given last; valid as its words are.
  std::string_view raw() const { return std::string_view(buffer_).substr(raw_at_, at_ - raw_at_); }

 private:
  Outcome Fail(std::string error);
  std::string buffer_;
  std::size_t at_ = 0;
  std::size_t raw_at_ = 0;
  std::size_t needed_ = 0;  // the unfinished command is known to have at least so many bytes
  std::uint64_t consumed_ = 0;
  bool broken_ = false;
  std::string error_;
};

}  // namespace replication
