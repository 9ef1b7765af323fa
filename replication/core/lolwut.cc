// LOLWUT, which clients list and people try once: the night that somebody sleeps through.
#include <fmt/format.h>

#include <array>

#include "replication/base/random.h"
#include "replication/base/text.h"
#include "replication/core/server_commands.h"

namespace replication {
namespace {

constexpr std::size_t kWidth = 60;
constexpr std::size_t kSky = 7;

// What stands on the shore, from its lamp down.
constexpr std::array<std::string_view, 4> kLighthouse = {
    R"(        _)",
    R"(       |o|==- -  -   -    -)",
    R"(       | |)",
    R"(   ___/___\______)",
};

std::string Night(std::uint64_t seed) {
  base::Random random(seed);
  std::string picture;
  for (std::size_t row = 0; row < kSky; ++row) {
    std::string line(kWidth, ' ');
    for (char& place : line) {
      if (random.Below(24) == 0) place = ".'*+"[random.Below(4)];
    }
    picture += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  for (const std::string_view line : kLighthouse) picture += fmt::format("{}\n", line);
  std::string sea(kWidth, '~');
  for (char& place : sea) {
    if (random.Below(3) == 0) place = ' ';
  }
  return picture + sea + "\n\nSleep well. Vigil ver. " VIGIL_VERSION "\n";
}

// [VERSION n [argument ...]]: there is one picture, whatever version is asked for; the stars differ from minute to
// minute. Source of the grammar: redis-server 7.0.15.
void Lolwut(NodeState&, NodeClient&, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  const bool versioned = words.size() > 2 && base::EqualsIgnoreCase(words[1], "version");
  if (versioned && !base::ParseInt<std::int64_t>(words[2])) {
    return reply.Error("ERR value is not an integer or out of range");
  }
  reply.Verbatim("txt", Night(static_cast<std::uint64_t>(base::UnixMillis(now.wall) / 60'000)));
}

using namespace serve;

constexpr std::array kRows = {
    NodeCommand{{"lolwut",
                 -1,
                 kReadonly | kFast,
                 {},
                 kCatRead | kCatFast,
                 "server",
                 "Shows the night, and the version of this program",
                 "[VERSION <version>]"},
                &Lolwut},
};

}  // namespace

std::span<const NodeCommand> FunCommands() {
  return kRows;
}

}  // namespace replication
