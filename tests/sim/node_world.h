// One seed, one world of data nodes: two to five real cores that follow each other, writers, an operator who changes
// roles, and faults of processes, links and disks; then everything is healed, and all must hold the same data.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "replication/base/random.h"
#include "tests/sim/checkers.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/network.h"
#include "tests/sim/node_process.h"
#include "tests/sim/replication_checkers.h"
#include "tests/sim/writer.h"

namespace sim {

// What the seed drew. Printed with a failing seed.
struct NodePlan {
  int nodes = 3;
  int writers = 2;
  int faults = 10;
  int orders = 6;
  base::Millis trouble{20000};
  std::string appendfsync;  // empty: no node has a journal
  bool mixed = false;       // only some have one
  bool power_fails = false;
  std::uint64_t backlog = 1 << 20;
  std::size_t socket_room = 1 << 20;
  std::size_t read_piece = 1 << 20;
  base::Millis worker_takes{1};
  bool diskless = true;
  std::string diskless_load = "disabled";
  base::Seconds delay{0};  // of one of the replicas
  std::string Describe() const;
};

struct NodeOutcome {
  std::vector<std::string> failures;
  std::uint64_t trace_hash = 0;
  std::uint64_t turns = 0;
  base::Millis simulated{};
  // What happened, so that a run over many seeds can say that its worlds are hard enough.
  int writes = 0;  // acknowledged
  int waits = 0;   // that counted somebody
  int promotions = 0;
  int full_syncs = 0;
  int partial_syncs = 0;
  int partial_after_restart = 0;
  int kills = 0;
  int power_losses = 0;
  int journal_failures = 0;
  int compared = 0;  // digests at the same place of a history
  int kept = 0;      // acknowledged writes that a restart had to bring back
  bool ok() const { return failures.empty(); }
};

class NodeWorld : public NodeWatcher, public WriterWatcher {
 public:
  NodeWorld(std::uint64_t seed, bool trace, NodeMutation mutation = NodeMutation::kNone);
  ~NodeWorld() override;
  NodeOutcome Run();
  const NodePlan& plan() const { return plan_; }

 private:
  void OnTurn(NodeProcess& node) override;
  void OnLog(NodeProcess& node, std::string_view line) override;
  void OnRefusal(NodeProcess& node, const std::string& why) override;
  NodeProcess* Target() override;
  void OnSent(const Writer& writer, std::int64_t element) override;
  void OnAcknowledged(const Writer& writer, HostId by, std::int64_t element) override;
  void OnWaited(const Writer& writer, HostId by, std::int64_t element, std::int64_t counted) override;

  void DrawPlan();
  void Build();
  void MakeFault();
  void GiveOrder();
  void KillFor(NodeProcess& node, base::Millis away, bool power);
  void BringBack(NodeProcess& node, bool with_data);
  void Heal();
  // Empty when all is as it should be; otherwise what is not.
  std::string Trouble();
  bool Follows(const NodeProcess& other, const NodeProcess& node) const;
  void RunUntil(base::MonoTime until);
  void Trace(const std::string& line);
  NodeProcess* Any();
  NodeProcess* AnyServing();

  const std::uint64_t seed_;
  const bool trace_;
  const NodeMutation mutation_;
  base::Random random_;
  NodePlan plan_;
  EventQueue queue_;
  Network network_{queue_, random_};
  std::vector<std::unique_ptr<NodeProcess>> nodes_;
  std::vector<std::unique_ptr<Writer>> writers_;
  Verdict verdict_;
  EqualMeansEqual equal_{verdict_};
  StreamsAgree streams_{verdict_};
  OffsetsNeverFall offsets_{verdict_};
  WaitCountsHolders waits_{verdict_};
  AcknowledgedIsKept kept_{verdict_};
  NodeOutcome outcome_;
  NodeProcess* leader_ = nullptr;  // whom all follow in the end
  bool healing_ = false;
};

}  // namespace sim
