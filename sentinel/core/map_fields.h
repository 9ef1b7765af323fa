// Fields of a map that is sent to a client, as SENTINEL HISTORY and EXPLAIN put them together: values are bulk strings,
// numbers too.
#pragma once

#include <cstdint>
#include <string_view>

#include "replication/resp/reply_writer.h"

namespace sentinel {

inline void Put(resp::ReplyWriter& reply, std::string_view name, std::string_view value) {
  reply.Bulk(name);
  reply.Bulk(value);
}

inline void Put(resp::ReplyWriter& reply, std::string_view name, std::int64_t value) {
  reply.Bulk(name);
  reply.BulkNumber(value);
}

}  // namespace sentinel
