// A file mounted over another one, where only this process and its children see it.
#pragma once

#include <cstdint>
#include <string>

namespace support {

// May be made when SmallDisk::WhyNot() is empty. Programs that were started after that was first asked see it.
class BoundFile {
 public:
  enum class Access : std::uint8_t { kFull, kReadOnly };

  // While it lives, `target` is the file `source`, which may be the same one. With kReadOnly nobody can write to it,
  // root neither; as long as it is mounted, no other file can be renamed to its place either.
  BoundFile(const std::string& source, std::string target, Access access);
  ~BoundFile();
  BoundFile(const BoundFile&) = delete;
  BoundFile& operator=(const BoundFile&) = delete;

 private:
  std::string target_;
};

}  // namespace support
