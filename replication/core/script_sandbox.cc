#include "replication/core/script_sandbox.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <lua.hpp>
extern "C" {  // headers of C
#include <lua-bitop.h>
#include <lua-cjson.h>
}

#include "replication/base/check.h"
#include "replication/core/script_libraries.h"

namespace replication {
namespace {

// In the registry: from each stand-in that scripts see to the table itself; and the random generator.
constexpr const char* kReal = "vigil.real";
constexpr const char* kGlobals = "vigil.globals";
constexpr const char* kRandom = "vigil.random";
constexpr const char* kLibraryView = "vigil.library_view";

constexpr const char* kReadonly = "Attempt to modify a readonly table";

// Liblua has no tables that are read-only. A stand-in is an empty table whose metatable reads from the real one and
// refuses writes; the functions of Lua that look behind a metatable are told here where to look.
bool IsStandIn(lua_State* lua, int index) {
  if (lua_type(lua, index) != LUA_TTABLE) return false;
  lua_pushvalue(lua, index);
  lua_getfield(lua, LUA_REGISTRYINDEX, kReal);
  lua_insert(lua, -2);
  lua_rawget(lua, -2);
  const bool found = !lua_isnil(lua, -1);
  lua_pop(lua, 2);
  return found;
}

// Puts the real table in the place of a stand-in at `index` (positive).
void SeeThrough(lua_State* lua, int index) {
  if (!IsStandIn(lua, index)) return;
  lua_getfield(lua, LUA_REGISTRYINDEX, kReal);
  lua_pushvalue(lua, index);
  lua_rawget(lua, -2);
  lua_replace(lua, index);
  lua_pop(lua, 1);
}

int Refuse(lua_State* lua) {
  return luaL_error(lua, "%s", kReadonly);
}

int RefuseHere(lua_State* lua) {
  lua_pushstring(lua, kReadonly);  // said by a function of C: no line
  return lua_error(lua);
}

int NoSuchGlobal(lua_State* lua) {
  const char* name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : luaL_typename(lua, 2);
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'", name);
}

// Replaces the table at the top by its stand-in.
void Protect(lua_State* lua) {
  lua_newtable(lua);  // stand-in
  lua_newtable(lua);  // its metatable
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, &Refuse);
  lua_setfield(lua, -2, "__newindex");
  lua_setmetatable(lua, -2);
  lua_getfield(lua, LUA_REGISTRYINDEX, kReal);
  lua_pushvalue(lua, -2);
  lua_pushvalue(lua, -4);
  lua_rawset(lua, -3);
  lua_pop(lua, 1);
  lua_replace(lua, -2);
}

int Next(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  SeeThrough(lua, 1);
  lua_settop(lua, 2);
  if (lua_next(lua, 1) != 0) return 2;
  lua_pushnil(lua);
  return 1;
}

int Pairs(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_pushvalue(lua, 1);  // the stand-in, where it is one: Next sees through it
  lua_pushnil(lua);
  return 3;
}

int RawGet(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checkany(lua, 2);
  SeeThrough(lua, 1);
  lua_settop(lua, 2);
  lua_rawget(lua, 1);
  return 1;
}

int RawSet(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checkany(lua, 2);
  luaL_checkany(lua, 3);
  if (IsStandIn(lua, 1)) return RefuseHere(lua);
  lua_settop(lua, 3);
  lua_rawset(lua, 1);
  return 1;
}

int SetMetatable(lua_State* lua) {
  const int type = lua_type(lua, 2);
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_argcheck(lua, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
  if (luaL_getmetafield(lua, 1, "__metatable") != 0) luaL_error(lua, "cannot change a protected metatable");
  if (IsStandIn(lua, 1)) return RefuseHere(lua);
  lua_settop(lua, 2);
  lua_setmetatable(lua, 1);
  return 1;
}

int GetMetatable(lua_State* lua) {
  luaL_checkany(lua, 1);
  SeeThrough(lua, 1);
  if (lua_getmetatable(lua, 1) == 0) {
    lua_pushnil(lua);
    return 1;
  }
  luaL_getmetafield(lua, 1, "__metatable");
  return 1;
}

// A function of Lua's own that is not to write to a stand-in, or is to read behind it.
int WriteCalled(lua_State* lua) {
  if (IsStandIn(lua, 1)) return RefuseHere(lua);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
  return lua_gettop(lua);
}

int ReadCalled(lua_State* lua) {
  SeeThrough(lua, 1);
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

// Text alone: compiled chunks could break the interpreter. Such a text goes to the compiler behind a space, which
// complains of it as of any other.
int LoadText(lua_State* lua, std::string text, const char* name) {
  if (text.starts_with(LUA_SIGNATURE[0])) text.insert(0, 1, ' ');
  if (luaL_loadbuffer(lua, text.data(), text.size(), name) == 0) return 1;
  lua_pushnil(lua);
  lua_insert(lua, -2);
  return 2;
}

int LoadString(lua_State* lua) {
  std::size_t length = 0;
  const char* text = luaL_checklstring(lua, 1, &length);
  return LoadText(lua, std::string(text, length), luaL_optstring(lua, 2, text));
}

// The pieces that a function of the script gives, one by one: a text without end is seen to be wrong where it is.
struct Pieces {
  bool begun = false;
  bool held = false;  // a piece waits in kPieceAt
};
constexpr int kPieceAt = 3;  // keeps the latest piece alive

const char* NextPiece(lua_State* lua, void* data, std::size_t* size) {
  auto& pieces = *static_cast<Pieces*>(data);
  if (!std::exchange(pieces.held, false)) {
    luaL_checkstack(lua, 2, "too many nested functions");
    lua_pushvalue(lua, 1);
    lua_call(lua, 0, 1);
    if (lua_isnil(lua, -1)) {
      lua_pop(lua, 1);
      *size = 0;
      return nullptr;
    }
    if (lua_isstring(lua, -1) == 0) luaL_error(lua, "reader function must return a string");
    lua_replace(lua, kPieceAt);
  }
  const char* piece = lua_tolstring(lua, kPieceAt, size);
  if (!std::exchange(pieces.begun, true) && *size > 0 && piece[0] == LUA_SIGNATURE[0]) {
    pieces.held = true;
    *size = 1;
    return " ";
  }
  return piece;
}

int Load(lua_State* lua) {
  const char* name = luaL_optstring(lua, 2, "=(load)");
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  lua_settop(lua, kPieceAt);
  Pieces pieces;
  if (lua_load(lua, &NextPiece, &pieces, name) == 0) return 1;
  lua_pushnil(lua);
  lua_insert(lua, -2);
  return 2;
}

// pcall as scripts know it: an error that is a table with `err` is told by that text.
int ProtectedCall(lua_State* lua) {
  luaL_checkany(lua, 1);
  if (lua_pcall(lua, lua_gettop(lua) - 1, LUA_MULTRET, 0) == 0) {
    luaL_checkstack(lua, 1, "too many results");
    lua_pushboolean(lua, 1);
    lua_insert(lua, 1);
    return lua_gettop(lua);
  }
  lua_pushboolean(lua, 0);
  lua_insert(lua, -2);
  if (lua_istable(lua, -1)) {
    lua_pushliteral(lua, "err");
    lua_rawget(lua, -2);
    if (lua_isstring(lua, -1) != 0) {
      lua_replace(lua, -2);
    } else {
      lua_pop(lua, 1);
    }
  }
  return 2;
}

// The generator of lrand48(), so that numbers are those that scripts have always seen.
// Source: POSIX, drand48().
std::uint64_t& RandomState(lua_State* lua) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kRandom);
  auto* state = static_cast<std::uint64_t*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  return *state;
}

void Seed(lua_State* lua, std::uint32_t seed) {
  RandomState(lua) = (static_cast<std::uint64_t>(seed) << 16) + 0x330E;
}

int Random(lua_State* lua) {
  constexpr std::int64_t kLargest = 0x7FFFFFFF;
  std::uint64_t& state = RandomState(lua);
  state = (state * 0x5DEECE66DULL + 0xB) & 0xFFFFFFFFFFFFULL;
  const auto number = static_cast<std::int64_t>(state >> 17);
  const double r = static_cast<double>(number % kLargest) / static_cast<double>(kLargest);
  switch (lua_gettop(lua)) {
    case 0:
      lua_pushnumber(lua, r);
      return 1;
    case 1: {
      const auto up = luaL_checkint(lua, 1);
      luaL_argcheck(lua, up >= 1, 1, "interval is empty");
      lua_pushnumber(lua, std::floor(r * up) + 1);
      return 1;
    }
    case 2: {
      const std::int64_t low = luaL_checkint(lua, 1);
      const std::int64_t up = luaL_checkint(lua, 2);
      luaL_argcheck(lua, low <= up, 2, "interval is empty");
      lua_pushnumber(lua, std::floor(r * static_cast<double>(up - low + 1)) + static_cast<double>(low));
      return 1;
    }
    default:
      return luaL_error(lua, "wrong number of arguments");
  }
}

int RandomSeed(lua_State* lua) {
  Seed(lua, static_cast<std::uint32_t>(luaL_checkint(lua, 1)));
  return 0;
}

// Turns the error into {err =, source =, line =}.
int DescribeError(lua_State* lua) {
  lua_Debug where;
  bool known = lua_getstack(lua, 1, &where) != 0 && lua_getinfo(lua, "nSl", &where) != 0;
  if (known && std::string_view(where.what) == "C") {
    lua_Debug below;
    known = lua_getstack(lua, 3, &below) != 0;  // at the bottom stands the engine itself
    known = known && lua_getstack(lua, 2, &where) != 0 && lua_getinfo(lua, "nSl", &where) != 0;
  }
  if (lua_type(lua, 1) != LUA_TTABLE) {
    std::string text = "ERR ";
    if (lua_isstring(lua, 1) != 0) {
      std::size_t length = 0;
      const char* given = lua_tolstring(lua, 1, &length);
      text.append(given, length);
    } else if (lua_isboolean(lua, 1)) {
      text += lua_toboolean(lua, 1) != 0 ? "true" : "false";
    } else {
      text += luaL_typename(lua, 1);
    }
    lua_newtable(lua);
    lua_pushlstring(lua, text.data(), text.size());
    lua_setfield(lua, -2, "err");
    lua_replace(lua, 1);
  } else if (IsStandIn(lua, 1)) {
    lua_newtable(lua);
    lua_replace(lua, 1);
  }
  lua_settop(lua, 1);
  if (known) {
    lua_pushliteral(lua, "source");
    lua_pushstring(lua, where.source);
    lua_rawset(lua, 1);
    lua_pushliteral(lua, "line");
    lua_pushinteger(lua, where.currentline);
    lua_rawset(lua, 1);
  }
  return 1;
}

void Open(lua_State* lua, lua_CFunction open, const char* name) {
  lua_pushcfunction(lua, open);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 0);
}

// Puts a function that has the present `table.name` as its upvalue in that one's place.
void Wrap(lua_State* lua, const char* table, const char* name, lua_CFunction function) {
  lua_getglobal(lua, table);
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, function, 1);
  lua_setfield(lua, -2, name);
  lua_pop(lua, 1);
}

}  // namespace

void OpenSandbox(lua_State* lua) {
  lua_newtable(lua);
  lua_setfield(lua, LUA_REGISTRYINDEX, kReal);
  lua_newuserdata(lua, sizeof(std::uint64_t));
  lua_setfield(lua, LUA_REGISTRYINDEX, kRandom);
  Open(lua, &luaopen_base, "");
  Open(lua, &luaopen_table, LUA_TABLIBNAME);
  Open(lua, &luaopen_string, LUA_STRLIBNAME);
  Open(lua, &luaopen_math, LUA_MATHLIBNAME);
  lua_pushcfunction(lua, &luaopen_cjson);
  lua_call(lua, 0, 1);
  lua_setglobal(lua, "cjson");
  lua_pushcfunction(lua, &luaopen_bit);
  lua_call(lua, 0, 1);
  lua_setglobal(lua, "bit");
  Open(lua, &OpenStruct, "struct");
  Open(lua, &OpenMessagePack, "cmsgpack");

  for (const char* name : {"dofile", "getfenv", "loadfile", "newproxy", "print", "setfenv", "module", "require"}) {
    lua_pushnil(lua);
    lua_setglobal(lua, name);
  }
  lua_register(lua, "next", &Next);
  lua_pushcfunction(lua, &Next);
  lua_pushcclosure(lua, &Pairs, 1);
  lua_setglobal(lua, "pairs");
  lua_register(lua, "rawget", &RawGet);
  lua_register(lua, "rawset", &RawSet);
  lua_register(lua, "setmetatable", &SetMetatable);
  lua_register(lua, "getmetatable", &GetMetatable);
  lua_register(lua, "loadstring", &LoadString);
  lua_register(lua, "load", &Load);
  lua_register(lua, "pcall", &ProtectedCall);
  lua_register(lua, "__redis__err__handler", &DescribeError);
  Wrap(lua, "table", "insert", &WriteCalled);
  Wrap(lua, "table", "foreach", &ReadCalled);
  lua_getglobal(lua, "math");
  lua_pushcfunction(lua, &Random);
  lua_setfield(lua, -2, "random");
  lua_pushcfunction(lua, &RandomSeed);
  lua_setfield(lua, -2, "randomseed");
  lua_pop(lua, 1);
  RandomState(lua) = 0x1234ABCD330EULL;  // as the C library begins
  for (const char* name : {"KEYS", "ARGV"}) {
    lua_newtable(lua);
    lua_setglobal(lua, name);
  }
}

void CloseSandbox(lua_State* lua) {
  constexpr std::array kTables = {"string", "math",     "table",     "bit",  "struct",
                                  "cjson",  "cmsgpack", "coroutine", "redis"};
  for (const char* name : kTables) {
    lua_getglobal(lua, name);
    if (lua_istable(lua, -1)) {
      Protect(lua);
      lua_pushvalue(lua, -1);
      lua_setglobal(lua, name);
    }
    lua_pop(lua, 1);
  }
  // Methods of strings are those of the protected table, and so is their metatable.
  lua_pushliteral(lua, "");
  VIGIL_CHECK(lua_getmetatable(lua, -1) != 0);
  lua_getglobal(lua, "string");
  lua_setfield(lua, -2, "__index");
  lua_pushvalue(lua, -1);
  Protect(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 2);

  // The globals themselves.
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
  lua_setfield(lua, LUA_REGISTRYINDEX, kGlobals);
  lua_newtable(lua);
  lua_pushcfunction(lua, &NoSuchGlobal);
  lua_setfield(lua, -2, "__index");
  lua_pushvalue(lua, -1);
  Protect(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, LUA_GLOBALSINDEX);
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
  Protect(lua);
  lua_pushvalue(lua, -1);
  SetGlobal(lua, "_G");
  lua_replace(lua, LUA_GLOBALSINDEX);
}

void DropScriptGlobals(lua_State* lua) {
  for (const char* name : {"KEYS", "ARGV", "__redis__err__handler"}) {
    lua_pushnil(lua);
    lua_setglobal(lua, name);
  }
}

void KeepLibraryView(lua_State* lua) {
  lua_newtable(lua);
  lua_pushcfunction(lua, &NoSuchGlobal);
  lua_setfield(lua, -2, "__index");
  lua_pushvalue(lua, -1);
  lua_setmetatable(lua, -3);  // of `redis`
  lua_insert(lua, -2);
  Protect(lua);
  lua_newtable(lua);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, "redis");
  lua_insert(lua, -2);
  lua_setmetatable(lua, -2);
  lua_setfield(lua, LUA_REGISTRYINDEX, kLibraryView);
}

void ShowLibraryView(lua_State* lua, bool on) {
  VIGIL_CHECK(lua_getmetatable(lua, LUA_GLOBALSINDEX) != 0);
  lua_getfield(lua, LUA_REGISTRYINDEX, on ? kLibraryView : kGlobals);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 1);
}

void SetGlobal(lua_State* lua, const char* name) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kGlobals);
  lua_insert(lua, -2);
  lua_pushstring(lua, name);
  lua_insert(lua, -2);
  lua_rawset(lua, -3);
  lua_pop(lua, 1);
}

}  // namespace replication
