// Which sentinels a verb asks, and what to advise when they do not answer.
#pragma once

#include <string>

#include "replication/base/result.h"
#include "sentinel/cli/topology.h"
#include "sentinel/cli/verbs.h"

namespace cli {

inline constexpr const char* kPasswordAdvice = "give --password, or VIGILCLI_AUTH in the environment";

struct Found {
  Where where;
  std::string advice;  // what to do when none of them answers
};

// --sentinel; else the cluster of --dir; else the one in ./vigil-data, if there is one; else 127.0.0.1:26379.
// Error: a line to be shown; kNotFound: no cluster in --dir.
base::Result<Found> FindSentinels(const AskOptions& options);

// Complains about an error of FindSentinels and returns the exit code that goes with it.
int ReportNoSentinels(const base::Error& error);
// Complains about an error of AskTopology or its like and returns the exit code that goes with it. `master`: the one
// that was asked for; when there is none of that name, the nearest names are suggested.
int ReportAskError(const base::Error& error, const Found& found, const std::string& master = "");

}  // namespace cli
