#include "tests/scenarios/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "replication/base/text.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/invariants.h"

namespace scenario {

using namespace sentinel;

namespace {

constexpr Millis kResync{20};
constexpr Millis kWiped{300};  // a full sync from a master that came back empty

// One RESP2 value; `bytes` is left behind it. Throws what a scenario could not go on with.
ReplyValue ParseReply(std::string_view& bytes) {
  const std::size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) throw std::runtime_error("incomplete reply");
  const char type = bytes[0];
  const std::string head(bytes.substr(1, end - 1));
  bytes.remove_prefix(end + 2);
  switch (type) {
    case '+':
      return ReplyValue::Status(head);
    case '-':
      return ReplyValue::Error(head);
    case ':':
      return ReplyValue::Integer(std::stoll(head));
    case '$': {
      const long length = std::stol(head);
      if (length < 0) return ReplyValue::Nil();
      const std::string text(bytes.substr(0, static_cast<std::size_t>(length)));
      bytes.remove_prefix(static_cast<std::size_t>(length) + 2);
      return ReplyValue::String(text);
    }
    case '*': {
      const long length = std::stol(head);
      if (length < 0) return ReplyValue::Nil();
      std::vector<ReplyValue> elements;
      for (long i = 0; i < length; ++i) elements.push_back(ParseReply(bytes));
      return ReplyValue::Array(std::move(elements));
    }
    default:
      throw std::runtime_error("a reply that is not RESP2");
  }
}

std::uint16_t PortOf(int n) {
  return static_cast<std::uint16_t>(26000 + n);
}

}  // namespace

// One TCP connection that a sentinel opened.
struct World::Connection {
  int from = 0;
  LinkId link{};
  LinkKind kind{};
  std::uint16_t to = 0;
  std::string host;
  serve::ClientId client = 0;  // at a sentinel
  bool open = true;            // as the opener sees it
  bool subscribed = false;
  bool in_multi = false;
  std::vector<Command> transaction;
  CommandQueue outbox;
  std::deque<Command> unanswered;  // at a sentinel: replies come in order
  std::deque<Command> waiting;     // at a frozen node
};

struct World::Sentinel {
  int n = 0;
  bool running = true;
  bool stopped = false;
  std::deque<sentinel::Input> held;  // while it is stopped
  Millis wall_clock_off{0};
  bool stock = false;
  bool saves_fail = false;
  Millis disk{2};
  bool saving = false;
  bool save_again = false;
  SavedTexts durable;
  std::uint64_t life = 0;  // events of an earlier life are dropped
  std::unique_ptr<State> state;
  std::map<serve::ClientId, ReplyQueue> replies;
  std::map<serve::ClientId, std::string> heard;  // what a client from outside has got
};

World::World() = default;
World::~World() = default;

base::Now World::Clock(const Sentinel& sentinel) const {
  return base::Now{now_,
                   base::FromUnixMillis(1700000000000 + now_.time_since_epoch().count()) + sentinel.wall_clock_off};
}

void World::At(MonoTime at, std::function<void()> what) {
  queue_.emplace(std::pair(at, ++order_), std::move(what));
}

void World::Run(Millis length) {
  RunUntil([] { return false; }, length);
}

bool World::RunUntil(const std::function<bool()>& what, Millis at_most) {
  const MonoTime end = now_ + at_most;
  while (!what()) {
    if (queue_.empty() || queue_.begin()->first.first > end) {
      now_ = end;
      return what();
    }
    const auto next = queue_.extract(queue_.begin());
    now_ = std::max(now_, next.key().first);
    next.mapped()();
  }
  return true;
}

Node& World::AddNode(std::uint16_t port, std::uint16_t master_port) {
  auto node = std::make_unique<Node>();
  node->port = port;
  node->master_port = master_port;
  node->run_id = fmt::format("{:040x}", port);
  node->offset = 1000;
  node->link_lost_at = MonoTime::max();
  return *(nodes_[port] = std::move(node));
}

void World::AddSentinel(int n, int quorum, const std::string& config) {
  auto sentinel = std::make_unique<Sentinel>();
  sentinel->n = n;
  sentinel->durable.config = fmt::format(
      "port {}\nsentinel myid {}\nsentinel monitor mymaster 127.0.0.1 7000 {}\n"
      "sentinel down-after-milliseconds mymaster 1000\n{}",
      PortOf(n), std::string(40, static_cast<char>('0' + n)), quorum, config);
  sentinel->running = false;
  sentinels_[n] = std::move(sentinel);
  StartSentinel(n);
}

void World::MakeStock(int n) {
  sentinels_.at(n)->stock = true;
}

State& World::state(int n) {
  return *sentinels_.at(n)->state;
}

Master& World::master(int n) {
  return state(n).masters.at("mymaster");
}

bool World::running(int n) const {
  return sentinels_.at(n)->running;
}

void World::Feed(int n, const sentinel::Input& input) {
  Sentinel& sentinel = *sentinels_.at(n);
  if (!sentinel.running) return;
  if (sentinel.stopped) {
    if (!std::holds_alternative<Deadline>(input)) sentinel.held.push_back(input);
    return;
  }
  Actions actions;
  Step(*sentinel.state, Clock(sentinel), input, actions);
  for (const std::string& violation : CheckInvariants(*sentinel.state)) {
    throw std::runtime_error("invariant: " + violation + "\n" + Trace());
  }
  Carry(n, std::move(actions));
}

void World::Carry(int n, Actions actions) {
  Sentinel& sentinel = *sentinels_.at(n);
  const std::uint64_t life = sentinel.life;
  for (Action& action : actions) {
    if (auto* connect = std::get_if<sentinel::Connect>(&action)) {
      OpenConnection(n, *connect);
    } else if (const auto* gone = std::get_if<Disconnect>(&action)) {
      for (const auto& connection : connections_) {
        if (connection->from == n && connection->link == gone->link) {
          connection->open = false;
          if (Sentinel* other = SentinelAt(connection->to)) {
            At(now_ + latency_, [this, to = other->n, client = connection->client] { Feed(to, ClientGone{client}); });
          }
        }
      }
      std::erase_if(connections_, [](const auto& connection) { return !connection->open; });
    } else if (auto* send = std::get_if<Send>(&action)) {
      for (const auto& connection : connections_) {
        if (connection->from != n || connection->link != send->link) continue;
        connection->outbox.Push(send->batch, send->change);
        FlushLink(connection);
        break;
      }
    } else if (const auto* reply = std::get_if<Reply>(&action)) {
      sentinel.replies[reply->client].Push(reply->bytes, reply->change);
      FlushClient(n, reply->client);
    } else if (std::get_if<SaveState>(&action) != nullptr) {
      if (sentinel.saving) {
        sentinel.save_again = true;
      } else {
        BeginSave(n);
      }
    } else if (const auto* resolve = std::get_if<Resolve>(&action)) {
      At(now_ + latency_, [this, n, life, name = resolve->name] {
        if (sentinels_.at(n)->life != life) return;
        const auto found = names_.find(name);
        if (found != names_.end()) {
          Feed(n, NameResolved{name, found->second});
        } else {
          Feed(n, NameResolved{name, base::Fail(base::ErrorCode::kIo, "no such name")});
        }
      });
    } else if (const auto* wake = std::get_if<WakeAt>(&action)) {
      At(std::max(wake->at, now_), [this, n, life, at = wake->at] {
        const Sentinel& again = *sentinels_.at(n);
        if (again.life == life && again.running && again.state->wake_at == at) Feed(n, Deadline{});
      });
    } else if (const auto* event = std::get_if<Announce>(&action)) {
      lines_.push_back(Line{now_, n, event->event + " " + event->text, event->level != base::LogLevel::kDebug});
    } else if (const auto* line = std::get_if<LogLine>(&action)) {
      lines_.push_back(Line{now_, n, line->text, false});
    }
  }
}

void World::OpenConnection(int n, const sentinel::Connect& connect) {
  auto connection = std::make_shared<Connection>();
  connection->from = n;
  connection->link = connect.link;
  connection->kind = connect.kind;
  connection->to = connect.to.port;
  connection->host = connect.to.host;
  connections_.push_back(connection);
  At(now_ + latency_, [this, connection] {
    if (!connection->open || !Reachable(PortOf(connection->from), connection->to)) return;
    const auto node = nodes_.find(connection->to);
    Sentinel* other = SentinelAt(connection->to);
    const bool there = node != nodes_.end() ? node->second->alive && node->second->host == connection->host
                                            : other != nullptr && other->running;
    if (!there) {
      connection->open = false;
      Feed(connection->from, LinkDown{connection->link, LinkDown::Reason::kRefused, "Connection refused"});
      return;
    }
    if (other != nullptr) {
      connection->client = next_client_++;
      Feed(other->n, ClientArrived{connection->client, fmt::format("127.0.0.1:{}", 40000 + connection->client),
                                   fmt::format("127.0.0.1:{}", connection->to)});
    }
    At(now_ + latency_, [this, connection] {
      if (connection->open) Feed(connection->from, LinkUp{connection->link, "127.0.0.1"});
    });
  });
}

void World::FlushLink(const std::shared_ptr<Connection>& connection) {
  const State& state = *sentinels_.at(connection->from)->state;
  for (Command& command : connection->outbox.Take(state.durable_change)) {
    At(now_ + latency_, [this, connection, command] {
      if (connection->open && Reachable(PortOf(connection->from), connection->to)) Deliver(connection, command);
    });
  }
}

void World::Deliver(const std::shared_ptr<Connection>& connection, const Command& command) {
  if (nodes_.contains(connection->to)) {
    DeliverToNode(connection, command);
    return;
  }
  Sentinel* other = SentinelAt(connection->to);
  if (other == nullptr || !other->running) return;
  connection->unanswered.push_back(command);
  std::vector<std::string> words = command.words;
  const std::string sub = words.size() > 1 ? base::ToLower(words[1]) : "";
  constexpr std::array<std::string_view, 6> kOurs = {"vigil",   "configuration", "down-push",
                                                     "leading", "pre-vote",      "refused-push"};
  const bool beyond_stock = std::find(kOurs.begin(), kOurs.end(), sub) != kOurs.end();
  // A stock sentinel neither answers such words nor asks for them.
  const bool between_stock = other->stock || sentinels_.at(connection->from)->stock;
  if (beyond_stock && between_stock) {
    words = {"SENTINEL", "nothing-of-that-kind"};
  }
  Feed(other->n, ClientCommand{connection->client, words});
}

void World::FlushClient(int n, serve::ClientId client) {
  Sentinel& sentinel = *sentinels_.at(n);
  const std::string bytes = sentinel.replies[client].Take(sentinel.state->durable_change);
  if (bytes.empty()) return;
  sentinel.heard[client] += bytes;
  const auto found = std::find_if(connections_.begin(), connections_.end(), [&](const auto& connection) {
    return connection->to == PortOf(n) && connection->client == client;
  });
  if (found == connections_.end()) return;
  const auto connection = *found;
  At(now_ + latency_, [this, connection, bytes] {
    if (!connection->open || !Reachable(PortOf(connection->from), connection->to)) return;
    std::string_view rest(bytes);
    while (!rest.empty() && connection->open) {
      ReplyValue reply = ParseReply(rest);
      if (connection->unanswered.empty()) throw std::runtime_error("a reply to nothing: " + bytes);
      const Command command = connection->unanswered.front();
      connection->unanswered.pop_front();
      Feed(connection->from, ReplyArrived{connection->link, command, std::move(reply)});
    }
  });
}

void World::BeginSave(int n) {
  Sentinel& sentinel = *sentinels_.at(n);
  sentinel.saving = true;
  sentinel.save_again = false;
  const ChangeNumber through = sentinel.state->newest_change;
  const SavedTexts texts{RenderSettings(*sentinel.state, sentinel.durable.config),
                         RenderVigil(*sentinel.state, sentinel.durable.vigil)};
  At(now_ + sentinel.disk, [this, n, through, texts, life = sentinel.life] {
    Sentinel& again = *sentinels_.at(n);
    if (again.life != life || !again.running) return;
    again.saving = false;
    const bool ok = !again.saves_fail;
    if (ok) again.durable = texts;
    Feed(n, StateSaved{through, ok, ok ? "" : "No space left on device"});
    for (const auto& connection : connections_) {
      if (connection->from == n) FlushLink(connection);
    }
    std::vector<serve::ClientId> clients;
    for (const auto& [client, queue] : again.replies) clients.push_back(client);
    for (const serve::ClientId client : clients) FlushClient(n, client);
    if (again.save_again && !again.saving) BeginSave(n);
  });
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

void World::ReplyTo(const std::shared_ptr<Connection>& connection, Command command, ReplyValue reply) {
  At(now_ + latency_, [this, connection, command = std::move(command), reply = std::move(reply)] {
    if (!connection->open || !Reachable(PortOf(connection->from), connection->to)) return;
    Feed(connection->from, ReplyArrived{connection->link, command, reply});
  });
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

void World::CloseByPeer(const std::shared_ptr<Connection>& connection) {
  connection->open = false;
  At(now_ + latency_, [this, connection] {
    Feed(connection->from, LinkDown{connection->link, LinkDown::Reason::kClosed, "Server closed the connection"});
  });
}

bool World::Reachable(std::uint16_t a, std::uint16_t b) const {
  return !cuts_.contains({std::min(a, b), std::max(a, b)});
}

World::Sentinel* World::SentinelAt(std::uint16_t port) {
  const auto found = sentinels_.find(port - 26000);
  return found == sentinels_.end() ? nullptr : found->second.get();
}

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

std::string World::Ask(int n, std::vector<std::string> words) {
  const serve::ClientId client = next_client_++;
  Feed(n, ClientArrived{client, "127.0.0.1:50000", "127.0.0.1:26000"});
  Feed(n, ClientCommand{client, std::move(words)});
  Sentinel& sentinel = *sentinels_.at(n);
  RunUntil([&] { return !sentinel.heard[client].empty(); }, Millis(1000));
  Feed(n, ClientGone{client});
  return sentinel.heard[client];
}

std::vector<std::string> World::Events(int n) const {
  std::vector<std::string> events;
  for (const Line& line : lines_) {
    if (line.event && (n == 0 || line.who == n)) events.push_back(fmt::format("s{} {}", line.who, line.text));
  }
  return events;
}

std::vector<std::string> World::EventNames(int n) const {
  std::vector<std::string> names;
  for (const Line& line : lines_) {
    if (line.event && line.who == n) names.push_back(line.text.substr(0, line.text.find(' ')));
  }
  return names;
}

int World::Count(int n, const std::string& event) const {
  const std::vector<std::string> names = EventNames(n);
  return static_cast<int>(std::count(names.begin(), names.end(), event));
}

bool World::Has(int n, const std::string& event) const {
  return Count(n, event) > 0;
}

std::int64_t World::When(int n, const std::string& event, MonoTime since) const {
  for (const Line& line : lines_) {
    if (line.who == n && line.event && line.at >= since && line.text.starts_with(event + " ")) {
      return (line.at - since).count();
    }
  }
  return -1;
}

std::string World::Trace() const {
  std::string text;
  for (const Line& line : lines_) {
    text += fmt::format("{:>8} s{} {}\n", line.at.time_since_epoch().count() - 1000000, line.who, line.text);
  }
  return text;
}

std::uint16_t World::AddressAt(int n) const {
  const State& state = *sentinels_.at(n)->state;
  return AddressOf(state, state.masters.at("mymaster")).endpoint.port;
}

}  // namespace scenario
