#include "tests/sim/node_disk.h"

#include <algorithm>

namespace sim {

const std::string& NodeDisk::Read(const std::string& path) const {
  static const std::string nothing;
  const auto found = files_.find(path);
  return found == files_.end() ? nothing : found->second.bytes;
}

std::vector<std::string> NodeDisk::List(const std::string& folder) const {
  std::vector<std::string> names;
  const std::string prefix = folder + "/";
  for (auto each = files_.lower_bound(prefix); each != files_.end() && each->first.starts_with(prefix); ++each) {
    const std::string name = each->first.substr(prefix.size());
    if (name.find('/') == std::string::npos) names.push_back(name);
  }
  return names;
}

bool NodeDisk::Append(const std::string& path, std::string_view bytes, base::Random& random) {
  File& file = files_[path];
  if (full) {
    file.bytes += bytes.substr(0, random.Below(bytes.size() + 1));
    return false;
  }
  file.bytes += bytes;
  return true;
}

bool NodeDisk::Sync(const std::string& path) {
  const auto found = files_.find(path);
  if (found == files_.end()) return false;
  File& file = found->second;
  if (sync_fails) {
    // The next sync succeeds and says nothing of these bytes.
    if (file.durable < file.bytes.size()) file.lost.emplace_back(file.durable, file.bytes.size());
    file.durable = file.bytes.size();
    return false;
  }
  file.durable = file.bytes.size();
  return true;
}

bool NodeDisk::Replace(const std::string& path, std::string bytes) {
  if (full || sync_fails) return false;
  File& file = files_[path];
  file.durable = bytes.size();
  file.bytes = std::move(bytes);
  file.lost.clear();
  return true;
}

void NodeDisk::Rename(const std::string& from, const std::string& to) {
  auto node = files_.extract(from);
  if (node.empty()) return;
  files_.erase(to);
  node.key() = to;
  files_.insert(std::move(node));
}

void NodeDisk::Cut(const std::string& path, std::uint64_t size) {
  const auto found = files_.find(path);
  if (found == files_.end()) return;
  File& file = found->second;
  if (size < file.bytes.size()) file.bytes.resize(size);
  file.durable = file.bytes.size();
  std::erase_if(file.lost, [&](const auto& range) { return range.first >= file.bytes.size(); });
}

void NodeDisk::LosePower(base::Random& random) {
  for (auto& [path, file] : files_) {
    for (const auto& [from, to] : file.lost) {
      for (std::size_t i = from; i < std::min(to, file.bytes.size()); ++i) file.bytes[i] = '\0';
    }
    file.lost.clear();
    if (file.durable >= file.bytes.size()) continue;
    const std::size_t undone = file.bytes.size() - file.durable;
    const std::size_t left = file.durable + random.Below(undone + 1);
    // The length may have become durable before the bytes.
    if (random.Chance(0.3)) {
      for (std::size_t i = file.durable + random.Below(undone + 1); i < file.bytes.size(); ++i) file.bytes[i] = '\0';
    }
    file.bytes.resize(left);
    file.durable = left;
  }
}

}  // namespace sim
