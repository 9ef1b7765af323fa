#include "tests/sim/replication_checkers.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/core/journal.h"
#include "replication/core/state.h"
#include "replication/data/data_digest.h"
#include "tests/sim/writer.h"

namespace sim {

std::string DifferentKeys(const NodeProcess& a, const NodeProcess& b) {
  std::string text;
  int found = 0;
  for (int db = 0; db < a.state().keyspace.databases(); ++db) {
    std::map<std::string, std::string> digests[2];
    for (const NodeProcess* node : {&a, &b}) {
      const data::Keyspace& keyspace = node->state().keyspace;
      std::uint64_t cursor = 0;
      do {
        cursor = keyspace.Scan(db, cursor, [&](const data::Entry& entry) {
          digests[node == &b][std::string(entry.key())] =
              fmt::format("{}, expires {}", data::ValueDigest(&entry).substr(0, 6), entry.expires_at());
        });
      } while (cursor != 0);
    }
    for (const auto& [mine, theirs] : {std::pair(0, 1), std::pair(1, 0)}) {
      for (const auto& [key, digest] : digests[mine]) {
        const auto other = digests[theirs].find(key);
        if (other != digests[theirs].end() && (other->second == digest || mine == 1)) continue;
        if (++found > 10) continue;
        text +=
            fmt::format("db {}: {} is {} on {}, {} on the other; ", db, key, digest, mine == 0 ? a.name() : b.name(),
                        other == digests[theirs].end() ? "missing" : other->second);
      }
    }
  }
  return text;
}

void EqualMeansEqual::Look(const NodeProcess& node, bool all) {
  const replication::NodeState& state = node.state();
  // Without a backlog the offset stands still while the data change: it names nothing.
  if (!state.backlog) return;
  const std::pair place(state.history.replid.hex, state.applied);
  if (!all && last_[&node] == place) return;
  last_[&node] = place;
  constexpr std::uint64_t kOneIn = 40;
  const std::uint64_t mixed = static_cast<std::uint64_t>(state.applied) * 0x9e3779b97f4a7c15ULL;
  if (!all && (mixed >> 32) % kOneIn != 0) return;
  const std::string digest = data::DataDigest(state.keyspace);
  const auto [found, is_new] = seen_.emplace(place, Seen{digest, &node});
  if (is_new) return;
  ++compared_;
  if (found->second.digest == digest) return;
  verdict_.Fail(fmt::format("{} and {} stand at byte {} of {} with different data", found->second.by->name(),
                            node.name(), place.second, place.first.substr(0, 6)));
}

void StreamsAgree::Look(const NodeProcess& node, const NodeProcess& other) {
  const replication::NodeState& a = node.state();
  const replication::NodeState& b = other.state();
  if (a.history.replid != b.history.replid) return;
  const base::Offset end = std::min(a.stream.end(), b.stream.end());
  const base::Offset begin = std::max({a.stream.begin(), b.stream.begin(), end - 400});
  if (begin >= end) return;
  const auto bytes = [&](const replication::StreamLog& log) {
    std::string text;
    const auto views = log.Read(begin, end, static_cast<std::size_t>(end - begin));
    for (const std::string_view view : *views) text += view;
    return text.substr(0, static_cast<std::size_t>(end - begin));
  };
  const std::string ours = bytes(a.stream);
  const std::string theirs = bytes(b.stream);
  const std::size_t size = std::min(ours.size(), theirs.size());
  if (std::string_view(ours).substr(0, size) == std::string_view(theirs).substr(0, size)) return;
  verdict_.Fail(fmt::format("{} and {} keep different bytes of {} between {} and {}", node.name(), other.name(),
                            a.history.replid.hex.substr(0, 6), begin, end));
}

void OffsetsNeverFall::Look(const NodeProcess& node) {
  const replication::NodeState& state = node.state();
  Place& last = last_[&node];
  if (last.life == node.life() && last.replid == state.history.replid.hex && state.applied < last.applied &&
      !may_fall_.contains(&node)) {
    verdict_.Fail(fmt::format("{} fell from byte {} of {} to {}", node.name(), last.applied, last.replid.substr(0, 6),
                              state.applied));
  }
  if (last.replid != state.history.replid.hex) may_fall_.erase(&node);
  last = {node.life(), state.history.replid.hex, state.applied};
}

bool DataSince::Look(const NodeProcess& node) {
  const replication::History& history = node.state().history;
  Place& place = places_[&node];
  bool replaced = false;
  if (place.life != node.life()) {
    ++place.generation;
  } else if (place.replid != history.replid.hex && place.replid != history.replid2.hex) {
    ++place.generation;
    replaced = true;
  }
  place.life = node.life();
  place.replid = history.replid.hex;
  return replaced;
}

int DataSince::generation(const NodeProcess& node) const {
  const auto found = places_.find(&node);
  return found == places_.end() ? 0 : found->second.generation;
}

namespace {

bool Holds(NodeProcess& node, const std::string& list, std::int64_t element) {
  return node.Ask(kListDatabase, {"LPOS", list, fmt::format("{}", element)}).starts_with(":");
}

}  // namespace

void WaitCountsHolders::OnSent(const std::string& list, std::int64_t element, const std::vector<NodeProcess*>& nodes) {
  auto& then = sent_[{list, element}];
  for (const NodeProcess* node : nodes) then[node] = data_.generation(*node);
}

void WaitCountsHolders::OnWaited(const std::string& list, std::int64_t element, std::int64_t counted, HostId by,
                                 const std::vector<NodeProcess*>& nodes) {
  const auto& then = sent_[{list, element}];
  std::int64_t holders = 0;
  for (NodeProcess* node : nodes) {
    if (node->self() == by) continue;
    // Who has begun anew since may have had it.
    const auto before = then.find(node);
    const bool may_have_lost = !node->serves() || before == then.end() || before->second != data_.generation(*node);
    if (may_have_lost || Holds(*node, list, element)) ++holders;
  }
  if (counted > holders) {
    verdict_.Fail(
        fmt::format("WAIT counted {} replicas for {} of {}, of which {} had it", counted, element, list, holders));
  }
}

void AcknowledgedIsKept::OnSent(const NodeProcess& node, const std::string& list, std::int64_t element) {
  const bool promises = node.serves() && node.state().is_master() && node.state().journal->promised;
  sent_[{list, element}] = promises ? excuses_[&node] : -1;
}

void AcknowledgedIsKept::OnAcknowledged(NodeProcess& node, const std::string& list, std::int64_t element) {
  if (sent_[{list, element}] != excuses_[&node]) return;
  promised_[&node].push_back({list, element});
  // The answer may have travelled for longer than the node has lived since.
  if (node.serves()) Misses(node, {list, element});
}

void AcknowledgedIsKept::Excuse(const NodeProcess& node) {
  promised_.erase(&node);
  ++excuses_[&node];
}

bool AcknowledgedIsKept::Misses(NodeProcess& node, const Element& element) {
  ++kept_;
  if (Holds(node, element.list, element.element)) return false;
  verdict_.Fail(
      fmt::format("{} acknowledged {} of {}, and has it no longer", node.name(), element.element, element.list));
  return true;
}

void AcknowledgedIsKept::OnEnd(const NodeProcess& node, bool power_lost) {
  if (!node.running()) return;
  const replication::Settings& settings = node.state().settings;
  if (power_lost && settings.appendfsync != "always") Excuse(node);
  // What it will begin with is what its configuration says.
  if (!settings.appendonly || !node.saved_settings().appendonly) Excuse(node);
}

void AcknowledgedIsKept::Look(NodeProcess& node) {
  if (!node.serves()) return;
  // Somebody else's data have come; or it is about to take them.
  if (data_.Look(node) || !node.state().settings.appendonly) Excuse(node);
  int& looked = looked_at_[&node];
  if (looked == node.life()) return;
  looked = node.life();
  const auto found = promised_.find(&node);
  if (found == promised_.end()) return;
  // The newest ones tell; the oldest one, too.
  const std::vector<Element>& elements = found->second;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (i >= 2 && i + 10 < elements.size()) continue;
    if (Misses(node, elements[i])) return;
  }
}

}  // namespace sim
