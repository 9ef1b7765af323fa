#include "replication/edge/client_port.h"

#include <fmt/format.h>
#include <uv.h>

#include <algorithm>
#include <utility>

#include "replication/core/state.h"
#include "replication/host/resolver.h"
#include "replication/serve/session.h"

namespace replication::edge {
namespace {

using base::LogLevel;
using Closing = serve::Client::Closing;

// What a replica is offered at once; a socket takes less.
constexpr std::size_t kReplicaPiece = 1 << 20;
// An output buffer that has grown beyond this gives its memory back once it is sent.
constexpr std::size_t kKeptCapacity = 64 << 10;

constexpr std::string_view kProtected =
    "-DENIED This node runs in protected mode: no password is set, so only connections from the loopback interface "
    "are accepted. Set a password (requirepass), or, if the network is trusted, set protected-mode to no.\r\n";
constexpr std::string_view kFull = "-ERR max number of clients reached\r\n";

bool IsLoopback(std::string_view host) {
  return host == "::1" || host.starts_with("127.") || host.starts_with("::ffff:127.");
}

// What to listen on for one word of `bind`.
base::Result<std::string> AddressOf(std::string_view word) {
  if (word == "*") return std::string("0.0.0.0");
  if (word == "::*") return std::string("::");
  if (host::IsNumericAddress(word)) return std::string(word);
  return host::ResolveNameNow(std::string(word));
}

}  // namespace

ClientPort::ClientPort(net::Loop& loop, Node& node, base::Log& log)
    : loop_(loop), node_(node), log_(log), timer_(loop, [this] {
        timer_at_.reset();
        CheckTimes();
      }) {}

ClientPort::~ClientPort() = default;

base::Result<void> ClientPort::Listen() {
  const Settings& settings = node_.settings();
  if (!settings.unixsocket.empty()) {
    auto listener = net::Listener::ListenUnix(
        loop_, settings.unixsocket, settings.unixsocketperm, settings.tcp_backlog,
        [this, path = settings.unixsocket](std::unique_ptr<net::Stream> stream) { Accept(std::move(stream), path); });
    if (!listener) return tl::unexpected(listener.error());
    listeners_.push_back(std::move(*listener));
    if (settings.port == 0) return {};
  }
  if (settings.port == 0) return base::Fail(base::ErrorCode::kInvalid, "port 0: configured to not listen anywhere");
  const std::vector<std::string> any{"*", "-::*"};
  for (std::string_view word : settings.bind.empty() ? any : settings.bind) {
    const bool optional = word.starts_with("-");
    if (optional) word.remove_prefix(1);
    const auto address = AddressOf(word);
    if (!address) {
      if (optional) continue;
      return tl::unexpected(address.error());
    }
    auto listener =
        net::Listener::Listen(loop_, {*address, settings.port}, settings.tcp_backlog,
                              [this](std::unique_ptr<net::Stream> stream) { Accept(std::move(stream), {}); });
    if (listener) {
      listeners_.push_back(std::move(*listener));
      continue;
    }
    // An address that this machine does not have may be missing; one that somebody else uses is a mistake.
    const bool in_use = listener.error().text.ends_with(uv_strerror(UV_EADDRINUSE));
    if (optional && !in_use) continue;
    return tl::unexpected(listener.error());
  }
  if (listeners_.empty()) return base::Fail(base::ErrorCode::kIo, "no address of bind exists on this machine");
  return {};
}

bool ClientPort::MayEnter(net::Stream& stream, bool local) {
  const Settings& settings = node_.settings();
  std::string_view refusal;
  if (node_.clients().size() >= settings.maxclients) {
    refusal = kFull;
  } else if (settings.protected_mode && !node_.state().server.access.required() && !local &&
             !IsLoopback(stream.peer().host)) {
    refusal = kProtected;
  }
  if (refusal.empty()) return true;
  ++node_.state().stats.rejected_connections;
  stream.Write(refusal);
  stream.CloseAfterFlush();
  return false;
}

void ClientPort::Accept(std::unique_ptr<net::Stream> stream, const std::string& path) {
  if (!MayEnter(*stream, !path.empty())) return;
  stream->SetKeepAlive(node_.settings().tcp_keepalive);
  const base::Now now = net::Loop::ReadClocks();
  // A unix socket has one name for both ends; the port is there for those who split at the last colon.
  const std::string peer = path.empty() ? stream->peer().ToString() : path + ":0";
  const std::string local = path.empty() ? stream->local().ToString() : peer;
  const ClientId id = node_.OnClient(peer, local, now);
  auto& connection = *(connections_[id] = std::make_unique<Connection>());
  connection.id = id;
  connection.stream = std::move(stream);
  connection.stream->Start({.on_data = [this, &connection](std::string_view bytes) { OnBytes(connection, bytes); },
                            .on_closed = [this, id](std::string_view) { Drop(id); },
                            .on_drained = [&connection] { connection.over_soft_limit_at.reset(); }});
  if (node_.settings().timeout.count() > 0) WakeBy(now.mono + node_.settings().timeout + base::Millis(1));
}

void ClientPort::OnBytes(Connection& connection, std::string_view bytes) {
  node_.OnClientBytes(connection.id, bytes, net::Loop::ReadClocks());
  if (connection.reading && !node_.WantsBytes(connection.id)) {
    connection.reading = false;
    connection.stream->PauseReading();
  }
}

void ClientPort::Drop(ClientId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const auto connection = std::move(found->second);
  connections_.erase(found);
  node_.OnClientGone(id, net::Loop::ReadClocks());
}

void ClientPort::FlushReplicas() {
  for (const ClientId id : node_.ReplicasWithOutput()) {
    const auto found = connections_.find(id);
    if (found != connections_.end() && !found->second->full) FlushReplica(*found->second);
  }
}

void ClientPort::FlushReplica(Connection& connection) {
  while (true) {
    const std::vector<std::string_view> pieces = node_.NextForReplica(connection.id, kReplicaPiece);
    std::size_t offered = 0;
    for (const std::string_view piece : pieces) offered += piece.size();
    if (offered == 0) return;
    const std::size_t taken = connection.stream->WriteNow(pieces);
    node_.OnReplicaSent(connection.id, taken, net::Loop::ReadClocks());
    if (taken < offered) break;
  }
  connection.full = true;
  connection.stream->WhenWritable([&connection] { connection.full = false; });
}

void ClientPort::FlushClients() {
  for (const ClientId id : node_.clients().TakeWoken()) {
    serve::Client* client = node_.clients().Find(id);
    const auto found = connections_.find(id);
    if (client != nullptr && found != connections_.end()) FlushClient(*client, *found->second);
  }
}

void ClientPort::FlushClient(serve::Client& client, Connection& connection) {
  const bool replica = node_.IsReplica(client.id);
  bool waits = false;  // for the journal
  if (!replica && client.closing != Closing::kNow && !client.out.empty()) {
    const std::size_t sendable = node_.SendableBytes(client.id);
    waits = sendable < client.out.size();
    node_.state().stats.output_bytes += sendable;
    if (sendable > 0) connection.stream->Write(std::string_view(client.out).substr(0, sendable));
    node_.OnClientSent(client.id, sendable);
    if (waits) {
      client.out.erase(0, sendable);
    } else {
      client.out.clear();
      if (client.out.capacity() > kKeptCapacity) client.out.shrink_to_fit();
    }
  }
  if (client.closing == Closing::kAfterReply && waits) return;  // woken when they may leave
  if (client.closing == Closing::kAfterReply) {
    if (replica) FlushReplica(connection);
    connection.stream->CloseAfterFlush();
    return Drop(client.id);
  }
  if (client.closing == Closing::kNow) return Drop(client.id);

  if (!connection.reading && node_.WantsBytes(client.id)) {
    connection.reading = true;
    connection.stream->ResumeReading();
  }
  if (!replica && connection.stream->queued() > 0) CheckOutputLimit(client, connection);
}

const OutputLimit& ClientPort::LimitOf(const serve::Client& client) const {
  return client.type() == "pubsub" ? node_.settings().pubsub_limit : node_.settings().normal_limit;
}

// May drop the client.
void ClientPort::CheckOutputLimit(const serve::Client& client, Connection& connection) {
  const OutputLimit& limit = LimitOf(client);
  const std::size_t queued = connection.stream->queued();
  const base::Now now = net::Loop::ReadClocks();
  bool over = limit.hard > 0 && queued >= limit.hard;
  if (limit.soft > 0 && queued >= limit.soft) {
    if (!connection.over_soft_limit_at) connection.over_soft_limit_at = now.mono;
    const MonoTime patience_ends = *connection.over_soft_limit_at + limit.soft_for;
    over = over || now.mono > patience_ends;
    WakeBy(patience_ends + base::Millis(1));
  } else {
    connection.over_soft_limit_at.reset();
  }
  if (!over) return;
  log_.Write(LogLevel::kWarning,
             fmt::format("Client {} is closed: {} bytes wait for it, more than client-output-buffer-limit allows",
                         serve::DescribeClient(client, now), queued));
  Drop(client.id);
}

void ClientPort::WakeBy(MonoTime at) {
  if (timer_at_ && *timer_at_ <= at) return;
  timer_at_ = at;
  timer_.StartAt(at);
}

void ClientPort::CheckTimes() {
  const base::Now now = net::Loop::ReadClocks();
  const base::Seconds timeout = node_.settings().timeout;
  std::vector<ClientId> limited;
  std::vector<ClientId> idle;
  for (const auto& [id, connection] : connections_) {
    const auto* client = static_cast<const NodeClient*>(node_.clients().Find(id));
    if (client == nullptr) continue;
    if (connection->over_soft_limit_at) limited.push_back(id);
    const bool may_be_silent =
        client->kind != serve::ClientKind::kNormal || client->subscriptions() > 0 || client->blocked != Blocked::kNo;
    if (timeout.count() == 0) continue;
    const MonoTime since = may_be_silent ? now.mono : client->active_at;
    if (now.mono > since + timeout) {
      idle.push_back(id);
    } else {
      WakeBy(since + timeout + base::Millis(1));
    }
  }
  for (const ClientId id : limited) {
    if (serve::Client* client = node_.clients().Find(id)) CheckOutputLimit(*client, *connections_.at(id));
  }
  for (const ClientId id : idle) {
    log_.Write(LogLevel::kVerbose, "Closing idle client");
    Drop(id);
  }
}

void ClientPort::ApplySettings() {
  for (const auto& [id, connection] : connections_) connection->stream->SetKeepAlive(node_.settings().tcp_keepalive);
  CheckTimes();
}

bool ClientPort::has_unsent() const {
  return std::any_of(connections_.begin(), connections_.end(),
                     [](const auto& each) { return each.second->full || each.second->stream->queued() > 0; });
}

}  // namespace replication::edge
