// FCALL and FUNCTION. Source: their documentation; replies and error texts as a running redis-server 7.0.
#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "replication/base/text.h"
#include "replication/core/functions.h"
#include "replication/core/script_run.h"
#include "replication/core/server_commands.h"
#include "replication/core/state.h"
#include "replication/data/function_payload.h"

namespace replication {
namespace {

using base::EqualsIgnoreCase;
using resp::Words;

// The libraries have changed: so has the data set.
void NoteChange(NodeState& state) {
  state.keyspace.set_functions(state.functions.Texts());
  state.keyspace.set_dirty(state.keyspace.dirty() + 1);
  state.functions.changed = true;
}

// FCALL function numkeys key ... arg ...
void CallFunction(NodeState& state, NodeClient& client, const Words& words, bool read_only, const Now& now,
                  resp::ReplyWriter& reply) {
  const RegisteredFunction* function = state.functions.Find(words[1]);
  if (function == nullptr) return reply.Error("ERR Function not found");
  const auto keys = base::ParseInt<std::int64_t>(words[2]);
  if (!keys) return reply.Error("ERR Bad number of keys provided");
  if (*keys > static_cast<std::int64_t>(words.size()) - 3) {
    return reply.Error("ERR Number of keys can't be greater than number of args");
  }
  if (*keys < 0) return reply.Error("ERR Number of keys can't be negative");
  const std::span<const std::string_view> given = std::span(words).subspan(3);
  const auto count = static_cast<std::size_t>(*keys);
  RunScript(state, client, {.function = true, .name = function->name, .command = {words.begin(), words.end()}},
            function->flags, read_only, now, reply, [&](ScriptHost& host) {
              state.functions.engine().RunFunction(*function, given.first(count), given.subspan(count), host, reply);
            });
}

void Fcall(NodeState& state, NodeClient& client, const Words& words, const Now& now, resp::ReplyWriter& reply) {
  CallFunction(state, client, words, false, now, reply);
}

void FcallRo(NodeState& state, NodeClient& client, const Words& words, const Now& now, resp::ReplyWriter& reply) {
  CallFunction(state, client, words, true, now, reply);
}

void Load(NodeState& state, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  bool replace = false;
  for (std::size_t i = 2; i + 1 < words.size(); ++i) {
    if (!EqualsIgnoreCase(words[i], "replace"))
      return reply.Error(fmt::format("ERR Unknown option given: {}", words[i]));
    replace = true;
  }
  LoadingHost host(state);
  const auto name = state.functions.Load(words.back(), replace, host);
  if (!name) return reply.Error("ERR " + name.error().text);
  NoteChange(state);
  reply.Bulk(*name);
}

void Delete(NodeState& state, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  if (!state.functions.Delete(std::string(words[2]))) return reply.Error("ERR Library not found");
  NoteChange(state);
  reply.Ok();
}

void Flush(NodeState& state, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  if (words.size() > 3) {
    return reply.Error(
        fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try FUNCTION HELP.", words[1]));
  }
  if (words.size() == 3 && !EqualsIgnoreCase(words[2], "sync") && !EqualsIgnoreCase(words[2], "async")) {
    return reply.Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  state.functions.Flush();
  NoteChange(state);
  reply.Ok();
}

void ReplyFlags(const ScriptFlags& flags, resp::ReplyWriter& reply) {
  const std::array<std::pair<bool, std::string_view>, 5> names = {
      {{flags.no_writes, "no-writes"},
       {flags.allow_oom, "allow-oom"},
       {flags.allow_stale, "allow-stale"},
       {flags.no_cluster, "no-cluster"},
       {flags.allow_cross_slot_keys, "allow-cross-slot-keys"}}};
  std::size_t count = 0;
  for (const auto& [set, name] : names) count += set ? 1 : 0;
  reply.Set(count);
  for (const auto& [set, name] : names) {
    if (set) reply.Simple(name);
  }
}

void ReplyLibrary(const std::string& name, const Functions::Library& library, bool with_code,
                  resp::ReplyWriter& reply) {
  reply.Map(with_code ? 4 : 3);
  reply.Bulk("library_name");
  reply.Bulk(name);
  reply.Bulk("engine");
  reply.Bulk("LUA");
  reply.Bulk("functions");
  reply.Array(library.functions.size());
  for (const RegisteredFunction& function : library.functions) {
    reply.Map(3);
    reply.Bulk("name");
    reply.Bulk(function.name);
    reply.Bulk("description");
    if (function.description) {
      reply.Bulk(*function.description);
    } else {
      reply.Null();
    }
    reply.Bulk("flags");
    ReplyFlags(function.flags, reply);
  }
  if (!with_code) return;
  reply.Bulk("library_code");
  reply.Bulk(library.text);
}

void List(NodeState& state, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  bool with_code = false;
  std::optional<std::string_view> pattern;
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (!with_code && EqualsIgnoreCase(words[i], "withcode")) {
      with_code = true;
    } else if (!pattern && EqualsIgnoreCase(words[i], "libraryname")) {
      if (++i >= words.size()) return reply.Error("ERR library name argument was not given");
      pattern = words[i];
    } else {
      return reply.Error(fmt::format("ERR Unknown argument {}", words[i]));
    }
  }
  const auto fits = [&](const std::string& name) { return !pattern || base::GlobMatch(*pattern, name, true); };
  std::size_t count = 0;
  for (const auto& [name, library] : state.functions.libraries()) count += fits(name) ? 1 : 0;
  reply.Array(count);
  for (const auto& [name, library] : state.functions.libraries()) {
    if (fits(name)) ReplyLibrary(name, library, with_code, reply);
  }
}

void Stats(NodeState& state, NodeClient&, const Words&, const Now&, resp::ReplyWriter& reply) {
  const ScriptTurns& turns = state.scripts.turns;
  if (turns.running && !turns.running->function) return reply.Error(BusyText(turns));
  reply.Map(2);
  reply.Bulk("running_script");
  if (turns.running) {
    reply.Map(3);
    reply.Bulk("name");
    reply.Bulk(turns.running->name);
    reply.Bulk("command");
    reply.Array(turns.running->command.size());
    for (const std::string& word : turns.running->command) reply.Bulk(word);
    reply.Bulk("duration_ms");
    reply.Integer((state.host.ReadClock() - turns.running->began_at).count());
  } else {
    reply.Null();
  }
  reply.Bulk("engines");
  reply.Map(1);
  reply.Bulk("LUA");
  reply.Map(2);
  reply.Bulk("libraries_count");
  reply.Integer(static_cast<std::int64_t>(state.functions.libraries().size()));
  reply.Bulk("functions_count");
  reply.Integer(static_cast<std::int64_t>(state.functions.functions()));
}

void Kill(NodeState& state, NodeClient&, const Words&, const Now&, resp::ReplyWriter& reply) {
  if (const std::string error = KillScript(state, true); !error.empty()) return reply.Error(error);
  reply.Ok();
}

void Dump(NodeState& state, NodeClient&, const Words&, const Now&, resp::ReplyWriter& reply) {
  reply.Bulk(data::FunctionPayload(state.functions.Texts()));
}

void Restore(NodeState& state, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  if (words.size() > 4) {
    return reply.Error(
        fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try FUNCTION HELP.", words[1]));
  }
  const std::string policy = words.size() == 4 ? base::ToLower(words[3]) : "append";
  if (policy != "append" && policy != "replace" && policy != "flush") {
    return reply.Error("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
  }
  const auto texts = data::ReadFunctionPayload(words[2]);
  if (!texts) return reply.Error("ERR " + texts.error().text);
  LoadingHost host(state);
  auto restored = Functions::LoadAll(*texts, host);
  if (!restored) return reply.Error("ERR " + restored.error().text);
  if (policy == "flush") {
    state.functions = std::move(*restored);
  } else if (const auto added = state.functions.Add(*restored, policy == "replace", host); !added) {
    return reply.Error("ERR " + added.error().text);
  }
  NoteChange(state);
  reply.Ok();
}

void Help(NodeState& state, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  serve::ReplyHelp(state.server.commands, base::ToLower(words[0]), reply);
}

using namespace serve;

constexpr std::uint32_t kCategories = kCatSlow | kCatScripting;
constexpr std::uint32_t kCallFlags = kNoScript | kStale | kSkipMonitor | kNoMandatoryKeys;
constexpr KeyPositions kCounted{.counted_at = 2};
constexpr KeyPositions kNoKeys{};
constexpr std::string_view kGroup = "scripting";
constexpr std::string_view kCallUsage = "<function> <numkeys> [<key> ...] [<arg> ...]";

constexpr std::array kRows = {
    NodeCommand{
        {"fcall", -3, kCallFlags | kMayReplicate, kCounted, kCategories, kGroup, "Calls a function", kCallUsage},
        &Fcall},
    NodeCommand{{"fcall_ro", -3, kCallFlags | kReadonly, kCounted, kCategories, kGroup,
                 "Calls a function that does not write", kCallUsage},
                &FcallRo},
    NodeCommand{{"function", -2, 0, {}, 0, kGroup, "A container for libraries of functions"}, &OnlyWithSubcommand},
    NodeCommand{
        {"function|delete", 3, kWrite | kNoScript, kNoKeys, kCategories, kGroup, "Deletes a library", "<library-name>"},
        &Delete},
    NodeCommand{{"function|dump", 2, kNoScript, kNoKeys, kCategories, kGroup, "Returns all libraries as one payload"},
                &Dump},
    NodeCommand{{"function|flush", -2, kWrite | kNoScript, kNoKeys, kCategories, kGroup, "Deletes all libraries",
                 "[ASYNC|SYNC]"},
                &Flush},
    NodeCommand{{"function|help", 2, kLoading | kStale, kNoKeys, kCategories, kGroup, "Returns this text"}, &Help},
    NodeCommand{{"function|kill", 2, kNoScript | kAllowBusy, kNoKeys, kCategories, kGroup, "Ends a function that runs"},
                &Kill},
    NodeCommand{{"function|list", -2, kNoScript, kNoKeys, kCategories, kGroup,
                 "Lists libraries and what they registered", "[LIBRARYNAME <library-name-pattern>] [WITHCODE]"},
                &List},
    NodeCommand{{"function|load", -3, kWrite | kDenyOom | kNoScript, kNoKeys, kCategories, kGroup, "Creates a library",
                 "[REPLACE] <function-code>"},
                &Load},
    NodeCommand{{"function|restore", -3, kWrite | kDenyOom | kNoScript, kNoKeys, kCategories, kGroup,
                 "Creates the libraries of a payload", "<serialized-value> [FLUSH|APPEND|REPLACE]"},
                &Restore},
    NodeCommand{{"function|stats", 2, kNoScript | kAllowBusy, kNoKeys, kCategories, kGroup,
                 "Tells which function runs, and how many there are"},
                &Stats},
};

}  // namespace

std::span<const NodeCommand> FunctionCommands() {
  return kRows;
}

}  // namespace replication
