// sentinel.conf on disk: replaced whole, never torn, by a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "replication/base/result.h"
#include "replication/host/way_back.h"
#include "sentinel/core/link.h"

namespace sentinel::edge {

// Writes `text` beside `path`, makes it durable, puts it in the place of `path`, makes that durable too. After a
// crash at any moment the file holds the old text or the new one. Error kIo also when `path` is read-only: that is
// the operator's word. Blocks on the disk.
base::Result<void> ReplaceFile(const std::string& path, std::string_view text);

// One write is in flight at most; while it runs, wishes collect, and the next write serves them all (group commit).
class StateFile {
 public:
  // `render` gives the text of this moment, on the loop thread; `on_saved` is told, on the loop thread, through
  // which change the file is durable, or why it is not; never after `way_back` was closed.
  StateFile(std::shared_ptr<host::WayBack> way_back, std::string path, std::function<std::string()> render,
            std::function<void(ChangeNumber through, base::Result<void>)> on_saved);

  // Changes up to `newest` want to be durable.
  void Want(ChangeNumber newest);

 private:
  void Begin();

  const std::shared_ptr<host::WayBack> way_back_;
  const std::string path_;
  std::function<std::string()> render_;
  std::function<void(ChangeNumber, base::Result<void>)> on_saved_;
  std::optional<ChangeNumber> wanted_;
  bool in_flight_ = false;
  host::Worker disk_;  // its destruction waits for the write in flight
};

}  // namespace sentinel::edge
