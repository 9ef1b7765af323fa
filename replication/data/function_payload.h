// The libraries of functions as bytes that travel from server to server: FUNCTION DUMP and RESTORE.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"

namespace data {

// Source: FUNCTION DUMP of a running redis-server 7.0.
std::string FunctionPayload(std::span<const std::string> texts);
// The texts in it. kInvalid: the reply's text without its code.
base::Result<std::vector<std::string>> ReadFunctionPayload(std::string_view payload);

}  // namespace data
