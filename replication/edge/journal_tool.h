// `vigil-node --journal check|repair <folder>`: looks at an append-only directory that no node uses.
#pragma once

#include <string>
#include <vector>

namespace replication::edge {

// `arguments` are the words behind --journal. Prints what it finds. The exit code: 0 all is well (or is now), 1 it is
// not, 2 it was called wrongly.
int RunJournalTool(const std::vector<std::string>& arguments);

}  // namespace replication::edge
