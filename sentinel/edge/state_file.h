// sentinel.conf on disk: replaced whole, never torn, by a thread of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "replication/base/result.h"
#include "replication/net/loop.h"
#include "sentinel/core/link.h"

namespace sentinel::edge {

base::Result<std::string> ReadFile(const std::string& path);

// Writes `text` beside `path`, makes it durable, puts it in the place of `path`, makes that durable too. After a
// crash at any moment the file holds the old text or the new one. The file's mode is kept. Blocks on the disk.
base::Result<void> ReplaceFile(const std::string& path, std::string_view text);

// One write is in flight at most; while it runs, wishes collect, and the next write serves them all (group commit).
class StateFile {
 public:
  // `render` gives the text of this moment, on the loop thread; `on_saved` is told, on the loop thread, through
  // which change the file is durable, or why it is not.
  StateFile(net::Loop& loop, std::string path, std::function<std::string()> render,
            std::function<void(ChangeNumber through, base::Result<void>)> on_saved);
  // Waits for the write in flight.
  ~StateFile();

  // Changes up to `newest` want to be durable.
  void Want(ChangeNumber newest);

 private:
  struct Job {
    std::string text;
    ChangeNumber through = 0;
  };
  void Begin();
  void Work();

  net::Loop& loop_;
  const std::string path_;
  std::function<std::string()> render_;
  std::function<void(ChangeNumber, base::Result<void>)> on_saved_;
  std::optional<ChangeNumber> wanted_;
  bool in_flight_ = false;
  // What the loop posts back after this object is gone finds null here.
  std::shared_ptr<StateFile*> self_ = std::make_shared<StateFile*>(this);

  std::mutex mutex_;  // guards job_ and stopping_
  std::condition_variable wake_;
  std::optional<Job> job_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sentinel::edge
