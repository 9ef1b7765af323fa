#include "sentinel/core/timers.h"

#include <algorithm>

namespace sentinel {
namespace {

// Below this the heap is not worth sweeping.
constexpr std::size_t kSmallHeap = 64;

}  // namespace

Timers::Slot* Timers::Find(const TimerKey& key) {
  const auto found = slots_.find(key.instance);
  if (found == slots_.end()) return nullptr;
  for (Slot& slot : found->second) {
    if (slot.kind == key.kind && slot.detail == key.detail) return &slot;
  }
  return nullptr;
}

const Timers::Slot* Timers::Find(const TimerKey& key) const {
  return const_cast<Timers*>(this)->Find(key);
}

void Timers::Queue(Slot& slot, const TimerKey& key) {
  slot.queued_at = slot.at;
  heap_.push_back(Entry{slot.at, key});
  settled_ = false;
  std::push_heap(heap_.begin(), heap_.end());
}

void Timers::Set(const TimerKey& key, base::MonoTime at) {
  if (Slot* slot = Find(key)) {
    slot->at = at;
    settled_ = false;
    if (at < slot->queued_at) Queue(*slot, key);
  } else {
    auto& slots = slots_[key.instance];
    slots.push_back(Slot{key.kind, key.detail, at, at});
    ++size_;
    Queue(slots.back(), key);
  }
  if (heap_.size() > std::max(kSmallHeap, 3 * size_)) Sweep();
}

void Timers::SetNoLater(const TimerKey& key, base::MonoTime at) {
  const Slot* slot = Find(key);
  if (slot == nullptr || slot->at > at) Set(key, at);
}

void Timers::Cancel(const TimerKey& key) {
  Slot* slot = Find(key);
  if (slot == nullptr) return;
  const auto found = slots_.find(key.instance);
  *slot = found->second.back();
  found->second.pop_back();
  settled_ = false;
  if (found->second.empty()) slots_.erase(found);
  --size_;
}

void Timers::CancelAll(InstanceId instance) {
  const auto found = slots_.find(instance);
  if (found == slots_.end()) return;
  size_ -= found->second.size();
  settled_ = false;
  slots_.erase(found);
}

std::optional<base::MonoTime> Timers::At(const TimerKey& key) const {
  const Slot* slot = Find(key);
  if (slot == nullptr) return std::nullopt;
  return slot->at;
}

void Timers::Settle() {
  while (!settled_ && !heap_.empty()) {
    const Entry top = heap_.front();
    Slot* slot = Find(top.key);
    const bool live = slot != nullptr && slot->queued_at == top.at;
    if (live && slot->at == top.at) break;
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    if (live) Queue(*slot, top.key);
  }
  settled_ = true;
}

void Timers::Sweep() {
  std::vector<Entry> kept;
  for (const Entry& entry : heap_) {
    const Slot* slot = Find(entry.key);
    if (slot != nullptr && slot->queued_at == entry.at) kept.push_back(entry);
  }
  // A timer that was moved to earlier and back again may have two entries of one moment.
  std::sort(kept.begin(), kept.end());
  const auto same = [](const Entry& a, const Entry& b) { return a.at == b.at && a.key == b.key; };
  kept.erase(std::unique(kept.begin(), kept.end(), same), kept.end());
  heap_ = std::move(kept);
  std::make_heap(heap_.begin(), heap_.end());
}

std::optional<base::MonoTime> Timers::Next() {
  Settle();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

std::optional<TimerKey> Timers::PopDue(base::MonoTime now) {
  Settle();
  if (heap_.empty() || heap_.front().at > now) return std::nullopt;
  const TimerKey key = heap_.front().key;
  Cancel(key);
  std::pop_heap(heap_.begin(), heap_.end());
  heap_.pop_back();
  return key;
}

}  // namespace sentinel
