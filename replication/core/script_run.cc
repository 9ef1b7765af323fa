#include "replication/core/script_run.h"

#include <string>
#include <utility>
#include <vector>

#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/core/feed.h"

namespace replication {
namespace {

using resp::Words;

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
    // Time stands still in a script, but for those who ask what time it is.
    Now now = now_;
    if (entry->row->name == "time") now.wall += state_.host.ReadClock() - state_.scripts.turns.running->began_at;
    replication::Call(state_, client_, *entry, words, now, writer);
    client_.protocol = callers_protocol;
    if (!replicated_ && state_.exec_effects->size() > effects_before) state_.exec_effects->resize(effects_before);
    if (reply.empty()) reply = "$-1\r\n";
    return true;
  }

  bool Allows(std::span<const std::string_view> given, bool& known) override {
    // Whether there are enough arguments is not asked.
    const Words words(given.begin(), given.end());
    const std::string name = base::ToLower(words[0]);
    const serve::CommandTable::Entry* entry = state_.server.commands.Find(name);
    if (words.size() > 1 && state_.server.commands.IsContainer(name)) {
      entry = state_.server.commands.Find(name + "|" + base::ToLower(words[1]));
    }
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
  if (!flags.allow_oom && state.memory.is_short) {
    return "OOM command not allowed when used memory > 'maxmemory'.";
  }
  return {};
}

}  // namespace

void RunScript(NodeState& state, NodeClient& client, RunningScript about, const ScriptFlags& flags, bool read_only,
               const Now& now, resp::ReplyWriter& reply, const std::function<void(ScriptHost&)>& run) {
  const bool from_master = client.kind == serve::ClientKind::kMaster;
  if (!from_master) {
    if (std::string error = WhyScriptRefused(state, flags, read_only, now); !error.empty()) return reply.Error(error);
  }
  ScriptRun host(state, client, flags, read_only, now);
  std::vector<data::Effect> effects;
  const bool in_exec = std::exchange(client.in_exec, true);
  const bool inner = state.exec_effects != nullptr;
  if (!inner) state.exec_effects = &effects;
  const int db = client.db;
  about.began_at = state.host.ReadClock();
  about.from_master = from_master;
  state.scripts.turns.running = std::move(about);
  run(host);
  state.scripts.turns.running.reset();
  client.db = db;  // a SELECT in a script is the script's own
  client.in_exec = in_exec;
  if (inner) return;
  state.exec_effects = nullptr;
  if (!from_master) Feed(state, effects, {});
}

}  // namespace replication
