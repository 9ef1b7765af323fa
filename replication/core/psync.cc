#include "replication/core/psync.h"

#include <fmt/format.h>

#include "replication/base/text.h"

namespace replication {

std::optional<std::string> WhyNotContinue(const History& history, const StreamWindow& window,
                                          const PsyncRequest& request) {
  if (request.replid == "?") return "the replica asks for everything";
  const bool is_ours = base::EqualsIgnoreCase(request.replid, history.replid.hex);
  if (!is_ours) {
    if (history.second_offset < 0 || !base::EqualsIgnoreCase(request.replid, history.replid2.hex)) {
      return fmt::format("replication id mismatch: the replica asks for '{}', ours are '{}' and '{}'", request.replid,
                         history.replid.hex, history.replid2.hex);
    }
    // What the asker holds from there on, we never had: it diverged.
    if (request.offset > history.second_offset) {
      return fmt::format("the requested offset {} of the second id lies beyond {}", request.offset,
                         history.second_offset);
    }
  }
  if (!window.active) return "there is no backlog";
  if (request.offset < window.begin || request.offset > window.end) {
    return fmt::format("offset {} is outside the backlog [{}, {}]", request.offset, window.begin, window.end);
  }
  return std::nullopt;
}

}  // namespace replication
