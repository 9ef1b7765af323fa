// A node in miniature: runs commands on a keyspace, keeps replies and effects.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "replication/data/command.h"

namespace data {

class Runner {
 public:
  // `line` is split as redis-cli does. Returns the encoded reply (RESP2). The row's arity is checked here.
  std::string Run(std::string_view line);

  // "0 SET k v | 0 DEL k": what Run() handed to the stream since the last call, "as sent" resolved.
  std::string TakeEffects();

  void SetTime(UnixMs unix_ms) { now_ms = unix_ms; }

  Keyspace keyspace{16};
  int db = 0;
  UnixMs now_ms = 1'000'000'000'000;
  CommandContext::Caller caller = CommandContext::Caller::kClient;
  bool replica = false;
  bool hold_expiry = false;

 private:
  std::vector<std::string> effects_;
};

}  // namespace data
