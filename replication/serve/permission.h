// Is this client allowed to run this command with these words?
//
// Source: the ACL documentation of Redis 7.0; which keys a command reads or writes as COMMAND INFO of redis-server
// 7.0.15 tells.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "replication/serve/access.h"
#include "replication/serve/client.h"
#include "replication/serve/command_row.h"

namespace serve {

struct Verdict {
  enum class Reason : std::uint8_t { kAllowed, kCommand, kKey, kChannel };  // what is rarer tells more
  Reason reason = Reason::kAllowed;
  std::size_t word = 0;  // the key or channel that is refused
  bool allowed() const { return reason == Reason::kAllowed; }
};

// O(1) for a user with all rights; otherwise O(selectors * keys * patterns).
Verdict Judge(const User& user, const CommandTable::Entry& entry, const Words& words);

// Calls `see` for each word that is a key, with what the command does to it (kKeyRead, kKeyWrite), until it returns
// false.
void ForEachKey(const CommandRow& row, const Words& words,
                const std::function<bool(std::size_t word, std::uint8_t access)>& see);

// May this user still listen to what the client listens to?
bool MayListen(const User& user, const Client& client);

}  // namespace serve
