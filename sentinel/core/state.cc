#include "sentinel/core/state.h"

#include <algorithm>

namespace sentinel {
namespace {

const InstanceRef* RefOf(const State& state, InstanceId id) {
  const auto found = state.instances.find(id);
  return found == state.instances.end() ? nullptr : &found->second;
}

}  // namespace

std::string_view StageWord(Stage stage) {
  switch (stage) {
    case Stage::kNone:
      return "none";
    case Stage::kWaitStart:
      return "wait_start";
    case Stage::kSelectReplica:
      return "select_slave";
    case Stage::kSendPromotion:
      return "send_slaveof_noone";
    case Stage::kWaitPromotion:
      return "wait_promotion";
    case Stage::kReconfigure:
      return "reconf_slaves";
    case Stage::kUpdateConfig:
      return "update_config";
  }
  return "unknown";
}

Master* FindMaster(State& state, std::string_view name) {
  const auto found = state.masters.find(name);
  return found == state.masters.end() ? nullptr : &found->second;
}

const Master* FindMaster(const State& state, std::string_view name) {
  return FindMaster(const_cast<State&>(state), name);
}

Master* FindMasterByAddress(State& state, const base::Endpoint& address) {
  for (auto& [name, master] : state.masters) {
    if (master.address.port != address.port) continue;
    if (master.address.host == address.host || (!master.hostname.empty() && master.hostname == address.host)) {
      return &master;
    }
  }
  // Its name stood for that address until lately, and the asker has not looked it up again.
  for (auto& [name, master] : state.masters) {
    const std::string& previous = master.name_record.previous_address;
    if (master.address.port == address.port && !previous.empty() && previous == address.host) return &master;
  }
  return nullptr;
}

const Master* FindMasterByAddress(const State& state, const base::Endpoint& address) {
  return FindMasterByAddress(const_cast<State&>(state), address);
}

Master* MasterOf(State& state, InstanceId id) {
  const InstanceRef* ref = RefOf(state, id);
  return ref == nullptr ? nullptr : ref->master;
}

Replica* ReplicaOf(State& state, InstanceId id) {
  const InstanceRef* ref = RefOf(state, id);
  return ref == nullptr ? nullptr : ref->replica;
}

Peer* PeerOf(State& state, InstanceId id) {
  const InstanceRef* ref = RefOf(state, id);
  return ref == nullptr ? nullptr : ref->peer;
}

DataNode* DataNodeOf(State& state, InstanceId id) {
  const InstanceRef* ref = RefOf(state, id);
  if (ref == nullptr) return nullptr;
  if (ref->replica != nullptr) return ref->replica;
  return ref->master;
}

Peer* FindPeer(State& state, const base::RunId& id) {
  const auto found = state.peers.find(id);
  return found == state.peers.end() ? nullptr : &found->second;
}

const Peer* FindPeer(const State& state, const base::RunId& id) {
  return FindPeer(const_cast<State&>(state), id);
}

CurrentAddress AddressOf(const State& /*state*/, const Master& master) {
  if (master.failover.stage == Stage::kReconfigure || master.failover.stage == Stage::kUpdateConfig) {
    for (const auto& [address, replica] : master.replicas) {
      if (replica.id != master.failover.promoted) continue;
      // The same address may have come under a newer epoch meanwhile.
      return {address, std::max(master.failover.change, master.address_change)};
    }
  }
  return {master.address, master.address_change};
}

}  // namespace sentinel
