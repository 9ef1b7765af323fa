// May a replica go on where it stopped? A pure decision from what it asks and what we hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "replication/core/history.h"

namespace replication {

// The stream bytes that can be served: [begin, end).
struct StreamWindow {
  bool active = false;  // false: no backlog
  Offset begin = 1;
  Offset end = 1;
};

struct PsyncRequest {
  std::string_view replid;  // as sent; "?": the replica has nothing
  Offset offset = -1;       // the first byte it lacks
};

// Empty: yes, the bytes from `offset` on follow. Otherwise the reason for a full sync, for the log. One byte beyond
// the window's end is fine: then nothing is missing.
// Source: the Redis replication documentation, "Replication ID explained"; spec/replication.md 1.3.
std::optional<std::string> WhyNotContinue(const History& history, const StreamWindow& window,
                                          const PsyncRequest& request);

// A full sync that a master offers: its payload has been received, and is in place of nothing yet.
struct OfferedSync {
  std::string_view replid;
  Offset offset = 0;
  std::uint64_t keys = 0;         // in the payload
  bool from_same_master = false;  // our own data came from the same address
};

// A master that restarted without its data offers nothing, under a name that we never heard, at an offset that we have
// long passed. Taking it would make its loss ours. Empty: the offer is to be accepted, as every other is; `keys` are
// those that we hold, `applied` is how far we are.
// Source: spec/decisions.md A8.
std::optional<std::string> WhyNotAcceptSync(const History& history, Offset applied, std::uint64_t keys,
                                            const OfferedSync& offer);

}  // namespace replication
