// Configuration: the command line and the file that it names, read at the start; the file rewritten later.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "replication/core/settings.h"

namespace replication::edge {

struct Launch {
  std::string config_file;  // absolute; empty: none
  Settings settings;
  std::vector<std::string> without_effect;  // directives that were accepted and mean nothing here
};

// `vigil-node [CONFIG] [--directive value ...]`; "-" reads the configuration from the standard input. `include` is
// followed, globs too. The error's text is the one line for the user: file, line number, line and reason. At the end
// `dir` is absolute, and `logfile` and `pidfile` are as seen from it.
base::Result<Launch> ReadLaunch(std::span<const std::string> arguments);

// What ReadLaunch() would refuse, all of it: a line for each mistake, as it would tell it. Empty: it would start with
// this configuration, as far as that can be told without doing so.
std::vector<std::string> CheckLaunch(std::span<const std::string> arguments);

// CONFIG REWRITE. Waits for the disk. The old file stays whole unless the new one is durable.
base::Result<void> RewriteConfigFile(const std::string& path, const Settings& settings);

// The absolute path of a folder that can be looked into; kIo and kNotFound with the system's reason.
base::Result<std::string> FindFolder(const std::string& path);

}  // namespace replication::edge
