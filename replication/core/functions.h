// FUNCTION's libraries: loaded texts and the functions that they registered. Part of the data set: in the RDB file and
// in the stream, unlike scripts.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "replication/base/time.h"
#include "replication/core/script_engine.h"

namespace replication {

struct NodeCommand;
struct NodeState;
class Host;

// The names in a library's first line: "#!lua name=mylib".
struct LibraryHead {
  std::string name;
  std::size_t begins_at = 0;  // of the Lua in the text; the line break stays, so that lines keep their numbers
};
// Error kInvalid: the reply's text without its code.
base::Result<LibraryHead> ParseLibraryHead(std::string_view text);

class Functions {
 public:
  struct Library {
    std::string text;
    std::vector<RegisteredFunction> functions;
  };

  Functions() = default;
  ~Functions();
  Functions(Functions&&) = default;
  Functions& operator=(Functions&&) = default;

  // Loads one library and returns its name. kInvalid: the reply's text without its code; nothing has changed then. A
  // text that runs for more than half a second by the host's clock is refused.
  base::Result<std::string> Load(std::string_view text, bool replace, LibraryHost& host);
  // All of these texts into an empty table.
  static base::Result<Functions> LoadAll(std::span<const std::string> texts, LibraryHost& host);
  // Takes over the libraries of `other`: their texts are loaded again here. All of them or, with an error, none.
  base::Result<void> Add(const Functions& other, bool replace, LibraryHost& host);
  bool Delete(const std::string& name);
  void Flush();

  // By name in any case; null: there is none.
  const RegisteredFunction* Find(std::string_view name) const;
  const std::map<std::string, Library>& libraries() const { return libraries_; }
  std::size_t functions() const { return by_name_.size(); }
  // In the order of the libraries' names.
  std::vector<std::string> Texts() const;
  ScriptEngine& engine();

  std::uint64_t interpreter_memory() const { return engine_ == nullptr ? 0 : engine_->memory(); }
  std::uint64_t text_memory() const;

  bool changed = false;  // by the command that runs: it is to be fed

 private:
  void Insert(const std::string& name, Library library);

  std::map<std::string, Library> libraries_;
  // In lower case: (library, place in it).
  std::map<std::string, std::pair<std::string, std::size_t>, std::less<>> by_name_;
  std::unique_ptr<ScriptEngine> engine_;  // made with the first library
};

// What a library that is being loaded may ask for.
class LoadingHost final : public LibraryHost {
 public:
  explicit LoadingHost(NodeState& state);
  void Log(int level, std::string_view text) override;
  bool MayGoOn() override;

 private:
  NodeState& state_;
  base::MonoTime began_at_;
};

// The libraries whose texts came with a data set, in place of those that were. kInvalid: one of them does not load; the
// text has the reason.
base::Result<void> UseFunctions(NodeState& state, const std::vector<std::string>& texts);

// FCALL, FCALL_RO, FUNCTION.
std::span<const NodeCommand> FunctionCommands();

}  // namespace replication
