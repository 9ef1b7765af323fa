// Which replica becomes the master: a pure ranking, with a reason for each that cannot be.
//
// Source: spec/sentinel.md 2.11; spec/decisions.md A5.
#pragma once

#include <string>
#include <vector>

#include "replication/base/time.h"
#include "sentinel/core/state.h"

namespace sentinel {

struct Candidate {
  base::Endpoint address;
  InstanceId id = InstanceId::kNone;
  std::string against;    // why it cannot be chosen; empty: it can
  bool promoted = false;  // an earlier leader has promoted it already
  bool named = false;     // an earlier leader said that it promotes it
  int priority = 100;
  base::Offset offset = -1;
  base::RunId run_id;
  InfoReport info;  // what it is judged by

  bool usable() const { return against.empty(); }
};

enum class Evidence {
  kAnyInfo,   // could there be a failover at all? By the last INFO, whenever that was
  kTwoReads,  // by the second of two reads since the attempt began; without one, not usable
};

// All replicas, best first, those that cannot be chosen last. Empty when there are none. The order depends on the
// facts alone, so that every sentinel with the same facts chooses alike.
std::vector<Candidate> RankReplicas(const State& state, const Master& master, Evidence evidence, base::MonoTime now);

// The first usable one, or null.
const Candidate* BestOf(const std::vector<Candidate>& ranked);

}  // namespace sentinel
