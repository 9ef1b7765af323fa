#include "replication/edge/master_conn.h"

#include <utility>

#include "replication/host/resolver.h"

namespace replication::edge {

MasterConn::MasterConn(net::Loop& loop, Node& node, std::shared_ptr<host::WayBack> way_back)
    : loop_(loop), node_(node), way_back_(std::move(way_back)) {}

MasterConn::~MasterConn() = default;

void MasterConn::Connect(const ConnectMaster& wish) {
  Disconnect(link_);
  link_ = wish.link;
  if (host::IsNumericAddress(wish.to.host)) return ConnectTo(wish.to);
  host::ResolveName(wish.to.host, way_back_,
                    [this, link = wish.link, port = wish.to.port](base::Result<std::string> found) {
                      if (link_ != link) return;  // given up meanwhile
                      if (!found) return Lost(found.error().text);
                      ConnectTo({*found, port});
                    });
}

// The node has a time limit for it, and gives it up by a DisconnectMaster.
void MasterConn::ConnectTo(const base::Endpoint& to) {
  attempt_ = net::Stream::Connect(loop_, to, node_.settings().bind_source_addr,
                                  [this](base::Result<std::unique_ptr<net::Stream>> stream) {
                                    const auto done = std::move(attempt_);
                                    if (!stream) return Lost(stream.error().text);
                                    OnConnected(std::move(*stream));
                                  });
}

void MasterConn::OnConnected(std::unique_ptr<net::Stream> stream) {
  stream_ = std::move(stream);
  stream_->SetNoDelay(!node_.settings().repl_disable_tcp_nodelay);
  stream_->SetKeepAlive(node_.settings().tcp_keepalive);
  reading_ = true;
  stream_->Start({.on_data =
                      [this](std::string_view bytes) {
                        node_.OnMasterBytes(link_, bytes, net::Loop::ReadClocks());
                        if (stream_ == nullptr || node_.WantsMasterBytes()) return;
                        stream_->PauseReading();
                        reading_ = false;
                      },
                  .on_closed = [this](std::string_view reason) { Lost(std::string(reason)); },
                  .on_drained = nullptr});
  node_.OnMasterConnected(link_, net::Loop::ReadClocks());
}

void MasterConn::Lost(std::string_view reason) {
  const LinkId link = std::exchange(link_, 0);
  const auto stream = std::move(stream_);
  node_.OnMasterClosed(link, reason, net::Loop::ReadClocks());
}

void MasterConn::Disconnect(LinkId link) {
  if (link != link_) return;
  link_ = 0;
  attempt_.reset();
  stream_.reset();
}

std::string MasterConn::ReadNow(LinkId link) {
  if (link != link_ || stream_ == nullptr) return {};
  return stream_->TakeArrived();
}

void MasterConn::Flush() {
  std::string& out = node_.MasterOutput();
  if (stream_ == nullptr) return;
  if (!out.empty()) {
    stream_->Write(out);
    out.clear();
  }
  if (reading_ == node_.WantsMasterBytes()) return;
  reading_ = !reading_;
  if (reading_) {
    stream_->ResumeReading();
  } else {
    stream_->PauseReading();
  }
}

}  // namespace replication::edge
