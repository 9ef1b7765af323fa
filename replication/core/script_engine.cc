#include "replication/core/script_engine.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <vector>

#include <lua.hpp>

#include "replication/base/check.h"
#include "replication/base/digest.h"
#include "replication/core/script_libraries.h"
#include "replication/core/script_sandbox.h"
#include "replication/core/script_values.h"

namespace replication {
namespace {

constexpr const char* kFunctions = "vigil.functions";
constexpr const char* kRun = "vigil.run";

// What runs now; C functions find it in the registry.
struct Running {
  const std::string* id = nullptr;
  int handle = LUA_NOREF;  // of a function; without, `id` is a script's
  std::span<const std::string_view> keys;
  std::span<const std::string_view> arguments;
  ScriptHost* host = nullptr;  // null while a library is loaded
  LibraryHost* any_host = nullptr;
  resp::ReplyWriter* reply = nullptr;
  int protocol = 2;
};

Running& RunOf(lua_State* lua) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kRun);
  auto* run = static_cast<Running*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  return *run;
}

// Raises {err = "ERR <text>"}, without a line: that is what the handler adds.
int Raise(lua_State* lua, std::string_view text) {
  PushError(lua, fmt::format("ERR {}", text));
  return lua_error(lua);
}

std::string_view TextAt(lua_State* lua, int index) {
  std::size_t length = 0;
  const char* text = lua_tolstring(lua, index, &length);
  return {text, length};
}

constexpr int kSlice = 100'000;  // instructions

void OnSlice(lua_State* lua, lua_Debug*) {
  const Running& run = RunOf(lua);
  if (run.any_host->MayGoOn()) return;
  // From now on at every line, so that a script which catches errors ends, too.
  lua_sethook(lua, &OnSlice, LUA_MASKLINE, 0);
  PushError(lua, run.host == nullptr ? "ERR FUNCTION LOAD timeout" : "ERR Script killed by user with SCRIPT KILL...");
  lua_error(lua);
}

// The words of redis.call. False, with the error pushed, when they are none.
bool TakeWords(lua_State* lua, std::vector<std::string>& words) {
  const int count = lua_gettop(lua);
  if (count == 0) {
    PushError(lua, "ERR Please specify at least one argument for this redis lib call");
    return false;
  }
  words.reserve(static_cast<std::size_t>(count));
  for (int i = 1; i <= count; ++i) {
    if (lua_type(lua, i) == LUA_TNUMBER) {
      std::array<char, 64> text{};
      const int length = std::snprintf(text.data(), text.size(), "%.17g", lua_tonumber(lua, i));
      words.emplace_back(text.data(), static_cast<std::size_t>(length));
    } else if (lua_type(lua, i) == LUA_TSTRING) {
      words.emplace_back(TextAt(lua, i));
    } else {
      PushError(lua, "ERR Lua redis lib command arguments must be strings or integers");
      return false;
    }
  }
  return true;
}

// Leaves the reply on the stack; true: it is an error.
bool CallNode(lua_State* lua) {
  std::vector<std::string> words;
  if (!TakeWords(lua, words)) return true;
  const std::vector<std::string_view> views(words.begin(), words.end());
  Running& run = RunOf(lua);
  std::string reply;
  if (!run.host->Call(views, run.protocol, reply)) reply = "-" + reply + "\r\n";
  PushReply(lua, reply);
  return reply.starts_with('-');
}

int Call(lua_State* lua) {
  return CallNode(lua) ? lua_error(lua) : 1;
}

int PCall(lua_State* lua) {
  CallNode(lua);
  return 1;
}

int ErrorReply(lua_State* lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, -1) != LUA_TSTRING) {
    PushError(lua, "ERR wrong number or type of arguments");
  } else {
    PushError(lua, TextAt(lua, 1));
  }
  return 1;
}

int StatusReply(lua_State* lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, -1) != LUA_TSTRING) {
    PushError(lua, "ERR wrong number or type of arguments");
    return 1;
  }
  lua_newtable(lua);
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, "ok");
  return 1;
}

int Sha1Hex(lua_State* lua) {
  if (lua_gettop(lua) != 1) return Raise(lua, "wrong number of arguments");
  const auto digest = base::Sha1(TextAt(lua, 1));
  const std::string hex = fmt::format("{:02x}", fmt::join(digest, ""));
  lua_pushlstring(lua, hex.data(), hex.size());
  return 1;
}

int Log(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count < 2) return Raise(lua, "redis.log() requires two arguments or more.");
  if (lua_isnumber(lua, 1) == 0) return Raise(lua, "First argument must be a number (log level).");
  const double level = lua_tonumber(lua, 1);
  if (!(level >= 0 && level < 4)) return Raise(lua, "Invalid debug level.");
  std::string text;
  for (int i = 2; i <= count; ++i) {
    if (lua_isstring(lua, i) == 0) continue;
    if (i > 2) text += ' ';
    text += TextAt(lua, i);
  }
  RunOf(lua).any_host->Log(static_cast<int>(level), text);
  return 0;
}

int SetResp(lua_State* lua) {
  if (lua_gettop(lua) != 1) return Raise(lua, "redis.setresp() requires one argument.");
  const double protocol = lua_tonumber(lua, 1);
  if (protocol != 2 && protocol != 3) return Raise(lua, "RESP version must be 2 or 3.");
  RunOf(lua).protocol = static_cast<int>(protocol);
  return 0;
}

int SetRepl(lua_State* lua) {
  if (lua_gettop(lua) != 1) return Raise(lua, "redis.set_repl() requires two arguments.");
  const double flags = lua_tonumber(lua, 1);
  if (!(flags >= 0 && flags < 4)) {
    return Raise(lua, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  }
  RunOf(lua).host->SetReplicated((static_cast<int>(flags) & 2) != 0);
  return 0;
}

int ReplicateCommands(lua_State* lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

int Breakpoint(lua_State* lua) {
  lua_pushboolean(lua, 0);
  return 1;
}

int Debug(lua_State*) {
  return 0;
}

int AclCheckCommand(lua_State* lua) {
  std::vector<std::string> words;
  if (!TakeWords(lua, words)) return lua_error(lua);
  const std::vector<std::string_view> views(words.begin(), words.end());
  bool known = true;
  const bool allowed = RunOf(lua).host->Allows(views, known);
  if (!known) return Raise(lua, "Invalid command passed to redis.acl_check_cmd()");
  lua_pushboolean(lua, allowed ? 1 : 0);
  return 1;
}

struct Number {
  const char* name;
  int value;
};
constexpr Number kLevels[] = {{"LOG_DEBUG", 0}, {"LOG_VERBOSE", 1}, {"LOG_NOTICE", 2}, {"LOG_WARNING", 3}};
constexpr Number kTargets[] = {
    {"REPL_NONE", 0}, {"REPL_AOF", 1}, {"REPL_REPLICA", 2}, {"REPL_SLAVE", 2}, {"REPL_ALL", 3}};

void SetNumbers(lua_State* lua, std::span<const Number> numbers) {
  for (const Number& each : numbers) {
    lua_pushinteger(lua, each.value);
    lua_setfield(lua, -2, each.name);
  }
}

// What every table `redis` has.
void SetCommon(lua_State* lua) {
  lua_pushcfunction(lua, &Log);
  lua_setfield(lua, -2, "log");
  SetNumbers(lua, kLevels);
  lua_pushliteral(lua, "7.0.15");
  lua_setfield(lua, -2, "REDIS_VERSION");
  lua_pushinteger(lua, 0x0007000F);
  lua_setfield(lua, -2, "REDIS_VERSION_NUM");
}

void OpenRedis(lua_State* lua, ScriptEngine::For what) {
  constexpr luaL_Reg kApi[] = {{"call", &Call},
                               {"pcall", &PCall},
                               {"setresp", &SetResp},
                               {"sha1hex", &Sha1Hex},
                               {"error_reply", &ErrorReply},
                               {"status_reply", &StatusReply},
                               {"set_repl", &SetRepl},
                               {"acl_check_cmd", &AclCheckCommand},
                               {nullptr, nullptr}};
  constexpr luaL_Reg kOfScripts[] = {
      {"replicate_commands", &ReplicateCommands}, {"breakpoint", &Breakpoint}, {"debug", &Debug}, {nullptr, nullptr}};
  luaL_register(lua, "redis", kApi);
  if (what == ScriptEngine::For::kScripts) luaL_register(lua, nullptr, kOfScripts);
  SetCommon(lua);
  SetNumbers(lua, kTargets);
  lua_pop(lua, 1);
}

int Open(lua_State* lua) {
  const auto what = *static_cast<const ScriptEngine::For*>(lua_touserdata(lua, 1));
  OpenSandbox(lua);
  OpenRedis(lua, what);
  lua_newtable(lua);
  lua_setfield(lua, LUA_REGISTRYINDEX, kFunctions);
  // The handler of errors is asked for by C alone, which does not look behind the protection.
  lua_getglobal(lua, "__redis__err__handler");
  lua_setfield(lua, LUA_REGISTRYINDEX, "__redis__err__handler");
  if (what == ScriptEngine::For::kFunctions) {
    DropScriptGlobals(lua);
    lua_newtable(lua);
    SetCommon(lua);
    lua_pushcfunction(lua, &RegisterFunction);
    lua_setfield(lua, -2, "register_function");
    KeepLibraryView(lua);
  }
  CloseSandbox(lua);
  return 0;
}

void PushWords(lua_State* lua, std::span<const std::string_view> words) {
  lua_createtable(lua, static_cast<int>(words.size()), 0);
  int at = 0;
  for (const std::string_view word : words) {
    lua_pushlstring(lua, word.data(), word.size());
    lua_rawseti(lua, -2, ++at);
  }
}

// Calls what is below `arguments` values at the top; as lua_pcall with the handler at `handler`.
bool CallInSlices(lua_State* lua, int arguments, int results, int handler) {
  lua_sethook(lua, &OnSlice, LUA_MASKCOUNT, kSlice);
  const bool failed = lua_pcall(lua, arguments, results, handler) != 0;
  lua_sethook(lua, nullptr, 0, 0);
  return !failed;
}

// A text at `index` of the error's table; empty when it has none.
std::string FieldOf(lua_State* lua, const char* name) {
  if (!lua_istable(lua, -1)) return {};
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  std::string text;
  if (lua_isstring(lua, -1) != 0) text = TextAt(lua, -1);
  lua_pop(lua, 1);
  return text;
}

void ReplyWithError(lua_State* lua, const Running& run) {
  std::string text = FieldOf(lua, "err");
  if (text.empty()) text = "ERR unknown error";  // a table without a text was thrown
  const std::string source = FieldOf(lua, "source");
  const std::string line = FieldOf(lua, "line");
  if (!source.empty() && !line.empty()) text += fmt::format(" script: {}, on {}:{}.", *run.id, source, line);
  run.reply->Error(text);
}

// All of a run is inside one protected call: memory that Lua does not get ends the run, not the process.
int RunProtected(lua_State* lua) {
  Running& run = *static_cast<Running*>(lua_touserdata(lua, 1));
  const bool function = run.handle != LUA_NOREF;
  lua_getfield(lua, LUA_REGISTRYINDEX, "__redis__err__handler");
  const int handler = lua_gettop(lua);
  if (function) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, run.handle);
  } else {
    lua_getfield(lua, LUA_REGISTRYINDEX, kFunctions);
    lua_getfield(lua, -1, run.id->c_str());
    lua_remove(lua, -2);
  }
  PushWords(lua, run.keys);
  if (!function) SetGlobal(lua, "KEYS");
  PushWords(lua, run.arguments);
  if (!function) SetGlobal(lua, "ARGV");
  if (!CallInSlices(lua, function ? 2 : 0, 1, handler)) {
    ReplyWithError(lua, run);
  } else {
    ReplyWithValue(lua, run.protocol, *run.reply);
  }
  return 0;
}

struct Text {
  const std::string* id = nullptr;
  std::string_view bytes;
  std::string error;
};

// The function of a text at the top; otherwise the error's text there, and false. Compiled chunks are no text.
bool Compiled(lua_State* lua, std::string_view text, const char* name) {
  std::string bytes(text);
  if (bytes.starts_with(LUA_SIGNATURE[0])) bytes.insert(0, 1, ' ');
  return luaL_loadbuffer(lua, bytes.data(), bytes.size(), name) == 0;
}

int CompileProtected(lua_State* lua) {
  Text& text = *static_cast<Text*>(lua_touserdata(lua, 1));
  if (!Compiled(lua, text.bytes, "@user_script")) {
    text.error = TextAt(lua, -1);
    return 0;
  }
  lua_getfield(lua, LUA_REGISTRYINDEX, kFunctions);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, text.id->c_str());
  return 0;
}

int LoadProtected(lua_State* lua) {
  Text& text = *static_cast<Text*>(lua_touserdata(lua, 1));
  lua_getfield(lua, LUA_REGISTRYINDEX, "__redis__err__handler");
  const int handler = lua_gettop(lua);
  if (!Compiled(lua, text.bytes, "@user_function")) {
    text.error = fmt::format("Error compiling function: {}", TextAt(lua, -1));
    return 0;
  }
  ShowLibraryView(lua, true);
  const bool ran = CallInSlices(lua, 0, 0, handler);
  ShowLibraryView(lua, false);
  if (!ran) text.error = fmt::format("Error registering functions: {}", FieldOf(lua, "err"));
  return 0;
}

void SetRunning(lua_State* lua, Running* run) {
  lua_pushlightuserdata(lua, run);
  lua_setfield(lua, LUA_REGISTRYINDEX, kRun);
}

}  // namespace

ScriptEngine::ScriptEngine(For what) : lua_(luaL_newstate()) {
  VIGIL_CHECK(lua_ != nullptr);
  VIGIL_CHECK(lua_cpcall(lua_, &Open, &what) == 0);
}

ScriptEngine::~ScriptEngine() {
  lua_close(lua_);
}

base::Result<void> ScriptEngine::Compile(const std::string& id, std::string_view text) {
  Text wanted{.id = &id, .bytes = text};
  if (lua_cpcall(lua_, &CompileProtected, &wanted) != 0) {
    wanted.error = "not enough memory";
    lua_settop(lua_, 0);
  }
  if (wanted.error.empty()) return {};
  return base::Fail(base::ErrorCode::kInvalid, wanted.error);
}

void ScriptEngine::RunAny(void* running, ScriptHost& host, resp::ReplyWriter& reply) {
  Running& run = *static_cast<Running*>(running);
  run.host = &host;
  run.any_host = &host;
  run.reply = &reply;
  SetRunning(lua_, &run);
  const std::size_t before = reply.out().size();
  if (lua_cpcall(lua_, &RunProtected, &run) != 0) {
    lua_sethook(lua_, nullptr, 0, 0);
    reply.out().resize(before);
    reply.Error("ERR not enough memory for the script");
  }
  lua_settop(lua_, 0);
  SetRunning(lua_, nullptr);
}

void ScriptEngine::Run(const std::string& id, std::span<const std::string_view> keys,
                       std::span<const std::string_view> arguments, ScriptHost& host, resp::ReplyWriter& reply) {
  Running run{.id = &id, .keys = keys, .arguments = arguments};
  RunAny(&run, host, reply);
}

void ScriptEngine::RunFunction(const RegisteredFunction& function, std::span<const std::string_view> keys,
                               std::span<const std::string_view> arguments, ScriptHost& host,
                               resp::ReplyWriter& reply) {
  Running run{.id = &function.name, .handle = function.handle, .keys = keys, .arguments = arguments};
  RunAny(&run, host, reply);
}

base::Result<std::vector<RegisteredFunction>> ScriptEngine::LoadLibrary(std::string_view text, LibraryHost& host) {
  Running run{.any_host = &host};
  Text wanted{.bytes = text};
  std::vector<RegisteredFunction> functions;
  SetRunning(lua_, &run);
  CollectFunctions(lua_, &functions);
  if (lua_cpcall(lua_, &LoadProtected, &wanted) != 0) {
    lua_sethook(lua_, nullptr, 0, 0);
    ShowLibraryView(lua_, false);
    wanted.error = "not enough memory for the library";
  }
  lua_settop(lua_, 0);
  CollectFunctions(lua_, nullptr);
  SetRunning(lua_, nullptr);
  if (wanted.error.empty()) return functions;
  for (const RegisteredFunction& function : functions) Forget(function);
  return base::Fail(base::ErrorCode::kInvalid, wanted.error);
}

void ScriptEngine::Forget(const RegisteredFunction& function) {
  luaL_unref(lua_, LUA_REGISTRYINDEX, function.handle);
}

std::uint64_t ScriptEngine::memory() const {
  return static_cast<std::uint64_t>(lua_gc(lua_, LUA_GCCOUNT, 0)) * 1024 +
         static_cast<std::uint64_t>(lua_gc(lua_, LUA_GCCOUNTB, 0));
}

}  // namespace replication
