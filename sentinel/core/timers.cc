#include "sentinel/core/timers.h"

namespace sentinel {

void Timers::Set(const TimerKey& key, base::MonoTime at) {
  const auto [found, added] = at_.try_emplace(key, at);
  if (!added) {
    queue_.erase({found->second, key});
    found->second = at;
  }
  queue_.insert({at, key});
}

void Timers::SetNoLater(const TimerKey& key, base::MonoTime at) {
  const auto found = at_.find(key);
  if (found == at_.end() || found->second > at) Set(key, at);
}

void Timers::Cancel(const TimerKey& key) {
  const auto found = at_.find(key);
  if (found == at_.end()) return;
  queue_.erase({found->second, key});
  at_.erase(found);
}

void Timers::CancelAll(InstanceId instance) {
  auto found = at_.lower_bound(TimerKey{instance, TimerKind{}, 0});
  while (found != at_.end() && found->first.instance == instance) {
    queue_.erase({found->second, found->first});
    found = at_.erase(found);
  }
}

std::optional<base::MonoTime> Timers::At(const TimerKey& key) const {
  const auto found = at_.find(key);
  if (found == at_.end()) return std::nullopt;
  return found->second;
}

std::optional<base::MonoTime> Timers::Next() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.begin()->first;
}

std::optional<TimerKey> Timers::PopDue(base::MonoTime now) {
  if (queue_.empty() || queue_.begin()->first > now) return std::nullopt;
  const TimerKey key = queue_.begin()->second;
  Cancel(key);
  return key;
}

void Timers::Delay(base::Millis by) {
  std::set<std::pair<base::MonoTime, TimerKey>> moved;
  for (auto& [key, at] : at_) {
    at += by;
    moved.insert(moved.end(), {at, key});
  }
  queue_ = std::move(moved);
}

}  // namespace sentinel
