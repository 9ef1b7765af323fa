// EVAL and its kin: which script runs for whom, what it may do, and what of it reaches the stream.
//
// A script is one command: nobody else is served while it runs, and time stands still in it. What it does is fed as
// the effects of its commands, in MULTI and EXEC when they are several; the script itself never reaches a replica.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "replication/base/result.h"
#include "replication/core/script_engine.h"
#include "replication/core/script_turns.h"

namespace replication {

struct NodeCommand;
struct NodeState;

// The flags of a script, and where its Lua begins in the text (the line break stays, so that lines keep their
// numbers). Error kInvalid: the reply's text without its code.
struct ScriptHead {
  ScriptFlags flags;
  std::size_t begins_at = 0;
};
base::Result<ScriptHead> ParseScriptHead(std::string_view text);

// All scripts that were ever given to this node, until SCRIPT FLUSH or the end of the process. Not part of the data
// set: a replica has its own.
class Scripts {
 public:
  struct Script {
    std::string text;
    ScriptFlags flags;
  };
  // Knows the script from now on. Returns its SHA-1 in hex; error kInvalid: the reply's text with its code.
  base::Result<std::string> Add(std::string_view text);
  // By lower-case SHA-1; null: unknown.
  const Script* Find(std::string_view sha) const;
  void Flush();
  std::size_t size() const { return by_sha_.size(); }
  // Bytes of the texts with their digests, and of Lua.
  std::uint64_t text_memory() const;
  std::uint64_t interpreter_memory() const { return engine_ == nullptr ? 0 : engine_->memory(); }
  // Made with the first script: a node without scripts pays nothing.
  ScriptEngine& engine();
  ScriptTurns turns;

 private:
  std::map<std::string, Script, std::less<>> by_sha_;
  std::unique_ptr<ScriptEngine> engine_;
};

// EVAL, EVAL_RO, EVALSHA, EVALSHA_RO, SCRIPT.
std::span<const NodeCommand> ScriptCommands();

}  // namespace replication
