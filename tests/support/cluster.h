// A small cluster of real processes on loopback: data nodes and sentinels, ours and stock mixed as a test likes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/network.h"
#include "tests/support/process.h"
#include "tests/support/proxy.h"
#include "tests/support/redis.h"

namespace support {

enum class Make { kOurs, kStock };

// One node or sentinel with its folder and its configuration; may be killed and started again on the same files.
struct Member {
  Make make = Make::kOurs;
  bool is_sentinel = false;
  int port = 0;
  int announced = 0;  // the port that it names to others, and by which they reach it: `port`, or that of `proxy`
  std::unique_ptr<Proxy> proxy;  // null: they reach it directly; Do() always does
  std::string host = "127.0.0.1";
  int space = -1;         // the network namespace in which it runs; Do() asks from inside it
  std::string directory;  // the log lies beside it, so that a full disk there silences nobody
  std::string config_path;
  Process process;

  // With whatever program `make` names now: a test may change it in between.
  void Start();
  void Kill() { process.Kill(); }
  Value Do(const std::vector<std::string>& words, int timeout_ms = 2000) const;
  std::map<std::string, std::string> AllInfo(const std::string& section = "all") const;
  std::string Info(const std::string& field) const { return AllInfo()[field]; }
  bool Answers() const;
};

class Cluster {
 public:
  static constexpr const char* kName = "mymaster";

  // `replica_of` null: a master. `lines` are added to the configuration.
  Member& AddNode(Make make, const Member* replica_of = nullptr, const std::vector<std::string>& lines = {});
  // Watches the first node that was added.
  Member& AddSentinel(Make make, int quorum = 2, int down_after_ms = 1000, const std::vector<std::string>& lines = {});

  // The next members get a proxy each, through which all others reach them.
  void BehindProxies() { behind_proxies_ = true; }
  // The next members run on that host of the network, and listen on its address.
  void PlaceOn(const Network& network, int host, Family family = Family::kIpv4);

  // The next members listen on that address of this machine: "::1".
  void PlaceAt(const std::string& address);

  // Three nodes, three sentinels, all as named; waits until they know each other.
  void Build(Make nodes, const std::vector<Make>& sentinels, int down_after_ms = 1000);

  // Every sentinel that runs sees this many replicas, all other sentinels, and nobody down; every replica's link is
  // up. False after the limit: Trouble() says what was missing.
  bool WaitHealthy(int limit_ms = 60000);
  // All running sentinels name the same (announced) port, which is not `old_port`; it, or 0.
  int AgreedMaster(int old_port = 0);
  bool WaitNewMaster(int old_port, int limit_ms = 60000);
  // All running nodes but the master at `port` follow it with their link up.
  bool AllFollow(int port);
  std::string Trouble();

  Member& NodeAt(int port);
  std::vector<std::unique_ptr<Member>> nodes;
  std::vector<std::unique_ptr<Member>> sentinels;
  TempDir temp;

 private:
  Member& Add(std::vector<std::unique_ptr<Member>>& to, Make make, bool is_sentinel,
              const std::vector<std::string>& lines);
  bool behind_proxies_ = false;
  std::string next_host_ = "127.0.0.1";
  int next_space_ = -1;
};

// The tail of every member's log, for a failing test.
std::string Logs(const Cluster& cluster);

}  // namespace support
