#include "replication/host/spill_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "replication/host/durable_file.h"

namespace host {

base::Result<SpillFile> SpillFile::Create(const std::string& folder) {
  const std::string in = folder.empty() ? "." : folder;
  int descriptor = open(in.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    // Not every file system has files without names: there it loses its name at once.
    std::string name = in + "/temp-repl-XXXXXX";
    descriptor = mkostemp(name.data(), O_CLOEXEC);
    if (descriptor >= 0) unlink(name.c_str());
  }
  if (descriptor < 0) return tl::unexpected(SystemError("can't make a temporary file in", in));
  return SpillFile(in, descriptor);
}

SpillFile::SpillFile(SpillFile&& other) noexcept
    : folder_(std::move(other.folder_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      written_(other.written_),
      read_(other.read_) {}

SpillFile::~SpillFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

base::Result<void> SpillFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(written_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(SystemError("can't write a temporary file in", folder_));
    written_ += static_cast<std::uint64_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

base::Result<std::string> SpillFile::Read(std::size_t most) {
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(most, written_ - read_)), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = pread(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(read_));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return tl::unexpected(SystemError("can't read a temporary file in", folder_));
    done += static_cast<std::size_t>(count);
    read_ += static_cast<std::uint64_t>(count);
  }
  return bytes;
}

}  // namespace host
