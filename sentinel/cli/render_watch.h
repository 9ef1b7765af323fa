// One screen of `vigil watch`. Pure.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "sentinel/cli/terminal.h"
#include "sentinel/cli/topology.h"

namespace cli {

struct WatchView {
  std::vector<Topology> topologies;
  std::string trouble;             // why there is no newer look: "no sentinel answers"; empty: this one is fresh
  std::deque<std::string> events;  // the latest last
  std::string time;
};

// At most `screen.rows` lines of at most `screen.columns`. When not everything fits the heads of the masters stay,
// then what is wrong, then the tables; the latest events take what is left.
std::string RenderWatch(const WatchView& view, const Screen& screen, const Paint& paint);

}  // namespace cli
