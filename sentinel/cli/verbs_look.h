// Verbs that look closely, and those that packages and shells use.
#pragma once

#include "sentinel/cli/verbs.h"

namespace CLI {
class App;
}

namespace cli {

// Every node and every sentinel of a master with all that is known of it. kDegraded: some problem.
int Show(const MasterOptions& options);
// Who reaches whom. kDegraded: somebody does not.
int Matrix(const MasterOptions& options);

// `completion SHELL`, `manual [VERB]`, `masters`: hidden, made from the parser's own verbs and flags.
void AddToolVerbs(CLI::App& app, int& code);

}  // namespace cli
