// May a replica go on where it stopped? A pure decision from what it asks and what we hold.
#pragma once

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

}  // namespace replication
