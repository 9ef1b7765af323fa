// Bytes of a connection that we opened become replies. hiredis parses; what it finds is put together as the core wants
// it, without objects of its own in between.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "sentinel/core/reply.h"

struct redisReader;

namespace sentinel::edge {

class ReplyReader {
 public:
  // More elements than this in one reply, nested ones counted: the reply is refused as malformed.
  static constexpr std::size_t kMaxElements = 1 << 20;

  ReplyReader();
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  // False when there is no memory for them.
  bool Feed(std::string_view bytes);
  // kMalformed: the connection cannot be read any further, error() says why.
  enum class Outcome { kReply, kNeedMore, kMalformed };
  Outcome Next(ReplyValue& reply);
  std::string error() const;

  // Bytes that were fed and are not part of a reply that was handed out.
  std::size_t unparsed() const;
  // Nothing is kept of what was fed: it may as well read another connection.
  bool idle() const;

 private:
  struct Building {
    ReplyValue root;
    std::size_t elements = 0;
  };
  struct Functions;

  Building building_;
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
};

}  // namespace sentinel::edge
