// What the command lines of all verbs share: the flags that say whom to ask, lengths of time, exit codes in words.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "replication/base/time.h"
#include "sentinel/cli/verbs.h"

namespace cli {

inline constexpr const char* kExitCodes =
    "Exit codes: 0 done or healthy, 1 failed, 2 bad usage, 3 nobody to ask, 4 something is wrong, 5 refused, 6 out of "
    "time, 130 interrupted.";
inline constexpr const char* kWhoIsAsked =
    "Without --sentinel and --dir: the cluster in ./vigil-data, or else 127.0.0.1:26379.";

// --sentinel, --dir, --user, --password; and a footer of kWhoIsAsked.
void AddAskFlags(CLI::App& verb, AskOptions& options);
// MASTER, --json and the above.
void AddMasterFlags(CLI::App& verb, MasterOptions& options);

void TakePasswordFromEnvironment(Credentials& credentials);

// "90s", "15m", "2h", "500ms"; a bare number is seconds. Returns what is wrong with it, or nothing.
std::string ReadLength(const std::string& text, base::Millis& length);
// An option or argument that is such a length.
CLI::Option* AddLength(CLI::App& verb, const std::string& name, base::Millis& length, const std::string& help);

// The verbs for people who run it: command_line_operate.cc. `code` gets what the verb returns.
void AddOperatorVerbs(CLI::App& app, int& code);
// Puts the examples of examples.cc below each verb's help.
void AddExamples(CLI::App& app);

}  // namespace cli
