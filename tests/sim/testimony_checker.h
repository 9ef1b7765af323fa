// Testimony, seen from outside: nobody promotes while a replica hears the master all the time, and nobody is held back
// for a master that is dead.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replication/base/time.h"
#include "tests/sim/checkers.h"
#include "tests/sim/network.h"

namespace sim {

class TestimonyChecker {
 public:
  // The truth about one data node.
  struct Node {
    HostId self = -1;
    HostId master = -1;  // -1: it is a master
    bool alive = false;
    std::optional<base::MonoTime> hears_since;  // it has received from its master all the time since then
  };

  TestimonyChecker(Verdict& verdict, base::Millis down_after, base::Millis timeout)
      : verdict_(verdict), down_after_(down_after), timeout_(timeout) {}

  // The world as it is now; called often. `reaches(s, node)`: sentinel s runs, and its way to the node is free.
  void Look(base::MonoTime now, std::vector<Node> nodes, int sentinels,
            const std::function<bool(int, HostId)>& reaches);
  // What sentinel s, for which the node `master` is the master, announces.
  void OnEvent(int s, base::MonoTime now, const std::string& event, const std::string& text, HostId master);
  void OnRestart(int s);
  int holds() const { return holds_; }

 private:
  struct Sentinel {
    std::optional<base::MonoTime> down_since;  // its +sdown of the master
    bool emptied = false;  // it counts as down because it holds nothing
    std::optional<HostId> held_for;
    std::map<HostId, base::MonoTime> reaches_since;
  };

  const Node* NodeAt(HostId host) const;

  Verdict& verdict_;
  const base::Millis down_after_;
  const base::Millis timeout_;
  std::vector<Node> nodes_;
  std::map<HostId, base::MonoTime> dead_since_;
  std::map<int, Sentinel> sentinels_;
  int holds_ = 0;
};

}  // namespace sim
