// A temporary file without a name: bytes that memory should not hold, written at its end and read from its beginning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replication/base/result.h"

namespace host {

// Gone with its last descriptor, also when the process is killed. Every call may wait for the disk: not for the loop
// thread. All errors are kIo, with the folder and the system's reason.
class SpillFile {
 public:
  // Empty: the folder in which the program runs.
  static base::Result<SpillFile> Create(const std::string& folder);
  ~SpillFile();
  SpillFile(SpillFile&& other) noexcept;
  SpillFile& operator=(SpillFile&&) = delete;

  base::Result<void> Write(std::string_view bytes);
  // The next bytes that have not been read, at most `most`; empty when all that was written has been.
  base::Result<std::string> Read(std::size_t most);
  std::uint64_t written() const { return written_; }
  bool has_unread() const { return read_ < written_; }

 private:
  SpillFile(std::string folder, int descriptor) : folder_(std::move(folder)), descriptor_(descriptor) {}

  std::string folder_;
  int descriptor_;
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace host
