// Lua behind one class: compiles scripts, and runs them in a sandbox that lets them reach nothing but their caller.
//
// Errors of Lua are C++ exceptions here (liblua's C++ build), so that destructors of what stands between an error and
// its handler run. None leaves this class.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "replication/base/result.h"
#include "replication/resp/reply_writer.h"

struct lua_State;

namespace replication {

// What a script that runs can ask for. Nothing here may throw.
class ScriptHost {
 public:
  virtual ~ScriptHost() = default;
  // redis.call and redis.pcall. Appends one encoded reply of the protocol to `reply`, and returns true; or returns
  // false, and `reply` is the text of an error that the script itself made ("ERR Unknown ...").
  virtual bool Call(std::span<const std::string_view> words, int protocol, std::string& reply) = 0;
  // redis.acl_check_cmd: may the script's user run this? `known` becomes false when there is no such command.
  virtual bool Allows(std::span<const std::string_view> words, bool& known) = 0;
  // redis.log; `level` is 0 (debug) to 3 (warning).
  virtual void Log(int level, std::string_view text) = 0;
  // redis.set_repl: is what the script does from now on to reach replicas?
  virtual void SetReplicated(bool replicated) = 0;
  // Asked every 100000 instructions; false: somebody ended the script. May let others be served before it answers.
  virtual bool MayGoOn() = 0;
};

class ScriptEngine {
 public:
  ScriptEngine();
  ~ScriptEngine();
  ScriptEngine(const ScriptEngine&) = delete;
  ScriptEngine& operator=(const ScriptEngine&) = delete;

  // Keeps the text's function under `id`, which stands in messages. Error kInvalid: what the compiler says.
  base::Result<void> Compile(const std::string& id, std::string_view text);
  // Forgets all of them. O(what they hold).
  void Clear();
  // Runs what was compiled under `id` and answers with what it returned, or with its error. Not from within itself.
  // Source: EVAL and "Redis Lua API reference" of the documentation; error texts as a running redis-server 7.0.
  void Run(const std::string& id, std::span<const std::string_view> keys, std::span<const std::string_view> arguments,
           ScriptHost& host, resp::ReplyWriter& reply);
  // Bytes that Lua holds.
  std::uint64_t memory() const;

 private:
  lua_State* lua_;
};

}  // namespace replication
