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
#include "replication/edge/journal_undo.h"
#include "replication/host/background.h"

namespace {

constexpr std::string_view kUsage =
    "Usage: vigil-node [CONFIG] [--directive value ...]\n"
    "       vigil-node -            reads the configuration from the standard input\n"
    "       vigil-node CONFIG --check-config\n"
    "                               names every mistake in it, and starts nothing\n"
    "       vigil-node --journal check|repair|list|show|backup|export FOLDER ...\n"
    "                               looks at a journal, copies it: vigil-node --journal --help\n"
    "       vigil-node CONFIG --restore-to-time TIME | --restore-to-offset OFFSET --restore-into DIR\n"
    "                               rebuilds that moment of the node's journal in the new directory DIR, ends\n"
    "       vigil-node -v, --version\n"
    "       vigil-node -h, --help\n"
    "\n"
    "CONFIG is a file in the form of redis.conf; directives on the command line come after it.\n"
    "\n"
    "Examples:\n"
    "       vigil-node --port 7777\n"
    "       vigil-node --port 7777 --replicaof 127.0.0.1 8888\n"
    "       vigil-node /etc/vigil/node.conf --loglevel verbose\n"
    "       vigil-node node.conf --restore-to-time 2026-11-23T14:05:00Z --restore-into /var/lib/vigil-restored\n"
    "       vigil-node node.conf --restore-to-offset 4711 --restore-into /var/lib/vigil-restored\n"
    "\n"
    "Restoring changes nothing in the node's directory, and the node may run meanwhile. A TIME is as in RFC 3339 with\n"
    "its zone: the data are what was written up to the last command before the first one that is younger; an OFFSET "
    "is\n"
    "the last byte of the stream that counts, as 'vigil-node --journal show' prints it. DIR then holds the data as "
    "the\n"
    "beginning of a new history: start a node with 'dir DIR' on it. Keys that expire keep the time at which they do.\n"
    "Exit codes of a restore: 0 done, 1 it cannot be done (the nearest moments are named), 2 bad usage, 130 "
    "interrupted.\n";

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
  if (const auto restore = replication::edge::TakeRestore(arguments)) {
    if (*restore) return replication::edge::RunRestore(**restore, arguments);
    fmt::print(stderr, "vigil-node: {}. See vigil-node --help\n", restore->error().text);
    return 2;
  }
  std::optional<base::Millis> again;
  const int exit_code = RunNode(arguments, again);
  return again ? Fail(host::StartAgain(*again)) : exit_code;
}
