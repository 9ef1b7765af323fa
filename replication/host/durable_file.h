// A file that is replaced as a whole: after a crash at any moment the old one or the new one is there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replication/base/result.h"

namespace host {

// Written to a temporary file beside it, made durable, and renamed. Every call may wait for the disk: not for the loop
// thread. All errors are kIo, with the path and the system's reason.
class DurableFile {
 public:
  // Begins `path` anew; what stands there is untouched until Commit().
  static base::Result<DurableFile> Create(const std::string& path);
  // Removes the temporary file unless Commit() has succeeded.
  ~DurableFile();
  DurableFile(DurableFile&& other) noexcept;
  DurableFile& operator=(DurableFile&&) = delete;

  base::Result<void> Write(std::string_view bytes);
  // fsync, rename, fsync of the folder.
  base::Result<void> Commit();

  // The same in parts, for several files that are replaced one behind the other: first their bytes are made durable,
  // then each is put into its place, at last SyncFolderOf() makes the places durable.
  base::Result<void> Sync();
  base::Result<void> Rename();

 private:
  DurableFile(std::string path, std::string temporary, int descriptor)
      : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

  std::string path_;
  std::string temporary_;
  int descriptor_;
  std::uint64_t unsynced_ = 0;
};

// Replaces `path` by a file of these bytes, durably: all of the above in one.
base::Result<void> ReplaceFile(const std::string& path, std::string_view text);

// Makes renames in the folder of `path` durable, all that have been done until now, in their order.
base::Result<void> SyncFolderOf(const std::string& path);

// Removes temporary files of `path` that a killed process has left behind.
void RemoveLeftovers(const std::string& path);

// The whole file. kNotFound when there is none, otherwise kIo.
base::Result<std::string> ReadWholeFile(const std::string& path);

// "can't open '/etc/x': Permission denied", by errno.
base::Error SystemError(std::string_view what, std::string_view path);

}  // namespace host
