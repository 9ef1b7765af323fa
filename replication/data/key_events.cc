#include "replication/data/key_events.h"

#include <array>

namespace data {
namespace {

struct Flag {
  char letter;
  std::uint32_t bit;
};

constexpr std::array kKinds = {
    Flag{'g', kGenericEvent}, Flag{'$', kStringEvent}, Flag{'l', kListEvent},    Flag{'s', kSetEvent},
    Flag{'h', kHashEvent},    Flag{'z', kZsetEvent},   Flag{'x', kExpiredEvent}, Flag{'e', kEvictedEvent},
    Flag{'t', kStreamEvent},  Flag{'d', kModuleEvent},
};
constexpr std::array kOthers = {
    Flag{'K', kTellKeyspace},
    Flag{'E', kTellKeyevent},
    Flag{'m', kMissEvent},
};
constexpr Flag kNew = {'n', kNewKeyEvent};

constexpr std::uint32_t AllKinds() {
  std::uint32_t bits = 0;
  for (const Flag& flag : kKinds) bits |= flag.bit;
  return bits;
}

}  // namespace

std::optional<std::uint32_t> ParseKeyEvents(std::string_view flags) {
  std::uint32_t bits = 0;
  for (const char letter : flags) {
    std::uint32_t bit = letter == 'A' ? AllKinds() : letter == kNew.letter ? kNew.bit : 0;
    for (const Flag& flag : kKinds) bit |= flag.letter == letter ? flag.bit : 0;
    for (const Flag& flag : kOthers) bit |= flag.letter == letter ? flag.bit : 0;
    if (bit == 0) return std::nullopt;
    bits |= bit;
  }
  return bits;
}

std::string KeyEventFlags(std::uint32_t bits) {
  std::string text;
  if ((bits & AllKinds()) == AllKinds()) {
    text += 'A';
  } else {
    for (const Flag& flag : kKinds) {
      if ((bits & flag.bit) != 0) text += flag.letter;
    }
    // Not named beside A: so a running redis-server 7.0 shows it.
    if ((bits & kNew.bit) != 0) text += kNew.letter;
  }
  for (const Flag& flag : kOthers) {
    if ((bits & flag.bit) != 0) text += flag.letter;
  }
  return text;
}

}  // namespace data
