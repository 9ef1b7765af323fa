// A connection to a node or a sentinel: hiredis, with a deadline for every exchange.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/result.h"

struct redisContext;

namespace cli {

struct Reply {
  enum class Kind { kText, kStatus, kError, kInteger, kNil, kArray };
  Kind kind = Kind::kNil;
  std::string text;          // text, status or error line ("ERR ...")
  long long integer = 0;     // kInteger
  std::vector<Reply> items;  // kArray

  bool is_error() const { return kind == Kind::kError; }
};

// What to say in AUTH. Both empty: nothing.
struct Credentials {
  std::string user;  // may be empty: the default user
  std::string password;
};

class RedisClient {
 public:
  static constexpr std::chrono::milliseconds kTimeout{1000};

  // Connects and, with a password, authenticates; a server that has no password set does not mind.
  // `timeout` bounds the connecting and is then the limit for each command. Resolving a host name is not bounded.
  // Error kIo: one line, "127.0.0.1:7001: connection refused". Error kInvalid: the password is wrong.
  static base::Result<RedisClient> Connect(const base::Endpoint& address, const Credentials& credentials,
                                           std::chrono::milliseconds timeout = kTimeout);

  RedisClient(RedisClient&&) noexcept;
  RedisClient& operator=(RedisClient&&) noexcept;
  ~RedisClient();

  // Sends one command and waits for its reply; an error reply is a Reply like any other. Error kIo: the connection is
  // lost, or no reply came in time; the client must then be thrown away, since a late reply would be taken for the
  // next.
  base::Result<Reply> Command(const std::vector<std::string>& words);
  // As Command(), but an error reply is an Error kInvalid with its text.
  base::Result<Reply> Ask(const std::vector<std::string>& words);

  // The next message that comes without being asked for (pub/sub): nothing when none has arrived. Never waits.
  base::Result<std::optional<Reply>> NextMessage();
  // For poll(): readable when NextMessage() may have something.
  int fd() const;

  const base::Endpoint& address() const { return address_; }

 private:
  struct Free {
    void operator()(redisContext* context) const;
  };
  RedisClient(std::unique_ptr<redisContext, Free> context, base::Endpoint address, std::chrono::milliseconds timeout);
  base::Error Broken(const std::string& why) const;
  base::Result<void> Flush();
  base::Result<std::optional<Reply>> Parsed();

  std::unique_ptr<redisContext, Free> context_;
  base::Endpoint address_;
  std::chrono::milliseconds timeout_;
};

// "host:port", "[v6]:port"; a bare host gets `default_port`. Error kInvalid: one line that says what was expected.
base::Result<base::Endpoint> ParseEndpoint(const std::string& text, std::uint16_t default_port);

}  // namespace cli
