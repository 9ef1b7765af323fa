// Web pages that talk to us: a browser can be made to send HTTP anywhere, and our parser would skip its first lines.
#pragma once

#include "replication/base/text.h"
#include "replication/resp/request_parser.h"

namespace serve {

// Does this request come from an HTTP client? Its connection is to be closed without an answer.
// Source: the behaviour of redis-server since 3.2.7.
inline bool IsCrossProtocol(const resp::Words& words) {
  return base::EqualsIgnoreCase(words[0], "post") || base::EqualsIgnoreCase(words[0], "host:");
}

}  // namespace serve
