// The verbs and their flags as data, read from the parser itself: what --help shows is what completes and what the
// manual pages say.
#pragma once

#include <string>
#include <vector>

namespace cli {

struct FlagInfo {
  std::vector<std::string> names;  // "--json", "-y"; empty for an argument
  std::string argument;            // an argument's name: "MASTER"
  std::string value;               // what a flag takes: "HOST:PORT"; empty: nothing
  std::string help;
  bool required = false;
  std::vector<std::string> choices;  // when only these are valid
};

struct VerbInfo {
  std::string name;  // "status", "config diff"
  std::string help;
  std::string footer;  // exit codes, examples
  std::vector<FlagInfo> flags;
};

// Scripts for the shells. Masters' names are asked of the running sentinels. Pure.
std::string BashCompletion(const std::vector<VerbInfo>& verbs);
std::string ZshCompletion(const std::vector<VerbInfo>& verbs);
std::string FishCompletion(const std::vector<VerbInfo>& verbs);

// vigil(1), and vigil-VERB(1), in roff. `version`: "0.1.0". Pure.
std::string ManualPage(const std::vector<VerbInfo>& verbs, const std::string& version);
std::string ManualPage(const VerbInfo& verb, const std::string& version);

}  // namespace cli
