// vigil up, vigil down: a cluster on this machine, begun and ended.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/local_cluster.h"
#include "sentinel/cli/ports.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

using base::Endpoint;
using base::ErrorCode;
using base::Fail;
using base::Result;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kStartLimit{20000};
constexpr milliseconds kHealthLimit{60000};

std::string DirFlag(const std::string& folder) {
  return folder == kDefaultFolder ? "" : " --dir " + ShellWord(folder);
}

// "1 node", "3 nodes".
std::string Count(std::size_t number, std::string_view thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

// The servers that one run of `up` started: ended again unless it succeeds.
class Begun {
 public:
  explicit Begun(Cluster& cluster) : cluster_(cluster) {}
  ~Begun() {
    if (!kept_ && !servers_.empty()) EndServers(servers_);
  }
  Begun(const Begun&) = delete;
  Begun& operator=(const Begun&) = delete;

  Result<void> Start(Server& server) {
    if (Interrupted()) return Fail(ErrorCode::kInvalid, "interrupted");
    auto started = StartServer(cluster_, server);
    if (!started) return started;
    servers_.push_back(server);
    Say(fmt::format("  {:<11} {:<21} pid {}", server.name, server.address.ToString(), server.process.pid));
    return {};
  }
  void Keep() { kept_ = true; }

 private:
  Cluster& cluster_;
  std::vector<Server> servers_;
  bool kept_ = false;
};

Result<void> StartAll(Cluster& cluster, Begun& begun, const Endpoint& master) {
  for (Server& server : cluster.servers) {
    if (server.kind == ServerKind::kNode) {
      if (auto started = begun.Start(server); !started) return started;
    }
  }
  if (auto up = WaitAnswering(cluster, cluster.Of(ServerKind::kNode), kStartLimit); !up) return up;
  // Sentinels read the list of replicas when they first meet the master, and stock ones again only 10 s later.
  if (auto synced = WaitInSync(cluster, master, kStartLimit); !synced) return synced;
  for (Server& server : cluster.servers) {
    if (server.kind == ServerKind::kSentinel) {
      if (auto started = begun.Start(server); !started) return started;
    }
  }
  return WaitAnswering(cluster, cluster.Of(ServerKind::kSentinel), kStartLimit);
}

void SayHealthy(const Topology& topology, const std::string& folder, steady_clock::time_point since) {
  const auto took = std::chrono::duration<double>(steady_clock::now() - since).count();
  const std::string dir = DirFlag(folder);
  Say(fmt::format("Healthy after {:.1f} s: {} is writable at {}.", took, topology.master, topology.address.ToString()));
  Say(fmt::format("Next: vigil status{0} | vigil demo{0} | vigil failover {1}{0} | vigil down{0}", dir,
                  topology.master));
}

int ReportUpError(const base::Error& error, const std::string& folder) {
  if (Interrupted()) {
    Complain("interrupted", "what this command had started was ended");
    return kInterruptedExit;
  }
  Complain(error.text);
  if (error.code == ErrorCode::kIncomplete) {
    Complain("what this command had started was ended", fmt::format("the logs are in {}", folder));
  }
  return kFailed;
}

int UpFresh(const std::filesystem::path& folder, const UpOptions& options) {
  const auto since = steady_clock::now();
  auto plan = PlanCluster(folder, options);
  if (!plan) return ReportUpError(plan.error(), options.folder);
  Cluster& cluster = plan->cluster;
  Say(fmt::format("Starting {} and {}; their files are in {}", Count(cluster.Of(ServerKind::kNode).size(), "node"),
                  Count(cluster.Of(ServerKind::kSentinel).size(), "sentinel"), folder.string()));
  base::Error error;
  {
    Begun begun(cluster);
    auto started = StartAll(cluster, begun, cluster.servers.front().address);
    const auto topology = started ? WaitHealthy(cluster, kHealthLimit) : tl::unexpected(started.error());
    if (topology) {
      begun.Keep();
      SayHealthy(*topology, options.folder, since);
      return kDone;
    }
    error = topology.error();
  }
  // Nothing of it runs any more: the next `up` begins afresh, with other ports if need be.
  std::error_code ignored;
  std::filesystem::remove(folder / "cluster.json", ignored);
  return ReportUpError(error, options.folder);
}

// What the command line asks for must fit what the folder holds; executables may change where nothing runs.
Result<void> Fits(const Cluster& cluster, const UpOptions& options) {
  const auto nodes = static_cast<int>(cluster.Of(ServerKind::kNode).size());
  const auto sentinels = static_cast<int>(cluster.Of(ServerKind::kSentinel).size());
  if (options.nodes.value_or(nodes) != nodes || options.sentinels.value_or(sentinels) != sentinels) {
    return Fail(ErrorCode::kInvalid,
                fmt::format("{} holds a cluster of {} nodes and {} sentinels; choose another --dir",
                            cluster.folder.string(), nodes, sentinels));
  }
  if (options.down_after_ms && base::Millis(*options.down_after_ms) != cluster.down_after) {
    return Fail(ErrorCode::kInvalid,
                fmt::format("the cluster in {} was made with --down-after {}; change it with SENTINEL SET, or choose "
                            "another --dir",
                            cluster.folder.string(), cluster.down_after.count()));
  }
  return {};
}

Result<void> TakeExecutables(Cluster& cluster, const UpOptions& options) {
  for (Server& server : cluster.servers) {
    const auto& wanted = server.kind == ServerKind::kNode ? options.node_exe : options.sentinel_exe;
    const auto found = FindExecutable(wanted.value_or(server.executable));
    if (!found) return tl::unexpected(found.error());
    if (!IsRunning(server.process)) {
      server.executable = *found;
    } else if (wanted && *found != server.executable) {
      return Fail(ErrorCode::kInvalid, fmt::format("{} runs with {}; `vigil down{}` first", server.name,
                                                   server.executable, DirFlag(options.folder)));
    }
  }
  return {};
}

Result<void> PortsFree(const Cluster& cluster) {
  // A killed process may be a zombie already while its last thread still holds the port.
  const auto deadline = steady_clock::now() + std::chrono::seconds(2);
  for (const Server& server : cluster.servers) {
    if (IsRunning(server.process)) continue;
    while (!IsPortFree(server.address.port)) {
      if (steady_clock::now() < deadline && Pause(milliseconds(10))) continue;
      return Fail(ErrorCode::kIo,
                  fmt::format("port {} of {} is in use by another program; end that one, or choose another --dir",
                              server.address.port, server.name));
    }
  }
  return {};
}

// Some run, some do not: those that do not are started as replicas of whoever is the master now.
Result<void> Complete(Cluster& cluster, Begun& begun) {
  for (Server& server : cluster.servers) {
    if (server.kind != ServerKind::kSentinel || IsRunning(server.process)) continue;
    if (auto started = begun.Start(server); !started) return started;
  }
  if (auto up = WaitAnswering(cluster, cluster.Of(ServerKind::kSentinel), kStartLimit); !up) return up;
  // If it was the master that died, its replicas hold the data: the sentinels get the time to promote one.
  const auto deadline = steady_clock::now() + cluster.down_after + std::chrono::seconds(20);
  const Server* master = nullptr;
  while (steady_clock::now() < deadline && !Interrupted()) {
    const auto address = AskAddress({cluster.Sentinels(), {}}, cluster.master);
    master = address ? cluster.At(*address) : nullptr;
    if (master != nullptr && IsRunning(master->process)) break;
    Pause(milliseconds(50));
  }
  const bool master_runs = master != nullptr && IsRunning(master->process);
  for (Server& server : cluster.servers) {
    if (server.kind != ServerKind::kNode || IsRunning(server.process)) continue;
    if (master_runs) {
      if (auto told = FollowAtStart(cluster, server, master->address); !told) return told;
    }
    if (auto started = begun.Start(server); !started) return started;
  }
  return WaitAnswering(cluster, cluster.Of(ServerKind::kNode), kStartLimit);
}

Result<void> UpOnce(Cluster& cluster, const UpOptions& options) {
  const auto since = steady_clock::now();
  for (const auto& check : {Fits(cluster, options), TakeExecutables(cluster, options), PortsFree(cluster)}) {
    if (!check) return check;
  }
  const int running = cluster.Running();
  const int all = static_cast<int>(cluster.servers.size());
  const bool nodes_run =
      std::ranges::any_of(cluster.Of(ServerKind::kNode), [](const Server* node) { return IsRunning(node->process); });
  if (running == all) {
    Say(fmt::format("The cluster in {} is already running.", cluster.folder.string()));
  } else if (running > 0) {
    Say(fmt::format("{} of {} processes of the cluster in {} are running; starting the others", running, all,
                    cluster.folder.string()));
  } else {
    Say(fmt::format("Starting the cluster in {} again", cluster.folder.string()));
  }
  Begun begun(cluster);
  Result<void> started;
  if (running < all && nodes_run) {
    started = Complete(cluster, begun);
  } else if (running < all) {
    // Sentinels that saw all nodes die know no better than their files; they are started after the nodes.
    EndServers(cluster.servers);
    const auto master = AssignRoles(cluster);
    started = master ? StartAll(cluster, begun, *master) : tl::unexpected(master.error());
  }
  const auto topology = started ? WaitHealthy(cluster, kHealthLimit) : tl::unexpected(started.error());
  if (!topology) return tl::unexpected(topology.error());
  begun.Keep();
  SayHealthy(*topology, options.folder, since);
  return {};
}

int UpAgain(const std::filesystem::path& folder, const UpOptions& options) {
  constexpr int kAttempts = 3;
  for (int attempt = 1;; ++attempt) {
    auto cluster = LoadCluster(folder);
    if (!cluster) return ReportUpError(cluster.error(), options.folder);
    const std::vector<Server> before = cluster->servers;
    const int ran_before = cluster->Running();
    const auto up = UpOnce(*cluster, options);
    if (up) return kDone;
    // One that was about to end may have been counted as running; then there is more to start than we thought.
    const auto runs = [](const Server& server) { return IsRunning(server.process); };
    const bool some_ended = std::ranges::count_if(before, runs) < ran_before;
    if (up.error().code != ErrorCode::kNotFound || !some_ended || Interrupted() || attempt == kAttempts) {
      return ReportUpError(up.error(), options.folder);
    }
  }
}

}  // namespace

int Up(const UpOptions& options) {
  std::error_code error;
  const auto folder = std::filesystem::absolute(options.folder, error).lexically_normal();
  std::filesystem::create_directories(folder, error);
  if (error) {
    Complain(fmt::format("cannot make the folder {}: {}", folder.string(), error.message()),
             "choose another with --dir");
    return kFailed;
  }
  const auto lock = FolderLock::Take(folder);
  if (!lock) {
    Complain(lock.error().text);
    return kFailed;
  }
  const auto cluster = LoadCluster(folder);
  if (cluster) return UpAgain(folder, options);
  if (cluster.error().code == ErrorCode::kNotFound) return UpFresh(folder, options);
  Complain(cluster.error().text, "choose another folder with --dir, or remove this one when nothing of it runs");
  return kFailed;
}

int Down(const std::string& folder) {
  auto cluster = LoadCluster(folder);
  if (!cluster) {
    const bool absent = cluster.error().code == ErrorCode::kNotFound;
    Complain(cluster.error().text, absent ? "name its folder with --dir" : "end its processes by hand");
    return kFailed;
  }
  const auto lock = FolderLock::Take(cluster->folder);
  if (!lock) {
    Complain(lock.error().text);
    return kFailed;
  }
  cluster = LoadCluster(folder);  // as it is now that nobody else changes it
  if (!cluster) {
    Complain(cluster.error().text);
    return kFailed;
  }
  const int ended = EndServers(cluster->servers);
  if (const int left = cluster->Running(); left > 0) {
    Complain(fmt::format("{} processes do not end", left), "try again, or look at them with `ps`");
    return kFailed;
  }
  Say(ended == 0 ? fmt::format("Nothing of the cluster in {} was running.", cluster->folder.string())
                 : fmt::format("Ended {} processes; their files stay in {}", ended, cluster->folder.string()));
  return kDone;
}

}  // namespace cli
