// Which settings sentinels of one master do not share. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sentinel/cli/topology.h"

namespace cli {

struct Difference {
  std::string name;
  std::map<std::string, std::string> values;  // by the sentinel's address
};

// Of those that answer. Passwords are compared and not shown; addresses that each announces for itself are its own.
std::vector<Difference> CompareSettings(const std::vector<SentinelView>& sentinels);

}  // namespace cli
