#include "sentinel/edge/client_port.h"

#include <utility>

namespace sentinel::edge {

ClientPort::ClientPort(net::Loop& loop, Options options, std::function<void(Input)> on_input)
    : loop_(loop), options_(std::move(options)), on_input_(std::move(on_input)) {}

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
  if (connections_.size() >= options_.max_clients) {
    stream->Write("-ERR max number of clients reached\r\n");
    return;  // destroying the stream closes it; what the socket took is still delivered
  }
  const serve::ClientId id = ++last_id_;
  stream->SetNoDelay(true);
  stream->SetKeepAlive(options_.tcp_keepalive);
  ClientArrived arrived{id, stream->peer().ToString(), stream->local().ToString()};
  Connection& connection = connections_[id];
  connection.stream = std::move(stream);
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
  found->second.parser.set_limits(options_.authenticated(client) ? resp::RequestParser::Limits{}
                                                                 : resp::RequestParser::kUnauthenticated);
  found->second.parser.Feed(bytes);
  resp::Words words;
  while (true) {
    // Every command may close this client, or kill others.
    found = connections_.find(client);
    if (found == connections_.end() || found->second.closing) return;
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
  if (found->second.replies.bytes() + found->second.stream->queued() > kMaxOutput) Drop(client);
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
  if (!bytes.empty()) connection.stream->Write(bytes);
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
