// One question to whichever sentinel can answer it.
#pragma once

#include <string>
#include <vector>

#include "sentinel/cli/find_sentinels.h"

namespace cli {

struct Answer {
  base::Endpoint sentinel;
  Reply reply;
};

// Tries the sentinels that answer in turn, those first that were named; the other sentinels that they know of `master`
// follow. One that does not answer, or that does not know the command (a stock sentinel), is passed over. Error kIo:
// none answers; kInvalid: its refusal, in its own words; kNotFound: none knows the master, or all are stock.
base::Result<Answer> AskAnySentinel(const Found& found, const std::string& master,
                                    const std::vector<std::string>& words);

// Is this the refusal of a sentinel that does not know the command, or not with these words?
bool IsUnknownThere(const std::string& error);

// Complains about an error of AskAnySentinel and returns the exit code that goes with it.
int ReportRefusedAnswer(const base::Error& error, const Found& found, const std::string& master = "");

}  // namespace cli
