#include "tests/sim/world.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"

namespace sim {

using base::Millis;

namespace {

constexpr Millis kLookEvery{20};

// FNV-1a: the trace only has to be compared with itself.
void Mix(std::uint64_t& hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
}

std::string Words(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

}  // namespace

std::string Plan::Describe() const {
  return fmt::format(
      "{} sentinels (quorum {}{}), {} nodes{}{}, down-after {}, failover-timeout {}, testimony-timeout {}, fast-fail "
      "{}, {} "
      "faults and {} orders in {} ms",
      sentinels, quorum, stock_peer ? ", one stock" : "", nodes, vigil_nodes ? " (vigil)" : "",
      emptying ? ", masters come back empty" : "", down_after.count(), failover_timeout.count(),
      testimony_timeout.count(), fast_fail.count(), faults, orders, trouble.count());
}

World::World(std::uint64_t seed, bool trace, Mutation mutation, Cast cast)
    : seed_(seed), trace_(trace), mutation_(mutation), cast_(cast), random_(seed) {
  outcome_.trace_hash = 14695981039346656037ULL;
  DrawPlan();
  testimony_ = std::make_unique<TestimonyChecker>(verdict_, plan_.down_after, plan_.testimony_timeout);
  Build();
  LookAround();
}

World::~World() = default;

void World::DrawPlan() {
  plan_.sentinels = 3 + static_cast<int>(random_.Below(3));
  plan_.nodes = 2 + static_cast<int>(random_.Below(3));
  const int majority = plan_.sentinels / 2 + 1;
  plan_.quorum =
      random_.Chance(0.2) ? 1 + static_cast<int>(random_.Below(static_cast<std::uint64_t>(plan_.sentinels))) : majority;
  static constexpr int kDownAfter[] = {200, 500, 1000, 1000, 3000};
  plan_.down_after = Millis(kDownAfter[random_.Below(5)]);
  plan_.failover_timeout = Millis(random_.Chance(0.3) ? 3000 : 10000);
  static constexpr int kTestimony[] = {30000, 30000, 30000, 3000, 0};
  plan_.testimony_timeout = Millis(kTestimony[random_.Below(5)]);
  static constexpr int kFastFail[] = {0, 0, 50, 200};
  plan_.fast_fail = Millis(kFastFail[random_.Below(4)]);
  plan_.faults = 2 + static_cast<int>(random_.Below(12));
  plan_.trouble = random_.Between(Millis(10'000), Millis(60'000));
  plan_.orders = random_.Chance(0.4) ? 1 + static_cast<int>(random_.Below(10)) : 0;
  plan_.stock_peer = random_.Chance(0.15);
  plan_.vigil_nodes = random_.Chance(0.6);
  plan_.emptying = random_.Chance(0.2);
}

void World::BuildModels(const std::function<std::pair<bool, bool>()>& draw_rights) {
  for (int i = 0; i < plan_.nodes; ++i) {
    auto node = std::make_unique<DataNode>(queue_, network_, random_, fmt::format("node{}", i));
    const HostId host = network_.Add(*node);
    node_of_[host] = models_[host] = node.get();
    nodes_.push_back(std::move(node));
  }
  const auto [may_failover, may_pause] = draw_rights();
  for (const auto& [host, node] : models_) {
    node->peers = &models_;
    node->set_refuses_empty(plan_.vigil_nodes);
    if (!may_failover) node->Deny("failover");
    if (!may_pause) node->Deny("client");
  }
  for (const auto& [host, node] : models_) node->Start(host, host == 0 ? -1 : 0);
}

// The rights are those of everybody who comes without a password, clients and sentinels alike.
void World::BuildNodes(const std::function<std::pair<bool, bool>()>& draw_rights) {
  for (int i = 0; i < plan_.nodes; ++i) {
    auto node = std::make_unique<NodeProcess>(queue_, network_, random_, *this, fmt::format("node{}", i));
    node_of_[network_.Add(*node)] = node.get();
    processes_.push_back(node.get());
    nodes_.push_back(std::move(node));
  }
  plan_.vigil_nodes = true;
  const auto [may_failover, may_pause] = draw_rights();
  replication::Settings settings;
  settings.save.clear();
  settings.protected_mode = false;
  settings.repl_diskless_sync_delay = base::Seconds(0);
  settings.appendonly = true;
  settings.appendfsync = random_.Chance(0.5) ? "always" : "everysec";
  std::vector<std::string> user = {"default", "on", "nopass", "~*", "&*", "+@all"};
  if (!may_failover) user.emplace_back("-failover");
  if (!may_pause) user.insert(user.end(), {"-client|pause", "-client|unpause"});
  settings.users.push_back(user);
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (i == 1) settings.replicaof = {Network::AddressOf(0), kVigilNodePort};
    processes_[i]->Start(static_cast<HostId>(i), settings);
  }
  queue_.After(Millis(150), [this] { processes_[0]->Tell({"SET", std::string(kOrigin), "1"}); });
}

void World::BuildWriters() {
  for (int i = 0; i < 2; ++i) {
    writers_.push_back(std::make_unique<Writer>(queue_, network_, random_, *this, i));
    writers_.back()->Start(network_.Add(*writers_.back()));
  }
}

void World::Build() {
  const auto draw_rights = [this] {
    const bool may_failover = random_.Chance(0.7);
    return std::pair(may_failover, may_failover || random_.Chance(0.4));
  };
  if (cast_ == Cast::kModels) {
    BuildModels(draw_rights);
  } else {
    BuildNodes(draw_rights);
  }
  for (int i = 0; i < plan_.sentinels; ++i) {
    sentinels_.push_back(std::make_unique<SentinelProcess>(queue_, network_, random_, *this, i));
    const HostId host = network_.Add(*sentinels_.back());
    const std::string config = fmt::format(
        "port {}\nsentinel monitor {} {} {} {}\nsentinel down-after-milliseconds {} {}\nsentinel failover-timeout {} "
        "{}\n",
        kSentinelPort, kMaster, Network::AddressOf(0), kNodePort, plan_.quorum, kMaster, plan_.down_after.count(),
        kMaster, plan_.failover_timeout.count());
    const std::string vigil = fmt::format("sentinel testimony-timeout {} {}\nsentinel fast-fail {} {}\n", kMaster,
                                          plan_.testimony_timeout.count(), kMaster, plan_.fast_fail.count());
    SentinelProcess* process = sentinels_.back().get();
    process->mutation = mutation_;
    process->stock = plan_.stock_peer && i == plan_.sentinels - 1;
    queue_.After(random_.Between(Millis(0), Millis(300)),
                 [process, host, config, vigil] { process->Start(host, config, vigil); });
  }
  if (cast_ == Cast::kNodes) BuildWriters();
}

// ---- Real nodes, and who writes to them.

void World::OnTurn(NodeProcess& node) {
  if (!node.serves()) return;
  offsets_.Look(node);
  equal_.Look(node);
  waits_.Look(node);
}

void World::OnLog(NodeProcess& node, std::string_view line) {
  Trace(fmt::format("{} {}", node.name(), line));
  if (line.find("that hold no data") != std::string_view::npos) offsets_.MayFall(node);
}

void World::OnRefusal(NodeProcess& node, const std::string& why) {
  verdict_.Fail(fmt::format("{} cannot begin again: {}", node.name(), why));
}

// As a client that asks a sentinel before each connection.
NodeProcess* World::Target() {
  const SentinelProcess& process = *sentinels_[random_.Below(sentinels_.size())];
  if (!process.running()) return nullptr;
  const auto found = process.state()->masters.find(kMaster);
  if (found == process.state()->masters.end()) return nullptr;
  const HostId host = network_.HostOf(sentinel::AddressOf(*process.state(), found->second).endpoint.host);
  return host >= 0 && host < static_cast<HostId>(processes_.size()) ? processes_[static_cast<std::size_t>(host)]
                                                                    : nullptr;
}

void World::OnSent(const Writer& writer, std::int64_t element) {
  waits_.OnSent(writer.list(), element, processes_);
}

void World::OnAcknowledged(const Writer&, HostId, std::int64_t) {
  ++outcome_.writes;
}

void World::OnWaited(const Writer& writer, HostId by, std::int64_t element, std::int64_t counted) {
  waits_.OnWaited(writer.list(), element, counted, by, processes_);
}

// To the checker of testimony, as it is now.
void World::ShowTruth() {
  std::vector<TestimonyChecker::Node> nodes;
  for (const auto& node : nodes_) {
    nodes.push_back({node->self(), node->master(), network_.IsUp(node->self()), node->hears_since()});
  }
  testimony_->Look(queue_.now(), std::move(nodes), plan_.sentinels, [this](int s, HostId node) {
    const SentinelProcess& process = *sentinels_[static_cast<std::size_t>(s)];
    return process.running() && network_.Reachable(process.self(), node);
  });
}

void World::LookAround() {
  ShowTruth();
  for (int s = 0; s < plan_.sentinels; ++s) {
    // One that stands still holds nothing back.
    const SentinelProcess& process = *sentinels_[static_cast<std::size_t>(s)];
    if (!process.running() || network_.IsFrozen(process.self())) testimony_->OnRestart(s);
  }
  queue_.After(kLookEvery, [this] { LookAround(); });
}

void World::Trace(const std::string& line) {
  Mix(outcome_.trace_hash, fmt::format("{} {}", queue_.now().time_since_epoch().count(), line));
  if (trace_) fmt::print("{:>9} {}\n", queue_.now().time_since_epoch().count() - 1'000'000, line);
}

void World::OnAction(int sentinel, const sentinel::State& state, const sentinel::Action& action) {
  if (const auto* announce = std::get_if<sentinel::Announce>(&action)) {
    Trace(fmt::format("s{} {} {}", sentinel, announce->event, announce->text));
    // What was true a moment ago may be what it has just heard the end of.
    if (announce->event == "+failover-state-wait-promotion") ShowTruth();
    testimony_->OnEvent(sentinel, queue_.now(), announce->event, announce->text,
                        network_.HostOf(state.masters.at(kMaster).address.host));
    if (announce->event == "+elected-leader") {
      // Its failover may have ended in the step in which it was elected; its vote for itself stands.
      const base::Epoch epoch = state.masters.at(kMaster).vote.epoch;
      if (hammers_.erase(sentinel) == 0) {
        ++outcome_.elections;
        one_leader_.OnElected(sentinel, kMaster, epoch.value);
      } else {
        // Nobody has chosen it, so somebody else may be elected in this epoch: A11 settles what comes of it.
        one_address_.MayBeContested(epoch.value);
      }
    }
    if (announce->event == "+try-failover") hammers_.erase(sentinel);
    // An operator's own failover may end in the step in which it begins: only its beginning tells whose it is.
    if (announce->event == "+try-failover" && ordered_.erase(sentinel) == 0) {
      paused_.OnTryFailover(sentinel, state.masters.at(kMaster), queue_.now(),
                            sentinels_[static_cast<std::size_t>(sentinel)]->Clock().wall);
    }
    hand_over_.OnEvent(sentinel, announce->event, announce->text);
    if (announce->event == "+switch-master" && hand_over_.Claims(sentinel)) LookAtHandOver(sentinel, state);
    if (announce->event == "+forget") ++outcome_.forgotten;
    if (announce->event == "-failover-abort-not-elected") ++outcome_.lost_elections;
    if (announce->event == "+promoted-slave") ++outcome_.failovers;
    if (announce->event == "+empty-master") ++outcome_.empty_masters;
    if (announce->event == "+config-epoch-settled") ++outcome_.conflicts;
    if (announce->event == "+beyond-history") ++outcome_.returns;
  } else if (const auto* log = std::get_if<sentinel::LogLine>(&action)) {
    Trace(fmt::format("s{} log {}", sentinel, log->text));
    if (log->text.ends_with("is forced without majority")) hammers_.insert(sentinel);
    if (log->text.starts_with("Executing user requested FAILOVER")) {
      ordered_.insert(sentinel);
      testimony_->OnRestart(sentinel);  // whatever a replica testifies: the operator decides (A9)
    }
  }
}

void World::LookAtHandOver(int sentinel, const sentinel::State& state) {
  const auto address = sentinel::AddressOf(state, state.masters.at(kMaster)).endpoint;
  const auto found = node_of_.find(network_.HostOf(address.host));
  if (found == node_of_.end() || found->second->foreign()) return;
  const Server& promoted = *found->second;
  base::Offset acknowledged = -1;
  for (const auto& node : nodes_) {
    const auto there = node->acknowledged().find(promoted.former_name());
    if (there != node->acknowledged().end()) acknowledged = std::max(acknowledged, there->second);
  }
  hand_over_.OnSwitch(sentinel, promoted.name(), acknowledged, promoted.fork());
}

void World::OnStep(int sentinel, const sentinel::State& state) {
  ++outcome_.events;
  const auto master = state.masters.find(kMaster);
  if (!plan_.stock_peer || master == state.masters.end() || master->second.forgotten.empty()) return;
  const SentinelProcess& stock = *sentinels_.back();
  if (!stock.running() || stock.state() == &state) return;
  majority_.OnStep(sentinel, master->second, {{stock.state()->my_id, &stock.state()->masters.at(kMaster)}});
}

void World::OnSent(int sentinel, const sentinel::Command& command) {
  if (command.words.empty()) return;
  if (!base::EqualsIgnoreCase(command.words[0], "ping") && !base::EqualsIgnoreCase(command.words[0], "info")) {
    Trace(fmt::format("s{} > {}", sentinel, Words(command.words)));
  }
  if (command.words.size() == 3 && base::EqualsIgnoreCase(command.words[0], "publish")) {
    const auto hello = sentinel::ParseHello(command.words[2]);
    if (!hello) return verdict_.Fail(fmt::format("sentinel {} sent a malformed hello: {}", sentinel, command.words[2]));
    epochs_.OnHello(sentinel, *hello);
    one_address_.OnHello(sentinel, *hello);
  }
}

void World::OnVote(int sentinel, std::uint64_t epoch, const std::string& candidate) {
  one_vote_.OnVoteTold(sentinel, kMaster, epoch, candidate);
  epochs_.OnVoteTold(sentinel, kMaster, epoch);
}

void World::OnDurable(int sentinel, const sentinel::SavedTexts& texts) {
  epochs_.OnDurable(sentinel, texts.config);
  paused_.OnDurable(sentinel, texts, queue_.now(), sentinels_[static_cast<std::size_t>(sentinel)]->Clock().wall);
}

void World::EmptyTheMaster() {
  for (const auto& node : nodes_) {
    if (!node->is_master() || !node->holds_data() || !network_.IsUp(node->self())) continue;
    const bool all_linked = std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& other) {
      return other == node || (other->link_up() && other->master() == node->self() && network_.IsUp(other->self()));
    });
    if (!all_linked) continue;
    const Millis away = random_.Between(Millis(20), Millis(400));
    Trace(fmt::format("FAULT {} crashes, and is back without its data in {} ms", node->name(), away.count()));
    node->Crash(false);
    queue_.After(away, [this, emptied = node.get()] {
      if (!network_.IsUp(emptied->self())) emptied->Restart(false);
    });
    return;
  }
}

void World::ReuseAnAddress() {
  if (cast_ == Cast::kNodes) return;
  const Server* master = nullptr;
  for (const auto& process : sentinels_) {
    if (!process->running()) return;
    const sentinel::Master& seen = process->state()->masters.at(kMaster);
    const auto found = node_of_.find(network_.HostOf(sentinel::AddressOf(*process->state(), seen).endpoint.host));
    if (found == node_of_.end() || seen.failover.active() || (master != nullptr && master != found->second)) return;
    master = found->second;
  }
  for (const auto& node : nodes_) {
    // One is left to fail over to.
    if (node.get() == master || node->foreign() || !network_.IsUp(node->self()) || nodes_.size() < 3) continue;
    if (std::any_of(nodes_.begin(), nodes_.end(), [](const auto& other) { return other->foreign(); })) return;
    Trace(fmt::format("FAULT the address of {} belongs to another cluster now", node->name()));
    ++outcome_.foreign;
    node->Crash(false);
    queue_.After(Millis(200), [this, lost = node.get()] {
      if (network_.IsUp(lost->self())) return;
      lost->RestartAsForeign();
    });
    return;
  }
}

void World::MisleadASentinel() {
  SentinelProcess* process = sentinels_[random_.Below(sentinels_.size())].get();
  if (!process->running() || process->disk.failing) return;
  const std::uint64_t epoch = process->state()->masters.at(kMaster).config_epoch.value;
  // What it knows may not be in its file yet: the wrong address would stand under the epoch of the one before.
  if (process->durable().config.find(fmt::format("sentinel config-epoch {} {}\n", kMaster, epoch)) ==
      std::string::npos) {
    return;
  }
  const Server& wrong = *nodes_[random_.Below(nodes_.size())];
  std::string& text = process->durable().config;
  const std::string line = fmt::format("sentinel monitor {} ", kMaster);
  const std::size_t at = text.find(line);
  if (epoch == 0 || wrong.foreign() || at == std::string::npos) return;
  const std::size_t from = at + line.size();
  const std::string right = text.substr(from, text.find(' ', from) - from);
  const std::string replica = fmt::format("known-replica {} {} ", kMaster, Network::AddressOf(wrong.self()));
  const std::size_t known = text.find(replica);
  if (right == Network::AddressOf(wrong.self()) || known == std::string::npos) return;
  Trace(fmt::format("FAULT host{} restarts with {} as master in epoch {}", process->self(), wrong.name(), epoch));
  one_address_.Excuse(epoch);
  // Where a majority has been told so, nobody can find out any more what an election had decided.
  for (std::size_t i = 0; i < sentinels_.size(); ++i) {
    if (sentinels_[i].get() == process) misled_.insert(static_cast<int>(i));
  }
  if (2 * misled_.size() >= sentinels_.size()) one_address_.ExcuseTheUnpromoted();
  process->Crash(false);
  std::string& left = process->durable().config;  // the crash may have kept another text
  const std::size_t here = left.find(line);
  const std::size_t there = left.find(replica);
  if (here != std::string::npos && there != std::string::npos &&
      left.substr(here + line.size()).starts_with(right + " ")) {
    left.replace(there, replica.size(), fmt::format("known-replica {} {} ", kMaster, right));
    const std::size_t again = left.find(line);
    left.replace(again + line.size(), right.size(), Network::AddressOf(wrong.self()));
  }
  queue_.After(Millis(300), [this, process] {
    if (process->running()) return;
    ++outcome_.restarts;
    process->Restart();
  });
}

void World::MakeFault() {
  if (healing_) return;
  const Millis lasts = random_.Between(Millis(100), Millis(12'000));
  const auto any_node = [this] { return nodes_[random_.Below(nodes_.size())].get(); };
  const auto any_sentinel = [this] { return sentinels_[random_.Below(sentinels_.size())].get(); };
  const auto any_host = [this] { return static_cast<HostId>(random_.Below(nodes_.size() + sentinels_.size())); };
  const std::uint64_t kind = random_.Below(14);
  if (plan_.emptying && kind <= 2) return EmptyTheMaster();
  switch (kind) {
    case 11:
      return MisleadASentinel();
    case 12:
      if (!plan_.emptying) ReuseAnAddress();
      return;
    case 13:
      return EmptyTheMaster();
    case 0:  // the master of the moment, most often: that is what this is about
    case 1:
    case 2: {
      Server* node = any_node();
      for (const auto& candidate : nodes_) {
        if (candidate->is_master() && network_.IsUp(candidate->self()) && random_.Chance(0.8)) node = candidate.get();
      }
      if (!network_.IsUp(node->self()) || node->foreign()) return;
      const bool silent = random_.Chance(0.3);
      Trace(fmt::format("FAULT {} crashes{} for {} ms", node->name(), silent ? " silently" : "", lasts.count()));
      node->Crash(silent);
      queue_.After(lasts, [this, node, with_data = random_.Chance(0.8)] {
        if (network_.IsUp(node->self())) return;
        Trace(fmt::format("FAULT {} is back {} its data", node->name(), with_data ? "with" : "without"));
        node->Restart(with_data);
      });
      break;
    }
    case 3: {
      SentinelProcess* process = any_sentinel();
      if (!process->running()) return;
      const bool silent = random_.Chance(0.3);
      Trace(fmt::format("FAULT host{} (a sentinel) crashes{} for {} ms", process->self(), silent ? " silently" : "",
                        lasts.count()));
      process->Crash(silent);
      queue_.After(lasts, [this, process] {
        if (process->running()) return;
        Trace(fmt::format("FAULT host{} is back", process->self()));
        ++outcome_.restarts;
        process->Restart();
      });
      break;
    }
    case 4:
    case 5: {  // one direction of one link, or both
      const HostId from = any_host();
      const HostId to = any_host();
      const bool both = random_.Chance(0.5);
      Trace(fmt::format("FAULT cut host{} {} host{} for {} ms", from, both ? "<->" : "->", to, lasts.count()));
      network_.SetCut(from, to, true);
      if (both) network_.SetCut(to, from, true);
      queue_.After(lasts, [this, from, to] {
        network_.SetCut(from, to, false);
        network_.SetCut(to, from, false);
      });
      break;
    }
    case 6: {  // one host from all others, perhaps in one direction
      const HostId host = any_host();
      const bool out = random_.Chance(0.7);
      const bool in = !out || random_.Chance(0.7);
      Trace(fmt::format("FAULT host{} is cut off{}{} for {} ms", host, out ? " outwards" : "", in ? " inwards" : "",
                        lasts.count()));
      const auto cut = [this, host](bool outwards, bool inwards, bool on) {
        for (HostId other = 0; other < static_cast<HostId>(nodes_.size() + sentinels_.size()); ++other) {
          if (other == host) continue;
          if (outwards) network_.SetCut(host, other, on);
          if (inwards) network_.SetCut(other, host, on);
        }
      };
      cut(out, in, true);
      queue_.After(lasts, [cut, out, in] { cut(out, in, false); });
      break;
    }
    case 7: {
      if (random_.Chance(0.5)) {
        SentinelProcess* process = any_sentinel();
        if (!process->running() || network_.IsFrozen(process->self())) return;
        Trace(fmt::format("FAULT host{} (a sentinel) stands still for {} ms", process->self(), lasts.count()));
        process->Freeze();
        queue_.After(lasts, [process] { process->Thaw(); });
      } else {
        Server* node = any_node();
        if (!network_.IsUp(node->self()) || network_.IsFrozen(node->self())) return;
        Trace(fmt::format("FAULT {} stands still for {} ms", node->name(), lasts.count()));
        network_.Freeze(node->self());
        queue_.After(lasts, [this, node] {
          if (network_.IsFrozen(node->self())) network_.Thaw(node->self());
        });
      }
      break;
    }
    case 8:
      CutSentinelsFromMaster(lasts);
      break;
    case 9: {
      SentinelProcess* process = any_sentinel();
      const Millis by = random_.Between(Millis(-20'000), Millis(20'000));
      Trace(fmt::format("FAULT the wall clock of host{} jumps by {} ms", process->self(), by.count()));
      process->JumpWallClock(by);
      break;
    }
    default: {
      SentinelProcess* process = any_sentinel();
      Trace(fmt::format("FAULT the disk of host{} is full for {} ms", process->self(), lasts.count()));
      process->disk.failing = true;
      queue_.After(lasts, [process] { process->disk.failing = false; });
    }
  }
}

void World::GiveOrder() {
  if (healing_) return;
  SentinelProcess* process = sentinels_[random_.Below(sentinels_.size())].get();
  if (!process->running() || process->stock || network_.IsFrozen(process->self())) return;
  if (random_.Chance(0.4)) {
    const std::vector<std::string> words = DrawFailover(*process->state(), kMaster, random_);
    Trace(fmt::format("ORDER host{} {}", process->self(), Words(words)));
    process->Operate(words);
    if (random_.Chance(0.4)) KillSoon(process);
    return;
  }
  const auto gone = [this](const base::RunId& id) {
    if (sentinel_forgotten_) return false;
    for (const auto& other : sentinels_) {
      if (other->running() && other->state()->my_id == id) return false;
    }
    return sentinel_forgotten_ = true;
  };
  const std::vector<std::string> words = DrawOperatorCommand(*process->state(), kMaster, gone, random_);
  if (words.empty()) return;
  Trace(fmt::format("ORDER host{} {}", process->self(), Words(words)));
  process->Operate(words);
}

// In the middle of what it was told to do.
void World::KillSoon(SentinelProcess* process) {
  queue_.After(Millis(1 + static_cast<int>(random_.Below(random_.Chance(0.7) ? 60 : 1500))), [this, process] {
    if (healing_ || !process->running()) return;
    Trace(fmt::format("FAULT host{} (it was told to fail over) crashes", process->self()));
    process->Crash(false);
    queue_.After(random_.Between(Millis(500), Millis(20'000)), [this, process] {
      if (process->running()) return;
      ++outcome_.restarts;
      process->Restart();
    });
  });
}

// All of them, or most, while replicas and clients go on reaching it.
void World::CutSentinelsFromMaster(Millis lasts) {
  HostId master = -1;
  for (const auto& node : nodes_) {
    if (node->is_master() && network_.IsUp(node->self())) master = node->self();
  }
  if (master < 0) return;
  const bool outwards = random_.Chance(0.7);
  const bool inwards = !outwards || random_.Chance(0.7);
  Trace(fmt::format("FAULT the sentinels lose host{}{}{} for {} ms", master, outwards ? " outwards" : "",
                    inwards ? " inwards" : "", lasts.count()));
  for (const auto& process : sentinels_) {
    if (random_.Chance(0.1)) continue;
    const HostId self = process->self();
    if (self < 0) continue;
    if (outwards) network_.SetCut(self, master, true);
    if (inwards) network_.SetCut(master, self, true);
    queue_.After(lasts, [this, self, master] {
      network_.SetCut(self, master, false);
      network_.SetCut(master, self, false);
    });
  }
}

void World::Heal() {
  Trace("HEAL");
  healing_ = true;
  const auto hosts = static_cast<HostId>(nodes_.size() + sentinels_.size());
  for (HostId a = 0; a < hosts; ++a) {
    for (HostId b = 0; b < hosts; ++b) network_.SetCut(a, b, false);
  }
  for (const auto& node : nodes_) {
    if (network_.IsFrozen(node->self())) network_.Thaw(node->self());
    if (!network_.IsUp(node->self())) node->Restart(true);
  }
  for (const auto& process : sentinels_) {
    process->disk.failing = false;
    if (!process->running()) {
      ++outcome_.restarts;
      process->Restart();
    } else {
      process->Thaw();
    }
  }
}

std::string World::Trouble() const {
  HostId master = -1;
  for (const auto& process : sentinels_) {
    if (!process->running()) return "a sentinel is not running";
    const sentinel::Master& seen = process->state()->masters.at(kMaster);
    const HostId host = network_.HostOf(sentinel::AddressOf(*process->state(), seen).endpoint.host);
    if (master >= 0 && host != master) return fmt::format("sentinels name host{} and host{}", master, host);
    master = host;
    if (seen.failover.active()) return fmt::format("host{} has a failover in progress", process->self());
    if (seen.liveness.down()) return fmt::format("host{} sees the master down", process->self());
    if (static_cast<int>(seen.sentinels.size()) != plan_.sentinels - 1) {
      return fmt::format("host{} knows {} other sentinels", process->self(), seen.sentinels.size());
    }
  }
  const auto is_known = [this](HostId node) {
    return std::any_of(sentinels_.begin(), sentinels_.end(), [&](const auto& process) {
      return process->state()->masters.at(kMaster).replicas.contains({Network::AddressOf(node), kNodePort});
    });
  };
  for (const auto& node : nodes_) {
    // A replica that its master never named before it died is known to nobody; it may follow what it likes.
    if (node->foreign() || (node->self() != master && !is_known(node->self()))) continue;
    // And a former master that has lost its data and has such a replica is in nothing different from another cluster's
    // master at that address, which is left alone.
    const bool has_unknown = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& other) {
      return other->master() == node->self() && other->link_up() && !is_known(other->self());
    });
    if (node->self() != master && node->is_master() && !node->names_history() && has_unknown) continue;
    if (node->self() == master) {
      if (!node->is_master()) return fmt::format("{} is named as master, and is a replica", node->name());
    } else if (node->master() != master) {
      return fmt::format("{} does not follow host{}", node->name(), master);
    } else if (!node->link_up()) {
      return fmt::format("{} has no link to its master", node->name());
    }
  }
  return {};
}

void World::RunUntil(base::MonoTime until) {
  while (verdict_.ok() && queue_.RunNext(until)) {
  }
  for (const auto& node : nodes_) foreign_.Look(node->name(), node->orders_as_foreign());
}

Outcome World::Run() {
  // Half of the worlds have had time to learn each other; in the others trouble comes at once.
  const base::MonoTime start = queue_.now() + (random_.Chance(0.7) || plan_.emptying ? Millis(6000) : Millis(200));
  for (int i = 0; i < plan_.faults; ++i) {
    queue_.At(start + random_.Between(Millis(0), plan_.trouble), [this] { MakeFault(); });
  }
  for (int i = 0; i < plan_.orders; ++i) {
    queue_.At(start + random_.Between(Millis(0), plan_.trouble), [this] { GiveOrder(); });
  }
  RunUntil(start + plan_.trouble);
  Heal();
  // A link that a silent crash left half open shows its silence only when down-after is over: what everybody seems to
  // agree on before that is no agreement yet.
  RunUntil(queue_.now() + 2 * plan_.down_after);
  // Liveness: an old patience, a back-off and stock's rule of 8 s for false masters have to fit into the bound.
  const Millis bound = 4 * plan_.down_after + 3 * plan_.failover_timeout + Millis(60'000);
  const base::MonoTime latest = queue_.now() + bound;
  std::string trouble = "not looked yet";
  while (verdict_.ok() && !trouble.empty() && queue_.now() < latest) {
    RunUntil(queue_.now() + Millis(500));
    trouble = Trouble();
  }
  if (verdict_.ok() && !trouble.empty()) {
    verdict_.Fail(fmt::format("no agreement {} ms after everything was healed: {}", bound.count(), trouble));
  }
  // And then it stays so.
  if (verdict_.ok()) {
    const int failovers = outcome_.failovers;
    RunUntil(queue_.now() + Millis(20'000));
    trouble = Trouble();
    if (verdict_.ok() && (!trouble.empty() || outcome_.failovers != failovers)) {
      verdict_.Fail("what was agreed did not last: " + (trouble.empty() ? std::string("another failover") : trouble));
    }
  }
  outcome_.pauses = paused_.pauses();
  outcome_.hand_overs = hand_over_.looks();
  outcome_.stock_majority = majority_.looks();
  outcome_.holds = testimony_->holds();
  // Who writes to a master that came back empty, before anybody has noticed, fills it: then it is not empty any more.
  if (verdict_.ok() && plan_.emptying && plan_.vigil_nodes && cast_ == Cast::kModels) {
    const sentinel::State& any = *sentinels_.front()->state();
    const auto address = sentinel::AddressOf(any, any.masters.at(kMaster)).endpoint;
    const Server& master = *node_of_.at(network_.HostOf(address.host));
    data_survive_.Look(master.name(), master.holds_data());
  }
  for (const NodeProcess* node : processes_) {
    if (!node->running()) continue;
    outcome_.full_syncs += static_cast<int>(node->state().stats.sync_full);
    outcome_.partial_syncs += static_cast<int>(node->state().stats.sync_partial_ok);
  }
  outcome_.failures = verdict_.failures();
  return outcome_;
}

}  // namespace sim
