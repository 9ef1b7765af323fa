// A reply of ours as JSON: what is said by RESP3 and by HTTP is the same then.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace sentinel::edge {

// One whole RESP3 reply as resp::ReplyWriter makes it: maps, arrays, strings, integers, doubles, booleans, null. Keys
// keep their order. Checks (VIGIL_CHECK) that it is whole: nobody else's bytes come here.
nlohmann::ordered_json JsonOfReply(std::string_view reply);

}  // namespace sentinel::edge
