#include "sentinel/edge/client_port.h"

#include <utility>

namespace sentinel::edge {
namespace {

constexpr std::string_view kFull = "-ERR max number of clients reached\r\n";
constexpr std::string_view kProtected =
    "-DENIED This sentinel runs in protected mode: no password is set, so only connections from the loopback interface "
    "are accepted. Set a password (requirepass), or, if the network is trusted, set protected-mode to no.\r\n";

// Memory for larger commands is not kept for the next one.
constexpr std::size_t kKeptWords = 64;
constexpr std::size_t kKeptBytes = 16 << 10;
// So many commands of one piece are done at one reading of the clocks.
constexpr unsigned kOneMoment = 16;

bool IsLoopback(std::string_view host) {
  return host == "::1" || host.starts_with("127.") || host.starts_with("::ffff:127.");
}

}  // namespace

ClientPort::ClientPort(net::Loop& loop, Options options, OnInput on_input)
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
  on_input_(arrived, Moment::kNew);
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
  Connection* connection = Find(client);
  if (connection == nullptr || connection->closing) return;
  ++options_.traffic->reads;
  options_.traffic->bytes_in += bytes.size();
  if (options_.timeout.count() > 0) connection->heard_at = net::Loop::ReadClocks().mono;
  connection->parser.Feed(bytes);
  bool stranger = true;
  for (unsigned count = 0;; ++count) {
    // Every command may close this client, or kill others.
    connection = Find(client);
    if (connection == nullptr || connection->closing) return;
    // AUTH counts for what stands behind it in the same bytes.
    if (stranger) {
      stranger = !options_.authenticated(client);
      connection->parser.set_limits(stranger ? resp::RequestParser::kUnauthenticated : resp::RequestParser::Limits{});
    }
    switch (connection->parser.Next(words_)) {
      case resp::RequestParser::Outcome::kNeedMore:
        return;
      case resp::RequestParser::Outcome::kRequest:
        Carry(client, count % kOneMoment == 0 ? Moment::kNew : Moment::kAsLast);
        break;
      case resp::RequestParser::Outcome::kError:
        Push(client, "-ERR " + connection->parser.error() + "\r\n", 0);
        Close(client, true);
        return;
    }
  }
}

void ClientPort::Carry(serve::ClientId client, Moment moment) {
  auto& command = std::get<ClientCommand>(command_);
  command.client = client;
  command.words.resize(words_.size());
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    command.words[i].assign(words_[i]);
    bytes += words_[i].size();
  }
  on_input_(command_, moment);
  if (words_.size() > kKeptWords || bytes > kKeptBytes) {
    command.words = {};
    words_ = {};
  }
}

ClientPort::Connection* ClientPort::Find(serve::ClientId client) {
  if (last_found_ != nullptr && last_found_id_ == client) return last_found_;
  const auto found = connections_.find(client);
  if (found == connections_.end()) return nullptr;
  last_found_ = &found->second;
  last_found_id_ = client;
  return last_found_;
}

void ClientPort::MarkDirty(serve::ClientId client, Connection& connection) {
  if (!std::exchange(connection.dirty, true)) dirty_.push_back(client);
}

void ClientPort::Push(serve::ClientId client, std::string bytes, ChangeNumber change) {
  Connection* connection = Find(client);
  if (connection == nullptr) return;
  connection->replies.Push(std::move(bytes), change);
  MarkDirty(client, *connection);
  if (OverLimit(client, *connection)) Drop(client);
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
  Connection* connection = Find(client);
  if (connection == nullptr) return;
  if (!after_replies) return Drop(client);
  connection->closing = true;
  MarkDirty(client, *connection);
}

void ClientPort::Drop(serve::ClientId client) {
  last_found_ = nullptr;
  if (connections_.erase(client) > 0) on_input_(ClientGone{client}, Moment::kNew);
}

void ClientPort::FlushOne(serve::ClientId client, ChangeNumber durable) {
  Connection* found = Find(client);
  if (found == nullptr) return;
  Connection& connection = *found;
  connection.dirty = false;
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
    for (auto& [id, connection] : connections_) {
      connection.dirty = true;
      dirty_.push_back(id);
    }
  }
  // Dropping a client is an input, and inputs may push to others: go on until nobody has anything.
  while (!dirty_.empty()) {
    flushing_.clear();
    flushing_.swap(dirty_);
    for (const serve::ClientId id : flushing_) FlushOne(id, durable);
  }
}

}  // namespace sentinel::edge
