// The command line of `vigil`.
#pragma once

namespace cli {

// Parses it and runs the verb. Returns the exit code for the shell; see verbs.h.
int Run(int argc, char** argv);

}  // namespace cli
