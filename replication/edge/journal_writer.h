// The journal's files, written by a thread of their own; fsync that others need not wait for, by another.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>

#include "replication/core/journal_wishes.h"
#include "replication/host/way_back.h"

namespace replication::edge {

// One node's right to a folder; nobody else has it as long as this lives. kIo: somebody has, or the system refuses.
class FolderLock {
 public:
  static base::Result<FolderLock> Take(const std::string& folder);
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

class JournalWriter {
 public:
  using Job = std::variant<JournalStart, JournalAppend, JournalSync, JournalAdopt, JournalStop>;

  // `report` is called on the loop thread, in order of the jobs; what is synced meanwhile may come between.
  JournalWriter(std::shared_ptr<host::WayBack> way_back, std::function<void(const JournalReport&)> report);
  // Does what it was given, makes it durable, and ends.
  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  // Before the first job. The folder is made when the first file is begun.
  void SetFolder(std::string folder, std::string manifest_name);
  // The right to the folder, when it was taken before.
  void UseLock(FolderLock held);
  void Do(Job job);

 private:
  class Files;
  void Run();
  void Report(JournalReport report);

  const std::shared_ptr<host::WayBack> way_back_;
  const std::function<void(const JournalReport&)> report_;
  std::unique_ptr<Files> files_;
  host::Worker syncer_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool ending_ = false;
  std::thread thread_;  // last: it uses all of the above
};

// In a folder that has no manifest: what lies here was begun by us and never put to use.
inline constexpr std::string_view kBeginningMark = "vigil.beginning";

}  // namespace replication::edge
