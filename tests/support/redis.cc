#include "tests/support/redis.h"

#include <hiredis/hiredis.h>

#include <sstream>

namespace support {
namespace {

timeval Limit(int ms) {
  return {ms / 1000, (ms % 1000) * 1000};
}

Value Convert(const redisReply* reply) {
  Value value;
  if (reply == nullptr) return value;
  switch (reply->type) {
    case REDIS_REPLY_STATUS:
      value.kind = Value::Kind::kStatus;
      break;
    case REDIS_REPLY_ERROR:
      value.kind = Value::Kind::kError;
      break;
    case REDIS_REPLY_STRING:
      value.kind = Value::Kind::kString;
      break;
    case REDIS_REPLY_INTEGER:
      value.kind = Value::Kind::kInteger;
      value.integer = reply->integer;
      return value;
    case REDIS_REPLY_ARRAY:
      value.kind = Value::Kind::kArray;
      for (std::size_t i = 0; i < reply->elements; ++i) value.elements.push_back(Convert(reply->element[i]));
      return value;
    default:
      value.kind = Value::Kind::kNil;
      return value;
  }
  value.text.assign(reply->str, reply->len);
  return value;
}

}  // namespace

std::string Value::ToString() const {
  switch (kind) {
    case Kind::kNone:
      return "(no answer)";
    case Kind::kNil:
      return "(nil)";
    case Kind::kStatus:
      return "+" + text;
    case Kind::kError:
      return "-" + text;
    case Kind::kInteger:
      return ":" + std::to_string(integer);
    case Kind::kString:
      return "\"" + text + "\"";
    case Kind::kArray:
      break;
  }
  std::string out = "[";
  for (const Value& element : elements) out += (out.size() > 1 ? ", " : "") + element.ToString();
  return out + "]";
}

Redis::Redis(const std::string& host, int port, int timeout_ms)
    : context_(host.starts_with('/') ? redisConnectUnixWithTimeout(host.c_str(), Limit(timeout_ms))
                                     : redisConnectWithTimeout(host.c_str(), port, Limit(timeout_ms)),
               &redisFree) {
  set_timeout(timeout_ms);
}

Redis::~Redis() = default;

bool Redis::connected() const {
  return context_ != nullptr && context_->err == 0;
}

void Redis::set_timeout(int timeout_ms) {
  if (connected()) redisSetTimeout(context_.get(), Limit(timeout_ms));
}

void Redis::Send(const std::vector<std::string>& words) {
  if (!connected()) return;
  std::vector<const char*> pointers;
  std::vector<std::size_t> lengths;
  for (const std::string& word : words) {
    pointers.push_back(word.data());
    lengths.push_back(word.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), pointers.data(), lengths.data());
  int done = 0;
  while (done == 0 && redisBufferWrite(context_.get(), &done) == REDIS_OK) {
  }
}

Value Redis::Next() {
  if (!connected()) return {};
  void* raw = nullptr;
  if (redisGetReply(context_.get(), &raw) != REDIS_OK) return {};
  Value value = Convert(static_cast<redisReply*>(raw));
  freeReplyObject(raw);
  return value;
}

Value Redis::Do(const std::vector<std::string>& words) {
  Send(words);
  return Next();
}

std::map<std::string, std::string> Redis::Info(const std::string& section) {
  std::map<std::string, std::string> fields;
  std::istringstream lines(Do({"INFO", section}).text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (const std::size_t colon = line.find(':'); colon != std::string::npos) {
      fields[line.substr(0, colon)] = line.substr(colon + 1);
    }
  }
  return fields;
}

Value Ask(int port, const std::vector<std::string>& words, int timeout_ms) {
  return Redis(port, timeout_ms).Do(words);
}

std::string InfoField(int port, const std::string& field) {
  Redis redis(port, 2000);
  auto fields = redis.Info();
  return fields[field];
}

std::map<std::string, std::string> Pairs(const Value& flat) {
  std::map<std::string, std::string> pairs;
  for (std::size_t i = 0; i + 1 < flat.elements.size(); i += 2)
    pairs[flat.elements[i].text] = flat.elements[i + 1].text;
  return pairs;
}

}  // namespace support
