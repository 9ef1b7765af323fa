#include "replication/data/eviction.h"

#include <algorithm>
#include <array>
#include <utility>

#include "replication/base/check.h"
#include "replication/data/command.h"

namespace data {
namespace {

struct Named {
  std::string_view name;
  EvictionPolicy policy;
};
constexpr std::array kNames = {
    Named{"volatile-lru", EvictionPolicy::kVolatileLru},
    Named{"volatile-lfu", EvictionPolicy::kVolatileLfu},
    Named{"volatile-random", EvictionPolicy::kVolatileRandom},
    Named{"volatile-ttl", EvictionPolicy::kVolatileTtl},
    Named{"allkeys-lru", EvictionPolicy::kAllLru},
    Named{"allkeys-lfu", EvictionPolicy::kAllLfu},
    Named{"allkeys-random", EvictionPolicy::kAllRandom},
};

}  // namespace

EvictionPolicy EvictionPolicyNamed(std::string_view name) {
  const auto found = std::ranges::find(kNames, name, &Named::name);
  return found == kNames.end() ? EvictionPolicy::kNone : found->policy;
}

std::optional<Evictor::Victim> Evictor::Soonest(const Keyspace& keyspace) const {
  const Entry* best = nullptr;
  Victim victim;
  for (int db = 0; db < keyspace.databases(); ++db) {
    const Entry* soonest = keyspace.Soonest(db);
    if (soonest == nullptr || (best != nullptr && best->expires_at() <= soonest->expires_at())) continue;
    best = soonest;
    victim.db = db;
  }
  if (best == nullptr) return std::nullopt;
  victim.key = best->key();
  return victim;
}

std::optional<Evictor::Victim> Evictor::AtRandom(Keyspace& keyspace, bool only_volatile) {
  for (int tried = 0; tried < keyspace.databases(); ++tried) {
    const int db = next_db_;
    next_db_ = (next_db_ + 1) % keyspace.databases();
    std::optional<Victim> victim;
    keyspace.Sample(db, only_volatile, 1, [&](const Entry& entry) { victim = Victim{db, std::string(entry.key())}; });
    if (victim) return victim;
  }
  return std::nullopt;
}

void Evictor::Offer(const Keyspace& keyspace, int db, const Entry& entry, bool by_frequency) {
  const std::uint64_t score = by_frequency ? 255U - keyspace.Frequency(entry) : keyspace.IdleSeconds(entry);
  if (pool_.size() == kPool && score <= pool_.front().score) return;
  const bool known =
      std::ranges::any_of(pool_, [&](const Candidate& each) { return each.db == db && each.key == entry.key(); });
  if (known) return;
  if (pool_.size() == kPool) pool_.erase(pool_.begin());
  const auto at = std::ranges::upper_bound(pool_, score, {}, &Candidate::score);
  pool_.insert(at, Candidate{score, db, std::string(entry.key())});
}

void Evictor::Fill(Keyspace& keyspace, EvictionPolicy policy, std::size_t samples) {
  for (int db = 0; db < keyspace.databases(); ++db) {
    keyspace.Sample(db, OnlyVolatile(policy), samples,
                    [&](const Entry& entry) { Offer(keyspace, db, entry, ByFrequency(policy)); });
  }
}

std::optional<Evictor::Victim> Evictor::Choose(Keyspace& keyspace, EvictionPolicy policy, std::size_t samples) {
  VIGIL_CHECK(policy != EvictionPolicy::kNone);
  if (policy == EvictionPolicy::kVolatileTtl) return Soonest(keyspace);
  if (policy == EvictionPolicy::kVolatileRandom || policy == EvictionPolicy::kAllRandom) {
    return AtRandom(keyspace, OnlyVolatile(policy));
  }
  if (std::exchange(pool_of_, policy) != policy) Forget();
  // A second look when all candidates have gone by themselves since they were noted.
  for (int round = 0; round < 2; ++round) {
    Fill(keyspace, policy, samples);
    while (!pool_.empty()) {
      const Candidate best = std::move(pool_.back());
      pool_.pop_back();
      const Spot spot = best.db < keyspace.databases() ? keyspace.Find(best.db, best.key) : Spot{};
      if (!spot || (OnlyVolatile(policy) && !spot->has_expiry())) continue;
      return Victim{best.db, best.key};
    }
  }
  return std::nullopt;
}

void Evict(Keyspace& keyspace, const Evictor::Victim& victim, bool lazily, std::vector<Effect>& effects) {
  const Spot spot = keyspace.Find(victim.db, victim.key);
  VIGIL_CHECK(spot);
  effects.push_back(Effect{victim.db, false, {lazily ? "UNLINK" : "DEL", victim.key}});
  keyspace.Erase(spot);
  ++keyspace.stats().evicted;
  keyspace.Notify(victim.db, kEvictedEvent, "evicted", victim.key);
}

}  // namespace data
