#include <fmt/format.h>

#include "replication/base/config_lines.h"
#include "replication/base/text.h"
#include "sentinel/core/events.h"
#include "sentinel/core/settings.h"

namespace sentinel {
namespace {

// Collects the `sentinel ...` lines by kind. Kinds that are managed but get no line are removed from the old text.
class Lines {
 public:
  explicit Lines(std::string_view old_text) : rewrite_(old_text) {}

  bool Has(std::string_view directive) const { return rewrite_.Has(Kind(directive)); }
  void Manage(std::string_view directive) { rewrite_.Manage(Kind(directive)); }
  template <class... Args>
  void Put(std::string_view directive, fmt::format_string<Args...> format, Args&&... args) {
    rewrite_.Put(Kind(directive),
                 fmt::format("sentinel {} {}", directive, fmt::format(format, std::forward<Args>(args)...)));
  }
  // A default is written only where a line stands already.
  void PutYesNo(std::string_view directive, bool value, bool normal) {
    if (value != normal || Has(directive)) Put(directive, "{}", value ? "yes" : "no");
  }
  // A line that is none of the sentinel's.
  bool HasPlain(const std::string& kind) const { return rewrite_.Has(kind); }
  void ManagePlain(const std::string& kind) { rewrite_.Manage(kind); }
  void PutPlain(const std::string& kind, std::string line) { rewrite_.Put(kind, std::move(line)); }
  std::string Finish() const { return rewrite_.Finish(); }

 private:
  static std::string Kind(std::string_view directive) { return "sentinel " + std::string(directive); }
  base::ConfigRewrite rewrite_;
};

std::string Host(const State& state, const std::string& address, const std::string& hostname) {
  return base::QuoteWord(state.announce_hostnames && !hostname.empty() ? hostname : address);
}

void PutReplicas(const State& state, const Master& master, const base::Endpoint& current, Lines& lines) {
  for (const auto& [endpoint, replica] : master.replicas) {
    // Once the promoted replica is the master, the old master takes its place in the list.
    const DataNode& node = endpoint == current ? static_cast<const DataNode&>(master) : replica;
    lines.Put("known-replica", "{} {} {}", base::QuoteWord(master.name), Host(state, node.address.host, node.hostname),
              node.address.port);
  }
}

void PutMaster(const State& state, const Master& master, Lines& lines) {
  const Master defaults;
  const std::string name = base::QuoteWord(master.name);
  const base::Endpoint current = AddressOf(state, master).endpoint;
  lines.Put("monitor", "{} {} {} {}", name, base::QuoteWord(ShownEndpoint(state, master, current).host), current.port,
            master.quorum);
  if (master.down_after != defaults.down_after) {
    lines.Put("down-after-milliseconds", "{} {}", name, master.down_after.count());
  }
  if (master.failover_timeout != defaults.failover_timeout) {
    lines.Put("failover-timeout", "{} {}", name, master.failover_timeout.count());
  }
  if (master.parallel_syncs != defaults.parallel_syncs) {
    lines.Put("parallel-syncs", "{} {}", name, master.parallel_syncs);
  }
  const auto put_text = [&](std::string_view directive, const std::string& value) {
    if (!value.empty()) lines.Put(directive, "{} {}", name, base::QuoteWord(value));
  };
  put_text("notification-script", master.notification_script);
  put_text("client-reconfig-script", master.reconfig_script);
  put_text("auth-pass", master.auth_pass);
  put_text("auth-user", master.auth_user);
  if (master.reboot_down_after.count() != 0) {
    lines.Put("master-reboot-down-after-period", "{} {}", name, master.reboot_down_after.count());
  }
  lines.Put("config-epoch", "{} {}", name, master.config_epoch.value);
  lines.Put("leader-epoch", "{} {}", name, master.vote.epoch.value);
  PutReplicas(state, master, current, lines);
  for (const auto& [run_id, opinion] : master.sentinels) {
    const auto peer = state.peers.find(run_id);
    if (peer == state.peers.end()) continue;
    lines.Put("known-sentinel", "{} {} {} {}", name, Host(state, peer->second.address.host, peer->second.hostname),
              peer->second.address.port, run_id.hex);
  }
  for (const auto& [command, replacement] : master.renamed_commands) {
    lines.Put("rename-command", "{} {} {}", name, base::QuoteWord(command), base::QuoteWord(replacement));
  }
}

// A user with all rights and no name but `default` is what everybody has who has said nothing.
bool OnlyTheDefault(const State& state) {
  const serve::Access& access = state.server.access;
  if (access.users().size() > 1) return false;
  const serve::User& user = access.default_user();
  const bool as_required = access.password().empty()
                               ? user.no_password
                               : user.passwords == std::vector{serve::PasswordDigest(access.password())};
  return user.on && as_required && user.everything() && user.selectors.empty() &&
         user.sanitize == serve::User::Sanitize::kUnsaid;
}

void PutUsers(const State& state, Lines& lines) {
  if (!state.users_in_config) return;
  const bool needed = lines.HasPlain("user") || !OnlyTheDefault(state);
  lines.ManagePlain("user");
  if (!needed) return;
  for (const auto& [name, user] : state.server.access.users()) {
    lines.PutPlain("user", fmt::format("user {} {}", base::QuoteWord(name), user->Describe()));
  }
}

}  // namespace

std::string RenderSettings(const State& state, std::string_view old_text) {
  Lines lines(old_text);
  if (!state.my_id.empty()) lines.Put("myid", "{}", state.my_id.hex);
  lines.PutYesNo("deny-scripts-reconfig", state.deny_scripts_reconfig, true);
  lines.PutYesNo("resolve-hostnames", state.resolve_hostnames, false);
  lines.PutYesNo("announce-hostnames", state.announce_hostnames, false);

  // Whatever stands in the old text for a master is replaced or goes away, the older spellings included.
  for (const std::string_view directive : {"monitor",
                                           "down-after-milliseconds",
                                           "failover-timeout",
                                           "parallel-syncs",
                                           "notification-script",
                                           "client-reconfig-script",
                                           "auth-pass",
                                           "auth-user",
                                           "master-reboot-down-after-period",
                                           "primary-reboot-down-after-period",
                                           "config-epoch",
                                           "leader-epoch",
                                           "known-replica",
                                           "known-slave",
                                           "known-sentinel",
                                           "rename-command",
                                           "announce-ip",
                                           "announce-port",
                                           "sentinel-user",
                                           "sentinel-pass"}) {
    lines.Manage(directive);
  }
  for (const auto& [name, master] : state.masters) PutMaster(state, master, lines);

  lines.Put("current-epoch", "{}", state.current_epoch.value);
  if (!state.announce_ip.empty()) lines.Put("announce-ip", "{}", base::Quoted(state.announce_ip));
  if (state.announce_port != 0) lines.Put("announce-port", "{}", state.announce_port);
  if (!state.sentinel_user.empty()) lines.Put("sentinel-user", "{}", base::QuoteWord(state.sentinel_user));
  if (!state.sentinel_pass.empty()) lines.Put("sentinel-pass", "{}", base::QuoteWord(state.sentinel_pass));
  PutUsers(state, lines);
  return lines.Finish();
}

}  // namespace sentinel
