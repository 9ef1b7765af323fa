// What must hold of nodes that follow each other, whatever happens to them. Each looks after turns, with the truth of
// the world at hand.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "replication/base/time.h"
#include "tests/sim/checkers.h"
#include "tests/sim/node_process.h"

namespace sim {

// Two nodes at the same byte of the same history hold the same data: a replica holds exactly its master's prefix, and
// a partial resync was never granted across histories.
// "db 0: k1, k7": the keys whose values or expiries differ, at most ten.
std::string DifferentKeys(const NodeProcess& a, const NodeProcess& b);

class EqualMeansEqual {
 public:
  explicit EqualMeansEqual(Verdict& verdict) : verdict_(verdict) {}
  // Looks at one of several places alone, but at the same ones in all nodes; `all`: at this one in any case.
  void Look(const NodeProcess& node, bool all = false);
  int compared() const { return compared_; }

 private:
  Verdict& verdict_;
  int compared_ = 0;
  std::map<const NodeProcess*, std::pair<std::string, base::Offset>> last_;
  struct Seen {
    std::string digest;
    const NodeProcess* by = nullptr;
  };
  std::map<std::pair<std::string, base::Offset>, Seen> seen_;
};

// Where two nodes keep the same bytes of the same history, they are the same.
class StreamsAgree {
 public:
  explicit StreamsAgree(Verdict& verdict) : verdict_(verdict) {}
  void Look(const NodeProcess& node, const NodeProcess& other);

 private:
  Verdict& verdict_;
};

// Within one life and one history offsets only grow, but for what a demoted master gives up because it holds no data.
class OffsetsNeverFall {
 public:
  explicit OffsetsNeverFall(Verdict& verdict) : verdict_(verdict) {}
  void Look(const NodeProcess& node);
  // It has said that it gives up bytes which hold no data.
  void MayFall(const NodeProcess& node) { may_fall_.insert(&node); }

 private:
  struct Place {
    int life = 0;
    std::string replid;
    base::Offset applied = 0;
  };
  Verdict& verdict_;
  std::map<const NodeProcess*, Place> last_;
  std::set<const NodeProcess*> may_fall_;
};

// Whether the data of a node are still those that it had: a restart and a full sync of another history replace them.
class DataSince {
 public:
  // True: they have been replaced by another history's.
  bool Look(const NodeProcess& node);
  // Grows whenever a node may have lost what it held.
  int generation(const NodeProcess& node) const;

 private:
  struct Place {
    int life = 0;
    std::string replid;
    int generation = 0;
  };
  std::map<const NodeProcess*, Place> places_;
};

// WAIT counts nobody who did not have the write.
class WaitCountsHolders {
 public:
  explicit WaitCountsHolders(Verdict& verdict) : verdict_(verdict) {}
  void Look(const NodeProcess& node) { data_.Look(node); }
  void OnSent(const std::string& list, std::int64_t element, const std::vector<NodeProcess*>& nodes);
  void OnWaited(const std::string& list, std::int64_t element, std::int64_t counted, HostId by,
                const std::vector<NodeProcess*>& nodes);

 private:
  Verdict& verdict_;
  DataSince data_;
  std::map<std::pair<std::string, std::int64_t>, std::map<const NodeProcess*, int>> sent_;
};

// What a node with a journal has acknowledged is there again after its restart: with `always` also when its machine
// lost its power, otherwise when only the process ended.
class AcknowledgedIsKept {
 public:
  explicit AcknowledgedIsKept(Verdict& verdict) : verdict_(verdict) {}
  void OnSent(const NodeProcess& node, const std::string& list, std::int64_t element);
  void OnAcknowledged(NodeProcess& node, const std::string& list, std::int64_t element);
  // What is in its files is no longer what it acknowledged, or need not be.
  void Excuse(const NodeProcess& node);
  // Before it ends.
  void OnEnd(const NodeProcess& node, bool power_lost);
  // It serves. Looks only when it has just begun to.
  void Look(NodeProcess& node);
  int kept() const { return kept_; }

 private:
  struct Element {
    std::string list;
    std::int64_t element = 0;
  };
  bool Misses(NodeProcess& node, const Element& element);

  Verdict& verdict_;
  DataSince data_;
  int kept_ = 0;
  std::map<std::pair<std::string, std::int64_t>, int> sent_;  // under how many excuses
  std::map<const NodeProcess*, int> excuses_;
  std::map<const NodeProcess*, std::vector<Element>> promised_;
  std::map<const NodeProcess*, int> looked_at_;  // in which life
};

}  // namespace sim
