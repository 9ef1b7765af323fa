// A disk of a few pages that can be filled: a tmpfs mounted where only this process and its children see it.
#pragma once

#include <string>

namespace support {

class SmallDisk {
 public:
  // Why this caller cannot mount one; empty when it can.
  static const std::string& WhyNot();

  // Over `folder`, which exists; what it held stays underneath, out of sight, until the disk goes.
  explicit SmallDisk(std::string folder);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // Not a byte is left, for root neither.
  void Fill();
  // Nothing but what others wrote is on it.
  void Free();
  // Every write fails from now on, whatever is free; and no more.
  void MakeReadOnly(bool read_only);

 private:
  std::string folder_;
};

}  // namespace support
