// Keyspace notifications: which kinds of events exist, and which of them are wanted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace data {

// Bits of notify-keyspace-events. The first two say where events are told, all others which.
// Source: "Redis keyspace notifications".
enum KeyEventBit : std::uint32_t {
  kTellKeyspace = 1U << 0,  // K: channel __keyspace@<db>__:<key>, message <event>
  kTellKeyevent = 1U << 1,  // E: channel __keyevent@<db>__:<event>, message <key>
  kGenericEvent = 1U << 2,  // g
  kStringEvent = 1U << 3,   // $
  kListEvent = 1U << 4,     // l
  kSetEvent = 1U << 5,      // s
  kHashEvent = 1U << 6,     // h
  kZsetEvent = 1U << 7,     // z
  kExpiredEvent = 1U << 8,  // x
  kEvictedEvent = 1U << 9,  // e
  kStreamEvent = 1U << 10,  // t
  kMissEvent = 1U << 11,    // m: not among A
  kModuleEvent = 1U << 12,  // d: there never is one
  kNewKeyEvent = 1U << 13,  // n: not among A
};

// The bits that a text of flags names, A for all kinds but m and n. Nothing when a character is no flag.
std::optional<std::uint32_t> ParseKeyEvents(std::string_view flags);
// As CONFIG GET shows them.
std::string KeyEventFlags(std::uint32_t bits);

}  // namespace data
