#include "tests/scenarios/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "replication/base/text.h"
#include "sentinel/core/invariants.h"
#include "tests/scenarios/world_parts.h"

namespace scenario {

using namespace sentinel;

namespace {

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

}  // namespace

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

void World::ReplyTo(const std::shared_ptr<Connection>& connection, Command command, ReplyValue reply) {
  At(now_ + latency_, [this, connection, command = std::move(command), reply = std::move(reply)] {
    if (!connection->open || !Reachable(PortOf(connection->from), connection->to)) return;
    Feed(connection->from, ReplyArrived{connection->link, command, reply});
  });
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
