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

std::optional<std::string> WhyNotAcceptSync(const History& history, Offset applied, std::uint64_t keys,
                                            const OfferedSync& offer) {
  const bool known = base::EqualsIgnoreCase(offer.replid, history.replid.hex) ||
                     base::EqualsIgnoreCase(offer.replid, history.replid2.hex);
  if (keys == 0 || offer.keys > 0 || known || offer.offset >= applied || !offer.from_same_master) return std::nullopt;
  return fmt::format(
      "the master at this address has lost its data: it offers an empty data set at offset {}, we hold "
      "{} keys at offset {}",
      offer.offset, keys, applied);
}

}  // namespace replication
