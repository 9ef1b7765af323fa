// One watched thing, whatever its kind: what pings, connections and deadlines have in common.
#pragma once

#include <optional>

#include "sentinel/core/state.h"

namespace sentinel {

// Pointers into the state; valid until an instance is added or removed.
struct Watched {
  InstanceId id = InstanceId::kNone;
  InstanceRef::Kind kind = InstanceRef::Kind::kMaster;
  Master* master = nullptr;    // the master itself, or a replica's; null for a peer
  Replica* replica = nullptr;  // only for a replica
  Peer* peer = nullptr;        // only for a peer
  DataNode* node = nullptr;    // null for a peer
  Liveness* liveness = nullptr;
  Link* command = nullptr;
  Link* pubsub = nullptr;  // null for a peer
  Link* steps = nullptr;   // only for a master
  base::Millis down_after{};

  bool is_master() const { return kind == InstanceRef::Kind::kMaster; }
  const base::Endpoint& address() const { return node != nullptr ? node->address : peer->address; }
};

// Empty when the instance is gone.
std::optional<Watched> FindWatched(State& state, InstanceId id);
Watched WatchedOf(Master& master);
Watched WatchedOf(Master& master, Replica& replica);
Watched WatchedOf(Peer& peer);

}  // namespace sentinel
