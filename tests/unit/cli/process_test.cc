#include "sentinel/cli/process.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "sentinel/cli/ports.h"

using namespace cli;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kLong{30000};

struct LogFile {
  std::string path = (std::filesystem::temp_directory_path() / ("vigil-cli-log-" + std::to_string(getpid()))).string();
  LogFile() { std::filesystem::remove(path); }
  ~LogFile() { std::filesystem::remove(path); }
};

base::Result<ProcessId> StartShell(const LogFile& log, const std::string& script) {
  return StartDaemon({"/bin/sh", {"-c", script}, "/", log.path}, [](const ProcessId&) { return base::Result<void>(); });
}

}  // namespace

TEST_CASE("process: the name in /proc/<pid>/stat may hold spaces and parentheses") {
  const auto stat = ParseStat(
      "812 (a) b (c)) S 1 812 812 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 224179 1 1 18446744073709551615 0 0\n");
  REQUIRE(stat);
  CHECK(stat->state == 'S');
  CHECK(stat->start_ticks == 224179);
  CHECK_FALSE(ParseStat(""));
  CHECK_FALSE(ParseStat("812 (sh)"));
  CHECK_FALSE(ParseStat("812 (sh) S 1 2 3"));
}

TEST_CASE("process: a daemon is recorded before it runs, writes to its log, and is ended by its own pid") {
  const LogFile log;
  bool ran_before_record = false;
  ProcessId recorded;
  const auto started =
      StartDaemon({"/bin/sh", {"-c", "echo begun; exec sleep 600"}, "/", log.path}, [&](const ProcessId& process) {
        recorded = process;
        ran_before_record = !FileTail(log.path, 1).empty();
        return base::Result<void>();
      });
  REQUIRE(started);
  CHECK(*started == recorded);
  CHECK_FALSE(ran_before_record);
  CHECK(IsRunning(*started));
  CHECK(getsid(started->pid) == started->pid);
  while (FileTail(log.path, 1) != std::vector<std::string>{"begun"}) usleep(1000);
  CHECK(EndProcesses({*started}, kLong) == 1);
  CHECK_FALSE(IsRunning(*started));
  CHECK(HowItEnded(*started).find("signal 15") != std::string::npos);
  CHECK(EndProcesses({*started}, kLong) == 0);
}

TEST_CASE("process: one that is not recorded never runs") {
  const LogFile log;
  const auto started =
      StartDaemon({"/bin/sh", {"-c", "echo begun"}, "/", log.path},
                  [](const ProcessId&) -> base::Result<void> { return base::Fail(base::ErrorCode::kIo, "disk full"); });
  REQUIRE_FALSE(started);
  CHECK(started.error().text == "disk full");
  CHECK(FileTail(log.path, 1).empty());
}

TEST_CASE("process: another start time or boot means another process, which is left alone") {
  const LogFile log;
  const auto started = StartShell(log, "exec sleep 600");
  REQUIRE(started);
  ProcessId earlier = *started;
  earlier.start_ticks -= 1;
  ProcessId other_boot = *started;
  other_boot.boot = "another";
  CHECK_FALSE(IsRunning(earlier));
  CHECK_FALSE(SendSignal(earlier, SIGKILL));
  CHECK_FALSE(SendSignal(other_boot, SIGKILL));
  CHECK_FALSE(SendSignal(ProcessId{}, SIGKILL));
  CHECK(IsRunning(*started));
  CHECK(EndProcesses({*started}, kLong) == 1);
}

TEST_CASE("process: one that ignores SIGTERM is killed after its grace") {
  const LogFile log;
  const auto started = StartShell(log, "trap '' TERM; echo deaf; while :; do sleep 0.05; done");
  REQUIRE(started);
  while (FileTail(log.path, 1).empty()) usleep(1000);
  CHECK(EndProcesses({*started}, milliseconds(50)) == 1);
  CHECK_FALSE(IsRunning(*started));
  CHECK(HowItEnded(*started).find("signal 9") != std::string::npos);
}

TEST_CASE("process: a program that cannot run is an error at once, with the reason") {
  const LogFile log;
  const auto started =
      StartDaemon({"/does/not/exist", {}, "/", log.path}, [](const ProcessId&) { return base::Result<void>(); });
  REQUIRE_FALSE(started);
  CHECK(started.error().text.find("No such file") != std::string::npos);
}

TEST_CASE("process: executables are found by path, beside this program and in PATH") {
  CHECK(*FindExecutable("/bin/sh") == "/bin/sh");
  CHECK(FindExecutable("unit_tests")->ends_with("/unit_tests"));
  CHECK(FindExecutable("sh")->ends_with("/sh"));
  CHECK_FALSE(FindExecutable("/bin"));
  CHECK_FALSE(FindExecutable("no-such-program-of-ours"));
}

TEST_CASE("ports: a reserved port is given to nobody else, and is free again afterwards") {
  std::uint16_t port = 0;
  {
    const auto first = ReservedPort::First(20000);
    REQUIRE(first);
    port = first->port();
    const auto second = ReservedPort::First(port);
    REQUIRE(second);
    CHECK(second->port() > port);
    CHECK(IsPortFree(port));  // for a server, which sets SO_REUSEADDR
  }
  CHECK(IsPortFree(port));
}
