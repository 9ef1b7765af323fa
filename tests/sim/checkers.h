// What must hold whatever happens. Each watches the world from outside: what was sent, what is durable, what the data
// nodes truly are; never what a sentinel believes of itself.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sentinel/core/action.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/state.h"

namespace sim {

// Collects what was violated, with the moment.
class Verdict {
 public:
  void Fail(std::string what) { failures_.push_back(std::move(what)); }
  const std::vector<std::string>& failures() const { return failures_; }
  bool ok() const { return failures_.empty(); }

 private:
  std::vector<std::string> failures_;
};

// A sentinel answers one name for a master and an epoch, over all its crashes and restarts.
class OneVotePerEpoch {
 public:
  explicit OneVotePerEpoch(Verdict& verdict) : verdict_(verdict) {}
  // It told somebody, by a reply that has left, that it voted for `candidate`.
  void OnVoteTold(int sentinel, const std::string& master, std::uint64_t epoch, const std::string& candidate);

 private:
  Verdict& verdict_;
  std::map<std::tuple<int, std::string, std::uint64_t>, std::string> votes_;
};

// At most one sentinel is elected for a master in an epoch.
class OneLeaderPerEpoch {
 public:
  explicit OneLeaderPerEpoch(Verdict& verdict) : verdict_(verdict) {}
  void OnElected(int sentinel, const std::string& master, std::uint64_t epoch);

 private:
  Verdict& verdict_;
  std::map<std::pair<std::string, std::uint64_t>, int> leaders_;
};

// What a sentinel tells of its epochs, and what it makes durable, never falls, over all its crashes. And what it tells
// of them, and of its votes, is on its disk before.
class EpochsNeverFall {
 public:
  explicit EpochsNeverFall(Verdict& verdict) : verdict_(verdict) {}
  void OnVoteTold(int sentinel, const std::string& master, std::uint64_t epoch);
  void OnHello(int sentinel, const sentinel::Hello& hello);
  void OnDurable(int sentinel, const std::string& config);

 private:
  // `what`: the directive, and the master if it is about one.
  void RequireDurable(int sentinel, const std::string& what, std::uint64_t told);

  Verdict& verdict_;
  std::map<int, std::uint64_t> current_;
  std::map<std::pair<int, std::string>, std::uint64_t> config_;
  std::map<std::pair<int, std::string>, std::uint64_t> durable_;
};

// Two sentinels never announce different addresses for one master under one configuration epoch, and an announced
// address is that of a node that was promoted.
class OneAddressPerEpoch {
 public:
  explicit OneAddressPerEpoch(Verdict& verdict, std::function<bool(const base::Endpoint&)> was_promoted)
      : verdict_(verdict), was_promoted_(std::move(was_promoted)) {}
  void OnHello(int sentinel, const sentinel::Hello& hello);
  // An operator has put another address into a file under this epoch.
  void Excuse(std::uint64_t epoch) { excused_.insert(epoch); }
  // A leader that nobody elected stands in this epoch, beside one that may be elected.
  void MayBeContested(std::uint64_t epoch) { contested_.insert(epoch); }
  // Operators have put wrong addresses into the files of so many that they are the majority.
  void ExcuseTheUnpromoted() { unpromoted_excused_ = true; }

 private:
  Verdict& verdict_;
  std::set<std::uint64_t> excused_;
  std::set<std::uint64_t> contested_;
  bool unpromoted_excused_ = false;
  std::function<bool(const base::Endpoint&)> was_promoted_;
  std::map<std::pair<std::string, std::uint64_t>, base::Endpoint> addresses_;
};

// A node of another cluster gets no orders, whatever address it has.
class ForeignNodesLeftAlone {
 public:
  explicit ForeignNodesLeftAlone(Verdict& verdict) : verdict_(verdict) {}
  void Look(const std::string& node, int orders) {
    if (orders > 0) verdict_.Fail(node + ", which belongs to another cluster, was given a role");
  }

 private:
  Verdict& verdict_;
};

// Where every node refuses an empty master, and only masters lose their data, what was written before survives.
class DataSurvive {
 public:
  explicit DataSurvive(Verdict& verdict) : verdict_(verdict) {}
  void Look(const std::string& master, bool holds) {
    if (!holds) verdict_.Fail(master + " is the master in the end, and holds nothing of what was written");
  }

 private:
  Verdict& verdict_;
};

}  // namespace sim
