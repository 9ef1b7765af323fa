#include "sentinel/cli/server_configs.h"

#include <fmt/format.h>

#include "replication/base/config_lines.h"
#include "replication/base/text.h"

namespace cli {

std::string NodeConfig(const Server& node, const base::Endpoint& master, const std::string& data) {
  std::string text = fmt::format(
      "# {} of a local cluster, written by `vigil up`. Yours to edit; the node rewrites it too.\n"
      "bind {}\n"
      "port {}\n"
      "dir {}\n"
      "logfile \"\"\n"
      "save \"\"\n"
      "appendonly no\n"
      "repl-diskless-sync-delay 0\n",
      node.name, node.address.host, node.address.port, base::QuoteWord(data));
  if (!master.empty()) text += fmt::format("replicaof {} {}\n", master.host, master.port);
  return text;
}

std::string SentinelConfig(const Server& sentinel, const Cluster& cluster, const base::Endpoint& master,
                           const std::string& data) {
  // Short, because here everything is one hop away: after a split vote stock sentinels wait twice this long.
  constexpr int kFailoverTimeoutMs = 10000;
  return fmt::format(
      "# {0} of a local cluster, written by `vigil up`. Yours to edit; the sentinel rewrites it too.\n"
      "bind {1}\n"
      "port {2}\n"
      "dir {3}\n"
      "logfile \"\"\n"
      "sentinel monitor {4} {5} {6} {7}\n"
      "sentinel down-after-milliseconds {4} {8}\n"
      "sentinel failover-timeout {4} {9}\n"
      "sentinel parallel-syncs {4} 1\n",
      sentinel.name, sentinel.address.host, sentinel.address.port, base::QuoteWord(data), cluster.master, master.host,
      master.port, cluster.quorum, cluster.down_after.count(), kFailoverTimeoutMs);
}

std::string WithMaster(std::string_view config, const base::Endpoint& master) {
  base::ConfigRewrite rewrite(config);
  rewrite.Manage("slaveof");
  if (master.empty()) {
    rewrite.Manage("replicaof");
  } else {
    rewrite.Put("replicaof", fmt::format("replicaof {} {}", master.host, master.port));
  }
  return rewrite.Finish();
}

RememberedMaster RememberedIn(std::string_view sentinel_config, std::string_view name) {
  RememberedMaster remembered;
  const auto lines = base::ParseConfig(sentinel_config);
  if (!lines) return remembered;
  for (const base::ConfigLine& line : *lines) {
    if (line.words.size() < 4 || line.words[0] != "sentinel" || line.words[2] != name) continue;
    const std::string verb = base::ToLower(line.words[1]);
    if (verb == "monitor" && line.words.size() >= 5) {
      if (const auto port = base::ParsePort(line.words[4])) remembered.address = {line.words[3], *port};
    } else if (verb == "config-epoch") {
      if (const auto epoch = base::ParseInt<std::uint64_t>(line.words[3])) remembered.config_epoch = {*epoch};
    }
  }
  return remembered;
}

}  // namespace cli
