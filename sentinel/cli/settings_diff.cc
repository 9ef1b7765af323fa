#include "sentinel/cli/settings_diff.h"

#include <algorithm>
#include <array>
#include <set>

namespace cli {
namespace {

// Of SENTINEL MASTER: what is set, and what should have become the same everywhere.
constexpr std::array kOfMaster = {"ip",
                                  "port",
                                  "quorum",
                                  "config-epoch",
                                  "down-after-milliseconds",
                                  "failover-timeout",
                                  "parallel-syncs",
                                  "notification-script",
                                  "client-reconfig-script",
                                  "num-slaves",
                                  "num-other-sentinels",
                                  "pause-reason"};

bool IsSecret(const std::string& name) {
  return name.find("pass") != std::string::npos;
}

}  // namespace

std::vector<Difference> CompareSettings(const std::vector<SentinelView>& sentinels) {
  std::vector<Difference> differences;
  const auto compare = [&](const std::string& name, const auto& value_of) {
    Difference difference{name, {}};
    std::set<std::string> distinct;
    for (const SentinelView& sentinel : sentinels) {
      if (!sentinel.answers) continue;
      const std::string value = value_of(sentinel);
      distinct.insert(value);
      const std::string shown = value.empty() ? "(none)" : IsSecret(name) ? "(set; not shown)" : value;
      difference.values[sentinel.address.ToString()] = shown;
    }
    if (distinct.size() > 1) differences.push_back(std::move(difference));
  };
  for (const char* name : kOfMaster) {
    compare(name, [&](const SentinelView& sentinel) { return sentinel.fields.Text(name); });
  }
  std::set<std::string> global;
  for (const SentinelView& sentinel : sentinels) {
    for (const std::string& name : sentinel.config.Names()) {
      if (name != "announce-ip" && name != "announce-port") global.insert(name);
    }
  }
  for (const std::string& name : global) {
    compare(name, [&](const SentinelView& sentinel) { return sentinel.config.Text(name); });
  }
  compare("version", [](const SentinelView& sentinel) {
    return sentinel.ours() ? "vigil " + sentinel.info.Text("vigil_version")
                           : "stock " + sentinel.info.Text("redis_version");
  });
  return differences;
}

}  // namespace cli
