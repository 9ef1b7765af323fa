#include "sentinel/core/sentinel_directives.h"

#include <array>

#include "replication/base/text.h"
#include "sentinel/core/numeric_host.h"

namespace sentinel {
namespace {

using Words = std::vector<std::string>;

// How an address in the file becomes ours. A name is kept as it is: it is resolved after the start, since nothing
// here can wait for a name server.
struct Address {
  base::Endpoint endpoint;
  std::string hostname;
};

std::string ReadAddress(const State& state, const std::string& host, const std::string& port, Address& address) {
  const auto number = base::ParsePort(port);
  if (!number) return "Invalid port number.";
  const bool numeric = IsNumericHost(host);
  if (!numeric && (!state.resolve_hostnames || !IsHostName(host))) return "Can't resolve instance hostname.";
  address.endpoint = base::Endpoint{CanonicalHost(host), *number};
  if (!numeric) address.hostname = host;
  return {};
}

std::string ReadYesNo(const Words& words, bool& value, std::string_view reason) {
  const auto parsed = base::ParseYesNo(words[1]);
  if (!parsed) return std::string(reason);
  value = *parsed;
  return {};
}

std::string ReadPeriod(const std::string& word, std::int64_t least, std::string_view reason, base::Millis& value) {
  const auto ms = base::ParseInt<std::int64_t>(word);
  if (!ms || *ms < least) return std::string(reason);
  if (base::Millis(*ms) > kLongestPeriod) return "time parameter out of range.";
  value = base::Millis(*ms);
  return {};
}

std::string ReadEpoch(const std::string& word, base::Epoch& epoch) {
  const auto value = base::ParseInt<std::uint64_t>(word);
  if (!value) return "an epoch is a number of 64 bits, not negative.";
  epoch.value = *value;
  return {};
}

void RaiseEpoch(State& state, base::Epoch epoch) {
  if (epoch > state.current_epoch) state.current_epoch = epoch;
}

std::string ApplyMyId(State& state, const Words& words, const base::Now&) {
  const auto id = base::ParseHexId<base::RunId>(words[1]);
  if (!id) return "Malformed Sentinel id in myid option.";
  state.my_id = *id;
  return {};
}

std::string ApplyCurrentEpoch(State& state, const Words& words, const base::Now&) {
  base::Epoch epoch;
  if (auto reason = ReadEpoch(words[1], epoch); !reason.empty()) return reason;
  RaiseEpoch(state, epoch);
  return {};
}

std::string ApplyAnnounceIp(State& state, const Words& words, const base::Now&) {
  state.announce_ip = words[1];
  return {};
}

std::string ApplyAnnouncePort(State& state, const Words& words, const base::Now&) {
  const auto port = base::ParseInt<std::uint16_t>(words[1]);
  if (!port) return "Invalid port number.";
  state.announce_port = *port;
  return {};
}

std::string ApplySentinelUser(State& state, const Words& words, const base::Now&) {
  state.sentinel_user = words[1];
  return {};
}

std::string ApplySentinelPass(State& state, const Words& words, const base::Now&) {
  state.sentinel_pass = words[1];
  return {};
}

std::string ApplyResolveHostnames(State& state, const Words& words, const base::Now&) {
  return ReadYesNo(words, state.resolve_hostnames, "Please specify yes or no for the resolve-hostnames option.");
}

std::string ApplyAnnounceHostnames(State& state, const Words& words, const base::Now&) {
  return ReadYesNo(words, state.announce_hostnames, "Please specify yes or no for the announce-hostnames option.");
}

std::string ApplyDenyScripts(State& state, const Words& words, const base::Now&) {
  return ReadYesNo(words, state.deny_scripts_reconfig,
                   "Please specify yes or no for the deny-scripts-reconfig options.");
}

std::string ApplyMonitor(State& state, const Words& words, const base::Now& now) {
  const auto quorum = base::ParseInt<int>(words[4]);
  if (!quorum || *quorum < 1) return "Quorum must be 1 or greater.";
  if (words[1].empty()) return "a master needs a name.";
  Address address;
  if (auto reason = ReadAddress(state, words[2], words[3], address); !reason.empty()) return reason;
  if (state.masters.contains(words[1])) return "Duplicate master name.";
  Master& master = state.masters[words[1]];
  master.name = words[1];
  master.address = address.endpoint;
  master.hostname = address.hostname;
  master.quorum = *quorum;
  master.liveness.proof_at = now.mono;
  master.role_reported = Role::kMaster;
  master.role_reported_at = now.mono;
  return {};
}

std::string ApplyDownAfter(State&, Master& master, const Words& words, const base::Now&) {
  return ReadPeriod(words[2], 1, "negative or zero time parameter.", master.down_after);
}

std::string ApplyFailoverTimeout(State&, Master& master, const Words& words, const base::Now&) {
  return ReadPeriod(words[2], 1, "negative or zero time parameter.", master.failover_timeout);
}

std::string ApplyRebootDownAfter(State&, Master& master, const Words& words, const base::Now&) {
  return ReadPeriod(words[2], 0, "negative time parameter.", master.reboot_down_after);
}

std::string ApplyParallelSyncs(State&, Master& master, const Words& words, const base::Now&) {
  const auto count = base::ParseInt<int>(words[2]);
  if (!count || *count < 1) return "parallel-syncs must be 1 or greater.";
  master.parallel_syncs = *count;
  return {};
}

bool CanRun(const State& state, const std::string& path) {
  return !state.can_run || state.can_run(path);
}

std::string ApplyNotificationScript(State& state, Master& master, const Words& words, const base::Now&) {
  if (!CanRun(state, words[2])) return "Notification script seems non existing or non executable.";
  master.notification_script = words[2];
  return {};
}

std::string ApplyReconfigScript(State& state, Master& master, const Words& words, const base::Now&) {
  if (!CanRun(state, words[2])) return "Client reconfiguration script seems non existing or non executable.";
  master.reconfig_script = words[2];
  return {};
}

std::string ApplyAuthPass(State&, Master& master, const Words& words, const base::Now&) {
  master.auth_pass = words[2];
  return {};
}

std::string ApplyAuthUser(State&, Master& master, const Words& words, const base::Now&) {
  master.auth_user = words[2];
  return {};
}

std::string ApplyConfigEpoch(State& state, Master& master, const Words& words, const base::Now&) {
  if (auto reason = ReadEpoch(words[2], master.config_epoch); !reason.empty()) return reason;
  RaiseEpoch(state, master.config_epoch);
  return {};
}

// Whom the vote was given to is not in the file: the epoch alone prevents a second one.
std::string ApplyLeaderEpoch(State& state, Master& master, const Words& words, const base::Now&) {
  if (auto reason = ReadEpoch(words[2], master.vote.epoch); !reason.empty()) return reason;
  RaiseEpoch(state, master.vote.epoch);
  return {};
}

std::string ApplyKnownReplica(State& state, Master& master, const Words& words, const base::Now& now) {
  Address address;
  if (auto reason = ReadAddress(state, words[2], words[3], address); !reason.empty()) return reason;
  const auto [found, added] = master.replicas.try_emplace(address.endpoint);
  if (!added) return "Duplicate hostname and port for replica.";
  Replica& replica = found->second;
  replica.address = address.endpoint;
  replica.hostname = address.hostname;
  replica.liveness.proof_at = now.mono;
  replica.role_reported = Role::kReplica;
  replica.role_reported_at = now.mono;
  replica.master_changed_at = now.mono;
  return {};
}

std::string ApplyKnownSentinel(State& state, Master& master, const Words& words, const base::Now& now) {
  if (words.size() < 5) return {};  // before sentinels had ids: it will be found again by its hello
  const auto id = base::ParseHexId<base::RunId>(words[4]);
  if (!id) return "Malformed Sentinel id.";
  Address address;
  if (auto reason = ReadAddress(state, words[2], words[3], address); !reason.empty()) return reason;
  if (*id == state.my_id) return {};  // a copied file: we are not our own peer
  if (!master.sentinels.try_emplace(*id).second) return "Duplicate sentinel id.";
  Peer& peer = state.peers[*id];
  peer.run_id = *id;
  peer.address = address.endpoint;
  peer.hostname = address.hostname;
  peer.liveness.proof_at = now.mono;
  return {};
}

std::string ApplyRenameCommand(State&, Master& master, const Words& words, const base::Now&) {
  std::string name = words[2];
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  if (!master.renamed_commands.emplace(std::move(name), words[3]).second) {
    return "Same command renamed multiple times with rename-command.";
  }
  return {};
}

constexpr auto kSelf = DirectivePass::kSelf;
constexpr auto kMasters = DirectivePass::kMasters;

constexpr std::array kDirectives = {
    SentinelDirective{"announce-hostnames", 2, 2, kSelf, &ApplyAnnounceHostnames, nullptr},
    SentinelDirective{"announce-ip", 2, 2, kSelf, &ApplyAnnounceIp, nullptr},
    SentinelDirective{"announce-port", 2, 2, kSelf, &ApplyAnnouncePort, nullptr},
    SentinelDirective{"auth-pass", 3, 3, kMasters, nullptr, &ApplyAuthPass},
    SentinelDirective{"auth-user", 3, 3, kMasters, nullptr, &ApplyAuthUser},
    SentinelDirective{"client-reconfig-script", 3, 3, kMasters, nullptr, &ApplyReconfigScript},
    SentinelDirective{"config-epoch", 3, 3, kMasters, nullptr, &ApplyConfigEpoch},
    SentinelDirective{"current-epoch", 2, 2, kSelf, &ApplyCurrentEpoch, nullptr},
    SentinelDirective{"deny-scripts-reconfig", 2, 2, kSelf, &ApplyDenyScripts, nullptr},
    SentinelDirective{"down-after-milliseconds", 3, 3, kMasters, nullptr, &ApplyDownAfter},
    SentinelDirective{"failover-timeout", 3, 3, kMasters, nullptr, &ApplyFailoverTimeout},
    SentinelDirective{"known-replica", 4, 4, kMasters, nullptr, &ApplyKnownReplica},
    SentinelDirective{"known-sentinel", 4, 5, kMasters, nullptr, &ApplyKnownSentinel},
    SentinelDirective{"known-slave", 4, 4, kMasters, nullptr, &ApplyKnownReplica},
    SentinelDirective{"leader-epoch", 3, 3, kMasters, nullptr, &ApplyLeaderEpoch},
    SentinelDirective{"master-reboot-down-after-period", 3, 3, kMasters, nullptr, &ApplyRebootDownAfter},
    SentinelDirective{"monitor", 5, 5, DirectivePass::kMonitor, &ApplyMonitor, nullptr},
    SentinelDirective{"myid", 2, 2, kSelf, &ApplyMyId, nullptr},
    SentinelDirective{"notification-script", 3, 3, kMasters, nullptr, &ApplyNotificationScript},
    SentinelDirective{"parallel-syncs", 3, 3, kMasters, nullptr, &ApplyParallelSyncs},
    SentinelDirective{"primary-reboot-down-after-period", 3, 3, kMasters, nullptr, &ApplyRebootDownAfter},
    SentinelDirective{"rename-command", 4, 4, kMasters, nullptr, &ApplyRenameCommand},
    SentinelDirective{"resolve-hostnames", 2, 2, kSelf, &ApplyResolveHostnames, nullptr},
    SentinelDirective{"sentinel-pass", 2, 2, kSelf, &ApplySentinelPass, nullptr},
    SentinelDirective{"sentinel-user", 2, 2, kSelf, &ApplySentinelUser, nullptr},
};

}  // namespace

std::span<const SentinelDirective> SentinelDirectives() {
  return kDirectives;
}

}  // namespace sentinel
