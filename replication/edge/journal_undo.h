// What undoes mistakes: finding the bad command in a journal, backups, and rebuilding the moment before it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "replication/base/result.h"
#include "replication/core/journal_moments.h"

namespace replication::edge {

// `verb` is list, show, backup or export; the words behind it. The exit code of the process.
int RunJournalUndo(const std::string& verb, std::vector<std::string> arguments);

struct Restore {
  WantedMoment moment;
  std::string into;
};
// Takes --restore-to-time, --restore-to-offset and --restore-into with their values out of `arguments`. None: they are
// not there. kInvalid: they make no sense.
std::optional<base::Result<Restore>> TakeRestore(std::vector<std::string>& arguments);
// `arguments`: the rest, which say whose journal it is. The exit code of the process.
int RunRestore(const Restore& restore, const std::vector<std::string>& arguments);

}  // namespace replication::edge
