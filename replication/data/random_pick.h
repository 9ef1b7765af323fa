// What SRANDMEMBER, HRANDFIELD and ZRANDMEMBER with a count have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "replication/data/command.h"
#include "replication/data/random_sample.h"

namespace data {

struct RandomPick {
  std::int64_t count = 0;  // below 0: that many, each chosen anew; otherwise so many different ones
  bool with_more = false;  // the values or scores as well
};

// "<count> [<more>]" from the third word on; nothing when an error has been answered. An empty `more`: no such word.
std::optional<RandomPick> ReadRandomPick(CommandContext& context, const serve::Words& words, std::string_view more);

// Calls header(n), then give(rank) n times, with ranks below `size`.
template <class Header, class Give>
void PickRanks(base::Random& random, std::uint64_t size, std::int64_t count, Header&& header, Give&& give) {
  if (count < 0) {
    const auto wanted = static_cast<std::uint64_t>(-count);
    header(wanted);
    for (std::uint64_t i = 0; i < wanted; ++i) give(random.Below(size));
    return;
  }
  const auto ranks = SampleRanks(random, size, std::min(size, static_cast<std::uint64_t>(count)));
  header(ranks.size());
  for (const std::uint64_t rank : ranks) give(rank);
}

}  // namespace data
