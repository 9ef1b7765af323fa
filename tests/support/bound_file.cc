#include "tests/support/bound_file.h"

#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "tests/support/small_disk.h"

namespace support {

BoundFile::BoundFile(const std::string& source, std::string target, Access access) : target_(std::move(target)) {
  const auto fail = [&] { throw std::runtime_error("bound file " + target_ + ": " + std::strerror(errno)); };
  if (!SmallDisk::WhyNot().empty()) throw std::runtime_error("bound file: " + SmallDisk::WhyNot());
  if (mount(source.c_str(), target_.c_str(), nullptr, MS_BIND, nullptr) != 0) fail();
  if (access == Access::kReadOnly &&
      mount("none", target_.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
    umount2(target_.c_str(), MNT_DETACH);
    fail();
  }
}

BoundFile::~BoundFile() {
  umount2(target_.c_str(), MNT_DETACH);
}

}  // namespace support
