// Making a journal's folder out of another one: a backup, or a moment of it.
#pragma once

#include <cstdint>
#include <string>

#include "replication/edge/journal_source.h"

namespace replication::edge {

// A folder that appears whole, or not at all. Until Commit() its files lie in "<path>.unfinished", which goes with this
// object; a process that was killed leaves it behind, and the next one says so.
class NewFolder {
 public:
  // `inside`: the folder of the files within `path`; empty: `path` itself. kInvalid: `path` exists and is not empty.
  static base::Result<NewFolder> Begin(const std::string& path, const std::string& inside);
  ~NewFolder();
  NewFolder(NewFolder&& other) noexcept;
  NewFolder& operator=(NewFolder&&) = delete;

  // Where the files are to be put now.
  std::string files() const;
  // Makes it durable and gives it its name.
  base::Result<void> Commit();

 private:
  NewFolder(std::string path, std::string inside) : path_(std::move(path)), inside_(std::move(inside)) {}
  std::string path_;
  std::string inside_;
  bool begun_ = true;
};

struct CopyReport {
  std::string replid;  // empty: another server's files
  Offset through = kNoOffset;
  std::int64_t time_ms = kNoTime;  // of the last command
  std::uint64_t commands = 0;
  std::uint64_t bytes = 0;
};

// The generation in use, with its indices: history, offsets and times stay known. kInvalid: it is damaged. The copy is
// read again before it counts.
base::Result<CopyReport> BackUp(JournalSource& source, const std::string& path, const Stopped& stopped);

// The data of one moment, without our heads and indices: a directory as a stock server writes it, in which nobody goes
// on with the history that it comes from. Neither `offset` nor `time_ms` wanted: the newest moment.
base::Result<CopyReport> Extract(JournalSource& source, const WantedMoment& wanted, const std::string& path,
                                 const std::string& inside, const Stopped& stopped);

}  // namespace replication::edge
