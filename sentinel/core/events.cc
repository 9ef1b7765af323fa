#include "sentinel/core/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sentinel/core/changes.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/scripts.h"

namespace sentinel {
namespace {

// What is neither listed here nor below warns.
constexpr std::array<std::string_view, 18> kNoticeEvents = {
    "+slave",
    "+sentinel",
    "+sentinel-address-switch",
    "+sentinel-address-update",
    "+sentinel-invalid-addr",
    "+reboot",
    "+failover-state-send-slaveof-noone",
    "+failover-state-wait-promotion",
    "+failover-waiting-for-replicas",
    "+slave-reconf-sent",
    "+slave-reconf-inprog",
    "+slave-reconf-done",
    "+slave-reconf-sent-be",
    "-slave-reconf-sent-timeout",
    "+convert-to-slave",
    "+fix-slave-config",
    "+beyond-history",
    "-foreign-node",
};
constexpr std::array<std::string_view, 2> kVerboseEvents = {"+role-change", "-role-change"};
constexpr std::array<std::string_view, 4> kDebugEvents = {"+script-child", "-script-child", "-cmd-link-reconnection",
                                                          "-pubsub-link-reconnection"};

template <std::size_t N>
bool Holds(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string OfMaster(const State& state, const Master& master) {
  return fmt::format(" @ {} {} {}", master.name, ShownHost(state, master.address, master.hostname),
                     master.address.port);
}

}  // namespace

const std::string& ShownHost(const State& state, const base::Endpoint& address, const std::string& hostname) {
  return state.announce_hostnames && !hostname.empty() ? hostname : address.host;
}

base::Endpoint ShownEndpoint(const State& state, const DataNode& node) {
  return {ShownHost(state, node.address, node.hostname), node.address.port};
}

base::Endpoint ShownEndpoint(const State& state, const Master& master, const base::Endpoint& address) {
  if (address == master.address) return ShownEndpoint(state, static_cast<const DataNode&>(master));
  const auto replica = master.replicas.find(address);
  return replica == master.replicas.end() ? address : ShownEndpoint(state, replica->second);
}

std::string ReplicaName(const State& state, const Replica& replica) {
  return base::Endpoint{ShownHost(state, replica.address, replica.hostname), replica.address.port}.ToString();
}

std::string Describe(const State& state, const Master& master) {
  return fmt::format("master {} {} {}", master.name, ShownHost(state, master.address, master.hostname),
                     master.address.port);
}

std::string Describe(const State& state, const Master& master, const Replica& replica) {
  return fmt::format("slave {} {} {}", ReplicaName(state, replica), ShownHost(state, replica.address, replica.hostname),
                     replica.address.port) +
         OfMaster(state, master);
}

std::string Describe(const State& state, const Master& master, const Peer& peer) {
  return fmt::format("sentinel {} {} {}", peer.run_id.hex, ShownHost(state, peer.address, peer.hostname),
                     peer.address.port) +
         OfMaster(state, master);
}

base::LogLevel LevelOf(std::string_view event) {
  if (Holds(kNoticeEvents, event)) return base::LogLevel::kNotice;
  if (Holds(kVerboseEvents, event)) return base::LogLevel::kVerbose;
  if (Holds(kDebugEvents, event)) return base::LogLevel::kDebug;
  return base::LogLevel::kWarning;
}

void AnnounceEvent(State& state, const Master* about, std::string_view event, std::string_view payload,
                   ChangeNumber change, Actions& out) {
  const base::LogLevel level = LevelOf(event);
  out.push_back(Announce{std::string(event), std::string(payload), level, change});
  if (level == base::LogLevel::kDebug) return;
  state.server.pubsub.Publish(event, payload);
  FlushClients(state, change, out);
  if (about != nullptr && IsRemarkable(event)) {
    state.remarkable.push_back({about->name, std::string(event), std::string(payload)});
  }
  if (about != nullptr && level == base::LogLevel::kWarning) QueueNotification(state, *about, event, payload, change);
}

void AnnounceSwitch(State& state, const Master& master, SwitchRole role, const base::Endpoint& from,
                    const base::Endpoint& to, ChangeNumber change, Actions& out) {
  const base::Endpoint old_one = ShownEndpoint(state, master, from);
  const base::Endpoint new_one = ShownEndpoint(state, master, to);
  AnnounceEvent(state, &master, "+switch-master",
                fmt::format("{} {} {} {} {}", master.name, old_one.host, old_one.port, new_one.host, new_one.port),
                change, out);
  QueueReconfiguration(state, master, role, old_one, new_one, change);
}

void LogNotice(Actions& out, std::string text) {
  out.push_back(LogLine{base::LogLevel::kNotice, std::move(text)});
}

}  // namespace sentinel
