// A data node as a world of sentinels sees it: modelled (data_node.h), or the real core (node_process.h).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "replication/base/ids.h"
#include "replication/base/time.h"
#include "tests/sim/network.h"

namespace sim {

class Server : public Host {
 public:
  // The process is gone. `silent`: the machine with it, and nobody is told.
  virtual void Crash(bool silent) = 0;
  // After a crash: what CONFIG REWRITE saved comes back, and the data if `with_data`.
  virtual void Restart(bool with_data) = 0;

  // The truth, for the checkers; of one that is down as it was when it went.
  virtual HostId self() const = 0;
  virtual const std::string& name() const = 0;
  bool is_master() const { return master() < 0; }
  virtual HostId master() const = 0;  // -1: it is a master
  virtual bool link_up() const = 0;
  // Since when it has received something from its master in every tenth of a second; empty when it does not.
  virtual std::optional<base::MonoTime> hears_since() const = 0;
  // It holds what was written before the trouble began.
  virtual bool holds_data() const = 0;
  // What it says of its data names the history that they came from.
  virtual bool names_history() const = 0;
  // The last byte that a master acknowledged under each name, of all that this node has been master of.
  virtual const std::map<std::string, base::Offset>& acknowledged() const = 0;
  virtual std::string former_name() const = 0;
  // The first byte that its own history does not share with the former one.
  virtual base::Offset fork() const = 0;
  // It has been told SLAVEOF NO ONE, or began as a master, in this many instances.
  virtual int promotions() const = 0;

  // After a crash, somebody else's master has this address. False: this one cannot play that.
  virtual bool RestartAsForeign() { return false; }
  virtual bool foreign() const { return false; }
  // SLAVEOF commands that it got since.
  virtual int orders_as_foreign() const { return 0; }
};

}  // namespace sim
