#include "sentinel/core/claim.h"

#include <algorithm>

#include "replication/base/text.h"

namespace sentinel {

bool IsOld(const Restart& restart, const base::ReplicationId& history) {
  return !history.empty() &&
         std::find(restart.histories.begin(), restart.histories.end(), history) != restart.histories.end();
}

std::string_view PolicyWord(EmptyMasterPolicy policy) {
  switch (policy) {
    case EmptyMasterPolicy::kFailover:
      return "failover";
    case EmptyMasterPolicy::kFollow:
      return "follow";
    case EmptyMasterPolicy::kHold:
      return "hold";
  }
  return "failover";
}

std::optional<EmptyMasterPolicy> PolicyOf(std::string_view word) {
  for (const EmptyMasterPolicy policy :
       {EmptyMasterPolicy::kFailover, EmptyMasterPolicy::kFollow, EmptyMasterPolicy::kHold}) {
    if (base::EqualsIgnoreCase(word, PolicyWord(policy))) return policy;
  }
  return std::nullopt;
}

}  // namespace sentinel
