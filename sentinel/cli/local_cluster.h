// Starting, completing and ending the processes of a local cluster, and waiting until it is well.
#pragma once

#include <string>
#include <vector>

#include "replication/base/result.h"
#include "sentinel/cli/cluster_files.h"
#include "sentinel/cli/ports.h"
#include "sentinel/cli/topology.h"
#include "sentinel/cli/verbs.h"

namespace cli {

// Plans a new cluster in `folder`: names, free ports, executables, folders and configuration files; starts nothing.
// `ports` must live until every server listens. Error: a line to be shown.
struct Plan {
  Cluster cluster;
  std::vector<ReservedPort> ports;
};
base::Result<Plan> PlanCluster(const std::filesystem::path& folder, const UpOptions& options);

// Starts one server and writes its identity down. Error kIo: it could not even be started.
base::Result<void> StartServer(Cluster& cluster, Server& server);

// Makes nodes that are all dead start as one master and its replicas: the master is whom the sentinels' files
// remember, else the first node. Returns its address.
base::Result<base::Endpoint> AssignRoles(const Cluster& cluster);

// Writes into a node's configuration that it follows `master` from its start on (empty: nobody).
base::Result<void> FollowAtStart(const Cluster& cluster, const Server& node, const base::Endpoint& master);

// What still separates the cluster from health, worst first; empty when nothing. Compares with what cluster.json
// says there should be: every sentinel must know every replica and every other sentinel.
std::vector<std::string> Missing(const Cluster& cluster, const Topology& topology);

// Waits until every given server answers a PING (LOADING does not count). Errors as WaitHealthy().
base::Result<void> WaitAnswering(const Cluster& cluster, const std::vector<const Server*>& servers,
                                 std::chrono::milliseconds limit);
// Waits until the nodes replicate from `master` and have what it had when first asked.
base::Result<void> WaitInSync(const Cluster& cluster, const base::Endpoint& master, std::chrono::milliseconds limit);
// Waits until nothing is Missing(). Error kNotFound: a server has ended meanwhile (the text names it, its end and the
// tail of its log); kIncomplete: the time is over, the text says what is missing; kInvalid: interrupted.
base::Result<Topology> WaitHealthy(const Cluster& cluster, std::chrono::milliseconds limit);

// Ends the given servers by their own pids, sentinels first so that they do not fail over a cluster that goes down.
// Returns how many had been running.
int EndServers(const std::vector<Server>& servers);

// "the node-1 at 127.0.0.1:7001 ended (exit status 1); its log D/node-1/log ends:" and the last lines, indented.
std::string DescribeEnd(const Cluster& cluster, const Server& server);

}  // namespace cli
