#include "replication/host/background.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "replication/base/text.h"
#include "replication/host/durable_file.h"

namespace host {
namespace {

// Log, listeners, files, pipes of the loop, connections to others.
constexpr std::uint64_t kOwnDescriptors = 32;

// How the process that StartAgain() begins learns how long it is to wait, in milliseconds.
constexpr const char* kDelayVariable = "VIGIL_START_AFTER_MS";

struct Started {
  std::string program;  // absolute
  std::string folder;
  std::vector<char*> arguments;  // ended by a null, as execv() wants them
};

Started& HowStarted() {
  static Started started;
  return started;
}

}  // namespace

void RememberStart(int argc, char** argv) {
  std::error_code error;
  Started& started = HowStarted();
  started.program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  started.folder = std::filesystem::current_path(error).string();
  started.arguments.assign(argv, argv + argc);
  started.arguments.push_back(nullptr);
  const char* delay = std::getenv(kDelayVariable);
  if (delay == nullptr) return;
  const auto millis = base::ParseInt<std::int64_t>(delay);
  unsetenv(kDelayVariable);
  if (millis && *millis > 0) std::this_thread::sleep_for(std::chrono::milliseconds(*millis));
}

base::Error StartAgain(base::Millis delay) {
  const Started& started = HowStarted();
  const auto failed = [](std::string_view what) {
    return base::Error{base::ErrorCode::kIo, fmt::format("cannot begin anew: {}: {}", what, std::strerror(errno))};
  };
  if (started.program.empty()) return {base::ErrorCode::kNotFound, "cannot begin anew: the program is not known"};
  if (chdir(started.folder.c_str()) != 0) return failed(started.folder);
  if (setenv(kDelayVariable, fmt::format("{}", delay.count()).c_str(), 1) != 0) return failed(kDelayVariable);
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return failed("close_range");
  execv(started.program.c_str(), started.arguments.data());
  return failed(started.program);
}

int GoToBackground() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    std::perror("can't go to the background");
    std::exit(1);
  }
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) {
    std::perror("can't go to the background");
    std::exit(1);
  }
  if (child > 0) {
    close(ends[1]);
    char ready = 0;
    _exit(read(ends[0], &ready, 1) == 1 ? 0 : 1);
  }
  close(ends[0]);
  setsid();
  return ends[1];
}

void BecomeSilent(int ready_descriptor) {
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere >= 0) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, standard);
    close(nowhere);
  }
  const ssize_t told = write(ready_descriptor, "1", 1);
  static_cast<void>(told);  // whoever started us may be gone
  close(ready_descriptor);
}

void NotifySupervisor() {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr || (name[0] != '/' && name[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(name);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, name, length);
  if (name[0] == '@') address.sun_path[0] = '\0';
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  const std::string text = fmt::format("READY=1\nMAINPID={}\nSTATUS=Ready to accept connections\n", getpid());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  const ssize_t sent =
      sendto(descriptor, text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
  static_cast<void>(sent);
  close(descriptor);
}

base::Result<void> WritePidFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return tl::unexpected(SystemError("can't write the pid file", path));
  const bool written = std::fprintf(file, "%d\n", static_cast<int>(getpid())) > 0;
  if (std::fclose(file) != 0 || !written) return tl::unexpected(SystemError("can't write the pid file", path));
  return {};
}

void GiveWay() {
  constexpr int kNicer = 5;
  // Refused or not: it is a courtesy.
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + kNicer);
}

std::uint32_t MakeRoomForClients(std::uint32_t clients) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return clients;
  const rlim_t wanted = clients + kOwnDescriptors;
  if (limit.rlim_cur >= wanted) return clients;
  rlimit raised = limit;
  raised.rlim_cur = wanted;
  raised.rlim_max = std::max(limit.rlim_max, wanted);
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return clients;
  raised.rlim_cur = raised.rlim_max = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &raised) != 0) raised.rlim_cur = limit.rlim_cur;
  const rlim_t room = raised.rlim_cur > kOwnDescriptors ? raised.rlim_cur - kOwnDescriptors : 1;
  return static_cast<std::uint32_t>(std::min<rlim_t>(room, clients));
}

}  // namespace host
