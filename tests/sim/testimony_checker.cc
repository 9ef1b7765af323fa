#include "tests/sim/testimony_checker.h"

#include <fmt/format.h>

#include <utility>

namespace sim {

using base::Millis;
using base::MonoTime;

namespace {
// What connections need to be made anew behind a cut, hanging attempts included.
constexpr Millis kReconnecting{3000};
constexpr Millis kGrace{300};
}  // namespace

const TestimonyChecker::Node* TestimonyChecker::NodeAt(HostId host) const {
  for (const Node& node : nodes_) {
    if (node.self == host) return &node;
  }
  return nullptr;
}

void TestimonyChecker::Look(MonoTime now, std::vector<Node> nodes, int sentinels,
                            const std::function<bool(int, HostId)>& reaches) {
  nodes_ = std::move(nodes);
  for (const Node& node : nodes_) {
    if (node.alive) {
      dead_since_.erase(node.self);
    } else {
      dead_since_.try_emplace(node.self, now);
    }
  }
  for (int s = 0; s < sentinels; ++s) {
    Sentinel& sentinel = sentinels_[s];
    for (const Node& node : nodes_) {
      if (reaches(s, node.self)) {
        sentinel.reaches_since.try_emplace(node.self, now);
      } else {
        sentinel.reaches_since.erase(node.self);
      }
    }
    if (!sentinel.held_for) continue;
    // Its replicas find their links down at once; whoever cannot be asked any more is believed a little longer.
    const auto dead = dead_since_.find(*sentinel.held_for);
    if (dead != dead_since_.end() && now - dead->second > 3 * down_after_ + kGrace) {
      verdict_.Fail(fmt::format("sentinel {} holds a failover back for host{}, dead for {} ms", s, *sentinel.held_for,
                                (now - dead->second).count()));
    }
  }
}

void TestimonyChecker::OnRestart(int s) {
  sentinels_.erase(s);
}

void TestimonyChecker::OnEvent(int s, MonoTime now, const std::string& event, const std::string& text, HostId master) {
  Sentinel& sentinel = sentinels_[s];
  if (event == "+sdown" && text.starts_with("master ")) sentinel.down_since = now;
  if ((event == "-sdown" && text.starts_with("master ")) || event == "+switch-master") {
    sentinel.down_since.reset();
    sentinel.emptied = false;
  }
  // It is heard, and is replaced because it holds nothing: testimony is about silence.
  if (event == "+empty-master") sentinel.emptied = true;
  if (event == "-testimony-hold" || event == "+switch-master") sentinel.held_for.reset();
  if (event == "+testimony-hold" && timeout_.count() > 0) {
    sentinel.held_for = master;
    ++holds_;
  }
  if (event != "+failover-state-wait-promotion" || !sentinel.down_since || sentinel.emptied) return;
  // Two of its reads lie behind the replica's long testimony, and the time that it holds back for is not over.
  if (now - *sentinel.down_since > timeout_ - kGrace) return;
  const Node* old_master = NodeAt(master);
  if (old_master == nullptr || !old_master->alive || old_master->master >= 0) return;
  for (const Node& node : nodes_) {
    const auto reached = sentinel.reaches_since.find(node.self);
    if (node.master != master || !node.hears_since || reached == sentinel.reaches_since.end()) continue;
    const MonoTime long_ago = now - 3 * down_after_ - kReconnecting;
    if (*node.hears_since > long_ago || reached->second > long_ago) continue;
    verdict_.Fail(fmt::format("sentinel {} promotes, though host{} hears host{} all the time", s, node.self, master));
  }
}

}  // namespace sim
