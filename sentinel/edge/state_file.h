// sentinel.conf and <config>.vigil on disk: replaced whole, never torn, by threads of their own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "replication/base/result.h"
#include "replication/host/durable_file.h"
#include "replication/host/way_back.h"
#include "sentinel/core/link.h"
#include "sentinel/core/vigil_file.h"

namespace sentinel::edge {

// Writes `text` beside `path` and makes its bytes durable there, so that only the rename is left to do. Error kIo also
// when `path` is read-only: that is the operator's word. Blocks on the disk.
base::Result<host::DurableFile> PrepareFile(const std::string& path, std::string_view text);

// One write is in flight at most; while it runs, wishes collect, and the next write serves them all (group commit).
//
// The bytes of both files are made durable at the same time, so that two of them cost a promise no more than one did.
// Then sentinel.conf takes its place, then the other file, and one fsync of the folder makes both durable. A crash
// leaves both old, both new, or a newer sentinel.conf: see vigil_file.h for why that pair is consistent. Nothing is
// renamed when either could not be written. A file whose text has not changed is left alone.
class StateFile {
 public:
  // `durable` is what stands on disk now. `render` gives the texts of this moment, on the loop thread; `on_saved` is
  // told, on the loop thread, through which change they are durable, or why not; never after `way_back` was closed.
  StateFile(std::shared_ptr<host::WayBack> way_back, std::string path, SavedTexts durable,
            std::function<SavedTexts()> render, std::function<void(ChangeNumber through, base::Result<void>)> on_saved);

  // Changes up to `newest` want to be durable.
  void Want(ChangeNumber newest);

 private:
  void Begin();
  base::Result<void> Write(const SavedTexts& texts);

  const std::shared_ptr<host::WayBack> way_back_;
  const std::string path_;
  const std::string vigil_path_;
  // What is known to be on disk; used by the disk's thread alone. Empty after a failure: everything is written anew.
  std::optional<SavedTexts> durable_;
  std::function<SavedTexts()> render_;
  std::function<void(ChangeNumber, base::Result<void>)> on_saved_;
  std::optional<ChangeNumber> wanted_;
  bool in_flight_ = false;
  host::Worker vigil_disk_;
  host::Worker disk_;  // its destruction waits for the write in flight, which may use the other
};

}  // namespace sentinel::edge
