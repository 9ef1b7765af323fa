#include "sentinel/cli/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>

#include "replication/base/text.h"

namespace cli {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

// A file descriptor that closes itself.
class Handle {
 public:
  explicit Handle(int fd = -1) : fd_(fd) {}
  ~Handle() { Close(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

const std::string& BootId() {
  static const std::string id(base::Trim(ReadWhole("/proc/sys/kernel/random/boot_id")));
  return id;
}

std::optional<ProcessStat> StatOf(pid_t pid) {
  return ParseStat(ReadWhole(fmt::format("/proc/{}/stat", pid)));
}

// By number: glibc 2.36 declares pidfd_open() in a way that C++ cannot link.
int OpenPidfd(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

// The flag CLOSE_RANGE_CLOEXEC of Linux 5.11; older kernels refuse it, and the descriptors stay open.
constexpr unsigned kCloseOnExec = 1U << 2;

// Ended children of ours stay zombies until they are collected; what they said at their end is kept.
std::map<pid_t, int>& EndedChildren() {
  static std::map<pid_t, int> ended;
  return ended;
}

void CollectChild(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) == pid) EndedChildren()[pid] = status;
}

// Runs in the child, between fork and exec: only calls that are safe there. Never returns.
[[noreturn]] void BecomeDaemon(char* const* argv, const char* folder, int log, int go, int report) {
  setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Whatever our caller had open (a script's lock, a pipe that somebody reads to its end) is not the daemon's.
  syscall(SYS_close_range, 3U, ~0U, kCloseOnExec);
  char byte = 0;
  // Nothing but the word "go" starts us; when our parent dies instead, the pipe ends.
  if (read(go, &byte, 1) != 1) _exit(1);
  const int nothing = open("/dev/null", O_RDONLY);
  if (chdir(folder) == 0 && nothing >= 0 && dup2(nothing, 0) >= 0 && dup2(log, 1) >= 0 && dup2(log, 2) >= 0)
    execv(argv[0], argv);
  const int reason = errno;
  if (write(report, &reason, sizeof reason) < 0) _exit(126);
  _exit(127);
}

}  // namespace

std::optional<ProcessStat> ParseStat(std::string_view line) {
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= line.size()) return std::nullopt;
  const auto fields = base::Split(base::Trim(line.substr(name_end + 2)), ' ');
  constexpr std::size_t kState = 0, kStart = 19;  // counted from the field behind the name
  if (fields.size() <= kStart || fields[kState].size() != 1) return std::nullopt;
  const auto start = base::ParseInt<std::uint64_t>(fields[kStart]);
  if (!start) return std::nullopt;
  return ProcessStat{fields[kState][0], *start};
}

bool IsRunning(const ProcessId& process) {
  if (process.empty() || process.boot != BootId()) return false;
  CollectChild(process.pid);
  const auto stat = StatOf(process.pid);
  return stat && stat->start_ticks == process.start_ticks && stat->state != 'Z' && stat->state != 'X';
}

Result<ProcessId> StartDaemon(const DaemonSpec& spec, const std::function<Result<void>(const ProcessId&)>& record) {
  const Handle log(open(spec.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!log.valid()) return Fail(ErrorCode::kIo, fmt::format("cannot write {}: {}", spec.log, std::strerror(errno)));
  int go[2], report[2];
  if (pipe2(go, O_CLOEXEC) != 0)
    return Fail(ErrorCode::kIo, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  const Handle go_read(go[0]);
  Handle go_write(go[1]);
  if (pipe2(report, O_CLOEXEC) != 0) {
    return Fail(ErrorCode::kIo, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  const Handle report_read(report[0]);
  Handle report_write(report[1]);

  std::vector<std::string> words = spec.words;
  words.insert(words.begin(), spec.executable);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const pid_t pid = fork();
  if (pid < 0) return Fail(ErrorCode::kIo, fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (pid == 0) {
    close(go[1]);  // otherwise the pipe would never end for us
    BecomeDaemon(argv.data(), spec.folder.c_str(), log.get(), go[0], report[1]);
  }
  report_write.Close();
  EndedChildren().erase(pid);

  const auto give_up = [&](std::string why) {
    go_write.Close();
    waitpid(pid, nullptr, 0);
    return Fail(ErrorCode::kIo, std::move(why));
  };
  const auto stat = StatOf(pid);
  if (!stat) return give_up(fmt::format("cannot read /proc/{}/stat", pid));
  const ProcessId process{pid, stat->start_ticks, BootId()};
  if (const auto recorded = record(process); !recorded) return give_up(recorded.error().text);
  if (write(go_write.get(), "!", 1) != 1) return give_up("the new process ended before it began");

  int reason = 0;
  ssize_t count;
  do {
    count = read(report_read.get(), &reason, sizeof reason);
  } while (count < 0 && errno == EINTR);
  if (count == sizeof reason) return give_up(fmt::format("cannot run {}: {}", spec.executable, std::strerror(reason)));
  return process;
}

std::string HowItEnded(const ProcessId& process) {
  const auto found = EndedChildren().find(process.pid);
  if (found == EndedChildren().end()) return "";
  const int status = found->second;
  if (WIFSIGNALED(status)) return fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

bool SendSignal(const ProcessId& process, int signal) {
  if (process.empty()) return false;
  const Handle handle(OpenPidfd(process.pid));
  // The handle holds whoever has the pid now; only then is asked who that is.
  if (!IsRunning(process)) return false;
  if (handle.valid()) return syscall(SYS_pidfd_send_signal, handle.get(), signal, nullptr, 0) == 0;
  // A kernel or sandbox without pidfds: the pid would have to be recycled within these two lines.
  return kill(process.pid, signal) == 0;
}

bool WaitUntilEnded(const std::vector<ProcessId>& processes, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (const ProcessId& process : processes) {
    while (IsRunning(process)) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return false;
      const Handle handle(OpenPidfd(process.pid));
      pollfd ended{handle.get(), POLLIN, 0};
      // Bounded, so that a kernel without pidfd polling costs a little time and no correctness.
      poll(&ended, handle.valid() ? 1 : 0, static_cast<int>(std::min<std::int64_t>(left.count(), 100)));
    }
  }
  return true;
}

int EndProcesses(const std::vector<ProcessId>& processes, std::chrono::milliseconds grace) {
  int running = 0;
  for (const ProcessId& process : processes) {
    if (!SendSignal(process, SIGTERM)) continue;
    ++running;
    SendSignal(process, SIGCONT);  // a stopped process can only heed the first signal once it goes on
  }
  if (running > 0 && !WaitUntilEnded(processes, grace)) {
    for (const ProcessId& process : processes) SendSignal(process, SIGKILL);
    WaitUntilEnded(processes, std::chrono::seconds(5));
  }
  return running;
}

std::vector<std::string> FileTail(const std::string& path, std::size_t lines) {
  std::ifstream file(path);
  std::deque<std::string> tail;
  for (std::string line; std::getline(file, line);) {
    if (base::Trim(line).empty()) continue;
    tail.push_back(line);
    if (tail.size() > lines) tail.pop_front();
  }
  return {tail.begin(), tail.end()};
}

Result<std::string> FindExecutable(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto usable = [&](const fs::path& path) {
    return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) {
    const fs::path path = fs::absolute(name, error).lexically_normal();
    if (usable(path)) return path.string();
    return Fail(ErrorCode::kNotFound, fmt::format("{} is not an executable file", name));
  }
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (usable(beside / name)) return (beside / name).string();
  if (const char* const path = std::getenv("PATH")) {
    for (const std::string_view folder : base::Split(path, ':')) {
      const fs::path candidate = fs::absolute(fs::path(folder), error) / name;
      if (!folder.empty() && usable(candidate)) return candidate.string();
    }
  }
  return Fail(ErrorCode::kNotFound, fmt::format("found no executable '{}' in {} or in PATH", name, beside.string()));
}

}  // namespace cli
