// The libraries that a script has beside those of Lua: cjson and bit (linked), struct and cmsgpack (ours).
#pragma once

struct lua_State;

namespace replication {

// Each makes its table and leaves it on the stack; they are Lua functions in the sense of lua_CFunction.
// Source: the documentation of Lua's struct library (Roberto Ierusalimschy) and replies of a running redis-server 7.0.
int OpenStruct(lua_State* lua);
// Source: the MessagePack format, and replies of a running redis-server 7.0.
int OpenMessagePack(lua_State* lua);

}  // namespace replication
