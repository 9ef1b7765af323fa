#include "tests/sim/data_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/base/text.h"
#include "replication/resp/reply_writer.h"

namespace sim {

using base::Millis;

namespace {
// How often a replica looks what its master has, and a master's clients write.
constexpr Millis kStreamPeriod{20};
constexpr Millis kGap{100};
constexpr Millis kReplTimeout{60'000};
// SLAVEOF 127.0.0.1 1: a master that nobody has.
constexpr HostId kNowhere = 1 << 20;
}  // namespace

DataNode::DataNode(EventQueue& queue, Network& network, base::Random& random, std::string name)
    : queue_(queue), network_(network), random_(random), name_(std::move(name)) {}

void DataNode::Start(HostId self, HostId master) {
  self_ = self;
  run_id_ = random_.Hex();
  replid_ = random_.Hex();
  master_ = saved_master_ = master;
  promotions_ = master < 0 ? 1 : 0;
  holds_data_ = master < 0;
  link_down_since_ = queue_.now();
  network_.After(self_, kStreamPeriod, [this] { Replicate(); });
}

void DataNode::Restart(bool with_data) {
  connections_.clear();
  paused_until_ = base::MonoTime{};
  handing_over_.reset();
  run_id_ = random_.Hex();
  master_ = saved_master_;
  link_up_ = false;
  link_down_since_ = queue_.now();
  full_sync_until_.reset();
  if (master_ < 0 || !with_data) {
    // Redis 7 finds in its dump which history the data are of, if it had a backlog: it goes on under a new name.
    const bool known = with_data && backlog_;
    replid2_ = known ? replid_ : std::string(40, '0');
    second_offset_ = known ? offset_ + 1 : -1;
    replid_ = random_.Hex();
  }
  if (!with_data) {
    offset_ = 0;
    holds_data_ = false;
    fed_by_ = -1;
  }
  backlog_ = false;
  network_.Restart(self_);
  network_.After(self_, kStreamPeriod, [this] { Replicate(); });
}

bool DataNode::RestartAsForeign() {
  saved_master_ = -1;
  Restart(false);
  master_ = -1;
  foreign_ = true;
  offset_ = 1;
  SpeakAsForeign();
  return true;
}

void DataNode::SpeakAsForeign() {
  const std::string hello =
      fmt::format("10.8.8.8,26379,{},3,other,{},{},3", std::string(40, 'f'), Network::AddressOf(self_), kNodePort);
  for (const auto& [id, other] : connections_) {
    if (!other.subscribed) continue;
    std::string message;
    resp::ReplyWriter push(message, 2);
    push.Array(3);
    push.Bulk("message");
    push.Bulk("__sentinel__:hello");
    push.Bulk(hello);
    network_.Send(id, Side::kAcceptor, std::move(message));
  }
  network_.After(self_, Millis(1000), [this] { SpeakAsForeign(); });
}

bool DataNode::HasReplica() const {
  return std::any_of(peers->begin(), peers->end(),
                     [this](const auto& entry) { return entry.second->master_ == self_ && entry.second->link_up_; });
}

void DataNode::Follow(HostId master) {
  if (master == self_ || master == master_) return;
  master_ = master;
  link_up_ = false;
  link_down_since_ = queue_.now();
  full_sync_until_.reset();
}

void DataNode::Promote() {
  if (master_ < 0) return;
  master_ = -1;
  replid2_ = std::exchange(replid_, random_.Hex());
  second_offset_ = offset_ + 1;
  link_up_ = false;
  ++promotions_;
}

std::optional<base::MonoTime> DataNode::hears_since() const {
  if (master_ < 0 || !link_up_ || queue_.now() - received_at_ > kGap) return std::nullopt;
  return hears_since_;
}

void DataNode::Replicate() {
  network_.After(self_, kStreamPeriod, [this] { Replicate(); });
  if (master_ < 0) {
    backlog_ |= HasReplica();
    const auto written = static_cast<base::Offset>(random_.Below(500));
    if (backlog_ && !paused()) {
      offset_ += written;
      if (written > 0) acknowledged_[replid_] = offset_;
    }
    if (handing_over_) AdvanceHandOver();
    return;
  }
  if (handing_over_) AdvanceHandOver();
  const auto found = peers->find(master_);
  if (found == peers->end() || !network_.Reachable(self_, master_)) {
    // A master that stands still or is cut off says nothing, and nothing says that it is gone.
    const bool gone = found == peers->end() || !network_.IsUp(master_);
    if (link_up_ && !gone && queue_.now() - received_at_ < kReplTimeout) return;
    if (link_up_) link_down_since_ = queue_.now();
    link_up_ = false;
    full_sync_until_.reset();
    return;
  }
  DataNode& master = *found->second;
  if (!master.is_master() && !master.link_up_) return;  // -NOMASTERLINK
  const bool same = replid_ == master.replid_ && offset_ <= master.offset_;
  const bool earlier = replid_ == master.replid2_ && offset_ + 1 <= master.second_offset_;
  if (!same && !earlier) {
    const bool unknown = replid_ != master.replid_ && replid2_ != master.replid_;
    if (refuses_empty_ && holds_data_ && !master.holds_data_ && unknown && master.offset_ < offset_ &&
        fed_by_ == master_) {
      link_up_ = false;
      refusing_ = true;
      return;
    }
    if (!full_sync_until_) full_sync_until_ = queue_.now() + random_.Between(Millis(50), Millis(600));
    if (queue_.now() < *full_sync_until_) return;
    full_sync_until_.reset();
  }
  replid_ = master.replid_;
  replid2_ = master.replid2_;
  second_offset_ = master.second_offset_;
  if (!link_up_ || queue_.now() - received_at_ > kGap) hears_since_ = queue_.now();
  if (!link_up_ || offset_ != master.offset_) received_at_ = queue_.now();
  offset_ = master.offset_;
  holds_data_ = master.holds_data_;
  refusing_ = false;
  fed_by_ = master_;
  backlog_ = true;
  link_up_ = true;
  link_down_since_.reset();
}

void DataNode::FailoverCommand(const std::vector<std::string>& words, resp::ReplyWriter& reply) {
  if (words.size() == 2 && base::EqualsIgnoreCase(words[1], "abort")) {
    if (!handing_over_) return reply.Error("ERR No failover in progress.");
    const bool left = handing_over_->left;
    handing_over_.reset();
    if (left) Promote();
    return reply.Ok();
  }
  HandOver wanted;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (base::EqualsIgnoreCase(words[i], "to") && i + 2 < words.size()) {
      wanted.target = words[i + 2] == "1" ? kNowhere : network_.HostOf(words[i + 1]);
      i += 2;
    } else if (base::EqualsIgnoreCase(words[i], "force")) {
      wanted.force = true;
    } else if (base::EqualsIgnoreCase(words[i], "timeout") && i + 1 < words.size()) {
      wanted.until = queue_.now() + Millis(base::ParseInt<std::int64_t>(words[++i]).value_or(1));
    }
  }
  if (handing_over_) return reply.Error("ERR FAILOVER already in progress.");
  if (!is_master()) return reply.Error("ERR FAILOVER is not valid when server is a replica.");
  if (wanted.force && wanted.until == base::MonoTime{}) {
    return reply.Error("ERR FAILOVER with force option requires both a timeout and target HOST and IP.");
  }
  const auto target = peers->find(wanted.target);
  if (target == peers->end() || target->second->master_ != self_ || !target->second->link_up_) {
    return reply.Error("ERR FAILOVER target HOST and PORT is not a replica.");
  }
  handing_over_ = wanted;
  reply.Ok();
}

void DataNode::AdvanceHandOver() {
  HandOver& hand_over = *handing_over_;
  DataNode& target = *peers->at(hand_over.target);
  const bool reachable = network_.Reachable(self_, hand_over.target) && network_.Reachable(hand_over.target, self_);
  if (!hand_over.left) {
    const bool equal = reachable && target.replid_ == replid_ && target.offset_ == offset_;
    if (!equal && queue_.now() < hand_over.until) return;
    if (!equal && !hand_over.force) return handing_over_.reset();
    hand_over.left = true;
    Follow(hand_over.target);
  }
  if (!reachable) return;  // it goes on asking until somebody aborts it
  const bool accepted = target.master_ < 0 || target.replid_ == replid_;
  handing_over_.reset();
  if (!accepted) return Promote();
  target.Promote();
}

std::string DataNode::Info() const {
  std::string text = fmt::format("# Server\r\nredis_version:7.0.15\r\nrun_id:{}\r\n\r\n# Replication\r\n", run_id_);
  if (master_ < 0) {
    text += "role:master\r\n";
    int count = 0;
    std::string lines;
    for (const auto& [host, node] : *peers) {
      if (node->master_ != self_ || !node->link_up_) continue;
      lines += fmt::format("slave{}:ip={},port={},state=online,offset={},lag=0\r\n", count++, Network::AddressOf(host),
                           kNodePort, node->offset_);
    }
    if (foreign_) lines += fmt::format("slave{}:ip=10.9.9.9,port=6379,state=online,offset=1,lag=0\r\n", count++);
    text += fmt::format("connected_slaves:{}\r\n{}", count, lines);
  } else {
    text += fmt::format("role:slave\r\nmaster_host:{}\r\nmaster_port:{}\r\nmaster_link_status:{}\r\n",
                        master_ == kNowhere ? "127.0.0.1" : Network::AddressOf(master_),
                        master_ == kNowhere ? 1 : kNodePort, link_up_ ? "up" : "down");
    text += fmt::format("slave_read_repl_offset:{0}\r\nslave_repl_offset:{0}\r\n", offset_);
    if (!link_up_) {
      const Millis down = link_down_since_ ? queue_.now() - *link_down_since_ : Millis(0);
      text += fmt::format("master_link_down_since_seconds:{}\r\n", down.count() / 1000);
    }
    if (refusing_) text += "master_empty_refused:1\r\n";
    text += "slave_priority:100\r\nslave_read_only:1\r\nreplica_announced:1\r\nconnected_slaves:0\r\n";
  }
  text += fmt::format(
      "master_failover_state:{}\r\nmaster_replid:{}\r\nmaster_replid2:{}\r\nmaster_repl_offset:{}\r\n"
      "second_repl_offset:{}\r\n",
      !handing_over_ ? "no-failover" : (handing_over_->left ? "failover-in-progress" : "waiting-for-sync"), replid_,
      replid2_, offset_, second_offset_);
  text += "\r\n# Keyspace\r\n";
  if (holds_data_) text += "db0:keys=1,expires=0,avg_ttl=0\r\n";
  return text;
}

void DataNode::OnAccepted(WireId wire, HostId) {
  connections_[wire];
}
void DataNode::OnConnected(WireId, bool) {}
void DataNode::OnClosed(WireId wire) {
  connections_.erase(wire);
}

void DataNode::OnBytes(WireId wire, std::string_view bytes) {
  const auto found = connections_.find(wire);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  connection.parser.Feed(bytes);
  resp::Words words;
  std::string reply;
  while (connection.parser.Next(words) == resp::RequestParser::Outcome::kRequest) {
    Execute(wire, connection, {words.begin(), words.end()}, reply);
  }
  if (!reply.empty()) network_.Send(wire, Side::kAcceptor, std::move(reply));
}

void DataNode::Execute(WireId wire, Connection& connection, const std::vector<std::string>& words, std::string& out) {
  resp::ReplyWriter reply(out, 2);
  const std::string verb = base::ToLower(words[0]);
  if (connection.in_multi && verb != "exec") {
    connection.queued.push_back(words);
    reply.Simple("QUEUED");
  } else if (denied_.contains(verb) && (verb != "client" || base::ToLower(words.at(1)).ends_with("pause"))) {
    reply.Error("NOPERM this user has no permissions to run the '" + verb + "' command");
  } else if (verb == "failover") {
    FailoverCommand(words, reply);
  } else if (verb == "client" && base::EqualsIgnoreCase(words.at(1), "pause")) {
    const auto ms = base::ParseInt<std::int64_t>(words.at(2));
    if (!ms) return reply.Error("ERR timeout is not an integer or out of range");
    paused_until_ = std::max(paused_until_, queue_.now() + Millis(*ms));
    reply.Ok();
  } else if (verb == "client" && base::EqualsIgnoreCase(words.at(1), "unpause")) {
    paused_until_ = base::MonoTime{};
    reply.Ok();
  } else if (verb == "multi") {
    connection.in_multi = true;
    reply.Ok();
  } else if (verb == "exec") {
    connection.in_multi = false;
    const auto queued = std::exchange(connection.queued, {});
    reply.Array(queued.size());
    for (const auto& command : queued) Execute(wire, connection, command, out);
  } else if (verb == "ping") {
    reply.Simple("PONG");
  } else if (verb == "info") {
    reply.Bulk(Info());
  } else if (verb == "subscribe") {
    connection.subscribed = true;
    reply.Array(3);
    reply.Bulk("subscribe");
    reply.Bulk(words.at(1));
    reply.Integer(1);
  } else if (verb == "publish") {
    int heard = 0;
    for (const auto& [id, other] : connections_) {
      if (!other.subscribed) continue;
      std::string message;
      resp::ReplyWriter push(message, 2);
      push.Array(3);
      push.Bulk("message");
      push.Bulk(words.at(1));
      push.Bulk(words.at(2));
      network_.Send(id, Side::kAcceptor, std::move(message));
      ++heard;
    }
    reply.Integer(heard);
  } else if (verb == "slaveof" || verb == "replicaof") {
    orders_as_foreign_ += foreign_;
    if (foreign_) {
    } else if (base::EqualsIgnoreCase(words.at(1), "no")) {
      Promote();
    } else {
      Follow(words.at(1) == "127.0.0.1" ? kNowhere : network_.HostOf(words.at(1)));
    }
    reply.Ok();
  } else if (verb == "config") {
    SaveConfig();
    reply.Ok();
  } else if (verb == "client" && base::EqualsIgnoreCase(words.at(1), "kill")) {
    // CLIENT KILL TYPE normal|pubsub takes the other sentinels' connections along; the caller keeps its own.
    const bool pubsub = base::EqualsIgnoreCase(words.back(), "pubsub");
    std::vector<WireId> killed;
    for (const auto& [id, other] : connections_) {
      if (id != wire && other.subscribed == pubsub) killed.push_back(id);
    }
    for (const WireId id : killed) {
      connections_.erase(id);
      network_.Close(id, Side::kAcceptor);
    }
    reply.Integer(static_cast<std::int64_t>(killed.size()));
  } else {
    reply.Ok();  // AUTH, CLIENT SETNAME, SCRIPT KILL ...: nothing hangs on them
  }
}

}  // namespace sim
