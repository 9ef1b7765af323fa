#include "replication/core/scripts.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "replication/base/digest.h"
#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/core/script_run.h"
#include "replication/core/server_commands.h"
#include "replication/core/state.h"

namespace replication {
namespace {

using resp::Words;

std::string Sha1Hex(std::string_view text) {
  return fmt::format("{:02x}", fmt::join(base::Sha1(text), ""));
}

void Run(NodeState& state, NodeClient& client, const std::string& sha, const Words& words, std::size_t keys,
         bool read_only, const Now& now, resp::ReplyWriter& reply) {
  const ScriptFlags flags = state.scripts.Find(sha)->flags;
  const std::span<const std::string_view> given = std::span(words).subspan(3);
  RunScript(
      state, client, {.name = sha, .command = {words.begin(), words.end()}}, flags, read_only, now, reply,
      [&](ScriptHost& host) { state.scripts.engine().Run(sha, given.first(keys), given.subspan(keys), host, reply); });
}

// EVAL script numkeys ..., EVALSHA sha numkeys ...
void Evaluate(NodeState& state, NodeClient& client, const Words& words, bool by_sha, bool read_only, const Now& now,
              resp::ReplyWriter& reply) {
  if (state.scripts.turns.running) return reply.Error("ERR This Redis command is not allowed from script");
  const auto keys = base::ParseInt<std::int64_t>(words[2]);
  if (!keys) return reply.Error("ERR value is not an integer or out of range");
  if (*keys > static_cast<std::int64_t>(words.size()) - 3) {
    return reply.Error("ERR Number of keys can't be greater than number of args");
  }
  if (*keys < 0) return reply.Error("ERR Number of keys can't be negative");
  std::string sha;
  if (by_sha) {
    sha = base::ToLower(words[1]);
    if (state.scripts.Find(sha) == nullptr) return reply.Error("NOSCRIPT No matching script. Please use EVAL.");
  } else {
    const auto added = state.scripts.Add(words[1]);
    if (!added) return reply.Error(added.error().text);
    sha = *added;
  }
  Run(state, client, sha, words, static_cast<std::size_t>(*keys), read_only, now, reply);
}

void Eval(NodeState& state, NodeClient& client, const Words& words, const Now& now, resp::ReplyWriter& reply) {
  Evaluate(state, client, words, false, false, now, reply);
}

void EvalRo(NodeState& state, NodeClient& client, const Words& words, const Now& now, resp::ReplyWriter& reply) {
  Evaluate(state, client, words, false, true, now, reply);
}

void EvalSha(NodeState& state, NodeClient& client, const Words& words, const Now& now, resp::ReplyWriter& reply) {
  Evaluate(state, client, words, true, false, now, reply);
}

void EvalShaRo(NodeState& state, NodeClient& client, const Words& words, const Now& now, resp::ReplyWriter& reply) {
  Evaluate(state, client, words, true, true, now, reply);
}

void ScriptLoad(NodeState& state, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  const auto added = state.scripts.Add(words[2]);
  if (!added) return reply.Error(added.error().text);
  reply.Bulk(*added);
}

void ScriptExists(NodeState& state, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  reply.Array(words.size() - 2);
  for (std::size_t i = 2; i < words.size(); ++i) {
    reply.Integer(state.scripts.Find(base::ToLower(words[i])) != nullptr ? 1 : 0);
  }
}

void ScriptFlush(NodeState& state, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  const bool fits =
      words.size() == 2 ||
      (words.size() == 3 && (base::EqualsIgnoreCase(words[2], "sync") || base::EqualsIgnoreCase(words[2], "async")));
  if (!fits) return reply.Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  state.scripts.Flush();
  reply.Ok();
}

void ScriptKill(NodeState& state, NodeClient&, const Words&, const Now&, resp::ReplyWriter& reply) {
  if (const std::string error = KillScript(state, false); !error.empty()) return reply.Error(error);
  reply.Ok();
}

void ScriptDebug(NodeState&, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  if (base::EqualsIgnoreCase(words[2], "no")) return reply.Ok();
  if (!base::EqualsIgnoreCase(words[2], "yes") && !base::EqualsIgnoreCase(words[2], "sync")) {
    return reply.Error("ERR Use SCRIPT DEBUG YES/SYNC/NO");
  }
  reply.Error("ERR SCRIPT DEBUG is not available: this node has no debugger for scripts");
}

void Help(NodeState& state, NodeClient&, const Words& words, const Now&, resp::ReplyWriter& reply) {
  serve::ReplyHelp(state.server.commands, base::ToLower(words[0]), reply);
}

using namespace serve;

constexpr std::uint32_t kEvalFlags = kNoScript | kStale | kSkipMonitor | kMayReplicate | kNoMandatoryKeys;
constexpr std::uint32_t kEvalRoFlags = kReadonly | kNoScript | kStale | kSkipMonitor | kNoMandatoryKeys;
constexpr std::uint32_t kCategories = kCatSlow | kCatScripting;
constexpr KeyPositions kCounted{.counted_at = 2};

constexpr std::array kRows = {
    NodeCommand{{"eval", -3, kEvalFlags, kCounted, kCategories, "scripting", "Executes a server-side Lua script",
                 "<script> <numkeys> [<key> ...] [<arg> ...]"},
                &Eval},
    NodeCommand{{"eval_ro", -3, kEvalRoFlags, kCounted, kCategories, "scripting",
                 "Executes a read-only server-side Lua script", "<script> <numkeys> [<key> ...] [<arg> ...]"},
                &EvalRo},
    NodeCommand{{"evalsha", -3, kEvalFlags, kCounted, kCategories, "scripting",
                 "Executes a server-side Lua script by SHA1 digest", "<sha1> <numkeys> [<key> ...] [<arg> ...]"},
                &EvalSha},
    NodeCommand{
        {"evalsha_ro", -3, kEvalRoFlags, kCounted, kCategories, "scripting",
         "Executes a read-only server-side Lua script by SHA1 digest", "<sha1> <numkeys> [<key> ...] [<arg> ...]"},
        &EvalShaRo},
    NodeCommand{{"script", -2, 0, {}, 0, "scripting", "A container for the scripts that are known"},
                &OnlyWithSubcommand},
    NodeCommand{
        {"script|debug", 3, kNoScript, {}, kCategories, "scripting", "Refused: there is no debugger", "YES|SYNC|NO"},
        &ScriptDebug},
    NodeCommand{{"script|exists",
                 -3,
                 kNoScript,
                 {},
                 kCategories,
                 "scripting",
                 "Tells which scripts are known",
                 "<sha1> [<sha1> ...]"},
                &ScriptExists},
    NodeCommand{{"script|flush", -2, kNoScript, {}, kCategories, "scripting", "Forgets all scripts", "[ASYNC|SYNC]"},
                &ScriptFlush},
    NodeCommand{{"script|help", 2, kLoading | kStale, {}, kCategories, "scripting", "Returns this text"}, &Help},
    NodeCommand{{"script|kill", 2, kNoScript | kAllowBusy, {}, kCategories, "scripting", "Ends a script that runs"},
                &ScriptKill},
    NodeCommand{{"script|load",
                 3,
                 kNoScript | kStale,
                 {},
                 kCategories,
                 "scripting",
                 "Keeps a script without running it",
                 "<script>"},
                &ScriptLoad},
};

}  // namespace

base::Result<ScriptHead> ParseScriptHead(std::string_view text) {
  const auto fail = [](std::string message) { return base::Fail(base::ErrorCode::kInvalid, std::move(message)); };
  ScriptHead head;
  if (!text.starts_with("#!")) return head;
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return fail("Invalid script shebang");
  head.begins_at = end;
  head.flags.given = true;
  const auto words = base::SplitWords(text.substr(0, end));
  if (!words || words->empty()) return fail("Invalid engine in script shebang");
  if (words->front() != "#!lua") return fail(fmt::format("Unexpected engine in script shebang: {}", words->front()));
  for (std::size_t i = 1; i < words->size(); ++i) {
    constexpr std::string_view kFlags = "flags=";
    const std::string_view option = (*words)[i];
    if (!option.starts_with(kFlags)) return fail(fmt::format("Unknown lua shebang option: {}", option));
    if (option.size() == kFlags.size()) continue;
    for (const std::string_view flag : base::Split(option.substr(kFlags.size()), ',')) {
      if (flag == "no-writes") {
        head.flags.no_writes = true;
      } else if (flag == "allow-oom") {
        head.flags.allow_oom = true;
      } else if (flag == "allow-stale") {
        head.flags.allow_stale = true;
      } else if (flag == "no-cluster") {
        head.flags.no_cluster = true;
      } else if (flag == "allow-cross-slot-keys") {
        head.flags.allow_cross_slot_keys = true;
      } else {
        return fail(fmt::format("Unexpected flag in script shebang: {}", flag));
      }
    }
  }
  return head;
}

base::Result<std::string> Scripts::Add(std::string_view text) {
  std::string sha = Sha1Hex(text);
  if (by_sha_.contains(sha)) return sha;
  const auto head = ParseScriptHead(text);
  if (!head) return base::Fail(base::ErrorCode::kInvalid, "ERR " + head.error().text);
  if (const auto compiled = engine().Compile(sha, text.substr(head->begins_at)); !compiled) {
    return base::Fail(base::ErrorCode::kInvalid,
                      fmt::format("ERR Error compiling script (new function): {}", compiled.error().text));
  }
  by_sha_.emplace(sha, Script{.text = std::string(text), .flags = head->flags});
  return sha;
}

const Scripts::Script* Scripts::Find(std::string_view sha) const {
  const auto found = by_sha_.find(sha);
  return found == by_sha_.end() ? nullptr : &found->second;
}

void Scripts::Flush() {
  by_sha_.clear();
  engine_.reset();
}

std::uint64_t Scripts::text_memory() const {
  std::uint64_t bytes = 0;
  for (const auto& [sha, script] : by_sha_) bytes += sha.size() + script.text.size();
  return bytes;
}

ScriptEngine& Scripts::engine() {
  if (engine_ == nullptr) engine_ = std::make_unique<ScriptEngine>(ScriptEngine::For::kScripts);
  return *engine_;
}

std::span<const NodeCommand> ScriptCommands() {
  return kRows;
}

}  // namespace replication
