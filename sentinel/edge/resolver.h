// Names to addresses without blocking the loop: by libuv's pool, which nothing else of this program uses.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "replication/base/result.h"
#include "replication/net/loop.h"

namespace sentinel::edge {

class Resolver {
 public:
  using Done = std::function<void(std::string name, base::Result<std::string> address)>;

  Resolver(net::Loop& loop, Done done);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Answered once, later. The first address is taken, IPv4 before IPv6 as stock sentinels do.
  void Resolve(const std::string& name);

 private:
  struct Query;
  net::Loop& loop_;
  Done done_;
  std::set<Query*> queries_;
};

}  // namespace sentinel::edge
