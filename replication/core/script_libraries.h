// The libraries that a script has beside those of Lua: cjson and bit (linked), struct and cmsgpack (ours).
#pragma once

#include <string_view>
#include <vector>

struct lua_State;

namespace replication {

struct RegisteredFunction;

// Each makes its table and leaves it on the stack; they are Lua functions in the sense of lua_CFunction.
// Source: the documentation of Lua's struct library (Roberto Ierusalimschy) and replies of a running redis-server 7.0.
int OpenStruct(lua_State* lua);
// Source: the MessagePack format, and replies of a running redis-server 7.0.
int OpenMessagePack(lua_State* lua);

// redis.register_function, a Lua function: adds to what is collected; refused while nothing is.
int RegisterFunction(lua_State* lua);
// Where registered functions go from now on; null: nowhere. `into` must outlive that.
void CollectFunctions(lua_State* lua, std::vector<RegisteredFunction>* into);

// Libraries and functions have such names: letters, digits and underscores, at least one.
bool IsFunctionName(std::string_view name);
inline constexpr std::string_view kBadFunctionName =
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

}  // namespace replication
