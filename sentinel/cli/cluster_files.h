// cluster.json: what `vigil up` wrote down about a local cluster, so that later commands find it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/result.h"
#include "replication/base/time.h"
#include "sentinel/cli/process.h"

namespace cli {

enum class ServerKind { kNode, kSentinel };

struct Server {
  ServerKind kind = ServerKind::kNode;
  std::string name;  // "node-1", also the name of its folder below the cluster's
  base::Endpoint address;
  std::string executable;  // absolute
  ProcessId process;       // of its last start; empty: never started

  // Files, relative to the cluster's folder.
  std::string config() const { return name + (kind == ServerKind::kNode ? "/node.conf" : "/sentinel.conf"); }
  std::string log() const { return name + "/log"; }

  bool operator==(const Server&) const = default;
};

struct Cluster {
  std::filesystem::path folder;  // absolute; not in the file, so that the file does not lie after a move
  std::string master = "mymaster";
  int quorum = 2;
  base::Millis down_after{1000};
  std::vector<Server> servers;  // nodes first, then sentinels

  std::vector<const Server*> Of(ServerKind kind) const;
  // The server that listens on this address, or nullptr.
  const Server* At(const base::Endpoint& address) const;
  std::vector<base::Endpoint> Sentinels() const;
  int Running() const;
};

std::string ToJson(const Cluster& cluster);
// Error kInvalid: what is wrong with the text, in one line.
base::Result<Cluster> FromJson(std::string_view text);

// Error kNotFound: no cluster.json there; kInvalid: it cannot be understood; kIo: it cannot be read.
base::Result<Cluster> LoadCluster(const std::filesystem::path& folder);
// Replaces the file in one step: a reader sees the old or the new text.
base::Result<void> SaveCluster(const Cluster& cluster);

base::Result<void> WriteFile(const std::filesystem::path& path, const std::string& text);
base::Result<std::string> ReadFile(const std::filesystem::path& path);

// Only one command at a time may change a cluster's processes. Held until the end of the object or of the process.
class FolderLock {
 public:
  // Error kIo: another command holds it, or the folder cannot be written.
  static base::Result<FolderLock> Take(const std::filesystem::path& folder);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace cli
