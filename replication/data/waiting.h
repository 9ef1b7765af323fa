// What blocking commands share: BLPOP, BZPOPMIN, XREAD BLOCK and their kin.
//
// Such a handler looks at its keys. If one holds what it wants, it does what the command without B does, and pushes the
// effect of that one. If none does, it calls WaitOrReplyNothing() and changes nothing. Whoever called it lets the
// client wait (core: blocked_keys), and once a key holds a value of the type runs `Awaited::request` for the same
// client; when that finds nothing either, the client waits on.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "replication/data/command.h"

namespace data {

// Milliseconds, 0 for ever, from a number of seconds with or without a fraction; or the error has been answered.
std::optional<std::int64_t> TimeoutOrReply(CommandContext& context, std::string_view word);

// The error for a client that waits for what will never come: the stream at the key, or its group, is gone. Empty: it
// may wait on. The spot may be empty.
std::string_view WhyNotWait(const Wait& wait, const Spot& spot);

// Asks to wait, or answers a null array where nobody may wait.
void WaitOrReplyNothing(CommandContext& context, Wait wait);

}  // namespace data
