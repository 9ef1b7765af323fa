// What is wrong with a topology, worst first: the part of topology.h that only thinks.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sentinel/cli/topology.h"

namespace cli {
namespace {

using base::Endpoint;

// An attached replica acknowledges once a second; ten seconds of silence is no hiccup.
constexpr std::int64_t kWorryingLagSeconds = 10;

// Where most answering sentinels send clients; of equally many, the newest configuration.
Endpoint AgreedAddress(const std::vector<SentinelView>& sentinels) {
  struct Standing {
    int voices = 0;
    base::Epoch epoch;
    auto operator<=>(const Standing&) const = default;
  };
  std::map<Endpoint, Standing> standings;
  for (const SentinelView& sentinel : sentinels) {
    if (!sentinel.answers || sentinel.master.empty()) continue;
    Standing& standing = standings[sentinel.master];
    ++standing.voices;
    standing.epoch = std::max(standing.epoch, sentinel.config_epoch);
  }
  const auto best = std::ranges::max_element(standings, {}, [](const auto& entry) { return entry.second; });
  return best == standings.end() ? Endpoint{} : best->first;
}

void MeasureLag(Topology& topology) {
  const NodeView* const master = topology.Master();
  if (master == nullptr || master->offset < 0) return;
  for (NodeView& node : topology.nodes) {
    if (node.role != Role::kReplica || node.offset < 0) continue;
    // All were asked at about the same moment, so a replica may even seem ahead.
    node.lag_bytes = std::max<base::Offset>(0, master->offset - node.offset);
    const auto attached = std::ranges::find(master->attached, node.address, &AttachedReplica::address);
    if (attached != master->attached.end()) node.lag_seconds = attached->lag_seconds;
  }
}

std::string NodeProblem(const Topology& topology, const NodeView& node) {
  const std::string name = node.address.ToString();
  if (!node.answers) return fmt::format("replica {} does not answer ({})", name, node.error);
  if (node.role == Role::kMaster) return fmt::format("{} calls itself a master too", name);
  if (node.role == Role::kUnknown) return fmt::format("{} does not say whether it is a master or a replica", name);
  if (node.follows != topology.address) {
    const bool chained = std::ranges::find(topology.nodes, node.follows, &NodeView::address) != topology.nodes.end();
    if (!chained) return fmt::format("replica {} follows {}, not the master", name, node.follows.ToString());
  }
  if (node.syncing) return fmt::format("replica {} is being sent a full copy", name);
  if (!node.link_up && node.link_down_for >= 0) {
    return fmt::format("replica {} has no link to its master since {} s", name, node.link_down_for);
  }
  if (!node.link_up) return fmt::format("replica {} has no link to its master", name);
  if (node.lag_seconds >= kWorryingLagSeconds) return fmt::format("replica {} is {} s behind", name, node.lag_seconds);
  return "";
}

void SentinelProblems(const Topology& topology, const SentinelView& sentinel, std::size_t most_replicas,
                      std::size_t most_peers, std::vector<std::string>& problems) {
  const std::string name = "sentinel " + sentinel.address.ToString();
  if (!sentinel.answers) {
    problems.push_back(fmt::format("{} does not answer ({})", name, sentinel.error));
    return;
  }
  if (sentinel.master != topology.address) {
    problems.push_back(fmt::format("{} sends clients to {} instead (config epoch {})", name, sentinel.master.ToString(),
                                   sentinel.config_epoch.value));
  }
  if (!sentinel.quorum_ok) problems.push_back(fmt::format("{}: {}", name, sentinel.quorum_text));
  if (sentinel.master_down) problems.push_back(name + " finds the master down");
  if (sentinel.failing_over) problems.push_back(name + " leads a failover at this moment");
  if (sentinel.replicas.size() < most_replicas) {
    problems.push_back(fmt::format("{} knows {} of {} replicas", name, sentinel.replicas.size(), most_replicas));
  }
  if (sentinel.peers.size() < most_peers) {
    problems.push_back(fmt::format("{} knows {} of {} other sentinels", name, sentinel.peers.size(), most_peers));
  }
  // Said only of those who answer us: silence is already reported once, at its source.
  for (const Endpoint& replica : sentinel.bad_replicas) {
    const auto node = std::ranges::find(topology.nodes, replica, &NodeView::address);
    if (node != topology.nodes.end() && node->answers && node->link_up) {
      problems.push_back(fmt::format("{} cannot reach replica {}", name, replica.ToString()));
    }
  }
  for (const Endpoint& peer : sentinel.bad_peers) {
    const auto view = std::ranges::find(topology.sentinels, peer, &SentinelView::address);
    if (view != topology.sentinels.end() && view->answers) {
      problems.push_back(fmt::format("{} cannot reach sentinel {}", name, peer.ToString()));
    }
  }
}

}  // namespace

bool Topology::refused() const {
  const NodeView* const node = Master();
  if (node == nullptr || node->answers) return false;
  const auto says = [&](std::string_view word) { return node->error.starts_with(word); };
  return says("NOAUTH") || says("WRONGPASS") || says("NOPERM");
}

void Judge(Topology& topology) {
  topology.problems.clear();
  topology.address = AgreedAddress(topology.sentinels);
  topology.quorum = 0;
  for (const SentinelView& sentinel : topology.sentinels) topology.quorum = std::max(topology.quorum, sentinel.quorum);
  std::ranges::sort(topology.sentinels, {}, &SentinelView::address);
  std::ranges::sort(topology.nodes, [&](const NodeView& a, const NodeView& b) {
    const bool a_first = a.address == topology.address;
    const bool b_first = b.address == topology.address;
    return a_first != b_first ? a_first : a.address < b.address;
  });
  MeasureLag(topology);

  std::vector<std::string>& problems = topology.problems;
  const NodeView* const master = topology.Master();
  if (master == nullptr) {
    problems.push_back("no sentinel names a master");
  } else if (!master->answers) {
    problems.push_back(fmt::format("the master {} does not answer ({})", master->address.ToString(), master->error));
  } else if (!master->writable) {
    problems.push_back(
        fmt::format("the master {} takes no writes: {}", master->address.ToString(), master->why_not_writable));
  }
  std::size_t most_replicas = 0;
  std::size_t most_peers = topology.sentinels.empty() ? 0 : topology.sentinels.size() - 1;
  for (const SentinelView& sentinel : topology.sentinels) {
    most_replicas = std::max(most_replicas, sentinel.replicas.size());
    most_peers = std::max(most_peers, sentinel.peers.size());
  }
  for (const NodeView& node : topology.nodes) {
    if (&node == master) continue;
    if (std::string problem = NodeProblem(topology, node); !problem.empty()) problems.push_back(std::move(problem));
  }
  for (const SentinelView& sentinel : topology.sentinels) {
    SentinelProblems(topology, sentinel, most_replicas, most_peers, problems);
  }
}

}  // namespace cli
