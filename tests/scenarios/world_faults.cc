// What goes wrong in a scenario: processes, disks, clocks and the network.
#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/hello.h"
#include "tests/scenarios/world_parts.h"

namespace scenario {

using namespace sentinel;

namespace {

constexpr Millis kWiped{300};  // a full sync from a master that came back empty

}  // namespace

void World::KillNode(std::uint16_t port) {
  node(port).alive = false;
  node(port).frozen = false;
  for (const auto& [other_port, other] : nodes_) {
    if (other->master_port == port) other->link_lost_at = now_;
  }
  for (const auto& connection : connections_) {
    if (connection->to == port && connection->open) CloseByPeer(connection);
  }
  std::erase_if(connections_, [](const auto& connection) { return !connection->open; });
}

void World::StartNode(std::uint16_t port) {
  node(port).alive = true;
  node(port).run_id = fmt::format("{:040x}", port + now_.time_since_epoch().count() * 65536);
}

void World::StartNodeEmpty(std::uint16_t port) {
  StartNode(port);
  Node& master = node(port);
  master.offset = 0;
  master.keys = 0;
  master.replid = std::string(36, 'e') + fmt::format("{:04x}", ++order_ & 0xffff);
  master.replid2.clear();
  master.second_offset = -1;
  At(now_ + kWiped, [this, port, replid = master.replid] {
    const Node& empty = node(port);
    if (!empty.alive || empty.replid != replid) return;
    for (const auto& [other_port, other] : nodes_) {
      if (!other->alive || other->master_port != port || other->refuses_empty) continue;
      other->offset = empty.offset;
      other->keys = 0;
      other->replid = replid;
    }
  });
}

void World::PublishAt(std::uint16_t port, const std::string& payload) {
  for (const auto& listener : connections_) {
    if (listener->to != port || !listener->subscribed || !listener->open) continue;
    At(now_ + latency_, [this, listener, payload] {
      if (listener->open) Feed(listener->from, HelloReceived{listener->link, payload});
    });
  }
}

void World::Freeze(std::uint16_t port) {
  node(port).frozen = true;
}

void World::Thaw(std::uint16_t port) {
  node(port).frozen = false;
  Release(port);
}

void World::Release(std::uint16_t port) {
  if (!node(port).alive || node(port).frozen) return;
  for (const auto& connection : connections_) {
    if (connection->to != port) continue;
    for (const Command& command : std::exchange(connection->waiting, {})) DeliverToNode(connection, command);
  }
}

void World::KillSentinel(int n) {
  Sentinel& sentinel = *sentinels_.at(n);
  sentinel.running = false;
  ++sentinel.life;
  for (const auto& connection : connections_) {
    if (connection->from == n) {
      connection->open = false;
      if (Sentinel* other = SentinelAt(connection->to)) Feed(other->n, ClientGone{connection->client});
    } else if (connection->to == PortOf(n)) {
      CloseByPeer(connection);
    }
  }
  std::erase_if(connections_, [](const auto& connection) { return !connection->open; });
}

void World::StartSentinel(int n) {
  Sentinel& sentinel = *sentinels_.at(n);
  ++sentinel.life;
  sentinel.running = true;
  sentinel.saving = sentinel.save_again = false;
  sentinel.replies.clear();
  sentinel.heard.clear();
  sentinel.state = std::make_unique<State>(static_cast<std::uint64_t>(n) * 1000 + sentinel.life);
  const auto settings = LoadSettings(sentinel.durable.config, *sentinel.state, Clock(sentinel));
  if (!settings) throw std::runtime_error(settings.error().text);
  const auto remarks = LoadVigil(sentinel.durable.vigil, *sentinel.state, Clock(sentinel));
  if (!remarks) throw std::runtime_error(remarks.error().text);
  sentinel.state->port = PortOf(n);
  Actions actions;
  Start(*sentinel.state, Clock(sentinel), actions);
  Carry(n, std::move(actions));
}

SavedTexts& World::Durable(int n) {
  return sentinels_.at(n)->durable;
}

void World::StopSentinel(int n) {
  sentinels_.at(n)->stopped = true;
}

void World::ContinueSentinel(int n) {
  Sentinel& sentinel = *sentinels_.at(n);
  sentinel.stopped = false;
  if (!sentinel.running) return;
  // As the daemon does it: the stall first, then what the sockets hold, then the deadlines that have passed.
  const auto wake_at = sentinel.state->wake_at;
  if (wake_at && now_ - *wake_at > Millis(50)) Feed(n, Stalled{now_ - *wake_at});
  for (const sentinel::Input& input : std::exchange(sentinel.held, {})) Feed(n, input);
  if (sentinel.state->wake_at && *sentinel.state->wake_at <= now_) Feed(n, Deadline{});
}

void World::JumpWallClock(int n, Millis by) {
  sentinels_.at(n)->wall_clock_off += by;
}

void World::FailSaves(int n, bool fail) {
  sentinels_.at(n)->saves_fail = fail;
}

void World::SlowDisk(int n, Millis latency) {
  sentinels_.at(n)->disk = latency;
}

void World::Cut(std::uint16_t a, std::uint16_t b) {
  cuts_.insert({std::min(a, b), std::max(a, b)});
}

void World::Heal(std::uint16_t a, std::uint16_t b) {
  cuts_.erase({std::min(a, b), std::max(a, b)});
}

}  // namespace scenario
