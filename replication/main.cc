// vigil-node: a RESP data node, master or replica.
#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replication/edge/config_file.h"
#include "replication/edge/daemon.h"
#include "replication/edge/journal_tool.h"
#include "replication/host/background.h"

namespace {

constexpr std::string_view kUsage =
    "Usage: vigil-node [CONFIG] [--directive value ...]\n"
    "       vigil-node -            reads the configuration from the standard input\n"
    "       vigil-node CONFIG --check-config\n"
    "                               names every mistake in it, and starts nothing\n"
    "       vigil-node --journal check|repair FOLDER\n"
    "       vigil-node -v, --version\n"
    "       vigil-node -h, --help\n"
    "\n"
    "CONFIG is a file in the form of redis.conf; directives on the command line come after it.\n"
    "\n"
    "Examples:\n"
    "       vigil-node --port 7777\n"
    "       vigil-node --port 7777 --replicaof 127.0.0.1 8888\n"
    "       vigil-node /etc/vigil/node.conf --loglevel verbose\n";

int Fail(const base::Error& error) {
  fmt::print(stderr, "vigil-node: {}\n", error.text);
  return 1;
}

// All mistakes at once: whoever edits a file wants to correct it once.
int CheckConfig(const std::vector<std::string>& arguments) {
  const std::vector<std::string> mistakes = replication::edge::CheckLaunch(arguments);
  for (const std::string& mistake : mistakes) fmt::print(stderr, "vigil-node: {}\n", mistake);
  if (mistakes.empty()) fmt::print("The configuration is good.\n");
  return mistakes.empty() ? 0 : 1;
}

// `again`: the process is to begin anew afterwards, after so long.
int RunNode(const std::vector<std::string>& arguments, std::optional<base::Millis>& again) {
  using namespace replication::edge;
  auto launch = ReadLaunch(arguments);
  if (!launch) return Fail(launch.error());
  const bool background = launch->settings.daemonize && launch->settings.supervised == "no";
  const int ready = background ? host::GoToBackground() : -1;
  Daemon daemon(std::move(*launch));
  if (const auto opened = daemon.Open(); !opened) return Fail(opened.error());
  if (background) host::BecomeSilent(ready);
  const int exit_code = daemon.Run();
  again = daemon.again();
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  host::RememberStart(argc, argv);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (std::erase(arguments, "--check-config") > 0) return CheckConfig(arguments);
  if (arguments.size() == 1 && (arguments[0] == "-v" || arguments[0] == "--version")) {
    fmt::print("vigil-node {} (speaks Redis 7.0.15)\n", VIGIL_VERSION);
    return 0;
  }
  if (!arguments.empty() && (arguments[0] == "-h" || arguments[0] == "--help")) {
    fmt::print("{}", kUsage);
    return 0;
  }
  if (!arguments.empty() && arguments[0] == "--journal") {
    return replication::edge::RunJournalTool({arguments.begin() + 1, arguments.end()});
  }
  std::optional<base::Millis> again;
  const int exit_code = RunNode(arguments, again);
  return again ? Fail(host::StartAgain(*again)) : exit_code;
}
