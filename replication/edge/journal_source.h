// A journal's folder as its reader sees it: all files at one moment, while a node may go on writing to them.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "replication/base/result.h"
#include "replication/core/journal_moments.h"
#include "replication/core/journal_scan.h"

namespace replication::edge {

// A file open for reading; closed with its owner.
class ReadFile {
 public:
  static base::Result<ReadFile> Open(const std::string& path);
  ReadFile() = default;
  ~ReadFile();
  ReadFile(ReadFile&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  ReadFile& operator=(ReadFile&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  int number() const { return number_; }

 private:
  int number_ = -1;
};

// One file, as it was when the folder was opened: what a node appends later is not seen.
struct SourceFile {
  std::string path;
  ReadFile file;
  std::uint64_t size = 0;
  std::string index;  // of an incr file: what its index says of these bytes
  // Of an incr file, once Judge() was asked:
  std::uint64_t good = 0;
  std::uint64_t index_good = 0;
  std::optional<FoundHead> head;
  std::optional<std::string> damage;  // what follows `good` cannot be used, and why
};

// Why the work must end; empty: go on. Asked between two pieces.
using Stopped = std::function<bool()>;

// Gives the first `limit` bytes in pieces. Stops at the first error of `take`, and when `stopped`.
base::Result<void> ReadPieces(const SourceFile& from, std::uint64_t limit, const Stopped& stopped,
                              const std::function<base::Result<void>(std::string_view)>& take);

class JournalSource {
 public:
  // Everything in the folder and its `archive`. kNotFound: no manifest lies there. Nothing in it is changed.
  static base::Result<JournalSource> Open(const std::string& folder);

  const std::string& folder() const { return folder_; }
  const std::string& filename() const { return filename_; }  // appendfilename
  bool in_use() const { return in_use_; }                    // a node has it open
  // When it was opened, in milliseconds since 1970: a node that has it open had written no more until then.
  std::int64_t opened_ms() const { return opened_ms_; }
  const Manifest& manifest() const { return manifest_; }     // without history
  const std::vector<JournalPart>& parts() const { return parts_; }
  const SourceFile& file(std::size_t part) const { return files_[part]; }

  // What of an incr file may be used. Reads all of it.
  base::Result<void> Judge(std::size_t part, const Stopped& stopped);
  // Fills in what parts() say of offsets and times; reads as little as it can.
  base::Result<void> Measure(const Stopped& stopped);

 private:
  base::Result<void> Add(const JournalFile& file, const std::string& path, bool archived);
  base::Result<void> AddArchive();
  base::Result<void> MeasureIncr(std::size_t part, const Stopped& stopped);

  std::string folder_;
  std::string filename_;
  bool in_use_ = false;
  std::int64_t opened_ms_ = kNoTime;
  Manifest manifest_;
  std::vector<JournalPart> parts_;
  std::vector<SourceFile> files_;
};

}  // namespace replication::edge
