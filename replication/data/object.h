// What OBJECT, DUMP and DEBUG OBJECT tell of a value.
#pragma once

#include <string>
#include <string_view>

#include "replication/data/entry.h"

namespace data {

// "embstr", "listpack", "quicklist" ...: Redis' name for the way in which such a value is kept.
std::string_view EncodingName(const Entry& entry);

// The payload of DUMP: type, value as in an RDB file, and a tail of kPayloadTailBytes. O(value).
std::string DumpPayload(const Entry& entry);

}  // namespace data
