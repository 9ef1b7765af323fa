#include "replication/core/script_turns.h"

#include <fmt/format.h>

#include <utility>

#include "replication/core/apply.h"
#include "replication/core/execute.h"
#include "replication/core/state.h"

namespace replication {
namespace {

// What recursion of Lua's libraries (patterns, cjson) may need.
constexpr std::size_t kStack = 8 << 20;

constexpr std::string_view kBusyScript =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
constexpr std::string_view kBusyFunction =
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

void Suspended(NodeState& state, NodeClient& client) {
  ScriptTurns& turns = state.scripts.turns;
  turns.suspended = true;
  // Earlier replies may leave meanwhile; what the script has been answered so far (in an EXEC) may not.
  std::swap(client.out, turns.others_out);
  turns.effects = std::exchange(state.exec_effects, nullptr);
  client.blocked = Blocked::kScript;
  if (!client.out.empty()) state.server.clients.Wake(client);
}

void Ended(NodeState& state, NodeClient& client) {
  ScriptTurns& turns = state.scripts.turns;
  const std::size_t from = turns.others_out.size();
  if (from > 0) {
    turns.others_out += client.out;
    client.out = std::exchange(turns.others_out, {});
  }
  turns.caller = 0;
  std::exchange(turns.ended, nullptr)(from);
}

}  // namespace

void RunInTurns(NodeState& state, NodeClient& client, std::function<void()> job,
                std::function<void(std::size_t)> after) {
  ScriptTurns& turns = state.scripts.turns;
  if (turns.fiber == nullptr) turns.fiber = std::make_unique<base::Fiber>(kStack);
  turns.caller = client.id;
  turns.others_out = std::exchange(client.out, {});
  turns.ended = std::move(after);
  if (turns.fiber->Start(std::move(job))) return Ended(state, client);
  Suspended(state, client);
}

void ContinueScript(NodeState& state) {
  ScriptTurns& turns = state.scripts.turns;
  if (!turns.suspended) return;
  NodeClient& client = *state.Find(turns.caller);
  turns.suspended = false;
  std::swap(client.out, turns.others_out);
  state.exec_effects = std::exchange(turns.effects, nullptr);
  client.blocked = Blocked::kNo;
  if (!turns.fiber->Resume()) return Suspended(state, client);
  Ended(state, client);
  if (client.blocked == Blocked::kNo) Resume(state, client);
  if (std::exchange(turns.caller_gone, false)) ForgetClient(state, client);
  // The stream that came from our master meanwhile.
  ApplyReceived(state, state.now);
  const bool shut_down = std::exchange(turns.shutdown_asked, false) && !turns.unwinding;
  if (shut_down && state.shutdown.stage == Shutdown::Stage::kNo) BeginShutdown(state, Shutdown{}, state.now);
}

bool MayScriptGoOn(NodeState& state) {
  ScriptTurns& turns = state.scripts.turns;
  RunningScript& script = *turns.running;
  if (turns.unwinding) script.killed = true;
  if (script.killed) return false;
  if (state.settings.busy_reply_threshold.count() == 0) return true;
  if (!script.slow) {
    const base::Millis took = state.host.ReadClock() - script.began_at;
    if (took < state.settings.busy_reply_threshold) return true;
    script.slow = true;
    state.Say(base::LogLevel::kWarning,
              fmt::format("Slow script detected: still in execution after {} milliseconds. You can try killing the "
                          "script using the {} command. Script name is: {}.",
                          took.count(), script.function ? "FUNCTION KILL" : "SCRIPT KILL", script.name));
  }
  // A script of our master's stream, or of a replica's connection, runs in one go.
  if (turns.fiber != nullptr && turns.fiber->inside()) turns.fiber->Suspend();
  return !script.killed;
}

std::string_view BusyText(const ScriptTurns& turns) {
  return turns.running->function ? kBusyFunction : kBusyScript;
}

std::string KillScript(NodeState& state, bool function) {
  ScriptTurns& turns = state.scripts.turns;
  if (!turns.running) return "NOTBUSY No scripts in execution right now.";
  if (turns.running->from_master) {
    return "UNKILLABLE The busy script was sent by a master instance in the context of replication and cannot be "
           "killed.";
  }
  if (turns.running->wrote) {
    return "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the "
           "script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";
  }
  if (turns.running->function != function) return std::string(BusyText(turns));
  turns.running->killed = true;
  return {};
}

void AbandonScript(NodeState& state) {
  ScriptTurns& turns = state.scripts.turns;
  turns.unwinding = true;
  if (turns.running) turns.running->killed = true;
  while (turns.suspended) ContinueScript(state);
}

}  // namespace replication
