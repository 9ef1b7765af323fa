// A connection to a server under test, by hiredis: what a client sees.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct redisContext;

namespace support {

struct Value {
  enum class Kind { kNone, kStatus, kError, kInteger, kString, kNil, kArray };
  Kind kind = Kind::kNone;  // kNone: no answer, the connection is gone or the time limit passed
  std::string text;
  std::int64_t integer = 0;
  std::vector<Value> elements;

  bool ok() const { return kind == Kind::kStatus && text == "OK"; }
  bool is_error() const { return kind == Kind::kError; }
  bool operator==(const Value&) const = default;
  // For messages of failed tests.
  std::string ToString() const;
};

class Redis {
 public:
  explicit Redis(int port, int timeout_ms = 5000) : Redis("127.0.0.1", port, timeout_ms) {}
  // A host that begins with "/" is the path of a unix socket.
  Redis(const std::string& host, int port, int timeout_ms = 5000);
  ~Redis();
  Redis(const Redis&) = delete;

  bool connected() const;
  Value Do(const std::vector<std::string>& words);
  // Sends without waiting; Next() takes the answers and pushes in their order.
  void Send(const std::vector<std::string>& words);
  Value Next();
  // INFO's fields; empty when there was no answer.
  std::map<std::string, std::string> Info(const std::string& section = "all");
  void set_timeout(int timeout_ms);

 private:
  std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

// One command on a connection of its own.
Value Ask(int port, const std::vector<std::string>& words, int timeout_ms = 2000);
// One field of INFO; empty when there is no answer or no such field.
std::string InfoField(int port, const std::string& field);
// "field value field value ..." as a map: SENTINEL MASTER and the like.
std::map<std::string, std::string> Pairs(const Value& flat);

}  // namespace support
