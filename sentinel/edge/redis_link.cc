#include "sentinel/edge/redis_link.h"

#include <hiredis/hiredis.h>

#include <utility>

#include "replication/base/check.h"

namespace sentinel::edge {
namespace {

// Takes the reply's strings by copy: hiredis owns its own.
ReplyValue FromHiredis(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_STATUS:
      return ReplyValue::Status(std::string(reply.str, reply.len));
    case REDIS_REPLY_ERROR:
      return ReplyValue::Error(std::string(reply.str, reply.len));
    case REDIS_REPLY_INTEGER:
      return ReplyValue::Integer(reply.integer);
    case REDIS_REPLY_STRING:
      return ReplyValue::String(std::string(reply.str, reply.len));
    case REDIS_REPLY_ARRAY: {
      std::vector<ReplyValue> elements;
      elements.reserve(reply.elements);
      for (std::size_t i = 0; i < reply.elements; ++i) elements.push_back(FromHiredis(*reply.element[i]));
      return ReplyValue::Array(std::move(elements));
    }
    default:
      return ReplyValue::Nil();
  }
}

bool IsMessage(const ReplyValue& reply) {
  return reply.kind == ReplyValue::Kind::kArray && reply.elements.size() == 3 && reply.elements[0].text == "message";
}

void AppendFormatted(std::string& out, const Command& command) {
  std::vector<const char*> words;
  std::vector<std::size_t> lengths;
  for (const std::string& word : command.words) {
    words.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* formatted = nullptr;
  const int length = redisFormatCommandArgv(&formatted, static_cast<int>(words.size()), words.data(), lengths.data());
  VIGIL_CHECK(length >= 0);  // only memory can fail here
  out.append(formatted, static_cast<std::size_t>(length));
  redisFreeCommand(formatted);
}

}  // namespace

RedisLink::RedisLink(net::Loop& loop, const base::Endpoint& to, const std::string& from, Callbacks callbacks)
    : callbacks_(std::move(callbacks)), reader_(redisReaderCreate(), &redisReaderFree) {
  VIGIL_CHECK(reader_ != nullptr);
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
  stream_->SetNoDelay(true);
  stream_->Start({
      .on_data = [this](std::string_view bytes) { OnData(bytes); },
      .on_closed = [this](std::string_view reason) { Fail(LinkDown::Reason::kClosed, std::string(reason)); },
      .on_drained = nullptr,
  });
  callbacks_.on_up(stream_->local().host);
}

void RedisLink::Fail(LinkDown::Reason reason, std::string text) {
  // The callback usually destroys this object: nothing of it may be touched afterwards.
  const auto on_down = callbacks_.on_down;
  on_down(reason, std::move(text));
}

void RedisLink::OnData(std::string_view bytes) {
  bool destroyed = false;
  destroyed_ = &destroyed;
  unparsed_ += bytes.size();
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) {
    return Fail(LinkDown::Reason::kProtocol, "out of memory for a reply");
  }
  while (true) {
    void* raw = nullptr;
    if (redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) {
      return Fail(LinkDown::Reason::kProtocol, std::string("malformed reply: ") + reader_->errstr);
    }
    if (raw == nullptr) break;
    unparsed_ = reader_->len - reader_->pos;
    ReplyValue reply = FromHiredis(*static_cast<redisReply*>(raw));
    freeReplyObject(raw);
    Deliver(std::move(reply));
    if (destroyed) return;
  }
  destroyed_ = nullptr;
  if (unparsed_ > kMaxReplyBytes) Fail(LinkDown::Reason::kProtocol, "a reply of more than 16 MiB");
}

void RedisLink::Deliver(ReplyValue reply) {
  if (IsMessage(reply)) {
    return callbacks_.on_message(std::move(reply.elements[1].text), std::move(reply.elements[2].text));
  }
  if (in_flight_.empty()) {
    // Servers say one thing unasked: an error before they close, such as "max number of clients reached".
    return Fail(LinkDown::Reason::kProtocol, reply.is_error() ? reply.text : "a reply that nobody asked for");
  }
  Command command = std::move(in_flight_.front());
  in_flight_.pop_front();
  callbacks_.on_reply(std::move(command), std::move(reply));
}

void RedisLink::Send(std::vector<Command> batch, ChangeNumber change) {
  queue_.Push(std::move(batch), change);
}

void RedisLink::Flush(ChangeNumber durable) {
  if (stream_ == nullptr || queue_.empty()) return;
  std::string out;
  for (Command& command : queue_.Take(durable)) {
    AppendFormatted(out, command);
    command.words.clear();  // what the answer needs is in the tag
    in_flight_.push_back(std::move(command));
  }
  if (!out.empty()) stream_->Write(out);
}

}  // namespace sentinel::edge
