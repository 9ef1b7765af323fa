#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace support {
namespace {

using Clock = std::chrono::steady_clock;

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A server under test that closes first must not end the test; the programs we start get the default back.
[[maybe_unused]] const auto kSigpipeIgnored = std::signal(SIGPIPE, SIG_IGN);

int Code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Test programs that run at the same time draw from the same range: a port belongs to whoever holds the (abstract)
// socket of its name, until that program ends. A bind alone would not do: between it and the server's own another
// program may look.
bool Claim(int port) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "vigil-test-port-" + std::to_string(port);
  std::copy(name.begin(), name.end(), address.sun_path + 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0) return true;  // stays open
  close(fd);
  return false;
}

}  // namespace

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "vigil-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (FromEnvironment("VIGIL_KEEP").empty()) std::filesystem::remove_all(path_, ignored);
}

Process::Process(std::vector<std::string> argv, std::string log_path, std::string directory, int space)
    : log_path_(std::move(log_path)) {
  std::vector<char*> arguments;
  for (std::string& word : argv) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ > 0) return;
  // The child: only calls that are safe between fork and exec.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  const int log = open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(nothing, 0);
  dup2(log, 1);
  dup2(log, 2);
  std::signal(SIGPIPE, SIG_DFL);
  if (space >= 0 && setns(space, CLONE_NEWNET) != 0) _exit(125);
  if (!directory.empty() && chdir(directory.c_str()) != 0) _exit(126);
  execv(arguments[0], arguments.data());
  _exit(127);
}

Process::Process(Process&& other) noexcept {
  *this = std::move(other);
}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  std::swap(log_path_, other.log_path_);
  return *this;
}

Process::~Process() {
  Kill();
}

bool Process::running() {
  return pid_ > 0 && !Wait(0).has_value();
}

void Process::Signal(int signal) {
  if (running()) kill(pid_, signal);
}

void Process::Kill() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  kill(pid_, SIGCONT);
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_) status_ = Code(status);
}

std::optional<int> Process::Wait(int limit_ms) {
  if (pid_ <= 0) return std::nullopt;
  const auto end = Clock::now() + std::chrono::milliseconds(limit_ms);
  while (!status_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = Code(status);
      break;
    }
    if (Clock::now() >= end) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return status_;
}

std::string Process::log() const {
  return ReadTextFile(log_path_);
}

std::string ReadTextFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteTextFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

int FreePort() {
  // Below the range from which the kernel takes ports for outgoing connections: a port given here is not taken by
  // a connection of some other test before its server listens.
  static std::set<int> given;
  static int next = 20000 + static_cast<int>(getpid() % 10000);
  for (int tries = 0; tries < 12000; ++tries) {
    if (++next >= 32000) next = 20000;
    if (given.contains(next) || !Claim(next)) continue;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(next));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    if (!free) continue;
    given.insert(next);
    return next;
  }
  throw std::runtime_error("no free port");
}

bool WaitFor(const std::function<bool()>& condition, int limit_ms) {
  const auto end = Clock::now() + std::chrono::milliseconds(limit_ms);
  while (!condition()) {
    if (Clock::now() >= end) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::string OurProgram(const std::string& name) {
  const std::string folder = FromEnvironment("VIGIL_BIN");
  return (folder.empty() ? std::string(VIGIL_BIN_DIR) : folder) + "/" + name;
}

void SaySkipped(const std::string& what, const std::string& reason) {
  std::cout << "[skipped] " << what << ": " << reason << std::endl;
}

std::string StockProgram(const std::string& name) {
  const std::string folder = FromEnvironment("VIGIL_STOCK_BIN");
  std::string search = folder.empty() ? FromEnvironment("PATH") : folder;
  std::istringstream folders(search);
  for (std::string candidate; std::getline(folders, candidate, ':');) {
    candidate += "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

}  // namespace support
