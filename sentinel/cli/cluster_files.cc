#include "sentinel/cli/cluster_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

namespace cli {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using json = nlohmann::ordered_json;  // keys in the order in which a person looks for them

constexpr int kFormat = 1;

std::filesystem::path FileOf(const std::filesystem::path& folder) {
  return folder / "cluster.json";
}

}  // namespace

std::vector<const Server*> Cluster::Of(ServerKind kind) const {
  std::vector<const Server*> found;
  for (const Server& server : servers) {
    if (server.kind == kind) found.push_back(&server);
  }
  return found;
}

const Server* Cluster::At(const base::Endpoint& address) const {
  const auto found = std::ranges::find(servers, address, &Server::address);
  return found == servers.end() ? nullptr : &*found;
}

std::vector<base::Endpoint> Cluster::Sentinels() const {
  std::vector<base::Endpoint> addresses;
  for (const Server* sentinel : Of(ServerKind::kSentinel)) addresses.push_back(sentinel->address);
  return addresses;
}

int Cluster::Running() const {
  return static_cast<int>(std::ranges::count_if(servers, [](const Server& s) { return IsRunning(s.process); }));
}

std::string ToJson(const Cluster& cluster) {
  json servers = json::array();
  for (const Server& server : cluster.servers) {
    servers.push_back({{"name", server.name},
                       {"kind", server.kind == ServerKind::kNode ? "node" : "sentinel"},
                       {"host", server.address.host},
                       {"port", server.address.port},
                       {"executable", server.executable},
                       {"config", server.config()},
                       {"log", server.log()},
                       {"pid", server.process.pid},
                       {"start_ticks", server.process.start_ticks},
                       {"boot", server.process.boot}});
  }
  const json file = {{"format", kFormat},
                     {"master", cluster.master},
                     {"quorum", cluster.quorum},
                     {"down_after_ms", cluster.down_after.count()},
                     {"servers", servers}};
  // A path may hold any bytes; what is no UTF-8 must not end the program.
  return file.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Cluster> FromJson(std::string_view text) {
  Cluster cluster;
  try {
    const json file = json::parse(text);
    if (const int format = file.at("format").get<int>(); format != kFormat) {
      return Fail(ErrorCode::kInvalid,
                  fmt::format("written in format {}, this vigil reads format {}", format, kFormat));
    }
    cluster.master = file.at("master").get<std::string>();
    cluster.quorum = file.at("quorum").get<int>();
    cluster.down_after = base::Millis(file.at("down_after_ms").get<std::int64_t>());
    for (const json& entry : file.at("servers")) {
      Server server;
      server.name = entry.at("name").get<std::string>();
      const auto kind = entry.at("kind").get<std::string>();
      if (kind != "node" && kind != "sentinel")
        return Fail(ErrorCode::kInvalid, fmt::format("unknown kind '{}'", kind));
      server.kind = kind == "node" ? ServerKind::kNode : ServerKind::kSentinel;
      server.address = {entry.at("host").get<std::string>(), entry.at("port").get<std::uint16_t>()};
      server.executable = entry.at("executable").get<std::string>();
      server.process = {entry.at("pid").get<pid_t>(), entry.at("start_ticks").get<std::uint64_t>(),
                        entry.at("boot").get<std::string>()};
      // The name becomes a path below the cluster's folder, and a negative pid means a whole group to kill().
      if (server.name.empty() || server.name.find('/') != std::string::npos || server.name[0] == '.') {
        return Fail(ErrorCode::kInvalid, fmt::format("'{}' cannot be a server's name", server.name));
      }
      if (server.process.pid < 0) return Fail(ErrorCode::kInvalid, fmt::format("{} has a negative pid", server.name));
      cluster.servers.push_back(std::move(server));
    }
  } catch (const json::parse_error& error) {
    return Fail(ErrorCode::kInvalid, fmt::format("no JSON from byte {} on", error.byte));
  } catch (const json::exception& error) {
    // "[json.exception.type_error.302] type must be number, but is string"
    const std::string_view what = error.what();
    const std::size_t mark = what.find("] ");
    return Fail(ErrorCode::kInvalid, std::string(mark == std::string_view::npos ? what : what.substr(mark + 2)));
  }
  if (cluster.Of(ServerKind::kNode).empty()) return Fail(ErrorCode::kInvalid, "it names no node");
  return cluster;
}

Result<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return Fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  return text;
}

Result<void> WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::path fresh = path;
  fresh += ".new";
  errno = 0;
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file || std::rename(fresh.c_str(), path.c_str()) != 0) {
    return Fail(ErrorCode::kIo, fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
  }
  return {};
}

Result<Cluster> LoadCluster(const std::filesystem::path& folder) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(folder, error).lexically_normal();
  const auto path = FileOf(absolute);
  if (access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return Fail(ErrorCode::kNotFound, fmt::format("there is no cluster in {}", folder.string()));
  }
  const auto text = ReadFile(path);
  if (!text) return tl::unexpected(text.error());
  auto cluster = FromJson(*text);
  if (!cluster)
    return Fail(ErrorCode::kInvalid, fmt::format("cannot understand {}: {}", path.string(), cluster.error().text));
  cluster->folder = absolute;
  return cluster;
}

Result<void> SaveCluster(const Cluster& cluster) {
  return WriteFile(FileOf(cluster.folder), ToJson(cluster));
}

Result<FolderLock> FolderLock::Take(const std::filesystem::path& folder) {
  const auto path = folder / "lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return Fail(ErrorCode::kIo, fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return Fail(ErrorCode::kIo,
                fmt::format("another vigil command is at work on {}; wait for it or stop it", folder.string()));
  }
  return FolderLock(fd);
}

FolderLock::FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace cli
