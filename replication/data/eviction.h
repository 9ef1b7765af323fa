// Which key goes when memory is short.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/data/keyspace.h"

namespace data {

// Named as maxmemory-policy has them. Source: "Key eviction" of the Redis documentation.
enum class EvictionPolicy {
  kNone,  // noeviction
  kVolatileLru,
  kVolatileLfu,
  kVolatileRandom,
  kVolatileTtl,
  kAllLru,
  kAllLfu,
  kAllRandom,
};
// kNone for a name that is none.
EvictionPolicy EvictionPolicyNamed(std::string_view name);
// Does it go by how often keys are used? Then their marks must be kept by such rules.
inline bool ByFrequency(EvictionPolicy policy) {
  return policy == EvictionPolicy::kVolatileLfu || policy == EvictionPolicy::kAllLfu;
}
inline bool ByIdleTime(EvictionPolicy policy) {
  return policy == EvictionPolicy::kVolatileLru || policy == EvictionPolicy::kAllLru;
}
inline bool OnlyVolatile(EvictionPolicy policy) {
  return policy == EvictionPolicy::kVolatileLru || policy == EvictionPolicy::kVolatileLfu ||
         policy == EvictionPolicy::kVolatileRandom || policy == EvictionPolicy::kVolatileTtl;
}

// Remembers good candidates from one choice to the next, so that a few samples each time come close to the best of all.
// The one whose time comes first is known exactly.
class Evictor {
 public:
  struct Victim {
    int db = 0;
    std::string key;
  };
  // The key to delete next, which is there; nothing when the policy spares all that there are. `samples` of each
  // database are looked at. Never kNone. O(databases * samples).
  std::optional<Victim> Choose(Keyspace& keyspace, EvictionPolicy policy, std::size_t samples);
  // Candidates of another policy are none.
  void Forget() { pool_.clear(); }

 private:
  static constexpr std::size_t kPool = 16;
  struct Candidate {
    std::uint64_t score = 0;  // the higher, the sooner it goes
    int db = 0;
    std::string key;
  };

  std::optional<Victim> Soonest(const Keyspace& keyspace) const;
  std::optional<Victim> AtRandom(Keyspace& keyspace, bool only_volatile);
  void Fill(Keyspace& keyspace, EvictionPolicy policy, std::size_t samples);
  void Offer(const Keyspace& keyspace, int db, const Entry& entry, bool by_frequency);

  std::vector<Candidate> pool_;  // by rising score
  EvictionPolicy pool_of_ = EvictionPolicy::kNone;
  int next_db_ = 0;  // where the next random choice begins
};

// Deletes a key because memory is short: counts it, tells it, and adds the effect.
void Evict(Keyspace& keyspace, const Evictor::Victim& victim, bool lazily, std::vector<Effect>& effects);

}  // namespace data
