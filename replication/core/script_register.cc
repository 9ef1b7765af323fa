// redis.register_function: what the text of a library says of its functions.
// Source: "Redis functions" of the documentation; error texts as a running redis-server 7.0.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lua.hpp>

#include "replication/base/text.h"
#include "replication/core/script_engine.h"
#include "replication/core/script_libraries.h"
#include "replication/core/script_values.h"

namespace replication {
namespace {

constexpr const char* kCollected = "vigil.collected";

int Raise(lua_State* lua, std::string_view text) {
  PushError(lua, fmt::format("ERR {}", text));
  return lua_error(lua);
}

std::string_view TextAt(lua_State* lua, int index) {
  std::size_t length = 0;
  const char* text = lua_tolstring(lua, index, &length);
  return {text, length};
}

std::vector<RegisteredFunction>* Collected(lua_State* lua) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kCollected);
  auto* collected = static_cast<std::vector<RegisteredFunction>*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  return collected;
}

bool SetFlag(ScriptFlags& flags, std::string_view name) {
  struct Known {
    std::string_view name;
    bool ScriptFlags::*field;
  };
  constexpr Known kKnown[] = {{"no-writes", &ScriptFlags::no_writes},
                              {"allow-oom", &ScriptFlags::allow_oom},
                              {"allow-stale", &ScriptFlags::allow_stale},
                              {"no-cluster", &ScriptFlags::no_cluster},
                              {"allow-cross-slot-keys", &ScriptFlags::allow_cross_slot_keys}};
  for (const Known& each : kKnown) {
    if (!base::EqualsIgnoreCase(name, each.name)) continue;
    flags.*each.field = true;
    return true;
  }
  return false;
}

// The flags of the array at the top.
bool TakeFlags(lua_State* lua, ScriptFlags& flags) {
  bool known = true;
  for (int i = 1; known; ++i) {
    lua_rawgeti(lua, -1, i);
    const int type = lua_type(lua, -1);
    if (type == LUA_TNIL) {
      lua_pop(lua, 1);
      break;
    }
    known = type == LUA_TSTRING && SetFlag(flags, TextAt(lua, -1));
    lua_pop(lua, 1);
  }
  return known;
}

// What one call says; the callback's place on the stack is `callback`.
struct Declared {
  std::optional<std::string> name;
  std::optional<std::string> description;
  ScriptFlags flags;
  int callback = 0;
};

// register_function{function_name = ..., callback = ...}. Returns why not; null: it is well.
const char* TakeNamed(lua_State* lua, Declared& declared) {
  lua_pushnil(lua);
  lua_insert(lua, 2);  // where the callback will stand
  lua_pushnil(lua);
  while (lua_next(lua, 1) != 0) {
    if (lua_type(lua, -2) != LUA_TSTRING) return "unknown argument given to redis.register_function";
    const std::string_view key = TextAt(lua, -2);
    if (base::EqualsIgnoreCase(key, "function_name")) {
      if (lua_isstring(lua, -1) == 0) {
        return "function_name argument given to redis.register_function must be a string";
      }
      lua_pushvalue(lua, -1);  // a number becomes text by being looked at
      declared.name = TextAt(lua, -1);
      lua_pop(lua, 1);
    } else if (base::EqualsIgnoreCase(key, "description")) {
      if (lua_isstring(lua, -1) == 0) {
        return "description argument given to redis.register_function must be a string";
      }
      lua_pushvalue(lua, -1);
      declared.description = TextAt(lua, -1);
      lua_pop(lua, 1);
    } else if (base::EqualsIgnoreCase(key, "callback")) {
      if (!lua_isfunction(lua, -1)) return "callback argument given to redis.register_function must be a function";
      lua_pushvalue(lua, -1);
      lua_replace(lua, 2);
      declared.callback = 2;
    } else if (base::EqualsIgnoreCase(key, "flags")) {
      if (!lua_istable(lua, -1)) {
        return "flags argument to redis.register_function must be a table representing function flags";
      }
      if (!TakeFlags(lua, declared.flags)) return "unknown flag given";
    } else {
      return "unknown argument given to redis.register_function";
    }
    lua_pop(lua, 1);
  }
  if (!declared.name) return "redis.register_function must get a function name argument";
  if (declared.callback == 0) return "redis.register_function must get a callback argument";
  return nullptr;
}

const char* Take(lua_State* lua, Declared& declared) {
  const int count = lua_gettop(lua);
  if (count < 1 || count > 2) return "wrong number of arguments to redis.register_function";
  if (count == 1) {
    if (!lua_istable(lua, 1)) {
      return "calling redis.register_function with a single argument is only applicable to Lua table (representing "
             "named arguments).";
    }
    return TakeNamed(lua, declared);
  }
  if (lua_isstring(lua, 1) == 0) return "first argument to redis.register_function must be a string";
  if (!lua_isfunction(lua, 2)) return "second argument to redis.register_function must be a function";
  declared.name = TextAt(lua, 1);
  declared.callback = 2;
  return nullptr;
}

}  // namespace

bool IsFunctionName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

void CollectFunctions(lua_State* lua, std::vector<RegisteredFunction>* into) {
  lua_pushlightuserdata(lua, into);
  lua_setfield(lua, LUA_REGISTRYINDEX, kCollected);
}

int RegisterFunction(lua_State* lua) {
  std::vector<RegisteredFunction>* collected = Collected(lua);
  if (collected == nullptr) return Raise(lua, "redis.register_function can only be called on FUNCTION LOAD command");
  Declared declared;
  if (const char* error = Take(lua, declared)) return Raise(lua, error);
  if (!IsFunctionName(*declared.name)) return Raise(lua, kBadFunctionName);
  if (std::ranges::find(*collected, *declared.name, &RegisteredFunction::name) != collected->end()) {
    return Raise(lua, "Function already exists in the library");
  }
  declared.flags.given = true;
  lua_pushvalue(lua, declared.callback);
  const int handle = luaL_ref(lua, LUA_REGISTRYINDEX);
  collected->push_back({std::move(*declared.name), declared.flags, std::move(declared.description), handle});
  return 0;
}

}  // namespace replication
