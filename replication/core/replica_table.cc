#include "replication/core/replica_table.h"

#include <algorithm>

namespace replication {

Replica& ReplicaTable::Add(ClientId client) {
  Replica& replica = replicas_[client];
  replica.client = client;
  return replica;
}

Replica* ReplicaTable::Find(ClientId client) {
  const auto found = replicas_.find(client);
  return found == replicas_.end() ? nullptr : &found->second;
}

const Replica* ReplicaTable::Find(ClientId client) const {
  const auto found = replicas_.find(client);
  return found == replicas_.end() ? nullptr : &found->second;
}

void ReplicaTable::Remove(ClientId client) {
  replicas_.erase(client);
}

bool ReplicaTable::Counts(const Replica& replica) const {
  if (replica.stage != Replica::Stage::kOnline || replica.held) return false;
  return std::ranges::none_of(replicas_, [&](const auto& each) {
    const Replica& other = each.second;
    return other.client > replica.client && other.ip == replica.ip &&
           other.announced.listening_port == replica.announced.listening_port && other.attached_at >= replica.ack_at;
  });
}

int ReplicaTable::CountAcked(Offset offset) const {
  return static_cast<int>(std::ranges::count_if(
      replicas_, [&](const auto& each) { return each.second.ack >= offset && Counts(each.second); }));
}

int ReplicaTable::CountDurable(Offset offset) const {
  return static_cast<int>(std::ranges::count_if(replicas_, [&](const auto& each) {
    return each.second.durable >= 0 && each.second.durable >= offset && Counts(each.second);
  }));
}

int ReplicaTable::CountGood(MonoTime now, base::Seconds max_lag) const {
  return static_cast<int>(std::ranges::count_if(replicas_, [&](const auto& each) {
    return each.second.stage == Replica::Stage::kOnline && now - each.second.ack_at <= max_lag &&
           (each.second.held || Counts(each.second));
  }));
}

}  // namespace replication
