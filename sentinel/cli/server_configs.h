// The configuration files of a local cluster: plain redis.conf and sentinel.conf text.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "replication/base/ids.h"
#include "sentinel/cli/cluster_files.h"

namespace cli {

// `master` empty: this node is the master. `data` is the node's own folder, absolute.
std::string NodeConfig(const Server& node, const base::Endpoint& master, const std::string& data);
std::string SentinelConfig(const Server& sentinel, const Cluster& cluster, const base::Endpoint& master,
                           const std::string& data);

// A node's configuration as its owner left it, but following `master` (empty: following nobody).
std::string WithMaster(std::string_view config, const base::Endpoint& master);

// What a sentinel's configuration remembers of a master: its address and the version of that address.
struct RememberedMaster {
  base::Endpoint address;
  base::Epoch config_epoch;
};
// Empty address when `name` is not in the text, or the text cannot be read.
RememberedMaster RememberedIn(std::string_view sentinel_config, std::string_view name);

}  // namespace cli
