// The data nodes of a scenario: what they answer, and how their data moves.
#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "sentinel/core/hello.h"
#include "tests/scenarios/world_parts.h"

namespace scenario {

using namespace sentinel;

namespace {

constexpr Millis kResync{20};

}  // namespace

Node& World::AddNode(std::uint16_t port, std::uint16_t master_port) {
  auto node = std::make_unique<Node>();
  node->port = port;
  node->master_port = master_port;
  node->run_id = fmt::format("{:040x}", port);
  node->offset = 1000;
  node->link_lost_at = MonoTime::max();
  return *(nodes_[port] = std::move(node));
}

void World::DeliverToNode(const std::shared_ptr<Connection>& connection, const Command& command) {
  Node& node = *nodes_.at(connection->to);
  if (!node.alive) return;
  // PUBLISH waits behind a pause, and everything behind it on its connection.
  const bool paused = now_ < node.paused_until && base::ToLower(command.words[0]) == "publish";
  if (node.frozen || paused || !connection->waiting.empty()) {
    connection->waiting.push_back(command);
    return;
  }
  ReplyTo(connection, command, Answer(node, connection, command));
}

ReplyValue World::Answer(Node& node, const std::shared_ptr<Connection>& connection, const Command& command) {
  const std::string verb = base::ToLower(command.words[0]);
  const std::string full = command.words.size() > 1 ? verb + "|" + base::ToLower(command.words[1]) : verb;
  if (node.denied.contains(verb) || node.denied.contains(full)) {
    return ReplyValue::Error(fmt::format("NOPERM this user has no permissions to run the '{}' command",
                                         node.denied.contains(verb) ? verb : full));
  }
  if (verb == "exec") {
    connection->in_multi = false;
    std::vector<ReplyValue> replies;
    for (const Command& queued : std::exchange(connection->transaction, {})) {
      replies.push_back(Answer(node, connection, queued));
    }
    if (node.after_exec) node.after_exec(node);
    return ReplyValue::Array(std::move(replies));
  }
  if (connection->in_multi) {
    connection->transaction.push_back(command);
    return ReplyValue::Status("QUEUED");
  }
  if (verb == "ping") return ReplyValue::Status("PONG");
  if (verb == "info") return ReplyValue::String(InfoOf(node));
  if (verb == "failover") return AnswerFailover(node, command.words);
  if (full == "client|pause") {
    const auto length = base::ParseInt<std::int64_t>(command.words[2]);
    if (!length) return ReplyValue::Error("ERR timeout is not an integer or out of range");
    node.paused_until = std::max(node.paused_until, now_ + Millis(*length));
    At(node.paused_until, [this, port = node.port] {
      if (now_ >= nodes_.at(port)->paused_until) Release(port);
    });
    return ReplyValue::Status("OK");
  }
  if (full == "client|unpause") {
    node.paused_until = now_;
    At(now_, [this, port = node.port] { Release(port); });
    return ReplyValue::Status("OK");
  }
  if (verb == "multi") {
    connection->in_multi = true;
    return ReplyValue::Status("OK");
  }
  if (verb == "subscribe") {
    connection->subscribed = true;
    return ReplyValue::Nil();
  }
  if (verb == "publish") {
    for (const auto& listener : connections_) {
      if (listener->to != node.port || !listener->subscribed || !listener->open) continue;
      At(now_ + latency_, [this, listener, payload = command.words[2]] {
        if (listener->open && Reachable(PortOf(listener->from), listener->to)) {
          Feed(listener->from, HelloReceived{listener->link, payload});
        }
      });
    }
    return ReplyValue::Integer(1);
  }
  if (verb == "slaveof") {
    const bool no_port = base::ToLower(command.words[2]) != "one" && !base::ParsePort(command.words[2]);
    if (no_port) return ReplyValue::Error("ERR Invalid master port");
    node.commands.push_back(command.words[1] + " " + command.words[2]);
    if (!node.obeys) return ReplyValue::Status("OK");
    if (node.failover_state != "no-failover") return ReplyValue::Error("ERR REPLICAOF not allowed while failing over.");
    if (command.words[1] == "NO") {
      Promote(node);
    } else if (node.master_port != std::stoi(command.words[2])) {
      node.link_up = false;
      node.master_port = static_cast<std::uint16_t>(std::stoi(command.words[2]));
      node.link_lost_at = now_ + kResync;
    }
    return ReplyValue::Status("OK");
  }
  return ReplyValue::Status("OK");
}

void World::Promote(Node& node) {
  if (node.master_port == 0) return;
  node.replid2 = node.replid;
  node.second_offset = node.offset + 1;
  node.replid = fmt::format("{:040x}", 0xb000000000 + static_cast<std::int64_t>(++order_) * 65536 + node.port);
  node.master_port = 0;
}

ReplyValue World::AnswerFailover(Node& node, const std::vector<std::string>& words) {
  if (base::ToLower(words[1]) == "abort") {
    if (node.failover_state == "no-failover") return ReplyValue::Error("ERR No failover in progress.");
    if (node.failover_state == "failover-in-progress") Promote(node);
    node.failover_state = "no-failover";
    return ReplyValue::Status("OK");
  }
  if (words[1] == "TIMEOUT" && !base::ParseInt<std::int64_t>(words[2])) {
    return ReplyValue::Error("ERR value is not an integer or out of range");
  }
  const bool force = words.size() > 4 && words[4] == "FORCE";
  const auto timeout = std::find(words.begin(), words.end(), "TIMEOUT");
  if (node.failover_state != "no-failover") return ReplyValue::Error("ERR FAILOVER already in progress.");
  if (node.master_port != 0) return ReplyValue::Error("ERR FAILOVER is not valid when server is a replica.");
  if (force && timeout == words.end()) {
    return ReplyValue::Error("ERR FAILOVER with force option requires both a timeout and target HOST and IP.");
  }
  node.failover_state = "waiting-for-sync";
  node.failover_to = static_cast<std::uint16_t>(std::stoi(words[3]));
  node.failover_end = now_ + Millis(std::stoi(timeout[1]));
  return ReplyValue::Status("OK");
}

bool World::TakesWrites(const Node& node) const {
  return node.alive && !node.frozen && node.master_port == 0 && now_ >= node.paused_until &&
         node.failover_state == "no-failover";
}

// A replica reaches its master anew: it goes on where it was, or loses what it had.
void World::Resync(Node& node, Node& master) {
  const bool same = node.replid == master.replid && node.offset <= master.offset;
  const bool earlier = node.replid == master.replid2 && node.offset + 1 <= master.second_offset;
  if (!same && !earlier) {
    ++node.full_syncs;
    if (node.replid == master.replid2) node.lost += node.offset - (master.second_offset - 1);
    node.replid2.clear();
    node.second_offset = -1;
    node.offset = master.offset;
  } else if (earlier) {
    node.replid2 = node.replid;
    node.second_offset = node.offset + 1;
  }
  node.replid = master.replid;
  node.link_up = true;
}

void World::Tick() {
  At(now_ + Millis(1), [this] { Tick(); });
  std::map<std::uint16_t, base::Offset> before;
  for (const auto& [port, node] : nodes_) before[port] = node->offset;
  for (const auto& [port, node] : nodes_) {
    if (!node->alive || node->frozen) continue;
    const auto target = nodes_.find(node->failover_to);
    if (node->failover_state == "waiting-for-sync") {
      const bool ready =
          node->vigil && target->second->alive && !target->second->frozen && target->second->offset == node->offset;
      if (ready || (!node->vigil && now_ >= node->failover_end)) {
        node->failover_state = "failover-in-progress";
        node->master_port = node->failover_to;
        node->link_up = false;
      } else if (now_ >= node->failover_end) {
        node->failover_state = "no-failover";
      }
    } else if (node->failover_state == "failover-in-progress") {
      if (!target->second->alive || target->second->frozen || !Reachable(port, node->failover_to)) continue;
      Promote(*target->second);
      node->failover_state = "no-failover";
      Resync(*node, *target->second);
    } else if (node->master_port == 0) {
      if (TakesWrites(*node)) node->offset += per_ms_;
    } else {
      const auto found = nodes_.find(node->master_port);
      Node* master = found == nodes_.end() ? nullptr : found->second.get();
      const bool there = master != nullptr && master->alive && Reachable(port, node->master_port);
      if (!there || (master->replid != node->replid && !master->frozen)) node->link_up = false;
      if (!there || master->frozen || (!node->link_up && master->master_port != 0)) continue;
      if (!node->link_up) Resync(*node, *master);
      if (!node->stuck) node->offset = std::max(node->offset, before[node->master_port]);
    }
  }
}

void World::Write(base::Offset per_ms) {
  per_ms_ = per_ms;
  if (!std::exchange(live_, true)) Tick();
}

base::Offset World::Lost() const {
  base::Offset lost = 0;
  for (const auto& [port, node] : nodes_) lost += node->lost;
  return lost;
}

int World::FullSyncs() const {
  int syncs = 0;
  for (const auto& [port, node] : nodes_) syncs += node->full_syncs;
  return syncs;
}

std::string World::InfoOf(Node& node) {
  if (node.before_info) node.before_info(node);
  std::string text =
      fmt::format("# Server\r\nrun_id:{}\r\nloading:{}\r\n# Replication\r\n", node.run_id, node.loading ? 1 : 0);
  if (node.master_port == 0) {
    text += "role:master\r\n";
    int i = 0;
    for (const auto& [port, replica] : nodes_) {
      if (replica->alive && replica->master_port == node.port) {
        text +=
            fmt::format("slave{}:ip=127.0.0.1,port={},state=online,offset={},lag=0\r\n", i++, port, replica->offset);
      }
    }
    for (const std::string& other : node.other_replicas) {
      const std::size_t colon = other.find(':');
      text += fmt::format("slave{}:ip={},port={},state=online,offset=1,lag=0\r\n", i++, other.substr(0, colon),
                          other.substr(colon + 1));
    }
  } else {
    const auto master = nodes_.find(node.master_port);
    const bool syncing = node.link_lost_at != MonoTime::max() && now_ < node.link_lost_at;
    bool up = master != nodes_.end() && master->second->alive && !master->second->frozen && !syncing &&
              !NeedsFullSync(node, *master->second);
    if (live_) up = node.link_up;
    if (up) node.link_lost_at = MonoTime::max();
    if (up && !live_) node.replid = master->second->replid;
    const auto down_for = std::max(now_ - node.link_lost_at, Millis(0)).count() / 1000;
    text += fmt::format("role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:{}\r\nmaster_link_status:{}\r\n",
                        node.master_port, up ? "up" : "down");
    if (!up) text += fmt::format("master_link_down_since_seconds:{}\r\n", down_for);
    const bool offered = master != nodes_.end() && master->second->alive && NeedsFullSync(node, *master->second);
    if (node.refuses_empty && offered && node.offset > master->second->offset) text += "master_empty_refused:1\r\n";
    text += fmt::format(
        "slave_read_repl_offset:{0}\r\nslave_repl_offset:{0}\r\nslave_priority:{1}\r\nreplica_announced:1\r\n",
        node.offset, node.priority);
  }
  if (node.vigil) text += "vigil_version:0.1.0\r\n";
  text += fmt::format("master_failover_state:{}\r\nmaster_replid:{}\r\nmaster_replid2:{}\r\n", node.failover_state,
                      node.replid, node.replid2.empty() ? std::string(40, '0') : node.replid2);
  text +=
      fmt::format("master_repl_offset:{}\r\nsecond_repl_offset:{}\r\n# Keyspace\r\n", node.offset, node.second_offset);
  if (node.keys > 0) text += fmt::format("db0:keys={},expires=0,avg_ttl=0\r\n", node.keys);
  return text;
}

bool World::NeedsFullSync(const Node& node, const Node& master) const {
  return node.keys > 0 && master.keys == 0 && node.replid != master.replid && node.replid != master.replid2;
}

}  // namespace scenario
