// A small world for scenarios: real sentinel cores, scripted data nodes, one virtual clock. Nothing here is random but
// what the cores draw from their seeds, so a scenario's trace is the same every time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sentinel/core/outbox.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/settings.h"
#include "sentinel/core/step.h"
#include "sentinel/core/vigil_file.h"

namespace scenario {

using base::Millis;
using base::MonoTime;
using sentinel::SavedTexts;

// A data node that answers as a redis-server would, as far as sentinels look.
struct Node {
  std::uint16_t port = 0;
  std::string host = "127.0.0.1";  // answers at this address alone
  bool alive = true;
  bool frozen = false;            // accepts connections and bytes, answers later
  std::uint16_t master_port = 0;  // 0: a master
  base::Offset offset = 0;
  int priority = 100;
  std::int64_t keys = 10;
  std::string replid = std::string(40, 'a');
  std::string replid2;
  base::Offset second_offset = -1;
  std::string run_id;
  bool loading = false;
  bool refuses_empty = false;               // takes no full sync from a master that holds nothing, as a vigil-node
  std::vector<std::string> other_replicas;  // "ip:port" of replicas that are none of this world's nodes
  bool obeys = true;                        // false: SLAVEOF is answered and not done
  std::function<void(Node&)> before_info;   // called before each INFO is answered
  std::function<void(Node&)> after_exec;    // called behind each transaction
  std::vector<std::string> commands;        // SLAVEOF words received, as text
  MonoTime link_lost_at{};

  // In a world with Write(): clients write, replicas receive it a millisecond later.
  bool vigil = false;            // verifies a FAILOVER itself
  bool stuck = false;            // receives, and applies nothing
  std::set<std::string> denied;  // "client|pause": not permitted to sentinels
  bool link_up = true;           // to its master
  MonoTime paused_until{};       // no writes
  std::string failover_state = "no-failover";
  std::uint16_t failover_to = 0;
  MonoTime failover_end{};  // when it forces, or gives up
  int full_syncs = 0;
  base::Offset lost = 0;  // bytes that a full sync took away from it
};

class World {
 public:
  World();
  ~World();
  World(const World&) = delete;

  Node& AddNode(std::uint16_t port, std::uint16_t master_port);
  // Sentinel number n (1, 2 ...) watches `mymaster` at port 7000 with `config` appended. Its id is forty times the
  // digit n, its port 26000 + n.
  void AddSentinel(int n, int quorum, const std::string& config = "");
  // One that speaks only what stock speaks, and whose loop looks every 100 ms.
  void MakeStock(int n);

  // From now on the master of the moment takes `per_ms` bytes of writes in each millisecond, all of them acknowledged.
  void Write(base::Offset per_ms);
  // Bytes that were acknowledged and that no node's history knows any more, and full syncs, over all nodes.
  base::Offset Lost() const;
  int FullSyncs() const;

  // One way, between any two.
  void SetLatency(Millis latency) { latency_ = latency; }

  // Runs the clock.
  void Run(Millis length);
  // Runs until `what` is true; false when that takes longer than `at_most`.
  bool RunUntil(const std::function<bool()>& what, Millis at_most);
  MonoTime now() const { return now_; }

  Node& node(std::uint16_t port) { return *nodes_.at(port); }
  sentinel::State& state(int n);
  sentinel::Master& master(int n);
  bool running(int n) const;

  // Faults.
  void KillNode(std::uint16_t port);
  void StartNode(std::uint16_t port);
  // A new process without the data. Replicas that take what it offers have lost theirs 300 ms later.
  void StartNodeEmpty(std::uint16_t port);
  // Somebody else's sentinel speaks through this node.
  void PublishAt(std::uint16_t port, const std::string& payload);
  void Freeze(std::uint16_t port);
  void Thaw(std::uint16_t port);
  void KillSentinel(int n);    // what was not saved is lost
  void StartSentinel(int n);   // from its last durable texts
  SavedTexts& Durable(int n);  // what its two files hold
  // The whole process stands still, as under SIGSTOP; what arrives waits in its sockets.
  void StopSentinel(int n);
  void ContinueSentinel(int n);
  // Its machine's wall clock is set by that much.
  void JumpWallClock(int n, Millis by);
  void FailSaves(int n, bool fail);
  // What the resolver answers from now on; names that were not given are not known.
  void SetName(const std::string& name, const std::string& address) { names_[name] = address; }
  void SlowDisk(int n, Millis latency);
  // No bytes between two ports, either way, until Heal.
  void Cut(std::uint16_t a, std::uint16_t b);
  void Heal(std::uint16_t a, std::uint16_t b);

  // A command from outside; returns the reply's raw bytes once they have left, empty when they have not after 1 s.
  std::string Ask(int n, std::vector<std::string> words);

  // "s1 +sdown master mymaster 127.0.0.1 7000": announced so far, in order, of sentinel n (0: of all).
  std::vector<std::string> Events(int n = 0) const;
  // Names only, without those of `ignored`.
  std::vector<std::string> EventNames(int n) const;
  bool Has(int n, const std::string& event) const;
  int Count(int n, const std::string& event) const;
  // Milliseconds from `since` to the first such event after it; -1 when there is none.
  std::int64_t When(int n, const std::string& event, MonoTime since) const;
  // Everything, with times: for a failing test to print.
  std::string Trace() const;
  // Milliseconds of the last change of roles and such are not in here: only what sentinels agreed on.
  std::uint16_t AddressAt(int n) const;

 private:
  struct Connection;
  struct Sentinel;
  struct Line {
    MonoTime at;
    int who;
    std::string text;
    bool event;
  };

  void At(MonoTime at, std::function<void()> what);
  void Feed(int n, const sentinel::Input& input);
  void Carry(int n, sentinel::Actions actions);
  void OpenConnection(int n, const sentinel::Connect& connect);
  void FlushLink(const std::shared_ptr<Connection>& connection);
  void FlushClient(int n, serve::ClientId client);
  void BeginSave(int n);
  void Deliver(const std::shared_ptr<Connection>& connection, const sentinel::Command& command);
  void Release(std::uint16_t port);
  void DeliverToNode(const std::shared_ptr<Connection>& connection, const sentinel::Command& command);
  sentinel::ReplyValue Answer(Node& node, const std::shared_ptr<Connection>& connection,
                              const sentinel::Command& command);
  std::string InfoOf(Node& node);
  void Tick();
  void Resync(Node& node, Node& master);
  void Promote(Node& node);
  bool TakesWrites(const Node& node) const;
  sentinel::ReplyValue AnswerFailover(Node& node, const std::vector<std::string>& words);
  bool NeedsFullSync(const Node& node, const Node& master) const;
  void ReplyTo(const std::shared_ptr<Connection>& connection, sentinel::Command command, sentinel::ReplyValue reply);
  void CloseByPeer(const std::shared_ptr<Connection>& connection);
  bool Reachable(std::uint16_t a, std::uint16_t b) const;
  Sentinel* SentinelAt(std::uint16_t port);
  base::Now Clock(const Sentinel& sentinel) const;

  MonoTime now_{Millis(1000000)};
  std::uint64_t order_ = 0;
  Millis latency_{1};
  bool live_ = false;
  base::Offset per_ms_ = 0;
  std::map<std::pair<MonoTime, std::uint64_t>, std::function<void()>> queue_;
  std::map<std::uint16_t, std::unique_ptr<Node>> nodes_;
  std::map<int, std::unique_ptr<Sentinel>> sentinels_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::set<std::pair<std::uint16_t, std::uint16_t>> cuts_;
  std::vector<Line> lines_;
  std::map<std::string, std::string> names_;
  serve::ClientId next_client_ = 1;
};

}  // namespace scenario
