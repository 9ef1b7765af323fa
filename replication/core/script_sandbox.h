// What a script finds in its world: the libraries of Lua that can do no harm, and tables that nobody can change, so
// that one script leaves nothing behind for another.
#pragma once

struct lua_State;

namespace replication {

// Makes the globals, without `redis`. A protected error of Lua may leave it.
void OpenSandbox(lua_State* lua);
// From here on the globals and all tables in them are seen, but not changed, by Lua. Once, when all are made.
void CloseSandbox(lua_State* lua);
// Functions have no globals KEYS and ARGV. Before CloseSandbox().
void DropScriptGlobals(lua_State* lua);
// While a library is loaded it sees nothing but a table `redis` of its own: takes that table from the top, once.
void KeepLibraryView(lua_State* lua);
// From now on all code sees that (true), or the globals (false). Raises no error.
void ShowLibraryView(lua_State* lua, bool on);
// Sets a global behind that protection to the value at the top, and pops it.
void SetGlobal(lua_State* lua, const char* name);

}  // namespace replication
