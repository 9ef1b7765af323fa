// An operator among the faults: pauses, resumes, forgets, shuts sentinels down in good order. And what must hold of
// pauses and of majorities then.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "replication/base/random.h"
#include "sentinel/core/state.h"
#include "sentinel/core/vigil_file.h"
#include "tests/sim/checkers.h"

namespace sim {

// What an operator would type now; empty when there is nothing sensible. `state` is the sentinel that is asked. Only
// sentinels that are `gone` are forgotten: whoever forgets sentinels that live makes two majorities, as with RESET.
std::vector<std::string> DrawOperatorCommand(const sentinel::State& state, const std::string& master,
                                             const std::function<bool(const base::RunId&)>& gone, base::Random& random);

// SENTINEL FAILOVER in one of its forms, and how it is expected of whoever asks.
std::vector<std::string> DrawFailover(const sentinel::State& state, const std::string& master, base::Random& random);

// A failover that says that the master hands over, and then that it has switched, has lost nothing of what that master
// acknowledged.
class HandoverLosesNothing {
 public:
  explicit HandoverLosesNothing(Verdict& verdict) : verdict_(verdict) {}
  void OnEvent(int sentinel, const std::string& event, const std::string& text);
  // Did this sentinel say so of the replica that it has just seen promoted?
  bool Claims(int sentinel) const { return promoted_.contains(sentinel); }
  // `acknowledged`: the last byte that the former master acknowledged; `fork`: the first that the new one did not take.
  void OnSwitch(int sentinel, const std::string& node, base::Offset acknowledged, base::Offset fork);
  int looks() const { return looks_; }

 private:
  Verdict& verdict_;
  std::set<int> coordinated_;
  std::set<int> promoted_;
  int looks_ = 0;
};

// No automatic failover starts on a sentinel whose disk holds a pause that is in force, unless it has heard of a newer
// word since.
class NoFailoverWhilePaused {
 public:
  explicit NoFailoverWhilePaused(Verdict& verdict) : verdict_(verdict) {}
  // `wall` is what the sentinel's own machine shows, `now` the world's time.
  void OnDurable(int sentinel, const sentinel::SavedTexts& texts, base::MonoTime now, base::WallTime wall);
  void OnTryFailover(int sentinel, const sentinel::Master& master, base::MonoTime now, base::WallTime wall);
  int pauses() const { return pauses_; }

 private:
  struct Held {
    std::uint64_t version = 0;
    base::WallTime ends_at{};
    base::MonoTime until{};  // the same moment, as it was when this pause was first durable there
  };
  Verdict& verdict_;
  std::map<int, Held> held_;
  int pauses_ = 0;
};

// Whom a sentinel has forgotten, and a stock peer that it knows still counts, is in its majority.
class MajorityCoversStock {
 public:
  explicit MajorityCoversStock(Verdict& verdict) : verdict_(verdict) {}
  // `stock`: the states of the stock sentinels that run, by their ids.
  void OnStep(int sentinel, const sentinel::Master& master,
              const std::map<base::RunId, const sentinel::Master*>& stock);
  int looks() const { return looks_; }

 private:
  Verdict& verdict_;
  int looks_ = 0;
};

}  // namespace sim
