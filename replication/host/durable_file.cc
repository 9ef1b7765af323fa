#include "replication/host/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace host {
namespace {

using base::ErrorCode;
using base::Result;

constexpr std::string_view kMark = ".tmp-";
// So much may wait in the page cache: the last fsync is then short, and so is the stall of others on that disk.
constexpr std::uint64_t kSyncEvery = 32 << 20;

std::string FolderOf(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> SyncFolder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return tl::unexpected(SystemError("can't open", folder));
  const int failed = fsync(descriptor);
  // Some file systems cannot sync a folder; there the rename is all that can be had.
  const bool refused = failed != 0 && errno != EINVAL && errno != ENOTSUP;
  const base::Error error = refused ? SystemError("can't sync", folder) : base::Error{};
  close(descriptor);
  if (refused) return tl::unexpected(error);
  return {};
}

}  // namespace

base::Error SystemError(std::string_view what, std::string_view path) {
  const int reason = errno;
  return {reason == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
          fmt::format("{} '{}': {}", what, path, std::strerror(reason))};
}

Result<DurableFile> DurableFile::Create(const std::string& path) {
  static std::atomic<unsigned> last{0};
  std::string temporary = fmt::format("{}{}{}", path, kMark, ++last);
  // The new file may be read by whom the old one could be read by.
  struct stat old {};
  const bool replaces = stat(path.c_str(), &old) == 0;
  const mode_t mode = replaces ? old.st_mode & 0777 : 0644;
  const int descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (descriptor < 0) return tl::unexpected(SystemError("can't create", temporary));
  if (replaces) {
    // As it was, whatever our umask; a file of somebody else stays theirs where we may do that.
    if (fchmod(descriptor, mode) != 0 || fchown(descriptor, old.st_uid, old.st_gid) != 0) errno = 0;
  }
  return DurableFile(path, std::move(temporary), descriptor);
}

DurableFile::DurableFile(DurableFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      unsynced_(other.unsynced_) {}

DurableFile::~DurableFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Result<void> DurableFile::Write(std::string_view bytes) {
  unsynced_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::unexpected(SystemError("can't write", temporary_));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (unsynced_ >= kSyncEvery) {
    unsynced_ = 0;
    if (fdatasync(descriptor_) != 0) return tl::unexpected(SystemError("can't sync", temporary_));
  }
  return {};
}

Result<void> DurableFile::Commit() {
  if (auto synced = Sync(); !synced) return synced;
  if (auto renamed = Rename(); !renamed) return renamed;
  return SyncFolderOf(path_);
}

Result<void> DurableFile::Sync() {
  if (fsync(descriptor_) != 0) return tl::unexpected(SystemError("can't sync", temporary_));
  if (close(std::exchange(descriptor_, -1)) != 0) return tl::unexpected(SystemError("can't close", temporary_));
  return {};
}

Result<void> DurableFile::Rename() {
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return tl::unexpected(SystemError("can't replace", path_));
  temporary_.clear();
  return {};
}

Result<void> ReplaceFile(const std::string& path, std::string_view text) {
  auto file = DurableFile::Create(path);
  if (!file) return tl::unexpected(file.error());
  if (auto written = file->Write(text); !written) return written;
  return file->Commit();
}

Result<void> SyncFolderOf(const std::string& path) {
  return SyncFolder(FolderOf(path));
}

void RemoveLeftovers(const std::string& path) {
  const std::string prefix = std::filesystem::path(path).filename().string() + std::string(kMark);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(FolderOf(path), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const std::string_view number = std::string_view(name).substr(prefix.size());
    const bool ours = !number.empty() && std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
    if (ours) unlink(entry.path().c_str());
  }
}

Result<std::string> ReadWholeFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return tl::unexpected(SystemError("can't open", path));
  std::string bytes;
  char buffer[16 << 10];
  while (true) {
    const ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const base::Error error = SystemError("can't read", path);
      close(descriptor);
      return tl::unexpected(error);
    }
    if (count == 0) break;
    bytes.append(buffer, static_cast<std::size_t>(count));
  }
  close(descriptor);
  return bytes;
}

}  // namespace host
