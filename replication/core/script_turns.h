// A script that runs too long: others are served between its slices, though all but a few commands hear -BUSY, and
// somebody may end it.
//
// Whatever runs scripts (EVAL, FCALL, an EXEC with them in it) runs on a stack of its own. Once the script has used up
// `busy-reply-threshold` it is suspended every 100000 instructions of Lua; the loop goes on as ever and resumes it by
// DoWork(). What it has done so far is in the data but not in the stream: while it is suspended nothing is applied,
// expired or saved, no full sync begins, and no blocked client is served.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/fiber.h"
#include "replication/base/time.h"
#include "replication/data/command.h"
#include "replication/serve/client.h"

namespace replication {

struct NodeState;
struct NodeClient;

// The script that runs now, for SCRIPT KILL and FUNCTION STATS.
struct RunningScript {
  bool function = false;
  std::string name;  // the function's; a script's digest
  std::vector<std::string> command;
  base::MonoTime began_at{};
  bool from_master = false;
  bool wrote = false;  // a write command of it has been let through: it cannot be undone, so it cannot be killed
  bool slow = false;   // the threshold has passed
  bool killed = false;
};

struct ScriptTurns {
  std::optional<RunningScript> running;
  // The script waits for its next slice.
  bool suspended = false;

  serve::ClientId caller = 0;
  bool caller_gone = false;
  bool shutdown_asked = false;  // the node is to shut down when it has ended
  bool unwinding = false;       // the node ends: whatever still runs is to end, too
  std::string others_out;       // replies before the script's while it runs, its own while it is suspended
  std::vector<data::Effect>* effects = nullptr;  // the transaction's, kept aside while it is suspended
  std::function<void(std::size_t)> ended;
  std::unique_ptr<base::Fiber> fiber;
};

// Runs `job`, which may run scripts, for this client; then `after`, told where in `out` its reply begins. When a script
// takes too long both may end in later turns; the client is blocked until then.
void RunInTurns(NodeState& state, NodeClient& client, std::function<void()> job,
                std::function<void(std::size_t)> after);
// One slice of the script that is suspended.
void ContinueScript(NodeState& state);
// Asked by the script itself now and then: false: it is to end. May suspend it.
bool MayScriptGoOn(NodeState& state);
// The reply's text for a command that is not served while a script is suspended.
std::string_view BusyText(const ScriptTurns& turns);
// SCRIPT KILL and FUNCTION KILL (`function`): the error's text; empty: it will end at its next instruction.
std::string KillScript(NodeState& state, bool function);
// The node is about to end: the script that is suspended is ended at once.
void AbandonScript(NodeState& state);

}  // namespace replication
