// Which of several sentinels answer, found out from all at once: a frozen one costs a moment, not its whole timeout.
#pragma once

#include <string>
#include <vector>

#include "replication/base/result.h"
#include "sentinel/cli/redis_client.h"

namespace cli {

// A process that is frozen accepts connections and says nothing: what it costs a person who waits.
inline constexpr std::chrono::milliseconds kPatience{1000};

struct Responsive {
  std::vector<base::Endpoint> sentinels;  // those that said anything at all, in the order in which they were named
  std::vector<base::Error> silent;        // one for each other that was tried: "127.0.0.1:1: connection refused"
};

// Asks all of them at the same time. Waits until each has answered or failed, at most kPatience; and not longer than
// a fifth of a second for the others when one has answered. A single sentinel is not asked beforehand: it is returned.
Responsive FindResponsive(const std::vector<base::Endpoint>& sentinels, const Credentials& credentials);

// The one line that names all that were tried, and what each answered. Error kIo, or kInvalid when one refused.
base::Error NobodyAnswers(const std::vector<base::Error>& tried);

}  // namespace cli
