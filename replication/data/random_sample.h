// Choosing some of many at random.
#pragma once

#include <cstdint>
#include <vector>

#include "replication/base/random.h"

namespace data {

// `count` different ranks below `size`, each set of them equally likely, in ascending order. `count` is at most `size`.
// O(count * log count) expected, or O(size) when that is less.
std::vector<std::uint64_t> SampleRanks(base::Random& random, std::uint64_t size, std::uint64_t count);

}  // namespace data
