// What an operator has said of a master and of its members, and how others have behaved towards us. Plain data, part
// of the state.
//
// Source: spec/decisions.md A12.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "replication/base/ids.h"
#include "replication/base/time.h"
#include "sentinel/core/link.h"

namespace sentinel {

// SENTINEL PAUSE, or the RESUME that ended it. Of two records of one master the one with the higher version counts,
// on a tie that of the greater id.
struct Pause {
  std::uint64_t version = 0;            // the wall clock's milliseconds when it was given, or more; 0: never paused
  base::RunId by;                       // the sentinel that was asked
  base::Millis length{0};               // 0: resumed
  base::WallTime ends_at{};             // for the file, and for people
  std::optional<base::MonoTime> until;  // in force until then; empty when it is over
  std::string reason;                   // without control characters
  ChangeNumber change = 0;              // durable from this change on
};

// A replica or sentinel that was forgotten: not believed when others mention it.
struct Tombstone {
  base::RunId sentinel;    // empty: a replica
  base::Endpoint address;  // of the replica; of a sentinel as it was last known
  base::WallTime at{};     // when the operator said so
  base::RunId by;          // the sentinel that was asked

  bool is_sentinel() const { return !sentinel.empty(); }
  bool Names(const Tombstone& other) const {
    return is_sentinel() ? sentinel == other.sentinel : !other.is_sentinel() && address == other.address;
  }
};

// How a node or a peer has treated us. Each sort of misbehaviour is announced once, until it has behaved again.
struct Conduct {
  std::string auth_failed;     // its last word on our password; empty: it lets us in
  std::uint64_t offences = 0;  // replies that were too large, malformed, or asked for by nobody
  bool offence_told = false;
};

// Of a host that is known by a name.
struct NameRecord {
  std::optional<base::MonoTime> asked_at;
  std::string previous_address;  // before the last change: others may still speak of it
};

}  // namespace sentinel
