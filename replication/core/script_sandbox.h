// What a script finds in its world: the libraries of Lua that can do no harm, and tables that nobody can change, so
// that one script leaves nothing behind for another.
#pragma once

struct lua_State;

namespace replication {

// Makes the globals, without `redis`. A protected error of Lua may leave it.
void OpenSandbox(lua_State* lua);
// From here on the globals and all tables in them are seen, but not changed, by Lua. Once, when all are made.
void CloseSandbox(lua_State* lua);
// Sets a global behind that protection to the value at the top, and pops it.
void SetGlobal(lua_State* lua, const char* name);

}  // namespace replication
