// vigil-sentinel: watches masters and replicas, agrees with its peers, promotes a replica.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/host/background.h"
#include "replication/host/durable_file.h"
#include "replication/host/entropy.h"
#include "replication/host/log_file.h"
#include "sentinel/core/clients.h"
#include "sentinel/core/settings.h"
#include "sentinel/edge/daemon.h"

namespace {

constexpr const char* kUsage =
    "Usage: vigil-sentinel CONFIG [--sentinel] [--DIRECTIVE VALUE ...]\n"
    "\n"
    "  CONFIG         a sentinel.conf as Redis Sentinel reads it; it is rewritten, so it must be writable\n"
    "  --sentinel     accepted for compatibility; this program is always a sentinel\n"
    "  --DIRECTIVE    a directive of the file, put after it: --port 26380\n"
    "  -v, --version\n"
    "  -h, --help\n";

struct CommandLine {
  std::string config_path;
  std::string extra_lines;  // directives from the command line, one per line
};

[[noreturn]] void Exit(const std::string& line) {
  std::fprintf(stderr, "vigil-sentinel: %s\n", line.c_str());
  std::exit(1);
}

CommandLine ParseArguments(int argc, char** argv) {
  CommandLine result;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "-v" || word == "--version") {
      std::printf("vigil-sentinel %s (speaks Redis Sentinel 7.0.15)\n", VIGIL_VERSION);
      std::exit(0);
    }
    if (word == "-h" || word == "--help") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    }
    if (word == "--sentinel") continue;
    if (word.starts_with("--") && word.size() > 2) {
      result.extra_lines += "\n" + word.substr(2);
    } else if (!result.extra_lines.empty()) {
      result.extra_lines += " " + base::QuoteWord(word);
    } else if (result.config_path.empty()) {
      result.config_path = word;
    } else {
      Exit(fmt::format("unexpected argument '{}'; see --help", word));
    }
  }
  if (result.config_path.empty()) {
    std::fputs(kUsage, stderr);
    Exit("a configuration file is needed: the state of the sentinel is kept in it");
  }
  return result;
}

// Absolute before `dir` moves us elsewhere: the file is rewritten for as long as we run.
std::string AbsolutePath(const std::string& path) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) == nullptr) Exit(fmt::format("{}: {}", path, std::strerror(errno)));
  return resolved;
}

std::uint64_t Entropy() {
  std::uint64_t seed = 0;
  std::memcpy(&seed, host::RandomBytes(sizeof seed).data(), sizeof seed);
  return seed;
}

std::string SystemName() {
  utsname name{};
  if (uname(&name) != 0) return "unknown";
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

std::array<double, 6> CpuSeconds() {
  std::array<double, 6> seconds{};
  std::size_t at = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD}) {
    rusage usage{};
    getrusage(who, &usage);
    for (const timeval& used : {usage.ru_stime, usage.ru_utime}) {
      seconds[at++] = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_usec) / 1e6;
    }
  }
  return seconds;
}

// The users of `aclfile`, and how it is read and written from now on.
void OpenUserFile(const std::string& path, serve::Server& server) {
  if (path.empty()) return;
  server.user_file = {.path = path,
                      .read = [path] { return host::ReadWholeFile(path); },
                      .write = [path](std::string_view text) { return host::ReplaceFile(path, text); }};
  sentinel::FillCommandTable(server.commands);
  if (const auto loaded = serve::LoadUserFile(server, nullptr); !loaded) Exit(loaded.error().text);
}

}  // namespace

int main(int argc, char** argv) {
  const CommandLine arguments = ParseArguments(argc, argv);
  const std::string config_path = AbsolutePath(arguments.config_path);
  base::Result<std::string> config_text = host::ReadWholeFile(config_path);
  if (!config_text) Exit(config_text.error().text);

  // What a stock sentinel would not understand. It need not be there: stock's own file is enough to start from.
  const std::string vigil_path = sentinel::VigilPath(config_path);
  base::Result<std::string> vigil_text = host::ReadWholeFile(vigil_path);
  if (!vigil_text && vigil_text.error().code != base::ErrorCode::kNotFound) Exit(vigil_text.error().text);

  auto state = std::make_unique<sentinel::State>(Entropy());
  state->config_path = config_path;
  state->can_run = [](const std::string& path) { return access(path.c_str(), X_OK) == 0; };
  base::Result<sentinel::ProcessSettings> settings = sentinel::LoadSettings(
      *config_text + arguments.extra_lines, *state, net::Loop::ReadClocks(), &host::ReadWholeFile);
  if (!settings) Exit(fmt::format("{}:{}", config_path, settings.error().text));
  const auto remarks = sentinel::LoadVigil(vigil_text.value_or(""), *state, net::Loop::ReadClocks());
  if (!remarks) Exit(fmt::format("{}:{}", vigil_path, remarks.error().text));
  // The file is replaced through a new one beside it, so its folder has to be writable too.
  const std::string folder = config_path.substr(0, std::max<std::size_t>(config_path.rfind('/'), 1));
  for (const std::string& path : {config_path, folder, vigil_path}) {
    if (access(path.c_str(), W_OK) == 0 || (path == vigil_path && errno == ENOENT)) continue;
    Exit(
        fmt::format("{} is not writable: {}. A sentinel keeps its votes and what it learned in its configuration file "
                    "and in <config>.vigil beside it",
                    path, std::strerror(errno)));
  }
  if (!settings->dir.empty() && chdir(settings->dir.c_str()) != 0) {
    Exit(fmt::format("dir {}: {}", settings->dir, std::strerror(errno)));
  }
  OpenUserFile(settings->aclfile, state->server);
  state->server.entropy = &host::RandomBytes;
  state->read_included = &host::ReadWholeFile;
  state->machine = {SystemName(), settings->maxclients, &CpuSeconds};

  host::LogFile log([] { return 'X'; });
  log.SetLevel(settings->loglevel);
  if (auto opened = log.Open(settings->logfile); !opened) Exit(opened.error().text);
  // The threads of the daemon begin behind this point: a fork would lose them.
  const int ready = settings->daemonize ? host::GoToBackground() : -1;
  state->executable = AbsolutePath("/proc/self/exe");
  state->process_id = getpid();
  state->started = net::Loop::ReadClocks();
  const std::string pid_file =
      settings->pidfile.empty() && settings->daemonize ? "/var/run/redis-sentinel.pid" : settings->pidfile;

  int exit_code = 0;
  {
    const std::uint16_t port = settings->port;
    sentinel::SavedTexts texts{std::move(*config_text), vigil_text ? std::move(*vigil_text) : ""};
    sentinel::edge::Daemon daemon(std::move(state), *settings, config_path, std::move(texts), log);
    daemon.OnHangUp([&log] {
      if (auto opened = log.Reopen(); !opened) log.Write(base::LogLevel::kWarning, opened.error().text);
    });
    if (auto listening = daemon.Listen(); !listening) {
      log.Write(base::LogLevel::kWarning, listening.error().text);
      Exit(listening.error().text);
    }
    if (!pid_file.empty()) {
      if (auto written = host::WritePidFile(pid_file); !written)
        log.Write(base::LogLevel::kWarning, written.error().text);
    }
    if (settings->daemonize) host::BecomeSilent(ready);
    host::NotifySupervisor();
    for (const std::string& name : settings->ignored) {
      log.Write(base::LogLevel::kNotice, fmt::format("'{}' has no meaning here and is ignored", name));
    }
    for (const std::string& remark : *remarks) {
      log.Write(base::LogLevel::kWarning, fmt::format("{}: {}", vigil_path, remark));
    }
    log.Write(base::LogLevel::kNotice, fmt::format("vigil-sentinel {} is ready on port {}", VIGIL_VERSION, port));
    exit_code = daemon.Run();
  }
  if (!pid_file.empty()) unlink(pid_file.c_str());
  log.Write(base::LogLevel::kWarning, "Sentinel is now ready to exit, bye bye...");
  return exit_code;
}
