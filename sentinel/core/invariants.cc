#include "sentinel/core/invariants.h"

#include <fmt/format.h>

#include <cstdio>

#include "replication/base/check.h"

namespace sentinel {
namespace {

// Whom a rule is about. Put into words only when one is broken: in tests the rules are looked at after every step.
struct Subject {
  std::string_view kind;
  std::string_view name;
  const base::Endpoint* address = nullptr;  // instead of a name
  std::string_view part;

  std::string Text() const {
    return fmt::format("{}{}{}", kind, address != nullptr ? address->ToString() : std::string(name), part);
  }
};

class Violations {
 public:
  void Expect(bool holds, std::string_view rule) {
    if (!holds) found_.emplace_back(rule);
  }
  void Expect(bool holds, const Subject& subject, std::string_view rule) {
    if (!holds) found_.push_back(fmt::format("{}: {}", subject.Text(), rule));
  }
  std::vector<std::string> Take() { return std::move(found_); }

 private:
  std::vector<std::string> found_;
};

void CheckLink(const State& state, const Link& link, InstanceId owner, const Subject& subject, Violations& out) {
  const bool has_id = link.id != LinkId::kNone;
  out.Expect(has_id == (link.stage != Link::Stage::kDown), subject, "a link that is down has no id, others have one");
  if (!has_id) {
    out.Expect(link.pending == 0 && link.pings == 0, subject, "nothing is under way on a link that is down");
    return;
  }
  const auto found = state.links.find(link.id);
  out.Expect(found != state.links.end() && found->second == owner, subject, "its link leads back to it");
}

bool LeadsTo(const State& state, InstanceId id, InstanceRef::Kind kind, const void* instance) {
  const auto found = state.instances.find(id);
  if (found == state.instances.end() || found->second.kind != kind) return false;
  const InstanceRef& ref = found->second;
  switch (kind) {
    case InstanceRef::Kind::kMaster:
      return ref.master == instance && ref.replica == nullptr && ref.peer == nullptr;
    case InstanceRef::Kind::kReplica:
      return ref.master != nullptr && ref.replica == instance && ref.peer == nullptr;
    case InstanceRef::Kind::kPeer:
      return ref.peer == instance && ref.master == nullptr && ref.replica == nullptr;
  }
  return false;
}

std::size_t OpenLinksOf(const Link& link) {
  return link.id == LinkId::kNone ? 0 : 1;
}

std::size_t OpenLinksOf(const DataNode& node) {
  return OpenLinksOf(node.command) + OpenLinksOf(node.pubsub);
}

void CheckNode(const State& state, const DataNode& node, const Subject& subject, InstanceRef::Kind kind,
               const void* instance, Violations& out) {
  out.Expect(LeadsTo(state, node.id, kind, instance), subject, "its instance id leads back to it");
  CheckLink(state, node.command, node.id, subject, out);
  CheckLink(state, node.pubsub, node.id, subject, out);
  out.Expect(state.timers.At(TimerKey{node.id, TimerKind::kPing, 0}).has_value(), subject, "it is pinged");
  out.Expect(node.liveness.down() || state.timers.At(TimerKey{node.id, TimerKind::kDownCheck, 0}).has_value(), subject,
             "its silence will be judged");
}

void CheckFailover(const State& state, const Master& master, Violations& out) {
  const Subject subject{"", master.name};
  const Failover& failover = master.failover;
  const auto timer = [&](TimerKind kind) { return state.timers.At(TimerKey{master.id, kind, 0}).has_value(); };
  if (!failover.active()) {
    out.Expect(failover.promoted == InstanceId::kNone && !failover.slaveof_sent, subject,
               "without a failover nothing is promoted");
    out.Expect(!master.objective_down_since || timer(TimerKind::kStand) || master.pre_vote.serial != 0, subject,
               "objectively down, and no attempt will be made");
    return;
  }
  out.Expect(failover.epoch <= state.current_epoch, subject, "it stands in an epoch that has not begun");
  const bool has_choice = failover.stage != Stage::kWaitStart && failover.stage != Stage::kSelectReplica;
  out.Expect(has_choice == (failover.promoted != InstanceId::kNone), subject,
             "a replica is chosen from the last look on");
  out.Expect(!failover.slaveof_sent || has_choice, subject, "SLAVEOF was sent to nobody");
  out.Expect(failover.stage != Stage::kWaitStart || timer(TimerKind::kElection), subject, "an election without an end");
  out.Expect(failover.stage == Stage::kWaitStart || failover.stage == Stage::kUpdateConfig ||
                 timer(failover.settles ? TimerKind::kConflict : TimerKind::kFailoverTimeout),
             subject, "a stage without an end");
  out.Expect(failover.stage != Stage::kReconfigure || master.config_epoch >= failover.epoch, subject,
             "it publishes under an epoch that is not its own");
}

void CheckMaster(const State& state, const Master& master, Violations& out) {
  const Subject subject{"", master.name};
  CheckNode(state, master, Subject{"master ", master.name}, InstanceRef::Kind::kMaster, &master, out);
  out.Expect(master.quorum >= 1, subject, "a quorum is at least 1");
  out.Expect(master.vote.epoch <= state.current_epoch, subject, "a vote in an epoch that has not begun");
  out.Expect(master.config_epoch <= state.current_epoch, subject, "a config epoch beyond the election clock");
  out.Expect(master.vote.change <= state.newest_change, subject, "a vote rests on a change to come");
  out.Expect(!master.objective_down_since || master.liveness.down(), subject, "objectively but not here down");
  out.Expect(!master.sentinels.contains(state.my_id), subject, "we are our own peer");
  CheckFailover(state, master, out);
  CheckLink(state, master.steps, master.steps_id, Subject{"", master.name, nullptr, ": steps"}, out);
  out.Expect(
      !master.failover.handover.running() || state.timers.At(TimerKey{master.id, TimerKind::kHandover, 0}).has_value(),
      subject, "a hand-over that nobody looks at again");
  for (const auto& [address, replica] : master.replicas) {
    out.Expect(address == replica.address, subject, "a replica is filed under another address");
    out.Expect(address != master.address, subject, "it is its own replica");
    CheckNode(state, replica, Subject{"replica ", {}, &address}, InstanceRef::Kind::kReplica, &replica, out);
  }
  for (const auto& [id, opinion] : master.sentinels) {
    out.Expect(state.peers.contains(id), subject, "a peer that is not among the peers");
  }
}

}  // namespace

std::vector<std::string> CheckInvariants(const State& state) {
  Violations out;
  std::size_t instances = 0;
  std::size_t links = 0;
  out.Expect(state.durable_change <= state.newest_change, "a change is durable before it was made");
  for (const auto& [name, master] : state.masters) {
    out.Expect(name == master.name, Subject{"", name}, "filed under another name");
    CheckMaster(state, master, out);
    instances += 1 + master.replicas.size() + (master.steps_id != InstanceId::kNone ? 1 : 0);
    links += OpenLinksOf(master) + OpenLinksOf(master.steps);
    for (const auto& [address, replica] : master.replicas) links += OpenLinksOf(replica);
  }
  for (const auto& [id, peer] : state.peers) {
    out.Expect(LeadsTo(state, peer.id, InstanceRef::Kind::kPeer, &peer), Subject{"peer ", id.hex},
               "its instance id leads back to it");
    instances += 1;
    links += OpenLinksOf(peer.command);
    CheckLink(state, peer.command, peer.id, Subject{"peer ", id.hex}, out);
  }
  out.Expect(state.instances.size() == instances, "an instance id of nobody");
  out.Expect(state.links.size() == links, "a link of nobody");
  return out.Take();
}

void RequireInvariants(const State& state) {
  const std::vector<std::string> violations = CheckInvariants(state);
  for (const std::string& violation : violations) std::fprintf(stderr, "invariant: %s\n", violation.c_str());
  VIGIL_CHECK(violations.empty());
}

}  // namespace sentinel
