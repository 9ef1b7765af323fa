#include "sentinel/edge/client_port.h"

#include <utility>

namespace sentinel::edge {
namespace {

constexpr std::string_view kFull = "-ERR max number of clients reached\r\n";
constexpr std::string_view kProtected =
    "-DENIED This sentinel runs in protected mode: no password is set, so only connections from the loopback interface "
    "are accepted. Set a password (requirepass), or, if the network is trusted, set protected-mode to no.\r\n";

bool IsLoopback(std::string_view host) {
  return host == "::1" || host.starts_with("127.") || host.starts_with("::ffff:127.");
}

}  // namespace

ClientPort::ClientPort(net::Loop& loop, Options options, std::function<void(Input)> on_input)
    : loop_(loop), options_(std::move(options)), on_input_(std::move(on_input)), timer_(loop, [this] {
        timer_at_.reset();
        CheckTimes();
      }) {}

ClientPort::~ClientPort() = default;

base::Result<void> ClientPort::Listen(const base::Endpoint& address) {
  auto listener = net::Listener::Listen(loop_, address, options_.backlog,
                                        [this](std::unique_ptr<net::Stream> stream) { OnAccept(std::move(stream)); });
  if (!listener) return tl::unexpected(listener.error());
  listeners_.push_back(std::move(*listener));
  return {};
}

void ClientPort::StopListening() {
  listeners_.clear();
}

void ClientPort::OnAccept(std::unique_ptr<net::Stream> stream) {
  const bool full = connections_.size() >= options_.max_clients;
  if (full || (!options_.open_to_strangers() && !IsLoopback(stream->peer().host))) {
    ++options_.traffic->rejected;
    stream->Write(full ? kFull : kProtected);
    return;  // destroying the stream closes it; what the socket took is still delivered
  }
  const serve::ClientId id = ++last_id_;
  stream->SetNoDelay(true);
  stream->SetKeepAlive(options_.tcp_keepalive);
  ClientArrived arrived{id, stream->peer().ToString(), stream->local().ToString()};
  Connection& connection = connections_[id];
  connection.stream = std::move(stream);
  connection.heard_at = net::Loop::ReadClocks().mono;
  if (options_.timeout.count() > 0) WakeBy(connection.heard_at + options_.timeout + base::Millis(1));
  on_input_(std::move(arrived));
  // The core may have closed it again at once.
  if (const auto found = connections_.find(id); found != connections_.end()) {
    found->second.stream->Start({
        .on_data = [this, id](std::string_view bytes) { OnData(id, bytes); },
        .on_closed = [this, id](std::string_view) { Drop(id); },
        .on_drained = nullptr,
    });
  }
}

void ClientPort::OnData(serve::ClientId client, std::string_view bytes) {
  auto found = connections_.find(client);
  if (found == connections_.end() || found->second.closing) return;
  ++options_.traffic->reads;
  options_.traffic->bytes_in += bytes.size();
  if (options_.timeout.count() > 0) found->second.heard_at = net::Loop::ReadClocks().mono;
  found->second.parser.Feed(bytes);
  resp::Words words;
  bool stranger = true;
  while (true) {
    // Every command may close this client, or kill others.
    found = connections_.find(client);
    if (found == connections_.end() || found->second.closing) return;
    // AUTH counts for what stands behind it in the same bytes.
    if (stranger) {
      stranger = !options_.authenticated(client);
      found->second.parser.set_limits(stranger ? resp::RequestParser::kUnauthenticated : resp::RequestParser::Limits{});
    }
    switch (found->second.parser.Next(words)) {
      case resp::RequestParser::Outcome::kNeedMore:
        return;
      case resp::RequestParser::Outcome::kRequest:
        on_input_(ClientCommand{client, {words.begin(), words.end()}});
        break;
      case resp::RequestParser::Outcome::kError:
        Push(client, "-ERR " + found->second.parser.error() + "\r\n", 0);
        Close(client, true);
        return;
    }
  }
}

void ClientPort::Push(serve::ClientId client, std::string bytes, ChangeNumber change) {
  const auto found = connections_.find(client);
  if (found == connections_.end()) return;
  found->second.replies.Push(std::move(bytes), change);
  dirty_.push_back(client);
  if (OverLimit(client, found->second)) Drop(client);
}

bool ClientPort::OverLimit(serve::ClientId client, Connection& connection) {
  const std::size_t waiting = connection.replies.bytes() + connection.stream->queued();
  if (waiting > kMaxOutput) return true;
  // Most have nothing that waits.
  if (waiting < (64 << 10)) {
    connection.over_soft_limit_at.reset();
    return false;
  }
  const OutputLimit& limit = options_.listening(client) ? options_.pubsub_limit : options_.normal_limit;
  if (limit.hard > 0 && waiting >= limit.hard) return true;
  if (limit.soft == 0 || waiting < limit.soft) {
    connection.over_soft_limit_at.reset();
    return false;
  }
  const base::MonoTime now = net::Loop::ReadClocks().mono;
  if (!connection.over_soft_limit_at) connection.over_soft_limit_at = now;
  const base::MonoTime patience_ends = *connection.over_soft_limit_at + limit.soft_for;
  if (now > patience_ends) return true;
  WakeBy(patience_ends + base::Millis(1));
  return false;
}

void ClientPort::WakeBy(base::MonoTime at) {
  if (timer_at_ && *timer_at_ <= at) return;
  timer_at_ = at;
  timer_.StartAt(at);
}

void ClientPort::CheckTimes() {
  const base::MonoTime now = net::Loop::ReadClocks().mono;
  std::vector<serve::ClientId> ended;
  for (auto& [id, connection] : connections_) {
    if (connection.over_soft_limit_at && OverLimit(id, connection)) ended.push_back(id);
    if (options_.timeout.count() == 0) continue;
    if (options_.listening(id)) connection.heard_at = now;  // it may be silent
    if (now > connection.heard_at + options_.timeout) {
      ended.push_back(id);
    } else {
      WakeBy(connection.heard_at + options_.timeout + base::Millis(1));
    }
  }
  for (const serve::ClientId id : ended) Drop(id);
}

void ClientPort::Close(serve::ClientId client, bool after_replies) {
  const auto found = connections_.find(client);
  if (found == connections_.end()) return;
  if (!after_replies) return Drop(client);
  found->second.closing = true;
  dirty_.push_back(client);
}

void ClientPort::Drop(serve::ClientId client) {
  if (connections_.erase(client) > 0) on_input_(ClientGone{client});
}

void ClientPort::FlushOne(serve::ClientId client, ChangeNumber durable) {
  const auto found = connections_.find(client);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  const std::string bytes = connection.replies.Take(durable);
  if (!bytes.empty()) {
    ++options_.traffic->writes;
    options_.traffic->bytes_out += bytes.size();
    connection.stream->Write(bytes);
  }
  if (connection.closing && connection.replies.empty()) {
    connection.stream->CloseAfterFlush();
    Drop(client);
  }
}

void ClientPort::Flush(ChangeNumber durable) {
  if (durable > flushed_through_) {
    flushed_through_ = durable;
    dirty_.clear();
    for (const auto& [id, connection] : connections_) dirty_.push_back(id);
  }
  // Dropping a client is an input, and inputs may push to others: go on until nobody has anything.
  while (!dirty_.empty()) {
    for (const serve::ClientId id : std::exchange(dirty_, {})) FlushOne(id, durable);
  }
}

}  // namespace sentinel::edge
