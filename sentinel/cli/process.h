// Daemons of a local cluster: started so that they outlive us, found again later, ended without ever hitting
// another process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"

namespace cli {

// A process, not merely a pid: a recycled pid has another start, and after a reboot another boot id.
struct ProcessId {
  pid_t pid = 0;                  // 0: none
  std::uint64_t start_ticks = 0;  // field 22 of /proc/<pid>/stat: clock ticks since boot
  std::string boot;               // /proc/sys/kernel/random/boot_id

  bool empty() const { return pid == 0; }
  bool operator==(const ProcessId&) const = default;
};

struct ProcessStat {
  char state = '?';  // 'Z' and 'X': it has ended and only waits to be collected
  std::uint64_t start_ticks = 0;
};

// Reads the one line of /proc/<pid>/stat. The name in parentheses may hold spaces and parentheses. Source: proc(5).
std::optional<ProcessStat> ParseStat(std::string_view line);

bool IsRunning(const ProcessId& process);

struct DaemonSpec {
  std::string executable;          // absolute
  std::vector<std::string> words;  // its arguments, without argv[0]
  std::string folder;              // where it runs: nobody's removable disk is kept busy by it
  std::string log;                 // stdout and stderr are appended to it
};

// Starts a program in a session of its own, so that neither a closed terminal nor our end touches it.
// `record` is called with its identity before the program begins to run: if it fails, or if we die in that
// moment, the program never starts, so nothing runs that is not written down.
// Error kIo: the system's reason (log cannot be opened, exec failed), or the error of `record`.
base::Result<ProcessId> StartDaemon(const DaemonSpec& spec,
                                    const std::function<base::Result<void>(const ProcessId&)>& record);

// How a daemon that was our own child ended: "exit status 1", "signal 9 (Killed)". Empty when that is unknown.
std::string HowItEnded(const ProcessId& process);

// False when it is not running any more. The signal goes through a pidfd: it cannot reach a recycled pid.
bool SendSignal(const ProcessId& process, int signal);

// Waits until all have ended, at most `limit`. False: some still run.
bool WaitUntilEnded(const std::vector<ProcessId>& processes, std::chrono::milliseconds limit);

// SIGTERM to all, `grace` to end in peace, then SIGKILL. Returns how many had been running.
int EndProcesses(const std::vector<ProcessId>& processes, std::chrono::milliseconds grace);

// The last `lines` lines of a file; empty when it cannot be read.
std::vector<std::string> FileTail(const std::string& path, std::size_t lines);

// A path stays a path (made absolute); a bare name is looked for beside this program, then in PATH.
// Error kNotFound: a line that says where it was looked for.
base::Result<std::string> FindExecutable(const std::string& name);

}  // namespace cli
