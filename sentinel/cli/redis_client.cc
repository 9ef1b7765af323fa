#include "sentinel/cli/redis_client.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <poll.h>

#include <cerrno>
#include <cstring>

#include "replication/base/text.h"

namespace cli {
namespace {

using base::Error;
using base::ErrorCode;
using base::Fail;
using base::Result;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

Reply Copy(const redisReply& from) {
  Reply reply;
  switch (from.type) {
    case REDIS_REPLY_STRING:
      reply.kind = Reply::Kind::kText;
      break;
    case REDIS_REPLY_STATUS:
      reply.kind = Reply::Kind::kStatus;
      break;
    case REDIS_REPLY_ERROR:
      reply.kind = Reply::Kind::kError;
      break;
    case REDIS_REPLY_INTEGER:
      reply.kind = Reply::Kind::kInteger;
      break;
    case REDIS_REPLY_ARRAY:
      reply.kind = Reply::Kind::kArray;
      break;
    default:
      reply.kind = Reply::Kind::kNil;
      break;
  }
  if (reply.kind == Reply::Kind::kInteger) reply.integer = from.integer;
  if (from.str != nullptr) reply.text.assign(from.str, from.len);
  if (reply.kind == Reply::Kind::kArray) {
    reply.items.reserve(from.elements);
    for (std::size_t i = 0; i < from.elements; ++i) reply.items.push_back(Copy(*from.element[i]));
  }
  return reply;
}

timeval ToTimeval(milliseconds length) {
  return timeval{length.count() / 1000, static_cast<suseconds_t>(length.count() % 1000 * 1000)};
}

bool WaitFor(int fd, short what, steady_clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    pollfd entry{fd, what, 0};
    const int ready = poll(&entry, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return false;
  }
}

// hiredis says "Connection refused"; in the middle of our lines it reads better in lower case.
std::string Reason(const redisContext& context) {
  std::string text = context.err == REDIS_ERR_IO && context.errstr[0] == 0 ? std::strerror(errno) : context.errstr;
  if (context.err == REDIS_ERR_EOF) text = "closed the connection";
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

}  // namespace

void RedisClient::Free::operator()(redisContext* context) const {
  redisFree(context);
}

RedisClient::RedisClient(std::unique_ptr<redisContext, Free> context, base::Endpoint address, milliseconds timeout)
    : context_(std::move(context)), address_(std::move(address)), timeout_(timeout) {}
RedisClient::RedisClient(RedisClient&&) noexcept = default;
RedisClient& RedisClient::operator=(RedisClient&&) noexcept = default;
RedisClient::~RedisClient() = default;

Result<RedisClient> RedisClient::Connect(const base::Endpoint& address, const Credentials& credentials,
                                         milliseconds timeout) {
  std::unique_ptr<redisContext, Free> context(
      redisConnectWithTimeout(address.host.c_str(), address.port, ToTimeval(timeout)));
  if (!context) return Fail(ErrorCode::kIo, address.ToString() + ": out of memory");
  if (context->err != 0) return Fail(ErrorCode::kIo, fmt::format("{}: {}", address.ToString(), Reason(*context)));
  RedisClient client(std::move(context), address, timeout);
  if (credentials.password.empty()) return client;

  std::vector<std::string> words{"AUTH"};
  if (!credentials.user.empty()) words.push_back(credentials.user);
  words.push_back(credentials.password);
  const auto reply = client.Command(words);
  if (!reply) return tl::unexpected(reply.error());
  if (reply->is_error() && reply->text.find("without any password configured") == std::string::npos) {
    return Fail(ErrorCode::kInvalid, fmt::format("{}: {}", address.ToString(), reply->text));
  }
  return client;
}

Error RedisClient::Broken(const std::string& why) const {
  return Error{ErrorCode::kIo, fmt::format("{}: {}", address_.ToString(), why)};
}

int RedisClient::fd() const {
  return context_->fd;
}

Result<void> RedisClient::Flush() {
  for (int done = 0; done == 0;) {
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) return tl::unexpected(Broken(Reason(*context_)));
  }
  return {};
}

Result<std::optional<Reply>> RedisClient::Parsed() {
  void* raw = nullptr;
  if (redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK) return tl::unexpected(Broken(Reason(*context_)));
  if (raw == nullptr) return std::optional<Reply>();
  const std::unique_ptr<redisReply, void (*)(void*)> reply(static_cast<redisReply*>(raw), &freeReplyObject);
  return std::optional<Reply>(Copy(*reply));
}

Result<Reply> RedisClient::Command(const std::vector<std::string>& words) {
  std::vector<const char*> argv;
  std::vector<std::size_t> lengths;
  for (const std::string& word : words) {
    argv.push_back(word.data());
    lengths.push_back(word.size());
  }
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(argv.size()), argv.data(), lengths.data()) != REDIS_OK) {
    return tl::unexpected(Broken(Reason(*context_)));
  }
  if (const auto sent = Flush(); !sent) return tl::unexpected(sent.error());
  const auto deadline = steady_clock::now() + timeout_;
  for (;;) {
    auto reply = Parsed();
    if (!reply) return tl::unexpected(reply.error());
    if (*reply) return std::move(**reply);
    if (!WaitFor(context_->fd, POLLIN, deadline)) {
      return tl::unexpected(Broken(fmt::format("no answer within {} ms", timeout_.count())));
    }
    if (redisBufferRead(context_.get()) != REDIS_OK) return tl::unexpected(Broken(Reason(*context_)));
  }
}

Result<Reply> RedisClient::Ask(const std::vector<std::string>& words) {
  auto reply = Command(words);
  if (reply && reply->is_error()) {
    return Fail(ErrorCode::kInvalid, fmt::format("{}: {}", address_.ToString(), reply->text));
  }
  return reply;
}

Result<std::optional<Reply>> RedisClient::NextMessage() {
  auto reply = Parsed();
  if (!reply || *reply) return reply;
  if (!WaitFor(context_->fd, POLLIN, steady_clock::now())) return std::optional<Reply>();
  if (redisBufferRead(context_.get()) != REDIS_OK) return tl::unexpected(Broken(Reason(*context_)));
  return Parsed();
}

Result<base::Endpoint> ParseEndpoint(const std::string& text, std::uint16_t default_port) {
  const auto bad = [&] {
    return Fail(ErrorCode::kInvalid, fmt::format("'{}' is not an address: expected HOST:PORT", text));
  };
  std::string host = text;
  std::string port;
  if (!text.empty() && text[0] == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string::npos) return bad();
    host = text.substr(1, end - 1);
    if (end + 1 < text.size()) {
      if (text[end + 1] != ':') return bad();
      port = text.substr(end + 2);
      if (port.empty()) return bad();
    }
  } else if (const std::size_t colon = text.find(':'); colon != std::string::npos && colon == text.rfind(':')) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return bad();
  }
  if (host.empty() || host.find(' ') != std::string::npos || base::HasControlCharacters(host)) return bad();
  if (port.empty()) return base::Endpoint{host, default_port};
  const auto number = base::ParsePort(port);
  if (!number) return bad();
  return base::Endpoint{host, *number};
}

}  // namespace cli
