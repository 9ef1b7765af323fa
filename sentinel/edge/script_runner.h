// Notification and reconfiguration scripts as child processes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "replication/net/loop.h"
#include "sentinel/core/input.h"

namespace sentinel::edge {

// The core keeps the queue, the retries and the time limit; this starts, kills and reports.
class ScriptRunner {
 public:
  ScriptRunner(net::Loop& loop, std::function<void(Input)> on_input);
  ~ScriptRunner();
  ScriptRunner(const ScriptRunner&) = delete;
  ScriptRunner& operator=(const ScriptRunner&) = delete;

  // The child inherits the environment and nothing else: libuv closes every descriptor but the first three, which
  // are /dev/null. Reported by ScriptStarted, then ScriptEnded; a file that cannot be run ends with
  // exit code 2, and where no process can be made, with signal 99.
  void Run(std::uint64_t job, const std::vector<std::string>& argv);
  void Kill(std::uint64_t job);

 private:
  struct Child;
  net::Loop& loop_;
  std::function<void(Input)> on_input_;
  std::map<std::uint64_t, Child*> children_;  // owned by libuv's close callback
};

}  // namespace sentinel::edge
