#include "tests/sim/node_world.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/core/invariants.h"
#include "replication/core/journal.h"
#include "replication/data/data_digest.h"

namespace sim {

using base::Millis;
using replication::NodeState;

namespace {

// FNV-1a: the trace only has to be compared with itself.
void Mix(std::uint64_t& hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
}

template <class T, std::size_t kCount>
T OneOf(base::Random& random, const T (&choices)[kCount]) {
  return choices[random.Below(kCount)];
}

}  // namespace

std::string NodePlan::Describe() const {
  return fmt::format(
      "{} nodes, {} writers, {} faults and {} orders in {} ms, journal {}{}{}, backlog {}, sockets of {} bytes read in "
      "pieces of {}, worker {} ms a piece, {}, repl-diskless-load {}, delay {} s",
      nodes, writers, faults, orders, trouble.count(), appendfsync.empty() ? "off" : appendfsync,
      mixed ? " on some" : "", power_fails ? ", power fails" : "", backlog, socket_room, read_piece,
      worker_takes.count(), diskless ? "diskless" : "by file", diskless_load, delay.count());
}

NodeWorld::NodeWorld(std::uint64_t seed, bool trace, NodeMutation mutation)
    : seed_(seed), trace_(trace), mutation_(mutation), random_(seed) {
  outcome_.trace_hash = 14695981039346656037ULL;
  DrawPlan();
  Build();
}

NodeWorld::~NodeWorld() = default;

void NodeWorld::DrawPlan() {
  plan_.nodes = 2 + static_cast<int>(random_.Below(4));
  plan_.writers = 1 + static_cast<int>(random_.Below(3));
  plan_.faults = 2 + static_cast<int>(random_.Below(15));
  plan_.orders = static_cast<int>(random_.Below(12));
  plan_.trouble = random_.Between(Millis(5'000), Millis(40'000));
  plan_.appendfsync = OneOf<const char*>(random_, {"", "", "always", "everysec", "no"});
  plan_.mixed = random_.Chance(0.3);
  plan_.power_fails = random_.Chance(0.5);
  // A small backlog makes full syncs frequent, a larger one partial ones.
  plan_.backlog = random_.Chance(0.5) ? 16384 : 1 << 20;
  plan_.socket_room = OneOf<std::size_t>(random_, {300, 5000, 1 << 20});
  plan_.read_piece = OneOf<std::size_t>(random_, {5, 300, 1 << 20, 1 << 20});
  plan_.worker_takes = Millis(OneOf(random_, {0, 1, 1, 15}));
  plan_.diskless = random_.Chance(0.6);
  plan_.diskless_load = OneOf<const char*>(random_, {"disabled", "on-empty-db", "swapdb"});
  plan_.delay = base::Seconds(random_.Chance(0.15) ? 2 : 0);
}

void NodeWorld::Build() {
  for (int i = 0; i < plan_.nodes; ++i) {
    nodes_.push_back(std::make_unique<NodeProcess>(queue_, network_, random_, *this, fmt::format("node{}", i)));
    NodeProcess& node = *nodes_.back();
    network_.Add(node);
    node.mutation = mutation_;
    node.socket_room = plan_.socket_room;
    node.read_piece = plan_.read_piece;
    node.worker_takes = plan_.worker_takes;
    node.wall_clock_off = random_.Chance(0.5) ? Millis(0) : random_.Between(Millis(-3000), Millis(3000));
  }
  for (int i = 0; i < plan_.nodes; ++i) {
    replication::Settings settings;
    settings.save.clear();
    settings.stop_writes_on_bgsave_error = false;
    settings.protected_mode = false;
    settings.repl_backlog_size = plan_.backlog;
    settings.repl_timeout = base::Seconds(5);
    settings.repl_ping_replica_period = base::Seconds(1);
    settings.repl_diskless_sync_delay = base::Seconds(0);
    settings.repl_diskless_sync = plan_.diskless;
    settings.repl_diskless_load = plan_.diskless_load;
    settings.appendonly = !plan_.appendfsync.empty() && !(plan_.mixed && random_.Chance(0.5));
    if (settings.appendonly) settings.appendfsync = plan_.appendfsync;
    settings.auto_aof_rewrite_min_size = 20'000;
    if (i > 0) settings.replicaof = {Network::AddressOf(0), kVigilNodePort};
    if (i > 0 && i == plan_.nodes - 1) settings.replica_apply_delay = plan_.delay;
    nodes_[static_cast<std::size_t>(i)]->Start(i, settings);
  }
  leader_ = nodes_[0].get();
  for (int i = 0; i < plan_.writers; ++i) {
    writers_.push_back(std::make_unique<Writer>(queue_, network_, random_, *this, i));
    const HostId host = network_.Add(*writers_.back());
    writers_.back()->Start(host);
  }
}

void NodeWorld::Trace(const std::string& line) {
  const auto at = queue_.now().time_since_epoch().count() - 1'000'000;
  Mix(outcome_.trace_hash, fmt::format("{} {}", at, line));
  if (trace_) fmt::print("{:>9} {}\n", at, line);
}

NodeProcess* NodeWorld::Any() {
  return nodes_[random_.Below(nodes_.size())].get();
}

NodeProcess* NodeWorld::AnyServing() {
  NodeProcess* node = Any();
  return node->serves() && !network_.IsFrozen(node->self()) ? node : nullptr;
}

// ---- What is heard.

void NodeWorld::OnTurn(NodeProcess& node) {
  ++outcome_.turns;
  if (!node.serves()) return;
  const NodeState& state = node.state();
  Mix(outcome_.trace_hash, fmt::format("{}{}{}", node.name(), state.applied, state.history.replid.hex));
  kept_.Look(node);
  waits_.Look(node);
  offsets_.Look(node);
  equal_.Look(node);
  if (outcome_.turns % 64 == 0) {
    for (const std::string& broken : replication::BrokenInvariants(state)) verdict_.Fail(node.name() + ": " + broken);
    for (const auto& other : nodes_) {
      if (other.get() != &node && other->serves()) streams_.Look(node, *other);
    }
  }
}

void NodeWorld::OnLog(NodeProcess& node, std::string_view line) {
  Trace(fmt::format("{} {}", node.name(), line));
  if (line.starts_with("The journal cannot be written:")) ++outcome_.journal_failures;
  if (line.find("that hold no data") != std::string_view::npos) offsets_.MayFall(node);
}

void NodeWorld::OnRefusal(NodeProcess& node, const std::string& why) {
  verdict_.Fail(fmt::format("{} cannot begin again: {}", node.name(), why));
}

NodeProcess* NodeWorld::Target() {
  if (healing_) return leader_->serves() ? leader_ : nullptr;
  NodeProcess* node = Any();
  // Mostly a master, as somebody who asked a sentinel.
  for (int i = 0; i < 3 && !(node->serves() && node->state().is_master()); ++i) node = Any();
  return node;
}

void NodeWorld::OnSent(const Writer& writer, std::int64_t element) {
  std::vector<NodeProcess*> nodes;
  for (const auto& node : nodes_) nodes.push_back(node.get());
  waits_.OnSent(writer.list(), element, nodes);
  for (NodeProcess* node : nodes) {
    if (node->self() == writer.to()) kept_.OnSent(*node, writer.list(), element);
  }
}

void NodeWorld::OnAcknowledged(const Writer& writer, HostId by, std::int64_t element) {
  ++outcome_.writes;
  kept_.OnAcknowledged(*nodes_[static_cast<std::size_t>(by)], writer.list(), element);
}

void NodeWorld::OnWaited(const Writer& writer, HostId by, std::int64_t element, std::int64_t counted) {
  ++outcome_.waits;
  std::vector<NodeProcess*> nodes;
  for (const auto& node : nodes_) nodes.push_back(node.get());
  waits_.OnWaited(writer.list(), element, counted, by, nodes);
}

// ---- Trouble.

// Is `node` the master of `other`, at whatever distance, or itself? A ring would pass its bytes round for ever, as it
// does with every server.
bool NodeWorld::Follows(const NodeProcess& other, const NodeProcess& node) const {
  const NodeProcess* at = &other;
  for (std::size_t i = 0; i <= nodes_.size() && at != nullptr && at != &node; ++i) {
    const replication::Settings& settings = at->running() ? at->state().settings : at->saved_settings();
    const HostId master = settings.replicaof.empty() ? -1 : network_.HostOf(settings.replicaof.host);
    at = master < 0 ? nullptr : nodes_[static_cast<std::size_t>(master)].get();
  }
  return at != nullptr;
}

void NodeWorld::KillFor(NodeProcess& node, Millis away, bool power) {
  if (!node.running()) return;
  Trace(fmt::format("FAULT {} {} for {} ms", node.name(), power ? "loses its power" : "is killed", away.count()));
  ++(power ? outcome_.power_losses : outcome_.kills);
  kept_.OnEnd(node, power);
  if (power) {
    node.LosePower();
  } else {
    node.Kill();
  }
  queue_.After(away, [this, &node] { BringBack(node, true); });
}

void NodeWorld::BringBack(NodeProcess& node, bool with_data) {
  if (node.running() || !verdict_.ok()) return;
  // A configuration that was saved at different times may close a ring.
  const replication::Settings& saved = node.saved_settings();
  if (!saved.replicaof.empty()) {
    const HostId master = network_.HostOf(saved.replicaof.host);
    if (master >= 0 && Follows(*nodes_[static_cast<std::size_t>(master)], node)) node.MakeMasterInFile();
  }
  Trace(fmt::format("{} begins again{}", node.name(), with_data ? "" : ", without its data"));
  if (!with_data) kept_.Excuse(node);
  node.Restart(with_data);
}

void NodeWorld::MakeFault() {
  if (healing_) return;
  const Millis lasts = random_.Between(Millis(50), Millis(9'000));
  NodeProcess& node = *Any();
  const HostId other = static_cast<HostId>(random_.Below(nodes_.size() + writers_.size()));
  switch (random_.Below(12)) {
    case 0:
    case 1:
    case 2:
      return KillFor(node, random_.Between(Millis(5), Millis(4000)), false);
    case 3:
    case 4:
      return KillFor(node, random_.Between(Millis(5), Millis(4000)), plan_.power_fails);
    case 5: {
      if (!node.running() || random_.Chance(0.5)) return;
      Trace(fmt::format("FAULT {} loses its disk", node.name()));
      kept_.OnEnd(node, false);
      node.Kill();
      queue_.After(Millis(300), [this, &node] { BringBack(node, false); });
      return;
    }
    case 6:
      Trace(fmt::format("FAULT {} stands still for {} ms", node.name(), lasts.count()));
      network_.Freeze(node.self());
      queue_.After(lasts, [this, self = node.self()] { network_.Thaw(self); });
      return;
    case 7:
    case 8: {
      const bool one_way = random_.Chance(0.4);
      Trace(fmt::format("FAULT host{} to host{} cut{} for {} ms", node.self(), other, one_way ? " one way" : "",
                        lasts.count()));
      network_.SetCut(node.self(), other, true);
      if (!one_way) network_.SetCut(other, node.self(), true);
      queue_.After(lasts, [this, self = node.self(), other] {
        network_.SetCut(self, other, false);
        network_.SetCut(other, self, false);
      });
      return;
    }
    case 9:
      Trace(fmt::format("FAULT the disk of {} is full for {} ms", node.name(), lasts.count()));
      node.disk.full = true;
      queue_.After(lasts, [&node] { node.disk.full = false; });
      return;
    case 10:
      Trace(fmt::format("FAULT fsync of {} fails for {} ms", node.name(), lasts.count()));
      node.disk.sync_fails = true;
      queue_.After(lasts, [&node] { node.disk.sync_fails = false; });
      return;
    default:
      if (random_.Chance(0.5)) {
        const Millis takes = random_.Between(Millis(5), Millis(300));
        Trace(fmt::format("FAULT the disk of {} takes {} ms for {} ms", node.name(), takes.count(), lasts.count()));
        node.disk.sync_takes = takes;
        queue_.After(lasts, [&node] { node.disk.sync_takes = Millis(0); });
      } else {
        node.wall_clock_off += random_.Between(Millis(-5000), Millis(5000));
        Trace(fmt::format("FAULT the clock of {} jumps", node.name()));
      }
      return;
  }
}

void NodeWorld::GiveOrder() {
  if (healing_) return;
  NodeProcess* node = AnyServing();
  if (node == nullptr) return;
  std::vector<std::string> words;
  switch (random_.Below(14)) {
    case 0:
    case 1:
      words = {"REPLICAOF", "NO", "ONE"};
      if (!node->state().is_master()) ++outcome_.promotions;
      break;
    case 2:
    case 3:
    case 4:
    case 5: {
      NodeProcess* master = Any();
      if (Follows(*master, *node)) return;
      words = {"REPLICAOF", Network::AddressOf(master->self()), fmt::format("{}", kVigilNodePort)};
      break;
    }
    case 6:
      words = {"FAILOVER", "TIMEOUT", "1500"};
      break;
    case 7:
      words = {"CLIENT", "PAUSE", "700", "WRITE"};
      break;
    case 8:
      words = {"BGSAVE"};
      break;
    case 9:
      if (!node->state().settings.appendonly) return;
      words = {"BGREWRITEAOF"};
      break;
    case 10:
      if (plan_.appendfsync.empty()) return;
      words = {"CONFIG", "SET", "appendonly", random_.Chance(0.7) ? "yes" : "no"};
      if (words.back() == "no") kept_.Excuse(*node);
      break;
    case 11:
      words = {"CONFIG", "SET", "repl-diskless-load",
               OneOf<const char*>(random_, {"disabled", "on-empty-db", "swapdb"})};
      break;
    case 12:
      words = {"REPLICAOF", "NO", "ONE"};
      node = leader_;
      if (!node->serves() || network_.IsFrozen(node->self())) return;
      break;
    default:
      words = {"CONFIG", "SET", "repl-diskless-sync", random_.Chance(0.5) ? "yes" : "no"};
      break;
  }
  Trace(fmt::format("ORDER {}: {}", node->name(), fmt::join(words, " ")));
  node->Tell(words);
  if (node->running() && random_.Chance(0.8)) node->Tell({"CONFIG", "REWRITE"});
}

// ---- Healing.

void NodeWorld::Heal() {
  healing_ = true;
  for (const auto& node : nodes_) {
    node->disk.full = node->disk.sync_fails = false;
    node->disk.sync_takes = Millis(0);
    if (network_.IsFrozen(node->self())) network_.Thaw(node->self());
  }
  const HostId hosts = static_cast<HostId>(nodes_.size() + writers_.size());
  for (HostId a = 0; a < hosts; ++a) {
    for (HostId b = 0; b < hosts; ++b) network_.SetCut(a, b, false);
  }
  leader_ = Any();
  Trace(fmt::format("all is healed, and everybody is to follow {}", leader_->name()));
}

std::string NodeWorld::Trouble() {
  std::string trouble;
  for (const auto& node : nodes_) {
    if (!node->serves()) {
      trouble += fmt::format("{} does not serve; ", node->name());
      continue;
    }
    const NodeState& state = node->state();
    const bool leads = node.get() == leader_;
    if (leads && !state.is_master()) {
      if (state.failover.stage == replication::Failover::Stage::kNo) node->Tell({"REPLICAOF", "NO", "ONE"});
      trouble += fmt::format("{} is no master; ", node->name());
      continue;
    }
    if (leads) continue;
    if (state.settings.replicaof.host != Network::AddressOf(leader_->self())) {
      node->Tell({"REPLICAOF", Network::AddressOf(leader_->self()), fmt::format("{}", kVigilNodePort)});
      trouble += fmt::format("{} follows another one; ", node->name());
      continue;
    }
    // Who holds data does not give them up to an empty master, before an operator says so.
    if (state.master.refused_empty) node->Tell({"CONFIG", "SET", "replica-accept-empty-master", "yes"});
    if (!state.link_up()) trouble += fmt::format("{} is not linked; ", node->name());
  }
  if (!trouble.empty()) return trouble;
  const NodeState& master = leader_->state();
  for (const auto& node : nodes_) {
    const NodeState& state = node->state();
    // What a delayed one holds back in the end is pings.
    const base::Offset wanted = state.settings.replica_apply_delay.count() > 0 ? master.data_end : master.applied;
    if (state.history.replid != master.history.replid || state.applied < wanted) {
      trouble += fmt::format("{} is at {} of {}, {} at {} of {}; ", node->name(), state.applied,
                             state.history.replid.hex.substr(0, 6), leader_->name(), master.applied,
                             master.history.replid.hex.substr(0, 6));
    }
  }
  return trouble;
}

void NodeWorld::RunUntil(base::MonoTime until) {
  while (verdict_.ok() && queue_.RunNext(until)) {
  }
}

NodeOutcome NodeWorld::Run() {
  const base::MonoTime began = queue_.now();
  const base::MonoTime healed_at = began + plan_.trouble;
  for (int i = 0; i < plan_.faults; ++i) {
    queue_.After(random_.Between(Millis(200), plan_.trouble), [this] { MakeFault(); });
  }
  for (int i = 0; i < plan_.orders; ++i) {
    queue_.After(random_.Between(Millis(200), plan_.trouble), [this] { GiveOrder(); });
  }
  RunUntil(healed_at);
  if (verdict_.ok()) Heal();
  // Longer than any time limit of a link, and than what a delayed replica holds back.
  constexpr Millis kPatience{90'000};
  std::string trouble = "nothing has been looked at";
  bool writing = true;
  for (const base::MonoTime end = queue_.now() + kPatience; verdict_.ok() && queue_.now() < end;) {
    RunUntil(queue_.now() + Millis(500));
    if (!verdict_.ok()) break;
    trouble = Trouble();
    // They go on writing until all follow; then the offsets must meet.
    if (writing && trouble.find(" is at ") != std::string::npos) {
      writing = false;
      for (const auto& writer : writers_) writer->Stop();
    }
    if (trouble.empty()) break;
  }
  if (verdict_.ok() && !trouble.empty()) verdict_.Fail("after healing: " + trouble);
  if (verdict_.ok()) {
    for (const auto& node : nodes_) {
      equal_.Look(*node, true);
      if (data::DataDigest(node->state().keyspace) != data::DataDigest(leader_->state().keyspace)) {
        verdict_.Fail(fmt::format("in the end {} and {} hold different data: {}", node->name(), leader_->name(),
                                  DifferentKeys(*node, *leader_)));
      }
      if (node->state().stats.repl_unknown_commands != 0 || node->state().stats.unexpected_error_replies != 0) {
        verdict_.Fail(fmt::format("{} got a stream that it could not apply", node->name()));
      }
    }
  }
  for (const auto& node : nodes_) {
    if (!node->running()) continue;
    outcome_.full_syncs += static_cast<int>(node->state().stats.sync_full);
    outcome_.partial_syncs += static_cast<int>(node->state().stats.sync_partial_ok);
  }
  outcome_.simulated = queue_.now() - began;
  outcome_.compared = equal_.compared();
  outcome_.kept = kept_.kept();
  outcome_.failures = verdict_.failures();
  return outcome_;
}

}  // namespace sim
