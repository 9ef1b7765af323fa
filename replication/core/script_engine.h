// Lua behind one class: compiles scripts, and runs them in a sandbox that lets them reach nothing but their caller.
//
// Errors of Lua are C++ exceptions here (liblua's C++ build), so that destructors of what stands between an error and
// its handler run. None leaves this class.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "replication/resp/reply_writer.h"

struct lua_State;

namespace replication {

// What a script says about itself in its first line ("#!lua flags=no-writes,allow-oom"), and a library of its
// functions. Source: "Script flags" of the documentation.
struct ScriptFlags {
  bool given = false;  // without such a line each command is judged by itself
  bool no_writes = false;
  bool allow_oom = false;
  bool allow_stale = false;
  bool no_cluster = false;             // of no meaning here
  bool allow_cross_slot_keys = false;  // of no meaning here
};

// A function that a library has registered.
struct RegisteredFunction {
  std::string name;
  ScriptFlags flags;
  std::optional<std::string> description;
  int handle = 0;  // the engine's
};

// What the text of a library can ask for while it is loaded. Nothing here may throw.
class LibraryHost {
 public:
  virtual ~LibraryHost() = default;
  // redis.log; `level` is 0 (debug) to 3 (warning).
  virtual void Log(int level, std::string_view text) = 0;
  // Asked every 100000 instructions; false: it is to end. May let others be served before it answers.
  virtual bool MayGoOn() = 0;
};

// What a script that runs can ask for, too.
class ScriptHost : public LibraryHost {
 public:
  // redis.call and redis.pcall. Appends one encoded reply of the protocol to `reply`, and returns true; or returns
  // false, and `reply` is the text of an error that the script itself made ("ERR Unknown ...").
  virtual bool Call(std::span<const std::string_view> words, int protocol, std::string& reply) = 0;
  // redis.acl_check_cmd: may the script's user run this? `known` becomes false when there is no such command.
  virtual bool Allows(std::span<const std::string_view> words, bool& known) = 0;
  // redis.set_repl: is what the script does from now on to reach replicas?
  virtual void SetReplicated(bool replicated) = 0;
};

class ScriptEngine {
 public:
  // Scripts and functions have an interpreter each, and see somewhat different worlds.
  enum class For { kScripts, kFunctions };
  explicit ScriptEngine(For what);
  ~ScriptEngine();
  ScriptEngine(const ScriptEngine&) = delete;
  ScriptEngine& operator=(const ScriptEngine&) = delete;

  // Keeps the text's function under `id`, which stands in messages. Error kInvalid: what the compiler says.
  base::Result<void> Compile(const std::string& id, std::string_view text);
  // Runs what was compiled under `id` and answers with what it returned, or with its error. Not from within itself.
  // Source: EVAL and "Redis Lua API reference" of the documentation; error texts as a running redis-server 7.0.
  void Run(const std::string& id, std::span<const std::string_view> keys, std::span<const std::string_view> arguments,
           ScriptHost& host, resp::ReplyWriter& reply);

  // Runs the text of a library, which sees little more than redis.register_function. Its functions live until they are
  // forgotten. Error kInvalid: the reply's text without its code; nothing has been registered then.
  // Source: FUNCTION LOAD of the documentation; error texts as a running redis-server 7.0.
  base::Result<std::vector<RegisteredFunction>> LoadLibrary(std::string_view text, LibraryHost& host);
  void Forget(const RegisteredFunction& function);
  // As Run(), with keys and arguments as the function's own.
  void RunFunction(const RegisteredFunction& function, std::span<const std::string_view> keys,
                   std::span<const std::string_view> arguments, ScriptHost& host, resp::ReplyWriter& reply);

  // Bytes that Lua holds.
  std::uint64_t memory() const;

 private:
  void RunAny(void* running, ScriptHost& host, resp::ReplyWriter& reply);

  lua_State* lua_;
};

}  // namespace replication
