// Values between Lua and RESP, both ways. Only the script_*.cc files that know Lua include this.
// Source: "Conversion of data types" in the Lua API reference of the documentation; a running redis-server 7.0.
#pragma once

#include <string_view>

#include "replication/resp/reply_writer.h"

struct lua_State;

namespace replication {

// Pushes the value of one encoded reply (of RESP2 or RESP3), which must be whole. An error becomes {err = text}.
void PushReply(lua_State* lua, std::string_view encoded);

// Pushes {err = text}; `text` may begin with '-', and without a code it gets "ERR".
void PushError(lua_State* lua, std::string_view text);

// Appends the value at the top as a reply, and pops it. `protocol` is what the script has chosen by redis.setresp.
void ReplyWithValue(lua_State* lua, int protocol, resp::ReplyWriter& reply);

}  // namespace replication
