// One seed, one world: three to five real sentinel cores, modelled data nodes, drawn faults; first safety while things
// go wrong, then everything is healed and liveness is demanded.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "replication/base/random.h"
#include "tests/sim/checkers.h"
#include "tests/sim/data_node.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/network.h"
#include "tests/sim/node_process.h"
#include "tests/sim/operator.h"
#include "tests/sim/replication_checkers.h"
#include "tests/sim/sentinel_process.h"
#include "tests/sim/testimony_checker.h"
#include "tests/sim/writer.h"

namespace sim {

// What the seed drew. Printed with a failing seed.
struct Plan {
  int sentinels = 3;
  int nodes = 3;
  int quorum = 2;
  base::Millis down_after{1000};
  base::Millis failover_timeout{10000};
  base::Millis testimony_timeout{30000};
  base::Millis fast_fail{0};
  int faults = 8;
  bool vigil_nodes = false;  // nodes refuse a master that came back empty
  bool emptying = false;     // data nodes crash only as masters whose replicas are linked, and come back empty at once
  base::Millis trouble{30000};  // how long faults are made
  int orders = 0;               // given by an operator meanwhile
  bool stock_peer = false;      // the last sentinel speaks only what stock speaks
  std::string Describe() const;
};

struct Outcome {
  std::vector<std::string> failures;
  std::uint64_t trace_hash = 0;
  std::uint64_t events = 0;
  // What happened in this world, so that a run over many seeds can say that its faults bite.
  int failovers = 0;
  int elections = 0;
  int restarts = 0;
  int lost_elections = 0;
  int pauses = 0;          // that were durable somewhere
  int forgotten = 0;       // members
  int stock_majority = 0;  // looks at a majority that had to cover what a stock peer counts
  int holds = 0;
  int empty_masters = 0;  // +empty-master
  int foreign = 0;        // addresses that somebody else took
  int conflicts = 0;      // +config-epoch-settled
  int hand_overs = 0;     // that said they had switched without loss
  int returns = 0;        // +beyond-history: former masters demoted
  int writes = 0;         // acknowledged by real nodes
  int full_syncs = 0;     // of real nodes
  int partial_syncs = 0;
  bool ok() const { return failures.empty(); }
};

// Who plays the data nodes.
enum class Cast { kModels, kNodes };

class World : public Watcher, public NodeWatcher, public WriterWatcher {
 public:
  // `trace`: print every action and fault. `mutation`: a bug that all its sentinels have.
  World(std::uint64_t seed, bool trace, Mutation mutation = Mutation::kNone, Cast cast = Cast::kModels);
  ~World() override;
  Outcome Run();
  const Plan& plan() const { return plan_; }

 private:
  static constexpr const char* kMaster = "mymaster";

  void OnAction(int sentinel, const sentinel::State& state, const sentinel::Action& action) override;
  void OnSent(int sentinel, const sentinel::Command& command) override;
  void OnVote(int sentinel, std::uint64_t epoch, const std::string& candidate) override;
  void OnStep(int sentinel, const sentinel::State& state) override;
  void OnDurable(int sentinel, const sentinel::SavedTexts& texts) override;

  // Of real nodes and their clients.
  void OnTurn(NodeProcess& node) override;
  void OnLog(NodeProcess& node, std::string_view line) override;
  void OnRefusal(NodeProcess& node, const std::string& why) override;
  NodeProcess* Target() override;
  void OnSent(const Writer& writer, std::int64_t element) override;
  void OnAcknowledged(const Writer& writer, HostId by, std::int64_t element) override;
  void OnWaited(const Writer& writer, HostId by, std::int64_t element, std::int64_t counted) override;
  // `draw_rights`: may sentinels say FAILOVER, may they say CLIENT PAUSE?
  void BuildModels(const std::function<std::pair<bool, bool>()>& draw_rights);
  void BuildNodes(const std::function<std::pair<bool, bool>()>& draw_rights);
  void BuildWriters();

  void DrawPlan();
  void Build();
  void MakeFault();
  void GiveOrder();
  void KillSoon(SentinelProcess* process);
  void LookAtHandOver(int sentinel, const sentinel::State& state);
  void CutSentinelsFromMaster(base::Millis lasts);
  void LookAround();
  void ShowTruth();
  void EmptyTheMaster();
  void ReuseAnAddress();
  void MisleadASentinel();
  void Heal();
  // Empty when all is as it should be; otherwise what is not.
  std::string Trouble() const;
  void RunUntil(base::MonoTime until);
  void Trace(const std::string& line);

  const std::uint64_t seed_;
  const bool trace_;
  const Mutation mutation_;
  const Cast cast_;
  base::Random random_;
  Plan plan_;
  EventQueue queue_;
  Network network_{queue_, random_};
  std::vector<std::unique_ptr<Server>> nodes_;
  std::vector<std::unique_ptr<SentinelProcess>> sentinels_;
  std::map<HostId, Server*> node_of_;
  std::map<HostId, DataNode*> models_;
  std::vector<NodeProcess*> processes_;
  std::vector<std::unique_ptr<Writer>> writers_;

  Verdict verdict_;
  OneVotePerEpoch one_vote_{verdict_};
  OneLeaderPerEpoch one_leader_{verdict_};
  EpochsNeverFall epochs_{verdict_};
  OneAddressPerEpoch one_address_{verdict_, [this](const base::Endpoint& address) {
                                    const auto found = node_of_.find(network_.HostOf(address.host));
                                    return found != node_of_.end() && found->second->promotions() > 0;
                                  }};
  NoFailoverWhilePaused paused_{verdict_};
  MajorityCoversStock majority_{verdict_};
  HandoverLosesNothing hand_over_{verdict_};
  std::unique_ptr<TestimonyChecker> testimony_;  // once the plan is drawn
  ForeignNodesLeftAlone foreign_{verdict_};
  DataSurvive data_survive_{verdict_};
  EqualMeansEqual equal_{verdict_};
  OffsetsNeverFall offsets_{verdict_};
  WaitCountsHolders waits_{verdict_};
  Outcome outcome_;
  std::set<int> hammers_;  // sentinels whose operator forces a failover for which nobody votes
  std::set<int> misled_;   // sentinels that had a wrong address put into their files
  std::set<int> ordered_;  // sentinels that are about to begin a failover which an operator wants
  bool healing_ = false;
  bool sentinel_forgotten_ = false;  // once in a world: two at a time could leave two majorities
};

}  // namespace sim
