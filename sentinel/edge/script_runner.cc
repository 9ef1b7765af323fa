#include "sentinel/edge/script_runner.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>
#include <uv.h>

#include <csignal>
#include <memory>
#include <utility>

namespace sentinel::edge {

namespace {

// A script gets its three streams and nothing else: neither what libraries of ours have opened nor what we were started
// with ourselves.
void KeepDescriptors() {
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  // Linux before 5.11. Libraries open few descriptors, and early.
  for (int descriptor = 3; descriptor < 1024; ++descriptor) {
    const int flags = fcntl(descriptor, F_GETFD);
    if (flags >= 0) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
  }
}

}  // namespace

struct ScriptRunner::Child {
  uv_process_t process{};
  ScriptRunner* runner = nullptr;
  std::uint64_t job = 0;

  static void OnExit(uv_process_t* process, std::int64_t exit_code, int signal) {
    auto* child = static_cast<Child*>(process->data);
    ScriptRunner* runner = child->runner;
    const std::uint64_t job = child->job;
    const int pid = process->pid;
    Close(child);
    if (runner == nullptr) return;
    runner->children_.erase(job);
    runner->on_input_(ScriptEnded{job, static_cast<int>(exit_code), signal, pid});
  }
  static void Close(Child* child) {
    uv_close(reinterpret_cast<uv_handle_t*>(&child->process),
             [](uv_handle_t* handle) { delete static_cast<Child*>(handle->data); });
  }
};

ScriptRunner::ScriptRunner(net::Loop& loop, std::function<void(Input)> on_input)
    : loop_(loop), on_input_(std::move(on_input)) {}

ScriptRunner::~ScriptRunner() {
  // A script that still runs is left to end by itself, as a stock sentinel leaves it.
  for (const auto& [job, child] : children_) {
    child->runner = nullptr;
    Child::Close(child);
  }
}

void ScriptRunner::Run(std::uint64_t job, const std::vector<std::string>& argv) {
  std::vector<char*> arguments;
  for (const std::string& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  uv_stdio_container_t streams[3];
  for (uv_stdio_container_t& stream : streams) stream.flags = UV_IGNORE;
  uv_process_options_t options{};
  options.exit_cb = &Child::OnExit;
  options.file = arguments[0];
  options.args = arguments.data();
  options.stdio = streams;
  options.stdio_count = 3;

  KeepDescriptors();
  auto* child = new Child;
  child->runner = this;
  child->job = job;
  child->process.data = child;
  if (const int failed = uv_spawn(loop_.raw(), &child->process, &options); failed != 0) {
    Child::Close(child);
    // Exit code 2 is what a stock sentinel's child ends with when exec() fails; signal 99 stands for a failed fork().
    const bool no_fork = failed == UV_EAGAIN || failed == UV_ENOMEM;
    loop_.Post([report = on_input_, job, no_fork] { report(ScriptEnded{job, no_fork ? 0 : 2, no_fork ? 99 : 0, 0}); });
    return;
  }
  children_[job] = child;
  on_input_(ScriptStarted{job, child->process.pid});
}

void ScriptRunner::Kill(std::uint64_t job) {
  if (const auto found = children_.find(job); found != children_.end())
    uv_process_kill(&found->second->process, SIGKILL);
}

}  // namespace sentinel::edge
