// What the journal asks of the edge, and what it is told. Carried out in order by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replication/base/result.h"
#include "replication/core/journal_retention.h"

namespace replication {

// Numbers what is asked; grows by one. A reply that needs job n leaves when n is done.
using JobId = std::uint64_t;

// A file and the length that holds of it and of its index.
struct JournalCut {
  std::string file;
  std::uint64_t size = 0;
  std::uint64_t index_size = 0;
};

// The file so far is made durable and closed; a new one is begun, made durable with these first bytes, then the
// manifest is replaced. After a failure nothing is done until such a job with `recovers` comes.
struct JournalStart {
  JobId job = 0;
  std::string file;
  std::string bytes;  // head, and the first batch if there is one
  std::string index;
  std::string manifest;  // empty: this file is not in use yet
  bool recovers = false;
  std::optional<JournalCut> cut;  // of the file before: what lies behind is doubtful and goes first
};
// The index, then the bytes, are put behind what is there.
struct JournalAppend {
  JobId job = 0;
  std::string index;
  std::string bytes;
  bool sync = false;  // done only when it is durable
};
// All that was asked before becomes durable, meanwhile others go on. `index` is put behind the index then.
struct JournalSync {
  JobId job = 0;
  std::string index;
};
// A base is in place: the manifest is replaced, durably, then these files go, into the folder's `archive` if there is
// something to keep. What lies there for longer, or is more, than `retention` says goes for good. A failure here stops
// nothing.
struct JournalAdopt {
  JobId job = 0;
  std::string manifest;
  std::string base;
  std::vector<std::string> remove;
  std::string filename;  // appendfilename, which our files' names begin with
  Retention retention;
};
// The file is made durable and closed.
struct JournalStop {
  JobId job = 0;
};

struct JournalReport {
  JobId job = 0;  // this one and all before it
  enum class What { kDone, kSynced, kFailed } what = What::kDone;
  std::string error;             // kFailed
  std::uint64_t base_bytes = 0;  // JournalAdopt: of the new base
};

}  // namespace replication
