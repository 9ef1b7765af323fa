// Programs started by tests: each ended by its own pid, none outlives the test.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace support {

// A folder below TMPDIR that goes when the object goes, unless the test failed and VIGIL_KEEP is set.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The kernel ends it when we end (PR_SET_PDEATHSIG); its output goes to a file.
class Process {
 public:
  Process() = default;
  // `space`: the network namespace to run in, as a file descriptor (network.h); -1: ours.
  Process(std::vector<std::string> argv, std::string log_path, std::string directory = "", int space = -1);
  ~Process();  // SIGKILL, if it still runs
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  pid_t pid() const { return pid_; }
  bool running();
  void Signal(int signal);
  // SIGKILL, and waits until it is gone.
  void Kill();
  // Until it has ended by itself; empty after the time limit. 128 + signal when a signal ended it.
  std::optional<int> Wait(int limit_ms);
  const std::string& log_path() const { return log_path_; }
  std::string log() const;

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
  std::string log_path_;
};

std::string ReadTextFile(const std::string& path);
void WriteTextFile(const std::string& path, const std::string& text);

// A TCP port on 127.0.0.1 that nobody uses, and that no earlier call in this process gave.
int FreePort();

// Polls `condition` every few milliseconds until it holds; false after the limit. Tests wait for facts, never for a
// length of time; the limit is generous, for loaded machines.
bool WaitFor(const std::function<bool()>& condition, int limit_ms = 30000);

// Where our programs are: VIGIL_BIN, otherwise beside the test.
std::string OurProgram(const std::string& name);
// Says that a test, or a part of it, cannot run here; scripts/test counts these lines.
void SaySkipped(const std::string& what, const std::string& reason);

// A program of stock Redis 7.0: VIGIL_STOCK_BIN, otherwise PATH; empty when there is none.
std::string StockProgram(const std::string& name);

}  // namespace support
