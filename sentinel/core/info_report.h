// INFO's text as facts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/time.h"

namespace sentinel {

enum class Role : std::uint8_t { kUnknown, kMaster, kReplica };

// What one INFO said. A field that was not there keeps its default, which is what stock sentinels assume.
struct InfoReport {
  base::RunId run_id;
  Role role = Role::kUnknown;
  std::vector<base::Endpoint> replicas;  // a master's slaveN: lines, whatever their state

  // A replica's view of its master.
  base::Endpoint master;
  bool master_link_up = false;
  base::Millis master_link_down_for{0};  // INFO's -1 (never connected) is -1000: it counts as down
  int priority = 100;                    // 0: never promote
  bool announced = true;
  base::Offset offset = -1;       // slave_repl_offset: applied
  base::Offset read_offset = -1;  // slave_read_repl_offset: received

  base::Offset master_offset = -1;  // master_repl_offset: on a master its own, on a replica the applied length
  base::ReplicationId replid;
  base::ReplicationId replid2;      // empty when forty zeros
  base::Offset second_offset = -1;  // the first offset that replid2 does not cover
  std::int64_t keys = -1;           // over all databases; -1: the text has no keyspace section
  bool loading = false;
  bool delayed = false;        // a vigil-node that applies late
  bool empty_refused = false;  // a vigil-node that keeps its data: what its master offers is empty, and not its history
  bool vigil = false;          // a vigil-node: it verifies a FAILOVER itself
  std::string failover_state;  // master_failover_state; empty: the node does not know FAILOVER
};

// Never fails: lines that cannot be understood are skipped. O(text); at most `kMaxReplicasPerInfo` replicas are kept,
// since a hostile node could name thousands.
// Source: spec/sentinel.md 2.4, spec/replication.md 4.1.
inline constexpr std::size_t kMaxReplicasPerInfo = 1000;
InfoReport ParseInfo(std::string_view text);

}  // namespace sentinel
