// What is kept of a planned failover: how far the hand-over from the working master has come, and what is still to be
// said to the former one. The functions are in handover.h and mending.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "replication/base/ids.h"
#include "replication/base/time.h"
#include "sentinel/core/link.h"

namespace sentinel {

// How a master is brought to hand over, the gentlest first (A6).
enum class HandoverMethod : std::uint8_t {
  kNodeFailover,    // a vigil-node: FAILOVER, it compares offsets itself
  kPausedFailover,  // CLIENT PAUSE, we compare, FAILOVER
  kPausedSlaveOf,   // CLIENT PAUSE, we compare, then as kDeadEnd
  kDeadEnd,         // SLAVEOF 127.0.0.1 1 here, we compare, SLAVEOF NO ONE there, SLAVEOF here
};

enum class HandoverStage : std::uint8_t {
  kNone,     // not coordinated
  kProbe,    // until its connection is up and we know what we may do there
  kCatchUp,  // until the replica is but moments behind
  kReady,    // it is: the last look goes out
  kStop,     // writes are being stopped; offsets are compared
  kSwitch,   // the role is on its way; until the replica says that it is a master
  kUndo,     // it took too long: until the master says that it is one
};

// What a request on the link of the steps was for: its Command::serial.
enum class StepKind : std::uint64_t {
  kProbeFailover,
  kProbePause,
  kProbeInfo,
  kGoal,     // INFO: the offset that the replica has to reach
  kStop,     // CLIENT PAUSE, SLAVEOF 127.0.0.1 1
  kSwitch,   // FAILOVER
  kPoke,     // INFO: FAILOVER is looked at when something arrives
  kUndo,     // INFO behind what takes the steps back
  kCompare,  // INFO of the former master: what had it that the new one has not?
  kLast,     // nothing follows
};

struct Handover {
  HandoverStage stage = HandoverStage::kNone;
  HandoverMethod method = HandoverMethod::kNodeFailover;
  bool only = false;    // COORDINATED: it is this or nothing
  bool probed = false;  // what we may do is known
  bool may_failover = true;
  bool may_pause = true;
  std::string missing;   // "failover", "client|pause": what we would have needed
  int stops = 0;         // how often writes were stopped
  bool stopped = false;  // they are, or may be
  bool fenced = false;   // the master is in its dead end, or on its way: it writes no more, however long this takes
  base::MonoTime stage_at{};
  base::MonoTime stopped_at{};
  base::Millis pause{0};
  std::optional<base::MonoTime> silent_since;  // the oldest request that the master has not answered
  int open = 0;                                // requests on the link without an answer
  // What the replica has to have: the master's offset as it was when we asked at `goal_at`.
  std::optional<base::Offset> goal;
  base::MonoTime goal_at{};
  bool goal_asked = false;
  base::ReplicationId history;  // in which `goal` counts
  bool running() const { return stage != HandoverStage::kNone; }
};

// What a former master still owes us after a planned failover.
struct Settling {
  InstanceId node = InstanceId::kNone;  // the former master, whatever it is to us by now
  base::Endpoint address;
  base::ReplicationId history;  // the one that it wrote
  base::Offset offset = -1;     // the last that it had there; -1: unknown
  base::Offset fork = -1;       // the first offset that the promoted replica did not take over; -1: unknown
  bool reported = false;
};

// What another leader left behind on a master that answers (A6b).
enum class Mend : std::uint8_t {
  kNone,
  kPublish,  // it follows a replica of its own that is a master: that one's address is told
  kRestore,  // it follows nothing: SLAVEOF NO ONE
  kAbort,    // its own FAILOVER hangs
};

}  // namespace sentinel
