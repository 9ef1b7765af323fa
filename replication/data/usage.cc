// How much keys are used, for OBJECT IDLETIME, OBJECT FREQ and eviction.
#include <algorithm>

#include "replication/data/keyspace.h"
#include "replication/data/table.h"

namespace data {
namespace {

constexpr std::uint8_t kFirstFrequency = 5;  // a new key is to have some time to prove itself
constexpr std::uint32_t kMinuteMask = 0xffff;

std::uint32_t Mark(std::uint32_t minute, std::uint8_t frequency) {
  return (minute & kMinuteMask) << 8 | frequency;
}

}  // namespace

std::uint8_t Keyspace::Frequency(const Entry& entry) const {
  const std::uint32_t then = entry.used_at() >> 8 & kMinuteMask;
  const auto held = static_cast<std::uint8_t>(entry.used_at() & 0xff);
  if (usage_.decay_time <= 0) return held;
  const std::uint32_t minutes = (clock_ / 60 - then) & kMinuteMask;
  const std::uint32_t lost = minutes / static_cast<std::uint32_t>(usage_.decay_time);
  return lost >= held ? 0 : static_cast<std::uint8_t>(held - lost);
}

// A use counts with a probability of 1 / (uses * factor + 1): 255 stands for about a million uses by default.
// Source: redis.conf, lfu-log-factor.
void Keyspace::CountUse(Entry& entry) {
  std::uint8_t frequency = Frequency(entry);
  if (frequency < 255) {
    const double beyond = frequency > kFirstFrequency ? frequency - kFirstFrequency : 0;
    const double chance = 1.0 / (beyond * usage_.log_factor + 1);
    constexpr double kWhole = 1ULL << 53;
    if (static_cast<double>(random_.Next() >> 11) / kWhole < chance) ++frequency;
  }
  entry.set_used_at(Mark(clock_ / 60, frequency));
}

std::uint32_t Keyspace::FreshMark() const {
  return usage_.frequency ? MarkOfFrequency(kFirstFrequency) : clock_;
}

std::uint32_t Keyspace::MarkOfIdle(std::uint64_t seconds) const {
  // Marks count modulo 2^32, and hardly a key is idle for a century.
  return clock_ - static_cast<std::uint32_t>(std::min<std::uint64_t>(seconds, 0x7fffffff));
}

std::uint32_t Keyspace::MarkOfFrequency(std::uint8_t frequency) const {
  return Mark(clock_ / 60, frequency);
}

void Keyspace::SetMark(int db, std::string_view key, std::uint32_t mark) {
  if (const Spot spot = Find(db, key)) (*spot.slot)->set_used_at(mark);
}

void Keyspace::Sample(int db, bool volatile_only, std::size_t count, const std::function<void(const Entry&)>& visit) {
  const Table& table = At(db);
  if (!volatile_only) return table.Sample(random_, count, visit);
  const ExpiryIndex& expiries = table.expiries();
  for (std::size_t i = 0; i < count && expiries.size() > 0; ++i)
    visit(*expiries.EntryAt(random_.Below(expiries.size())));
}

const Entry* Keyspace::Soonest(int db) const {
  return At(db).expiries().Soonest();
}

}  // namespace data
