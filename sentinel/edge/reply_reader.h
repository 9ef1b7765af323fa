// Bytes of a connection that we opened become replies, as far as the guard lets them through. hiredis parses; what it
// finds is put together as the core wants it, without objects of its own in between.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "sentinel/core/reply.h"
#include "sentinel/edge/reply_guard.h"

struct redisReader;

namespace sentinel::edge {

class ReplyReader {
 public:
  ReplyReader();
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  // The guard looks at them first: see its limits. False when there is no memory for them.
  bool Feed(std::string_view bytes);
  // kMalformed: the connection cannot be read any further, error() says why.
  enum class Outcome { kReply, kNeedMore, kMalformed };
  Outcome Next(ReplyValue& reply);
  std::string error() const;

  // Nothing is kept of what was fed: it may as well read another connection.
  bool idle() const;

 private:
  struct Building {
    ReplyValue root;
  };
  struct Functions;

  Building building_;
  ReplyGuard guard_;
  std::string safe_;   // what the guard lets through
  std::string fault_;  // what it found, told when everything before it has been given
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
};

}  // namespace sentinel::edge
