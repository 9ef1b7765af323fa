// The journal's folder at the start: what is there, whether it may be used, and its bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "replication/core/journal.h"
#include "replication/core/journal_scan.h"
#include "replication/edge/rdb_loader.h"

namespace replication::edge {

// What lies in a folder, by the names of its files.
struct JournalFolder {
  std::optional<Manifest> manifest;
  std::uint64_t next_seq = 1;
  std::vector<std::string> files;  // of the journal, the manifest left out
  bool beginning = false;          // the mark of a first file that was never put to use
};
// A folder that is not there is an empty one. kInvalid: its manifest makes no sense. kIo: it cannot be read.
base::Result<JournalFolder> LookAtJournal(const std::string& folder, const std::string& filename);

// Judges the files of the manifest, cuts a torn tail (and keeps it in the folder `archive`), then gives the bytes.
class JournalLoader {
 public:
  struct Part {
    std::string name;
    std::string path;
    std::optional<IncrVerdict> verdict;  // none: a base
  };
  struct Judged {
    std::vector<Part> parts;
    JournalFound found;
    std::vector<std::string> notes;  // for the log
  };

  // `on_more`: on the loop thread, when there is something to do. `parts` without verdicts.
  JournalLoader(std::vector<Part> parts, JournalFound found, bool load_truncated,
                std::shared_ptr<host::WayBack> way_back, std::function<void()> on_more);
  ~JournalLoader();
  JournalLoader(const JournalLoader&) = delete;
  JournalLoader& operator=(const JournalLoader&) = delete;

  // Null until all are judged. An error: nothing of it may be used; nothing has been changed.
  const base::Result<Judged>* judged() const;
  // Of the files, in bytes; for INFO.
  std::uint64_t size() const { return size_; }

 private:
  std::uint64_t size_ = 0;
  std::unique_ptr<base::Result<Judged>> judged_;
  std::thread thread_;
};

// Puts the verdict on an incr file into its part; a base only has to be there.
base::Result<void> JudgePart(JournalLoader::Part& part);
// Moves what lies behind `good` into the folder `archive`, where nobody loads it; the index is cut accordingly. Where
// it is kept.
base::Result<std::string> CutTail(const JournalLoader::Part& part);

// What the loader's thread does.
base::Result<JournalLoader::Judged> JudgeJournal(std::vector<JournalLoader::Part> parts, JournalFound found,
                                                 bool load_truncated, bool may_change);

}  // namespace replication::edge
