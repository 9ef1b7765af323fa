#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "tests/support/process.h"

namespace support {
namespace {

constexpr const char* kSize = "size=128k";

// From the first disk on, this thread and the programs that it starts have a mount table of their own: whatever is
// mounted is gone with them, however they end.
std::string EnterOwnMounts() {
  if (unshare(CLONE_NEWNS) != 0) return "no right to mount (root is needed)";
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "cannot make the mounts private";
  const TempDir temp;
  if (mount("tmpfs", temp.path().c_str(), "tmpfs", 0, kSize) != 0) return "cannot mount a tmpfs";
  umount2(temp.path().c_str(), MNT_DETACH);
  return "";
}

}  // namespace

const std::string& SmallDisk::WhyNot() {
  static const std::string reason = EnterOwnMounts();
  return reason;
}

SmallDisk::SmallDisk(std::string folder) : folder_(std::move(folder)) {
  if (!WhyNot().empty() || mount("tmpfs", folder_.c_str(), "tmpfs", 0, kSize) != 0)
    throw std::runtime_error("small disk: " + folder_);
}

SmallDisk::~SmallDisk() {
  umount2(folder_.c_str(), MNT_DETACH);
}

void SmallDisk::Fill() {
  const int fd = open((folder_ + "/ballast").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("small disk: no ballast");
  // Page by page, then byte by byte.
  const std::array<char, 4096> page{};
  while (write(fd, page.data(), page.size()) > 0) {
  }
  const int error = errno;
  while (write(fd, page.data(), 1) > 0) {
  }
  close(fd);
  if (error != ENOSPC) throw std::runtime_error(std::string("small disk: ") + std::strerror(error));
}

void SmallDisk::Free() {
  std::filesystem::remove(folder_ + "/ballast");
}

void SmallDisk::MakeReadOnly(bool read_only) {
  unsigned long flags = MS_REMOUNT;
  if (read_only) flags |= MS_RDONLY;
  if (mount("tmpfs", folder_.c_str(), "tmpfs", flags, kSize) != 0)
    throw std::runtime_error(std::string("small disk: ") + std::strerror(errno));
}

}  // namespace support
