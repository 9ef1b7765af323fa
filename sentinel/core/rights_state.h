// What we are allowed to do at a master, as far as we have asked. The functions are in rights.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "replication/base/time.h"
#include "replication/serve/client.h"
#include "sentinel/core/link.h"

namespace sentinel {

struct Rights {
  LinkId link = LinkId::kNone;  // the connection on which they were asked for: another may be of another user
  std::optional<base::MonoTime> asked_at;
  std::optional<base::MonoTime> known_at;  // empty: never, or on an earlier connection
  bool may_failover = true;
  bool may_pause = true;
  bool may_slaveof = true;
};

// A client whose command is run again when the rights are known, or when that has taken too long.
struct RightsAsker {
  serve::ClientId client = 0;
  std::uint64_t ticket = 0;
  std::string master;
  std::vector<std::string> words;
  base::MonoTime until{};
};

}  // namespace sentinel
