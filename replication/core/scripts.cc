#include "replication/core/scripts.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "replication/base/digest.h"
#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/core/feed.h"
#include "replication/core/state.h"

namespace replication {
namespace {

using resp::Words;

std::string Sha1Hex(std::string_view text) {
  return fmt::format("{:02x}", fmt::join(base::Sha1(text), ""));
}

// One run of a script, and what its commands may do.
class ScriptRun final : public ScriptHost {
 public:
  ScriptRun(NodeState& state, NodeClient& client, const ScriptFlags& flags, bool read_only, const Now& now)
      : state_(state), client_(client), flags_(flags), read_only_(read_only || flags.no_writes), now_(now) {}

  bool Call(std::span<const std::string_view> given, int protocol, std::string& reply) override {
    const Words words(given.begin(), given.end());
    std::string error;
    const serve::CommandTable::Entry* entry = state_.server.commands.Resolve(words, error);
    if (entry == nullptr) {
      const bool arity = error.find("wrong number of arguments") != std::string::npos;
      reply = arity ? "ERR Wrong number of args calling Redis command from script"
                    : "ERR Unknown Redis command called from script";
      return false;
    }
    reply = WhyNot(*entry, words);
    if (!reply.empty()) return false;
    resp::ReplyWriter writer(reply, protocol);
    const std::size_t effects_before = state_.exec_effects->size();
    // What a command answers depends on the protocol that the script has chosen, not on that of its caller.
    const int callers_protocol = std::exchange(client_.protocol, protocol);
    replication::Call(state_, client_, *entry, words, now_, writer);
    client_.protocol = callers_protocol;
    if (!replicated_ && state_.exec_effects->size() > effects_before) state_.exec_effects->resize(effects_before);
    if (reply.empty()) reply = "$-1\r\n";
    return true;
  }

  bool Allows(std::span<const std::string_view> given, bool& known) override {
    const Words words(given.begin(), given.end());
    std::string error;
    const serve::CommandTable::Entry* entry = state_.server.commands.Resolve(words, error);
    known = entry != nullptr;
    return known && serve::Judge(serve::UserOf(state_.server, client_), *entry, words).allowed();
  }

  void Log(int level, std::string_view text) override { state_.Say(static_cast<base::LogLevel>(level), text); }

  void SetReplicated(bool replicated) override { replicated_ = replicated; }

  bool MayGoOn() override { return MayScriptGoOn(state_); }

 private:
  std::string WhyNot(const serve::CommandTable::Entry& entry, const Words& words) {
    const serve::CommandRow& row = *entry.row;
    if ((row.flags & serve::kNoScript) != 0) return "ERR This Redis command is not allowed from script";
    const serve::Verdict verdict = serve::Judge(serve::UserOf(state_.server, client_), entry, words);
    switch (verdict.reason) {
      case serve::Verdict::Reason::kAllowed:
        break;
      case serve::Verdict::Reason::kCommand:
        return "ERR The user executing the script can't run this command or subcommand";
      case serve::Verdict::Reason::kKey:
        return "ERR The user executing the script can't access at least one of the keys mentioned in the command "
               "arguments";
      case serve::Verdict::Reason::kChannel:
        return "ERR The user executing the script can't publish to the channel mentioned in the command";
    }
    if (read_only_ && (row.flags & serve::kWrite) != 0) {
      return "ERR Write commands are not allowed from read-only scripts.";
    }
    bool& wrote = state_.scripts.turns.running->wrote;
    if (client_.kind != serve::ClientKind::kMaster) {
      std::uint32_t flags = row.flags;
      // Half a script is worse than one that needs some memory more.
      if (flags_.allow_oom || wrote) flags &= ~serve::kDenyOom;
      if (flags_.allow_stale) flags |= serve::kStale;
      if (std::string error = WhyRefused(state_, client_, row, flags, now_); !error.empty()) return error;
    }
    wrote = wrote || (row.flags & serve::kWrite) != 0;
    return {};
  }

  NodeState& state_;
  NodeClient& client_;
  const ScriptFlags flags_;
  const bool read_only_;
  const Now& now_;
  bool replicated_ = true;
};

// A script with flags is refused as a whole, before it has done anything.
std::string WhyScriptRefused(const NodeState& state, const ScriptFlags& flags, bool read_only, const Now& now) {
  if (!flags.given) return {};
  const Settings& settings = state.settings;
  if (!state.is_master() && !state.link_up() && !settings.replica_serve_stale_data && !flags.allow_stale) {
    return "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
  }
  if (flags.no_writes) return {};
  if (read_only) return "ERR Can not execute a script with write flag using *_ro command.";
  if (!state.is_master() && settings.replica_read_only) {
    return "READONLY You can not run script with write flag on readonly replica.";
  }
  if (state.is_master() && settings.stop_writes_on_bgsave_error && !settings.save.empty() && !state.saving.last_ok) {
    return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands "
           "that may modify the data set are disabled, because this instance is configured to report errors during "
           "writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
           "details about the RDB error.";
  }
  if (state.is_master() && settings.min_replicas_to_write > 0 &&
      state.replicas.CountGood(now.mono, settings.min_replicas_max_lag) <
          static_cast<int>(settings.min_replicas_to_write)) {
    return "NOREPLICAS Not enough good replicas to write.";
  }
  if (!flags.allow_oom && state.is_master() && settings.maxmemory > 0 && state.keyspace.memory() > settings.maxmemory) {
    return "OOM command not allowed when used memory > 'maxmemory'.";
  }
  return {};
}

void Run(NodeState& state, NodeClient& client, const std::string& sha, const Words& words, std::size_t keys,
         bool read_only, const Now& now, resp::ReplyWriter& reply) {
  const ScriptFlags flags = state.scripts.Find(sha)->flags;
  if (std::string error = WhyScriptRefused(state, flags, read_only, now);
      !error.empty() && client.kind != serve::ClientKind::kMaster) {
    return reply.Error(error);
  }
  const std::span<const std::string_view> given = std::span(words).subspan(3);
  ScriptRun host(state, client, flags, read_only, now);
  std::vector<data::Effect> effects;
  const bool in_exec = std::exchange(client.in_exec, true);
  const bool inner = state.exec_effects != nullptr;
  if (!inner) state.exec_effects = &effects;
  const int db = client.db;
  state.scripts.turns.running = RunningScript{.name = sha,
                                              .command = {words.begin(), words.end()},
                                              .began_at = state.host.ReadClock(),
                                              .from_master = client.kind == serve::ClientKind::kMaster};
  state.scripts.engine().Run(sha, given.first(keys), given.subspan(keys), host, reply);
  state.scripts.turns.running.reset();
  client.db = db;  // a SELECT in a script is the script's own
  client.in_exec = in_exec;
  if (inner) return;
  state.exec_effects = nullptr;
  if (client.kind != serve::ClientKind::kMaster) Feed(state, effects, {});
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

constexpr std::uint32_t kEvalFlags = kNoScript | kStale | kSkipMonitor | kMayReplicate;
constexpr std::uint32_t kEvalRoFlags = kReadonly | kNoScript | kStale | kSkipMonitor;
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
    NodeCommand{{"script|debug", 3, kNoScript, {}, kCategories, "scripting", "Refused: there is no debugger"},
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
      } else if (flag != "no-cluster" && flag != "allow-cross-slot-keys") {
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
  if (engine_ == nullptr) engine_ = std::make_unique<ScriptEngine>();
  return *engine_;
}

std::span<const NodeCommand> ScriptCommands() {
  return kRows;
}

}  // namespace replication
