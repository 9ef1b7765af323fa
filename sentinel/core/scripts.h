// Notification and client-reconfiguration scripts: one queue, retries, a time limit. No processes: the edge has those.
//
// Source: spec/sentinel.md 1.9; the comments on notification-script and client-reconfig-script in sentinel.conf.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/time.h"
#include "sentinel/core/action.h"
#include "sentinel/core/input.h"

namespace sentinel {

struct State;
struct Master;

inline constexpr std::size_t kMaxQueuedScripts = 256;  // beyond it the oldest that does not run is dropped
inline constexpr int kMaxRunningScripts = 16;
inline constexpr int kMaxScriptRuns = 10;

struct ScriptJob {
  std::uint64_t id = 0;  // never reused
  std::vector<std::string> argv;
  ChangeNumber change = 0;  // what it tells rests on this
  int runs = 0;
  std::optional<base::MonoTime> started_at;  // set: it runs
  base::MonoTime not_before{};               // a retry waits until then
  std::int64_t pid = 0;                      // 0 until it has been started
  bool running() const { return started_at.has_value(); }
};

// `<path> <event> <payload>`, when the master has a notification script.
void QueueNotification(State& state, const Master& master, std::string_view event, std::string_view payload,
                       ChangeNumber change);

// `<path> <master> leader|observer start <from-ip> <from-port> <to-ip> <to-port>`, when the master has a
// reconfiguration script.
enum class SwitchRole : std::uint8_t { kLeader, kObserver };
void QueueReconfiguration(State& state, const Master& master, SwitchRole role, const base::Endpoint& from,
                          const base::Endpoint& to, ChangeNumber change);

// Starts what may start now. Called at the end of each step; nothing to do costs nothing.
void StartScripts(State& state, const base::Now& now, Actions& out);
void TakeScriptStarted(State& state, const ScriptStarted& started);
void TakeScriptEnded(State& state, const ScriptEnded& ended, const base::Now& now, Actions& out);
// A job has run for too long (it is killed, and retried like any that a signal ends), or its retry is due.
void ScriptDue(State& state, std::uint64_t job, const base::Now& now, Actions& out);

// SENTINEL DEBUG script-max-runtime holds for those that run as well.
void ScriptLimitChanged(State& state);

int RunningScripts(const State& state);

}  // namespace sentinel
