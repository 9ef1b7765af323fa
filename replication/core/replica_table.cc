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

int ReplicaTable::CountAcked(Offset offset) const {
  return static_cast<int>(std::ranges::count_if(replicas_, [&](const auto& each) {
    return each.second.stage == Replica::Stage::kOnline && !each.second.held && each.second.ack >= offset;
  }));
}

int ReplicaTable::CountDurable(Offset offset) const {
  return static_cast<int>(std::ranges::count_if(replicas_, [&](const auto& each) {
    return each.second.stage == Replica::Stage::kOnline && !each.second.held && each.second.durable >= 0 &&
           each.second.durable >= offset;
  }));
}

int ReplicaTable::CountGood(MonoTime now, base::Seconds max_lag) const {
  return static_cast<int>(std::ranges::count_if(replicas_, [&](const auto& each) {
    return each.second.stage == Replica::Stage::kOnline && now - each.second.ack_at <= max_lag;
  }));
}

}  // namespace replication
