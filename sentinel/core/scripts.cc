#include "sentinel/core/scripts.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/events.h"
#include "sentinel/core/state.h"

namespace sentinel {
namespace {

TimerKey Key(const ScriptJob& job) {
  return TimerKey{InstanceId::kNone, TimerKind::kScript, job.id};
}

auto FindJob(State& state, std::uint64_t id) {
  return std::find_if(state.scripts.begin(), state.scripts.end(), [id](const ScriptJob& job) { return job.id == id; });
}

void Queue(State& state, std::vector<std::string> argv, ChangeNumber change) {
  if (state.scripts.size() >= kMaxQueuedScripts) {
    // A storm of events must not keep the news of today behind that of an hour ago.
    const auto oldest =
        std::find_if(state.scripts.begin(), state.scripts.end(), [](const ScriptJob& job) { return !job.running(); });
    if (oldest == state.scripts.end()) return;
    state.timers.Cancel(Key(*oldest));
    state.scripts.erase(oldest);
  }
  ScriptJob job;
  job.id = ++state.last_serial;
  job.argv = std::move(argv);
  job.change = change;
  state.scripts.push_back(std::move(job));
}

}  // namespace

void QueueNotification(State& state, const Master& master, std::string_view event, std::string_view payload,
                       ChangeNumber change) {
  if (master.notification_script.empty()) return;
  Queue(state, {master.notification_script, std::string(event), std::string(payload)}, change);
}

void QueueReconfiguration(State& state, const Master& master, SwitchRole role, const base::Endpoint& from,
                          const base::Endpoint& to, ChangeNumber change) {
  if (master.reconfig_script.empty()) return;
  Queue(state,
        {master.reconfig_script, master.name, role == SwitchRole::kLeader ? "leader" : "observer", "start", from.host,
         fmt::format("{}", from.port), to.host, fmt::format("{}", to.port)},
        change);
}

int RunningScripts(const State& state) {
  return static_cast<int>(
      std::count_if(state.scripts.begin(), state.scripts.end(), [](const ScriptJob& job) { return job.running(); }));
}

void StartScripts(State& state, const base::Now& now, Actions& out) {
  if (state.scripts.empty()) return;
  int running = RunningScripts(state);
  for (ScriptJob& job : state.scripts) {
    if (running >= kMaxRunningScripts) return;
    if (job.running() || job.not_before > now.mono) continue;
    job.started_at = now.mono;
    ++job.runs;
    ++running;
    state.timers.Set(Key(job), now.mono + state.periods.script_max_runtime);
    out.push_back(RunScript{job.id, job.argv, job.change});
  }
}

void ScriptLimitChanged(State& state) {
  for (const ScriptJob& job : state.scripts) {
    if (job.running()) state.timers.Set(Key(job), *job.started_at + state.periods.script_max_runtime);
  }
}

void TakeScriptStarted(State& state, const ScriptStarted& started) {
  if (const auto job = FindJob(state, started.job); job != state.scripts.end()) job->pid = started.pid;
}

void TakeScriptEnded(State& state, const ScriptEnded& ended, const base::Now& now, Actions& out) {
  const auto job = FindJob(state, ended.job);
  if (job == state.scripts.end()) return;
  AnnounceEvent(state, nullptr, "-script-child", fmt::format("{} {} {}", ended.pid, ended.exit_code, ended.signal), 0,
                out);
  state.timers.Cancel(Key(*job));
  const bool again = (ended.signal != 0 || ended.exit_code == 1) && job->runs < kMaxScriptRuns;
  if (again) {
    // 30 s, doubled each time: half an hour of trouble is over by then, and nothing is flooded until it is.
    const base::Millis delay = state.periods.script_retry_delay * (1LL << (job->runs - 1));
    job->started_at.reset();
    job->pid = 0;
    job->not_before = now.mono + delay;
    state.timers.Set(Key(*job), job->not_before);
    return;
  }
  const std::string path = job->argv[0];
  state.scripts.erase(job);
  if (ended.signal != 0 || ended.exit_code != 0) {
    AnnounceEvent(state, nullptr, "-script-error", fmt::format("{} {} {}", path, ended.signal, ended.exit_code), 0,
                  out);
  }
}

void ScriptDue(State& state, std::uint64_t id, const base::Now& now, Actions& out) {
  const auto job = FindJob(state, id);
  if (job == state.scripts.end() || !job->running()) return;  // a retry: StartScripts() sees it at the end of the step
  AnnounceEvent(state, nullptr, "-script-timeout", fmt::format("{} {}", job->argv[0], job->pid), 0, out);
  out.push_back(KillScript{id});
  // Should its end not be told, it is killed again.
  state.timers.Set(Key(*job), now.mono + state.periods.script_max_runtime);
}

}  // namespace sentinel
