#include "sentinel/edge/redis_link.h"

#include <hiredis/hiredis.h>

#include <utility>

#include "replication/base/check.h"

namespace sentinel::edge {
namespace {

constexpr std::size_t kKeptInFlight = 2;

bool IsMessage(const ReplyValue& reply) {
  return reply.kind == ReplyValue::Kind::kArray && reply.elements.size() == 3 && reply.elements[0].text == "message";
}

std::string Format(const std::vector<std::string>& words) {
  std::vector<const char*> starts;
  std::vector<std::size_t> lengths;
  starts.reserve(words.size());
  lengths.reserve(words.size());
  for (const std::string& word : words) {
    starts.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* formatted = nullptr;
  const int length = redisFormatCommandArgv(&formatted, static_cast<int>(words.size()), starts.data(), lengths.data());
  VIGIL_CHECK(length >= 0);  // only memory can fail here
  std::string out(formatted, static_cast<std::size_t>(length));
  redisFreeCommand(formatted);
  return out;
}

void AppendFormatted(std::string& out, const Command& command) {
  // Most of all that we ever send.
  static const std::string ping = Format({"PING"});
  if (command.words.size() == 1 && command.words[0] == "PING") {
    out += ping;
  } else {
    out += Format(command.words);
  }
}

// The reader of all links that are not in the middle of a reply.
std::unique_ptr<ReplyReader>& SharedReader() {
  static thread_local std::unique_ptr<ReplyReader> shared;
  return shared;
}

}  // namespace

RedisLink::RedisLink(net::Loop& loop, const base::Endpoint& to, const std::string& from, LinkId id, Owner& owner)
    : id_(id), owner_(owner) {
  attempt_ = net::Stream::Connect(
      loop, to, from, [this](base::Result<std::unique_ptr<net::Stream>> stream) { OnConnected(std::move(stream)); });
}

RedisLink::~RedisLink() {
  if (destroyed_ != nullptr) *destroyed_ = true;
}

void RedisLink::OnConnected(base::Result<std::unique_ptr<net::Stream>> stream) {
  if (!stream) {
    const bool refused = stream.error().text.find("refused") != std::string::npos;
    return Fail(refused ? LinkDown::Reason::kRefused : LinkDown::Reason::kUnreachable, stream.error().text);
  }
  stream_ = std::move(*stream);
  attempt_.reset();  // it has done its work
  stream_->SetNoDelay(true);
  stream_->Start({
      .on_data = [this](std::string_view bytes) { OnData(bytes); },
      .on_closed = [this](std::string_view reason) { Fail(LinkDown::Reason::kClosed, std::string(reason)); },
      .on_drained = nullptr,
  });
  owner_.OnLinkUp(id_, stream_->local().host);
}

void RedisLink::Fail(LinkDown::Reason reason, std::string text) {
  // The owner usually destroys this object: nothing of it may be touched afterwards.
  over_ = true;
  owner_.OnLinkDown(id_, reason, std::move(text));
}

void RedisLink::OnData(std::string_view bytes) {
  bool destroyed = false;
  destroyed_ = &destroyed;
  std::unique_ptr<ReplyReader> reader = std::move(reader_ ? reader_ : SharedReader());
  if (!reader) reader = std::make_unique<ReplyReader>();
  ReplyReader::Outcome outcome = ReplyReader::Outcome::kMalformed;
  ReplyValue reply;
  if (reader->Feed(bytes)) {
    while ((outcome = reader->Next(reply)) == ReplyReader::Outcome::kReply) {
      Deliver(std::move(reply));
      if (destroyed) return;
      if (over_) break;
    }
  }
  destroyed_ = nullptr;
  if (over_) return;
  if (outcome == ReplyReader::Outcome::kMalformed) {
    return Fail(LinkDown::Reason::kProtocol, "malformed reply: " + reader->error());
  }
  if (reader->idle()) {
    SharedReader() = std::move(reader);
    return;
  }
  reader_ = std::move(reader);
}

void RedisLink::Deliver(ReplyValue reply) {
  if (IsMessage(reply)) {
    return owner_.OnLinkMessage(id_, reply.elements[1].text, std::move(reply.elements[2].text));
  }
  if (answered_ == in_flight_.size()) {
    // Servers say one thing unasked: an error before they close, such as "max number of clients reached".
    return Fail(LinkDown::Reason::kProtocol, reply.is_error() ? reply.text : "a reply that nobody asked for");
  }
  owner_.OnLinkReply(id_, TakeAsked(), std::move(reply));
}

Command RedisLink::TakeAsked() {
  Command command = std::move(in_flight_[answered_++]);
  if (answered_ == in_flight_.size()) {
    // What a new connection asks first is more than it ever asks again: that memory is not kept.
    if (in_flight_.capacity() > kKeptInFlight) in_flight_ = {};
    in_flight_.clear();
    answered_ = 0;
  } else if (answered_ >= 64 && answered_ >= in_flight_.size() / 2) {
    in_flight_.erase(in_flight_.begin(), in_flight_.begin() + static_cast<std::ptrdiff_t>(answered_));
    answered_ = 0;
  }
  return command;
}

void RedisLink::Send(std::vector<Command> batch, ChangeNumber change) {
  queue_.Push(std::move(batch), change);
}

bool RedisLink::Flush(ChangeNumber durable) {
  if (queue_.empty()) return true;
  if (stream_ == nullptr) return false;
  static thread_local std::string out;
  out.clear();
  for (Command& command : queue_.Take(durable)) {
    AppendFormatted(out, command);
    command.words.clear();  // what the answer needs is in the tag
    in_flight_.push_back(std::move(command));
  }
  if (!out.empty()) stream_->Write(out);
  return queue_.empty();
}

}  // namespace sentinel::edge
