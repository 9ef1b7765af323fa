#include "sentinel/cli/local_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/ports.h"
#include "sentinel/cli/server_configs.h"
#include "sentinel/cli/terminal.h"

namespace cli {
namespace {

using base::Endpoint;
using base::ErrorCode;
using base::Fail;
using base::Result;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPoll{15};
constexpr std::uint16_t kFirstNodePort = 7001;
constexpr std::uint16_t kFirstSentinelPort = 27001;

// Calls `ready` until it is true. Gives up when a server of `cluster` that was started has ended.
Result<void> WaitUntil(const Cluster& cluster, const std::vector<const Server*>& servers, milliseconds limit,
                       const std::function<bool()>& ready, const std::function<std::string()>& missing) {
  const auto deadline = steady_clock::now() + limit;
  for (;;) {
    if (ready()) return {};
    for (const Server* server : servers) {
      if (!IsRunning(server->process)) return Fail(ErrorCode::kNotFound, DescribeEnd(cluster, *server));
    }
    if (steady_clock::now() > deadline) {
      return Fail(ErrorCode::kIncomplete, fmt::format("not healthy after {} s: {}", limit.count() / 1000, missing()));
    }
    if (!Pause(kPoll)) return Fail(ErrorCode::kInvalid, "interrupted");
  }
}

std::vector<const Server*> All(const Cluster& cluster) {
  std::vector<const Server*> all;
  for (const Server& server : cluster.servers) all.push_back(&server);
  return all;
}

Result<void> MakeFolder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", folder.string(), error.message()));
  return {};
}

}  // namespace

Result<Plan> PlanCluster(const std::filesystem::path& folder, const UpOptions& options) {
  const auto node_exe = FindExecutable(options.node_exe.value_or("vigil-node"));
  if (!node_exe) return Fail(node_exe.error().code, node_exe.error().text + "; name another with --node-exe");
  const auto sentinel_exe = FindExecutable(options.sentinel_exe.value_or("vigil-sentinel"));
  if (!sentinel_exe) {
    return Fail(sentinel_exe.error().code, sentinel_exe.error().text + "; name another with --sentinel-exe");
  }
  Plan plan;
  Cluster& cluster = plan.cluster;
  cluster.folder = folder;
  cluster.down_after = base::Millis(options.down_after_ms.value_or(1000));
  const int sentinels = options.sentinels.value_or(3);
  cluster.quorum = sentinels / 2 + 1;

  const auto add = [&](ServerKind kind, int count, std::uint16_t first_port, const std::string& exe) -> Result<void> {
    for (int i = 1; i <= count; ++i) {
      auto port = ReservedPort::First(first_port);
      if (!port) return tl::unexpected(port.error());
      first_port = static_cast<std::uint16_t>(port->port() + 1);
      const std::string name = fmt::format("{}-{}", kind == ServerKind::kNode ? "node" : "sentinel", i);
      cluster.servers.push_back({kind, name, {"127.0.0.1", port->port()}, exe, {}});
      plan.ports.push_back(std::move(*port));
    }
    return {};
  };
  if (auto added = add(ServerKind::kNode, options.nodes.value_or(3), kFirstNodePort, *node_exe); !added) {
    return tl::unexpected(added.error());
  }
  if (auto added = add(ServerKind::kSentinel, sentinels, kFirstSentinelPort, *sentinel_exe); !added) {
    return tl::unexpected(added.error());
  }
  const Endpoint master = cluster.servers.front().address;
  for (const Server& server : cluster.servers) {
    const auto data = folder / server.name;
    if (auto made = MakeFolder(data); !made) return tl::unexpected(made.error());
    const std::string text = server.kind == ServerKind::kNode
                                 ? NodeConfig(server, server.address == master ? Endpoint{} : master, data.string())
                                 : SentinelConfig(server, cluster, master, data.string());
    if (auto written = WriteFile(folder / server.config(), text); !written) return tl::unexpected(written.error());
  }
  return plan;
}

Result<void> StartServer(Cluster& cluster, Server& server) {
  DaemonSpec spec;
  spec.executable = server.executable;
  spec.words = {(cluster.folder / server.config()).string()};
  if (server.kind == ServerKind::kSentinel) spec.words.push_back("--sentinel");
  spec.folder = (cluster.folder / server.name).string();
  spec.log = (cluster.folder / server.log()).string();
  const auto started = StartDaemon(spec, [&](const ProcessId& process) {
    server.process = process;
    return SaveCluster(cluster);
  });
  if (!started) {
    server.process = {};
    return Fail(ErrorCode::kIo, fmt::format("cannot start {}: {}", server.name, started.error().text));
  }
  return {};
}

Result<Endpoint> AssignRoles(const Cluster& cluster) {
  const auto nodes = cluster.Of(ServerKind::kNode);
  RememberedMaster newest{nodes.front()->address, {}};
  for (const Server* sentinel : cluster.Of(ServerKind::kSentinel)) {
    const auto text = ReadFile(cluster.folder / sentinel->config());
    if (!text) return tl::unexpected(text.error());
    const RememberedMaster remembered = RememberedIn(*text, cluster.master);
    const Server* const node = cluster.At(remembered.address);
    if (node == nullptr || node->kind != ServerKind::kNode) continue;
    if (remembered.config_epoch >= newest.config_epoch) newest = remembered;
  }
  for (const Server* node : nodes) {
    const Endpoint master = node->address == newest.address ? Endpoint{} : newest.address;
    if (auto told = FollowAtStart(cluster, *node, master); !told) return tl::unexpected(told.error());
  }
  return newest.address;
}

Result<void> FollowAtStart(const Cluster& cluster, const Server& node, const Endpoint& master) {
  const auto path = cluster.folder / node.config();
  const auto text = ReadFile(path);
  if (!text) return tl::unexpected(text.error());
  return WriteFile(path, WithMaster(*text, master));
}

std::vector<std::string> Missing(const Cluster& cluster, const Topology& topology) {
  std::vector<std::string> missing = topology.problems;
  const std::size_t replicas = cluster.Of(ServerKind::kNode).size() - 1;
  const std::size_t peers = cluster.Of(ServerKind::kSentinel).size() - 1;
  for (const SentinelView& sentinel : topology.sentinels) {
    if (!sentinel.answers) continue;
    const std::string name = "sentinel " + sentinel.address.ToString();
    if (sentinel.replicas.size() < replicas) {
      missing.push_back(fmt::format("{} knows {} of {} replicas", name, sentinel.replicas.size(), replicas));
    }
    if (sentinel.peers.size() < peers) {
      missing.push_back(fmt::format("{} knows {} of {} other sentinels", name, sentinel.peers.size(), peers));
    }
    // What a sentinel would go by if it had to fail over now.
    for (const Endpoint& replica : sentinel.bad_replicas) {
      missing.push_back(fmt::format("{} has no link to replica {} yet", name, replica.ToString()));
    }
    for (const Endpoint& replica : sentinel.unlinked_replicas) {
      missing.push_back(fmt::format("{} has not seen yet that replica {} is linked", name, replica.ToString()));
    }
    for (const Endpoint& peer : sentinel.bad_peers) {
      missing.push_back(fmt::format("{} has no link to sentinel {} yet", name, peer.ToString()));
    }
  }
  for (const Server* node : cluster.Of(ServerKind::kNode)) {
    if (std::ranges::find(topology.nodes, node->address, &NodeView::address) == topology.nodes.end()) {
      missing.push_back(fmt::format("no sentinel knows {} at {}", node->name, node->address.ToString()));
    }
  }
  return missing;
}

Result<void> WaitAnswering(const Cluster& cluster, const std::vector<const Server*>& servers, milliseconds limit) {
  std::vector<const Server*> waiting = servers;
  const auto ready = [&] {
    std::erase_if(waiting, [](const Server* server) {
      auto client = RedisClient::Connect(server->address, {}, milliseconds(200));
      if (!client) return false;
      const auto reply = client->Command({"PING"});
      return reply && !reply->text.starts_with("LOADING");
    });
    return waiting.empty();
  };
  return WaitUntil(cluster, servers, limit, ready, [&] {
    return fmt::format("{} at {} does not answer; see {}", waiting.front()->name, waiting.front()->address.ToString(),
                       (cluster.folder / waiting.front()->log()).string());
  });
}

Result<void> WaitInSync(const Cluster& cluster, const Endpoint& master, milliseconds limit) {
  base::Offset goal = -1;
  std::string missing;
  const auto ready = [&] {
    if (goal < 0) goal = AskNode(master, {}).offset;
    if (goal < 0) missing = fmt::format("the master {} gives no offset", master.ToString());
    if (goal < 0) return false;
    for (const Server* node : cluster.Of(ServerKind::kNode)) {
      if (node->address == master) continue;
      const NodeView view = AskNode(node->address, {});
      if (view.role == Role::kReplica && view.follows == master && view.link_up && view.offset >= goal) continue;
      missing = fmt::format("{} is not in sync with {}; see {}", node->name, master.ToString(),
                            (cluster.folder / node->log()).string());
      return false;
    }
    return true;
  };
  return WaitUntil(cluster, cluster.Of(ServerKind::kNode), limit, ready, [&] { return missing; });
}

Result<Topology> WaitHealthy(const Cluster& cluster, milliseconds limit) {
  Topology topology;
  std::string missing = "no sentinel answers";
  const Where where{cluster.Sentinels(), {}};
  const auto ready = [&] {
    auto asked = AskTopology(where, cluster.master);
    if (!asked) {
      missing = asked.error().text;
      return false;
    }
    topology = std::move(*asked);
    const auto list = Missing(cluster, topology);
    if (!list.empty()) missing = list.front();
    return list.empty();
  };
  if (const auto waited = WaitUntil(cluster, All(cluster), limit, ready, [&] { return missing; }); !waited) {
    return tl::unexpected(waited.error());
  }
  return topology;
}

int EndServers(const std::vector<Server>& servers) {
  constexpr milliseconds kGrace{5000};
  int running = 0;
  for (const ServerKind kind : {ServerKind::kSentinel, ServerKind::kNode}) {
    std::vector<ProcessId> processes;
    for (const Server& server : servers) {
      if (server.kind == kind) processes.push_back(server.process);
    }
    running += EndProcesses(processes, kGrace);
  }
  return running;
}

std::string DescribeEnd(const Cluster& cluster, const Server& server) {
  constexpr std::size_t kTailLines = 5;
  const std::string how = HowItEnded(server.process);
  const std::string log = (cluster.folder / server.log()).string();
  std::string text = fmt::format("{} at {} ended{}; the end of {}:", server.name, server.address.ToString(),
                                 how.empty() ? "" : " with " + how, log);
  const auto tail = FileTail(log, kTailLines);
  for (const std::string& line : tail) text += "\n  " + line;
  if (tail.empty()) text += "\n  (it is empty)";
  return text;
}

}  // namespace cli
