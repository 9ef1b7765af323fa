// A node's disk: what was written, how much of it a loss of power leaves, and the ways in which it fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/base/random.h"
#include "replication/base/time.h"

namespace sim {

class NodeDisk {
 public:
  // Faults.
  bool full = false;           // nothing more can be written
  bool sync_fails = false;     // and what was to become durable may never be
  base::Millis sync_takes{0};  // beyond the usual

  bool Has(const std::string& path) const { return files_.contains(path); }
  // "" when there is no such file.
  const std::string& Read(const std::string& path) const;
  std::uint64_t Size(const std::string& path) const { return Read(path).size(); }
  // Names of the files right below a folder.
  std::vector<std::string> List(const std::string& folder) const;

  // False: the disk is full. A piece of what was to be written may stand there then.
  bool Append(const std::string& path, std::string_view bytes, base::Random& random);
  bool Sync(const std::string& path);
  // A temporary file, synced, and renamed. False: the old one is still there.
  bool Replace(const std::string& path, std::string bytes);
  void Remove(const std::string& path) { files_.erase(path); }
  void Rename(const std::string& from, const std::string& to);
  // Shorter, and durable so.
  void Cut(const std::string& path, std::uint64_t size);

  // Of what was not synced any part is left, as zeros or torn.
  void LosePower(base::Random& random);

 private:
  struct File {
    std::string bytes;
    std::size_t durable = 0;
    // What a sync that failed left behind: the system holds it, the disk never will.
    std::vector<std::pair<std::size_t, std::size_t>> lost;
  };
  std::map<std::string, File> files_;
};

}  // namespace sim
