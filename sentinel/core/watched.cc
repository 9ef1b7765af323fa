#include "sentinel/core/watched.h"

namespace sentinel {

Watched WatchedOf(Master& master) {
  Watched watched;
  watched.id = master.id;
  watched.kind = InstanceRef::Kind::kMaster;
  watched.master = &master;
  watched.node = &master;
  watched.liveness = &master.liveness;
  watched.command = &master.command;
  watched.pubsub = &master.pubsub;
  watched.steps = &master.steps;
  watched.down_after = master.down_after;
  return watched;
}

Watched WatchedOf(Master& master, Replica& replica) {
  Watched watched;
  watched.id = replica.id;
  watched.kind = InstanceRef::Kind::kReplica;
  watched.master = &master;
  watched.replica = &replica;
  watched.node = &replica;
  watched.liveness = &replica.liveness;
  watched.command = &replica.command;
  watched.pubsub = &replica.pubsub;
  watched.down_after = master.down_after;
  return watched;
}

Watched WatchedOf(Peer& peer) {
  Watched watched;
  watched.id = peer.id;
  watched.kind = InstanceRef::Kind::kPeer;
  watched.peer = &peer;
  watched.liveness = &peer.liveness;
  watched.command = &peer.command;
  watched.down_after = peer.down_after;
  return watched;
}

std::optional<Watched> FindWatched(State& state, InstanceId id) {
  const auto found = state.instances.find(id);
  if (found == state.instances.end()) return std::nullopt;
  const InstanceRef& ref = found->second;
  if (ref.peer != nullptr) return WatchedOf(*ref.peer);
  return ref.replica != nullptr ? WatchedOf(*ref.master, *ref.replica) : WatchedOf(*ref.master);
}

}  // namespace sentinel
