#include "replication/data/random_sample.h"

#include <set>

#include "replication/base/check.h"

namespace data {

std::vector<std::uint64_t> SampleRanks(base::Random& random, std::uint64_t size, std::uint64_t count) {
  VIGIL_CHECK(count <= size);
  std::vector<std::uint64_t> ranks;
  ranks.reserve(count);
  if (count > size / 8) {
    // Each rank in turn, with the chance that is left for it.
    for (std::uint64_t rank = 0; ranks.size() < count; ++rank) {
      if (random.Below(size - rank) < count - ranks.size()) ranks.push_back(rank);
    }
    return ranks;
  }
  // Few of many: a rank that was drawn before is drawn again, which is rare.
  std::set<std::uint64_t> drawn;
  while (drawn.size() < count) drawn.insert(random.Below(size));
  ranks.assign(drawn.begin(), drawn.end());
  return ranks;
}

}  // namespace data
